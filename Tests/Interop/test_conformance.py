"""The files that the Parquet and Arrow projects publish for readers, each read by us and compared
with what pyarrow reads, value by value, or refused with a message that says why.

docs/conformance.md is the table of all of them; STREAMER_UPDATE_FILES=1 writes it anew.
"""

import decimal
import gzip
import json
import os
import pathlib
import random

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

import exchange

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARQUET = ROOT / "../shared/data/conformance/parquet-testing/data"
ARROW = ROOT / "../shared/data/conformance/arrow-ipc-stream"
PAGE = ROOT / "docs/conformance.md"

# Files that are wrong on purpose or by mistake, and what must be said of them.
BROKEN = {
    "datapage_v1-corrupt-checksum.parquet": "checksum",
    "rle-dict-uncompressed-corrupt-checksum.parquet": "checksum",
    "repeated_no_annotation.parquet": "does not match the footer",
}

# What pyarrow reads wrongly or not at all: the values that the file's own description gives.
DESCRIBED = {
    "int96_from_spark.parquet": {"a": pa.array(
        [1704141296123456, 1704070800000000, 253402225200000000, 1735599600000000, None,
         9089380393200000000], pa.timestamp("us"))},
    "incorrect_map_schema.parquet": {},
}

COUNTS = {"read": 48, "read in part": 5, "refused": 25}


@pytest.fixture(scope="module")
def program():
    program = exchange.Exchange()
    yield program
    program.close()


