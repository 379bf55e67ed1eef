"""Bloom filters that we write are used by others, and theirs by us."""

import duckdb
import numpy
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exchange

ROWS = 50_000


@pytest.fixture(scope="module")
def program():
    program = exchange.Exchange()
    yield program
    program.close()


def table():
    """Unsorted columns, so that the bounds of every row group hold nearly every value."""
    random = numpy.random.default_rng(5)
    ids = random.permutation(ROWS) * 10
    return pa.table({
        "id": pa.array(ids, pa.int64()), "small": pa.array(ids % 1_000_000, pa.int32()),
        "price": pa.array(ids + 0.25), "name": pa.array([f"name-{i}" for i in ids])})


def excluded_by_duckdb(path, column, values):
    """How many of the values DuckDB's bloom filter probe leaves no row group for."""
    connection = duckdb.connect()
    found = 0
    for value in values:
        rows = connection.execute(
            "SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe(?, ?, ?)",
            [str(path), column, value]).fetchone()
        found += rows[0]
    return found


def test_duckdb_uses_our_filters(program, tmp_path):
    path = tmp_path / "ours.parquet"
    program.write(table(), path, group_rows=20_000, bloom="id,small,price,name")
    metadata = pq.read_metadata(path)
    for index in range(4):
        chunk = metadata.row_group(0).column(index)
        assert chunk.bloom_filter_offset and chunk.bloom_filter_length > 20_000
    there = range(0, ROWS * 10, 25_000)
    for column, value in (("id", int), ("small", int), ("price", lambda i: i + 0.25),
                          ("name", lambda i: f"name-{i}")):
        assert excluded_by_duckdb(path, column, [value(i) for i in there]) == 0, column
        missing = [value(i + 3) for i in there]
        # About one in a hundred passes in each of three row groups.
        assert excluded_by_duckdb(path, column, missing) >= len(missing) - 3, column
    for i in there:
        found = duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}') WHERE name = 'name-{i}'")
        assert found.fetchall() == [(1,)]


def test_we_use_the_filters_of_others(program, tmp_path):
    path = tmp_path / "duckdb.parquet"
    connection = duckdb.connect()
    connection.register("t", table())
    # DuckDB makes filters for columns with dictionaries.
    connection.execute(
        f"COPY (SELECT id % 5000 * 10 AS id FROM t) TO '{path}' (FORMAT parquet)")
    assert pq.read_metadata(path).row_group(0).column(0).bloom_filter_offset
    assert program.command("where", path, "id", 400) == ["ok", str(ROWS)]
    assert program.command("where", path, "id", 430) == ["ok", "0"]
    arrow = tmp_path / "pyarrow.parquet"
    pq.write_table(table(), arrow, row_group_size=20_000,
                   bloom_filter_options={"name": True, "price": True})
    for i in range(0, ROWS * 10, 50_000):
        assert program.command("where", arrow, "name", f"name-{i}")[1] != "0"
        assert program.command("where", arrow, "price", i + 0.25)[1] != "0"
    left = sum(program.command("where", arrow, "name", f"name-{i}x")[1] != "0" for i in range(50))
    assert left <= 10
