"""The files that the Parquet and Arrow projects publish for readers, each read by us and compared
with what pyarrow reads, value by value, or refused with a message that says why.

docs/conformance.md is the table of all of them; STREAMER_UPDATE_FILES=1 writes it anew.
"""

import decimal
import gzip
import json
import os
import pathlib

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

COUNTS = {"read": 46, "read in part": 6, "refused": 26}


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
    reasons = [f"{shown(why)} ({', '.join(names)})" for why, names in columns.items()]
    state = "refused" if not ours.num_columns else ("read in part" if refused else "read")
    if ours.num_columns:
        reasons.insert(0, f"{ours.num_rows:,} rows, {ours.num_columns} columns")
    return state, "; ".join(reasons)


def shown(message):
    return message.removeprefix("Parquet: ").replace("|", "\\|")


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
        return pa.decimal128(kind["precision"], kind["scale"])
    if name == "date":
        return pa.date32() if kind["unit"] == "DAY" else pa.date64()
    if name == "timestamp":
        unit = {"SECOND": "s", "MILLISECOND": "ms", "MICROSECOND": "us", "NANOSECOND": "ns"}
        return pa.timestamp(unit[kind["unit"]], kind.get("timezone"))
    return {"bool": pa.bool_(), "utf8": pa.string(), "largeutf8": pa.string(),
            "utf8view": pa.string(), "null": pa.null()}[name]


def view_text(view, buffers):
    if "INLINED" in view:
        return view["INLINED"]
    start = int(view["OFFSET"])
    return bytes.fromhex(buffers[view["BUFFER_INDEX"]])[start:start + int(view["SIZE"])].decode()


def json_column(field, column, dictionaries):
    """A column of the JSON as an array."""
    if "dictionary" in field:
        codes = json_values(field["dictionary"]["indexType"], column)
        entries = dictionaries[field["dictionary"]["id"]].to_pylist()
        return pa.array([None if code is None else entries[code] for code in codes],
                        json_type(field["type"]))
    kind = json_type(field["type"])
    values = json_values(field["type"], column)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        plain = pa.array(values, pa.int32() if kind == pa.date32() else pa.int64())
        return plain.cast(kind)
    return pa.array(values, kind)


def json_values(kind, column):
    name, count = kind["name"], column["count"]
    valid = column.get("VALIDITY", [0 if name == "null" else 1] * count)
    if name == "null":
        data = [None] * count
    elif name == "utf8view":
        data = [view_text(view, column["VARIADIC_DATA_BUFFERS"]) for view in column["VIEWS"]]
    else:
        data = column["DATA"]
    convert = {"int": int, "date": int, "timestamp": int, "bool": bool}.get(name, lambda value: value)
    if name == "decimal":
        def convert(text):
            with decimal.localcontext(prec=60):
                return decimal.Decimal(text).scaleb(-kind["scale"])
    return [convert(value) if ok else None for ok, value in zip(valid, data)]


def json_table(path):
    document = json.loads(gzip.decompress(path.read_bytes()))
    fields = document["schema"]["fields"]
    types = {field["dictionary"]["id"]: {key: value for key, value in field.items() if key != "dictionary"}
             for field in fields if "dictionary" in field}
    dictionaries = {
        entry["id"]: json_column(types[entry["id"]], entry["data"]["columns"][0], {})
        for entry in document.get("dictionaries", []) if entry["id"] in types}
    batches = [[json_column(field, column, dictionaries) for field, column in zip(fields, batch["columns"])]
               for batch in document["batches"]]
    columns = [
        pa.concat_arrays([batch[i] for batch in batches]) if batches
        else pa.array([], json_type(field["type"])) for i, field in enumerate(fields)]
    return columns, [field["name"] for field in fields]


@pytest.mark.skipif(not ARROW.exists(), reason="../shared/data/conformance is absent")
def test_arrow_streams(program, tmp_path):
    rows = []
    for path in sorted(ARROW.glob("*/*.stream")):
        name = f"{path.parent.name}/{path.name}"
        out = tmp_path / "out.arrow"
        answer = program.command("arrow", path, out)
        if answer[0] == "error":
            assert answer[1] in ("unsupported", "valueOutOfRange"), (name, answer)
            assert "column '" in answer[2], (name, answer)
            rows.append((name, "refused", answer[2].replace("|", "\\|")))
            continue
        ours = pa.ipc.open_stream(out.read_bytes()).read_all()
        columns, names = json_table(path.with_name(path.stem + ".json.gz"))
        assert ours.column_names == names, name
        for index, column in enumerate(columns):
            if column.type == pa.uint64():
                # In a stream a long; one that does not fit is refused.
                column = column.cast(pa.int64())
            found = exchange.difference(ours.column(index), column)
            assert found is None, (name, names[index], found)
        rows.append((name, "read", f"{ours.num_rows:,} rows, {ours.num_columns} columns"))
    check_page("## Arrow", rows)
    counts = {state: sum(1 for row in rows if row[1] == state) for state in ("read", "refused")}
    assert counts == {"read": 15, "refused": 54}