def parquet_row(program, path, folder):
    """State and remark of a file, after comparing it."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    ours, refused = program.read(copy)
    if ours is None:
        assert BROKEN.get(path.name, "encrypted") in refused, path.name
        return "refused", shown(refused)
    described = DESCRIBED.get(path.name)
    file = None if described == {} else pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
    for name in ours.column_names:
        theirs = described[name] if described else file.read(columns=[name]).column(name)
        found = exchange.difference(ours[name], theirs)
        assert found is None, f"{path.name}, {name}: {found}"
    if file is not None:
        # What we read is all there is, or each column left out has its reason.
        paths = [file.schema.column(i).path for i in range(len(file.schema.names))]
        assert set(ours.column_names) | set(refused) == {p.split(".")[0] for p in paths}
    for name, message in refused.items():
        assert f"(column {name})" in message, message
    if path.name in BROKEN:
        assert refused and all(BROKEN[path.name] in message for message in refused.values())
    # One reason with all the columns that it holds for.
    columns = {}
    for name, message in refused.items():
        columns.setdefault(message.split(f" (column {name})")[0], []).append(name)
    return verdict(ours, columns)


def verdict(table, refused):
    """State and remark of what was read; `refused` has the columns that each reason holds for."""
    reasons = [f"{shown(why)} ({', '.join(names)})" for why, names in refused.items()]
    state = "refused" if not table.num_columns else ("read in part" if refused else "read")
    if table.num_columns:
        reasons.insert(0, f"{table.num_rows:,} rows, {table.num_columns} columns")
    return state, "; ".join(reasons)


def shown(message):
    return message.removeprefix("Parquet: ").removeprefix("Arrow: ").replace("|", "\\|")


def check_page(heading, rows):
    """The section of docs/conformance.md with that heading has these rows."""
    lines = ["| file | | |", "| --- | --- | --- |"]
    lines += [f"| {name} | {state} | {remark} |" for name, state, remark in rows]
    text = PAGE.read_text()
    start = text.index(heading) + len(heading)
    table = text.index("| file |", start) if "| file |" in text[start:] else len(text)
    end = text.find("\n## ", table)
    new = text[:table] + "\n".join(lines) + "\n" + ("" if end < 0 else text[end:])
    if os.environ.get("STREAMER_UPDATE_FILES"):
        PAGE.write_text(new)
    assert new == PAGE.read_text(), "docs/conformance.md is old: STREAMER_UPDATE_FILES=1 renews it"


@pytest.mark.skipif(not PARQUET.exists(), reason="../shared/data/conformance is absent")
def test_parquet_files(program, tmp_path):
    files = sorted(path for path in PARQUET.rglob("*")
                   if path.name.endswith((".parquet", ".parquet.encrypted")))
    assert len(files) > 70
    rows = []
    for path in files:
        rows.append((str(path.relative_to(PARQUET)), *parquet_row(program, path, tmp_path)))
    counts = {state: sum(1 for row in rows if row[1] == state) for state in COUNTS}
    check_page("## Parquet", rows)
    assert counts == COUNTS


@pytest.mark.skipif(not PARQUET.exists(), reason="../shared/data/conformance is absent")
def test_statistics_of_published_files_hide_no_row(program, tmp_path):
    # Among them are bounds that are NaN, cut short, in the old order or in one not known here.
    looked_up = 0
    for path in sorted(PARQUET.glob("*.parquet")):
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        table, _ = program.read(copy)
        for name in table.column_names if table is not None else []:
            kind = table.schema.field(name).type
            if "\t" in name or pa.types.is_decimal(kind) or pa.types.is_timestamp(kind):
                continue
            values = exchange.as_ours(table[name]).drop_null().to_pylist()
            values = [value.hex() if isinstance(value, bytes) else value for value in values]
            for value in list(dict.fromkeys(values))[:12]:
                if isinstance(value, str) and ("\t" in value or "\n" in value or "\r" in value):
                    continue
                answer = program.command("where", copy, name, value)
                if answer[0] == "error":
                    assert "is no value to look for" in answer[2], answer
                    continue
                there = sum(1 for other in values if other == value)
                assert int(answer[1]) >= there, (path.name, name, value)
                looked_up += 1
    assert looked_up > 1000


# MARK: Arrow streams


def json_type(kind):
    """The type that a field of the JSON has; None for one that is not compared."""
    name = kind["name"]
    if name == "int":
        return getattr(pa, f"{'' if kind['isSigned'] else 'u'}int{kind['bitWidth']}")()
    if name == "floatingpoint":
        return {"HALF": pa.float16(), "SINGLE": pa.float32(), "DOUBLE": pa.float64()}[kind["precision"]]
    if name == "decimal":
        return pa.decimal256(kind["precision"], kind["scale"])
    if name == "date":
        return pa.date32() if kind["unit"] == "DAY" else pa.date64()
    if name == "timestamp":
        unit = {"SECOND": "s", "MILLISECOND": "ms", "MICROSECOND": "us", "NANOSECOND": "ns"}
        return pa.timestamp(unit[kind["unit"]], kind.get("timezone"))
    if name == "time":
        unit = {"SECOND": pa.time32("s"), "MILLISECOND": pa.time32("ms"), "MICROSECOND": pa.time64("us"),
                "NANOSECOND": pa.time64("ns")}
        return unit[kind["unit"]]
    if name == "duration":
        return pa.duration({"SECOND": "s", "MILLISECOND": "ms", "MICROSECOND": "us", "NANOSECOND": "ns"}[kind["unit"]])
    if name == "interval":
        # pyarrow has no way to make the others, which are compared as they should come out.
        return {"YEAR_MONTH": pa.int32(), "DAY_TIME": pa.string(),
                "MONTH_DAY_NANO": pa.month_day_nano_interval()}[kind["unit"]]
    return {"bool": pa.bool_(), "utf8": pa.string(), "largeutf8": pa.string(),
            "utf8view": pa.string(), "null": pa.null(), "binary": pa.binary(),
            "largebinary": pa.binary(), "binaryview": pa.binary(), "fixedsizebinary": pa.binary()}[name]


def view_value(view, buffers, is_text):
    if "INLINED" in view:
        return view["INLINED"] if is_text else bytes.fromhex(view["INLINED"])
    start = int(view["OFFSET"])
    found = bytes.fromhex(buffers[view["BUFFER_INDEX"]])[start:start + int(view["SIZE"])]
    return found.decode() if is_text else found


def json_column(field, column, dictionaries):
    """A column of the JSON as an array."""
    if field["type"]["name"] == "runendencoded":
        ends, values = column["children"]
        entries = json_column(field["children"][1], values, dictionaries)
        rows, start = [], 0
        for run, end in enumerate(map(int, ends["DATA"])):
            rows += [run] * (min(end, column["count"]) - start)
            start = end
        return entries.take(pa.array(rows, pa.int64()))
    if "dictionary" in field:
        codes = json_values(field["dictionary"]["indexType"], column)
        entries = dictionaries[field["dictionary"]["id"]].to_pylist()
        return pa.array([None if code is None else entries[code] for code in codes],
                        json_type(field["type"]))
    kind = json_type(field["type"])
    values = json_values(field["type"], column)
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        is_narrow = kind == pa.date32() or pa.types.is_time32(kind)
        return pa.array(values, pa.int32() if is_narrow else pa.int64()).cast(kind)
    return pa.array(values, kind)


def json_values(kind, column):
    name, count = kind["name"], column["count"]
    valid = column.get("VALIDITY", [0 if name == "null" else 1] * count)
    if name == "null":
        data = [None] * count
    elif name in ("utf8view", "binaryview"):
        buffers = column["VARIADIC_DATA_BUFFERS"]
        data = [view_value(view, buffers, name == "utf8view") for view in column["VIEWS"]]
    else:
        data = column["DATA"]
    convert = {"int": int, "date": int, "timestamp": int, "bool": bool, "binary": bytes.fromhex,
               "largebinary": bytes.fromhex, "fixedsizebinary": bytes.fromhex, "time": int,
               "duration": int}.get(name, lambda value: value)
    if name == "interval":
        convert = {
            "YEAR_MONTH": int,
            "DAY_TIME": lambda value: exchange.interval_text(0, value["days"], value["milliseconds"] * 1_000_000),
            "MONTH_DAY_NANO": lambda value: pa.MonthDayNano(
                (value["months"], value["days"], value["nanoseconds"])),
        }[kind["unit"]]
    if name == "decimal":
        def convert(text):
            with decimal.localcontext(prec=90):
                return decimal.Decimal(text).scaleb(-kind["scale"])
    return [convert(value) if ok else None for ok, value in zip(valid, data)]


def json_table(path, wanted):
    """The columns of the JSON that have one of these places."""
    document = json.loads(gzip.decompress(path.read_bytes()))
    fields = document["schema"]["fields"]
    types = {fields[i]["dictionary"]["id"]: {k: v for k, v in fields[i].items() if k != "dictionary"}
             for i in wanted if "dictionary" in fields[i]}
    dictionaries = {
        entry["id"]: json_column(types[entry["id"]], entry["data"]["columns"][0], {})
        for entry in document.get("dictionaries", []) if entry["id"] in types}
    columns = []
    for i in wanted:
        parts = [json_column(fields[i], batch["columns"][i], dictionaries) for batch in document["batches"]]
        columns.append(pa.concat_arrays(parts) if parts else pa.array([], empty_type(fields[i])))
    return columns


def empty_type(field):
    return json_type(field["children"][1]["type"] if field["type"]["name"] == "runendencoded" else field["type"])


def in_stream(column):
    """A column as it is read from a stream, where that differs from a Parquet file."""
    if column.type == pa.uint64():
        # A long; one that does not fit is refused.
        return column.cast(pa.int64())
    return column.cast(pa.binary(16)) if isinstance(column.type, pa.UuidType) else column


def check_digits(theirs, refused, path):
    """A decimal column is refused for a value with too many digits where pyarrow finds one, too."""
    for field, column in zip(theirs.schema, theirs.columns):
        if not pa.types.is_decimal(field.type):
            continue
        try:
            column.validate(full=True)
            complaint = None
        except pa.ArrowInvalid as error:
            complaint = str(error)
        if field.name in refused:
            assert "digits of its type" in refused[field.name] and complaint, (path, field)
            assert "does not fit in precision of" in complaint, complaint
        else:
            assert complaint is None, (path, field, complaint)


def arrow_row(program, path, out):
    """State and remark of a stream, after comparing it and its file with their JSON."""
    answer = program.command("arrow", path, out)
    assert answer[0] == "ok", (path, answer)
    ours = pa.ipc.open_stream(out.read_bytes()).read_all()
    refused = [text.split(": ", 1) for text in answer[2:]]
    described = path.with_name(path.stem + ".json.gz")
    names = [field["name"] for field in json.loads(gzip.decompress(described.read_bytes()))["schema"]["fields"]]
    # Each column is there, or has its reason; of two with one name the second.
    assert sorted(ours.column_names + [name for name, _ in refused]) == sorted(names), path
    wanted = [names.index(name) for name in ours.column_names]
    theirs = pa.ipc.open_stream(path.read_bytes()).read_all()
    for name in ours.column_names:
        # pyarrow cannot hold all intervals: of these the JSON alone is the judge.
        if str(theirs.schema.field(names.index(name)).type) not in ("month_interval", "day_time_interval"):
            found = exchange.difference(ours[name], in_stream(theirs.column(names.index(name))))
            assert found is None, (path, name, found)
    check_digits(theirs, dict(refused), path)
    for index, column in enumerate(json_table(described, wanted)):
        found = exchange.difference(ours.column(index), in_stream(column))
        assert found is None, (path, ours.column_names[index], found)
    file = path.with_suffix(".arrow_file")
    if file.exists():
        assert program.command("arrow", file, out) == answer or refused, file
        assert pa.ipc.open_stream(out.read_bytes()).read_all().equals(ours), file
    columns = {}
    for name, message in refused:
        assert f"column '{name}'" in message, message
        why = message.replace(f"column '{name}': ", "").split(" (message at byte")[0]
        columns.setdefault(why, []).append(name)
    return verdict(ours, columns)


@pytest.mark.skipif(not ARROW.exists(), reason="../shared/data/conformance is absent")
def test_damaged_streams_and_files_do_no_harm(program, tmp_path):
    chance = random.Random(5)
    damaged, out, answers = tmp_path / "damaged", tmp_path / "out.arrow", []
    for path in sorted(ARROW.glob("cpp-21.0.0/*")):
        if path.suffix not in (".stream", ".arrow_file"):
            continue
        whole = path.read_bytes()
        for _ in range(12):
            content = bytearray(whole)
            # Mostly in the metadata, which says where everything is.
            place = chance.randrange(len(content) if chance.random() < 0.3 else min(len(content), 3000))
            if chance.random() < 0.5 and path.suffix == ".arrow_file":
                place = len(content) - 1 - chance.randrange(min(len(content), 2000))
            content[place] = chance.choice([0, 1, 127, 128, 255, content[place] ^ 1 << chance.randrange(8)])
            damaged.write_bytes(content)
            answers.append(program.command("arrow", damaged, out)[0])
    assert set(answers) == {"ok", "error"} and len(answers) > 700


@pytest.mark.skipif(not ARROW.exists(), reason="../shared/data/conformance is absent")
def test_arrow_streams(program, tmp_path):
    rows = []
    for path in sorted(ARROW.glob("*/*.stream")):
        rows.append((f"{path.parent.name}/{path.name}", *arrow_row(program, path, tmp_path / "out.arrow")))
    check_page("## Arrow", rows)
    counts = {state: sum(1 for row in rows if row[1] == state) for state in COUNTS}
    assert counts == {"read": 41, "read in part": 8, "refused": 20}
