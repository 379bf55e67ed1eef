"""Small files that announce a lot: refused, in memory that is bounded by their size."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exchange

MIB = 1 << 20
TEXT = "x" * (80 * MIB)

BOMBS = {
    # One page of 80 MiB that decompresses from almost nothing.
    "zstd page": (lambda: pa.table({"c": [TEXT]}), {"compression": "zstd", "use_dictionary": False}),
    "gzip page": (lambda: pa.table({"c": [TEXT]}), {"compression": "gzip", "compression_level": 1, "use_dictionary": False}),
    "brotli page": (lambda: pa.table({"c": [TEXT]}), {"compression": "brotli", "compression_level": 1, "use_dictionary": False}),
    "lz4 page": (lambda: pa.table({"c": [TEXT]}), {"compression": "lz4", "use_dictionary": False}),
    "dictionary page": (lambda: pa.table({"c": [TEXT] * 3}), {"compression": "zstd", "dictionary_pagesize_limit": 1 << 30}),
    # Runs that are longer than anything: 30 million equal rows, all null rows.
    "equal rows": (lambda: pa.table({"c": pa.repeat(7, 30_000_000)}), {"compression": "zstd", "row_group_size": 1 << 26}),
    "null rows": (lambda: pa.table({"c": pa.nulls(30_000_000, pa.int64())}), {"compression": "zstd", "row_group_size": 1 << 26}),
}


def peak_bytes(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_bounded_memory(name, tmp_path):
    make, options = BOMBS[name]
    path = tmp_path / "bomb.parquet"
    pq.write_table(make(), path, **options)
    size = path.stat().st_size
    assert size < 8 * MIB
    program = exchange.Exchange()
    program.command("read", tmp_path / "absent", tmp_path / "absent.arrow")
    before = peak_bytes(program.process)
    table, refused = program.read(path)
    assert list(refused) == ["c"] and "would take" in refused["c"], refused
    assert peak_bytes(program.process) - before <= 8 * size + 64 * MIB + 4 * MIB
    program.close()
