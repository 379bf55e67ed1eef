"""The files that the Parquet and Arrow projects publish for readers, each read by us and compared
with what pyarrow reads, value by value, or refused with a message that says why.

docs/conformance.md is the table of all of them; STREAMER_UPDATE_FILES=1 writes it anew.
"""

import os
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exchange

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARQUET = ROOT / "../shared/data/conformance/parquet-testing/data"
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
