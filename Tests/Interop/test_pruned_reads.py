"""`lake show --where` leaves out what statistics rule out, never a row: judged by DuckDB, and by the
bytes that it reads."""

import datetime
import decimal
import json
import random
import re
import shutil
import subprocess

import duckdb
import numpy
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import BINARY

ROWS = 60_000
LONG = "x" * 90


@pytest.fixture(scope="module")
def table(shared_workspace):
    """Rows in the order of their ids, in small pages: nulls, NaN, both zeros, long texts."""
    generator = numpy.random.default_rng(3)
    ids = numpy.arange(ROWS)
    price = generator.normal(0, 100, ROWS)
    price[::701] = numpy.nan
    price[1::900] = -0.0
    price[2::900] = 0.0
    start = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
    columns = {
        "id": pa.array(ids * 3, pa.int64()),
        "small": pa.array(ids // 100, pa.int32(), mask=ids % 50 == 0),
        "price": pa.array(price, pa.float64(), mask=ids % 13 == 0),
        "sorted": pa.array(numpy.sort(price), pa.float64()),
        # Statistics cut texts: what they hold is a bound and no value.
        "text": pa.array([f"{LONG}{i // 40:06}" for i in ids], pa.string()),
        "name": pa.array([f"S{(i * 7919) % 5000}" for i in ids], pa.string()),
        "amount": pa.array([decimal.Decimal(int(i) - 30_000) / 100 for i in ids],
                           pa.decimal128(12, 2)),
        "moment": pa.array([start + datetime.timedelta(seconds=int(i)) for i in ids],
                       pa.timestamp("us", "UTC")),
        "day": pa.array([datetime.date(2026, 1, 1) + datetime.timedelta(int(i) // 600)
                         for i in ids], pa.date32()),
        "flag": pa.array(ids > 55_000),
        "rare": pa.array([None if i < 50_000 else int(i) for i in ids], pa.int64()),
    }
    whole = pa.table(columns)
    folder = shared_workspace.path / "lake" / "t"
    for part in range(3):
        place = folder / f"part={part}"
        place.mkdir(parents=True)
        pq.write_table(
            whole.slice(part * ROWS // 3, ROWS // 3), place / "a.parquet",
            row_group_size=7_000, data_page_size=4_096, write_batch_size=256,
            write_page_index=True, use_dictionary=["name"], compression="zstd",
            version="2.6")
    return shared_workspace


COLUMNS = {
    "id": ["0", "-1", "90000", "179997", "2.5", "3000000000000"],
    "small": ["0", "17", "599", "100000000000"],
    "price": ["0", "-0.0", "12.5", "CAST('NaN' AS DOUBLE)", "-300"],
    "sorted": ["0", "-0.0", "1.5", "CAST('NaN' AS DOUBLE)", "1000", "-1000"],
    "text": [f"'{LONG}000300'", f"'{LONG}'", f"'{LONG}9'", "'x'", "'y'", "''"],
    "name": ["'S17'", "'S4999'", "'none'", "''"],
    "amount": ["0", "12.34", "-299.99", "300", "0.005"],
    "moment": ["TIMESTAMP '2026-01-05 10:00:00'", "TIMESTAMP '2026-01-05 00:00:00'",
           "TIMESTAMP '2030-01-01 00:00:00'"],
    "day": ["DATE '2026-02-01'", "DATE '2025-01-01'"],
    "rare": ["50001", "1", "59999"],
    "part": ["'1'", "'2'", "'7'"],
}


def leaf(choose):
    column = choose.choice(sorted(COLUMNS))
    values = COLUMNS[column]
    kind = choose.randrange(6)
    if kind == 0:
        return f"{column} IN ({choose.choice(values)}, {choose.choice(values)})"
    if kind == 1:
        return f"{column} BETWEEN {choose.choice(values)} AND {choose.choice(values)}"
    if kind == 2:
        return choose.choice([f"{column} IS NULL", f"{column} IS NOT NULL", "flag", "NOT flag"])
    return f"{column} {choose.choice(['=', '<', '<=', '>', '>=', '<>'])} {choose.choice(values)}"


def condition(choose, depth):
    if depth == 0 or choose.random() < 0.3:
        return leaf(choose)
    return (f"({condition(choose, depth - 1)} {choose.choice(['AND', 'AND', 'OR'])} "
            f"{condition(choose, depth - 1)})")


def ours(table, where):
    out = table.run("lake", "show", "t", "--where", where, "--columns", "id", "--format", "json",
                    "--order-by", "id").out
    return [json.loads(line)["id"] for line in out.splitlines()]


@pytest.fixture(scope="module")
def judge(table):
    """The rows in DuckDB's memory: where files have no bounds of NaN it can miss it in them."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # What the directories say are texts here.
        connection.execute(
            f"CREATE TABLE t AS FROM read_parquet('{table.path}/lake/t/**/*.parquet', "
            "hive_partitioning = true, hive_types = {'part': VARCHAR})")
        yield lambda where: [row[0] for row in connection.execute(
            f"SELECT id FROM t WHERE {where} ORDER BY id").fetchall()]


def test_random_conditions(table, judge):
    choose = random.Random(20260105)
    found = 0
    for _ in range(100):
        where = condition(choose, 2)
        expected = judge(where)
        assert ours(table, where) == expected, where
        found += bool(expected) and len(expected) < ROWS
    assert found > 40


def bytes_read(table, *words):
    """What the process reads of the table's files, as strace sees it."""
    if not shutil.which("strace"):
        pytest.skip("SKIPPED LOUDLY: no strace")
    log = table.path / "strace.txt"
    subprocess.run(
        ["strace", "-f", "-y", "-e", "trace=pread64,read,preadv", "-o", log, BINARY, *words],
        cwd=table.path, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    total, files = 0, set()
    for line in log.read_text().splitlines():
        match = re.search(r"read\w*\(\d+<([^>]*\.parquet)>.*= (\d+)$", line)
        if match:
            total += int(match[2])
            files.add(match[1])
    return total, len(files)


@pytest.mark.parametrize("where, share, files", [
    ("moment = TIMESTAMP '2026-01-05 10:00:00'", 0.2, 3),
    ("part = '1' AND id = 90000", 0.1, 3),
    ("part = '9'", 0.01, 3),
    ("id BETWEEN 90000 AND 90100", 0.15, 3),
    ("rare > 59990", 0.2, 3),
    ("price > 1000000 AND id < 100", 0.15, 3),
])
def test_what_is_ruled_out_is_not_read(table, where, share, files):
    whole, _ = bytes_read(table, "lake", "show", "t", "--limit", "all", "--format", "csv")
    read, opened = bytes_read(table, "lake", "show", "t", "--where", where, "--format", "csv")
    assert read <= share * whole, (read, whole)
    # The columns are asked of every file's footer.
    assert opened == files


def test_a_bloom_filter_rules_out_a_file(table):
    # DuckDB makes filters for columns with dictionaries; the bounds hold every value.
    folder = table.path / "lake" / "bloom"
    folder.mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT range % 5000 * 10 AS n, repeat('y', 30) || range AS text FROM "
            f"range(100000)) TO '{folder}/a.parquet' (FORMAT parquet)")
    assert pq.read_metadata(folder / "a.parquet").row_group(0).column(0).bloom_filter_offset
    whole, _ = bytes_read(table, "lake", "show", "bloom", "--limit", "all", "--format", "csv")
    read, _ = bytes_read(table, "lake", "show", "bloom", "--where", "n = 433", "--format", "csv")
    assert read < 0.1 * whole
    shown = table.run("lake", "show", "bloom", "--where", "n = 430", "--format", "csv").out
    assert len(shown.splitlines()) == 21
