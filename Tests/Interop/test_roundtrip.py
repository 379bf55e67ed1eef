"""A slice, with a fixed seed and without Spark, of what Tests/Interop/roundtrip.py does."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exchange
import roundtrip


@pytest.fixture(scope="module")
def program():
    program = exchange.Exchange()
    yield program
    program.close()


@pytest.mark.parametrize("seed", range(20260105, 20260141))
def test_random_tables(program, tmp_path, seed):
    rows_max = 200_000 if seed == 20260105 else 1500
    roundtrip.write_here(program, seed * 10, rows_max, tmp_path, roundtrip.READERS)
    roundtrip.read_here(program, seed * 10 + 1, rows_max, tmp_path, roundtrip.WRITERS)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_dictionaries_that_grew_too_large(program, tmp_path, version):
    """The first pages of a column are codes into its dictionary, the others values."""
    made = random.Random(20260105)
    table = pa.table({
        "symbol": [made.choice([None, f"S{made.randrange(3_000)}"]) for _ in range(20_000)],
        "volume": pa.array([made.randrange(5_000) for _ in range(20_000)], pa.int64())})
    path = tmp_path / "grown.parquet"
    pq.write_table(table, path, compression="zstd", data_page_version=version,
                   dictionary_pagesize_limit=9_000, data_page_size=2_000, write_batch_size=100)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    assert {"PLAIN", "RLE_DICTIONARY"} <= set(chunk.encodings)
    for rows in (None, 333, 7_000):
        read, refused = program.read(path, rows)
        assert not refused
        for name in table.column_names:
            assert exchange.difference(read[name], table[name]) is None
