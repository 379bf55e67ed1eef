"""Columns of bytes through a job: read from Parquet, grouped, compared, kept as state, written as
Parquet and Delta, shown; judged by DuckDB.
"""

import json
import random

import deltalake
import duckdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

KEYS = [b"", b"\x00", b"\xff", b"\xff\x00", b"\xc3", b"IBM", None]


def rows(seed, count=2000):
    rng = random.Random(seed)
    return pa.table({
        "event_time": pa.array([rng.randrange(3_600_000_000) for _ in range(count)], pa.timestamp("us", "UTC")),
        "key": pa.array([rng.choice(KEYS) for _ in range(count)], pa.binary()),
        "payload": pa.array([rng.choice([None, rng.randbytes(rng.randrange(9))]) for _ in range(count)], pa.binary()),
        "name": pa.array([rng.choice(["IBM", "é"]).encode() for _ in range(count)], pa.binary()),
    })


def job(queries, **source):
    return {
        "name": "bytes", "source": {"format": "parquet", "path": "in", "maxFilesPerTrigger": 1, **source},
        "watermark": {"eventTime": "event_time", "delayThreshold": "2 hours"},
        "trigger": {"availableNow": True}, "queries": queries}


def query(name, select, sink, mode, **more):
    return {"name": name, "select": select, "outputMode": mode, **more,
            "sinks": [{**sink, "path": f"lake/{name}"}]}


GROUPED = query(
    "grouped", ["key", "count(*) AS n", "min(payload) AS low", "max(payload) AS high",
                "sum(length(payload)) AS bytes"],
    {"format": "table"}, "complete", groupBy=["key"])
PLAIN = query(
    "plain", ["*"], {"format": "parquet", "bloomFilter": ["payload"]}, "append",
    where="key >= X'FF' OR key = 'IBM'")
DELTA = query("delta", ["key", "payload", "CAST(name AS STRING) AS name"], {"format": "delta"}, "append")


@pytest.fixture
def folder(workspace):
    (workspace.path / "in").mkdir()
    for number in range(3):
        pq.write_table(rows(number), workspace.path / f"in/{number}.parquet", compression="zstd")
    return workspace


def run(folder, description, **options):
    (folder.path / "job.json").write_text(json.dumps(description))
    return folder.run("run", "job.json", **options)


def found(folder, text):
    connection = duckdb.connect()
    connection.execute(f"SET file_search_path = '{folder.path}'")
    return connection.sql(text).fetchall()


def test_bytes_are_filtered_grouped_and_written(folder):
    run(folder, job([GROUPED, PLAIN, DELTA]))
    source = "FROM 'in/*.parquet'"
    assert found(folder, "SELECT * FROM 'lake/grouped/*.parquet' ORDER BY ALL") == found(
        folder, "SELECT key, count(*), min(payload), max(payload), sum(octet_length(payload))::BIGINT "
                f"{source} GROUP BY key ORDER BY ALL")
    assert found(folder, "SELECT * EXCLUDE event_time FROM 'lake/plain/*.parquet' ORDER BY ALL") == found(
        folder, f"SELECT * EXCLUDE event_time {source} WHERE key >= '\\xFF'::BLOB OR key = 'IBM'::BLOB ORDER BY ALL")
    table = deltalake.DeltaTable(str(folder.path / "lake/delta")).to_pyarrow_table()
    wanted = found(folder, f"SELECT key, payload, decode(name) {source} ORDER BY ALL")
    connection = duckdb.connect()
    connection.register("t", table)
    assert connection.sql("SELECT * FROM t ORDER BY ALL").fetchall() == wanted
    # The state has been through files: each batch was one of its own.
    shown = folder.run("lake", "show", "grouped", "--where", "key = X'FF00'", "--format", "json").stdout
    row = json.loads(shown)
    assert row["key"] == "FF00"
    assert bytes.fromhex(row["high"]) == found(
        folder, f"SELECT max(payload) {source} WHERE key = '\\xFF\\x00'::BLOB")[0][0]
    arrow = folder.run("lake", "export", "plain", "--format", "arrow").stdout
    back = pa.ipc.open_stream(arrow).read_all()
    assert back["payload"].to_pylist() == [r[0] for r in found(
        folder, "SELECT payload FROM read_parquet('lake/plain/*.parquet', filename = true, file_row_number = true) "
                "ORDER BY filename, file_row_number")]


def test_a_restart_goes_on_with_state_of_bytes(folder):
    last = folder.path / "in/2.parquet"
    last.rename(folder.path / "2.parquet")
    run(folder, job([GROUPED]))
    (folder.path / "2.parquet").rename(last)
    folder.run("run", "job.json")
    assert found(folder, "SELECT key, n, low FROM 'lake/grouped/*.parquet' ORDER BY ALL") == found(
        folder, "SELECT key, count(*), min(payload) FROM 'in/*.parquet' GROUP BY key ORDER BY ALL")


def test_keys_and_duplicates_of_bytes(folder):
    keyed = query("keyed", ["key", "count(*) AS n", "count(DISTINCT payload) AS payloads"],
                  {"format": "table", "keys": ["key"]}, "update", groupBy=["key"])
    firsts = query("firsts", ["key", "payload"], {"format": "parquet"}, "append",
                   dropDuplicates=["key", "payload"])
    run(folder, job([keyed, firsts]))
    assert found(folder, "SELECT * FROM 'lake/keyed/*.parquet' ORDER BY ALL") == found(
        folder, "SELECT key, count(*), count(DISTINCT payload) FROM 'in/*.parquet' GROUP BY key ORDER BY ALL")
    assert found(folder, "SELECT * FROM 'lake/firsts/*.parquet' ORDER BY ALL") == found(
        folder, "SELECT DISTINCT key, payload FROM 'in/*.parquet' ORDER BY ALL")
    keys = [row[0] for row in found(folder, "SELECT key FROM 'lake/keyed/*.parquet'")]
    assert keys == sorted(keys, key=lambda key: (key is not None, key or b""))


def test_the_source_says_whether_bytes_are_text(folder):
    schema = [{"name": "event_time", "type": "timestamp"}, {"name": "name", "type": "string"}]
    names = query("names", ["name", "count(*) AS n"], {"format": "table"}, "complete", groupBy=["name"])
    run(folder, job([names], schema=schema))
    assert found(folder, "SELECT * FROM 'lake/names/*.parquet' ORDER BY ALL") == found(
        folder, "SELECT decode(name), count(*) FROM 'in/*.parquet' GROUP BY 1 ORDER BY ALL")


@pytest.mark.parametrize("description, complaint", [
    (job([query("k", ["key", "name"], {"format": "parquet", "partitionBy": ["key"]}, "append")]),
     'Bytes have no place in a path; cast "key" to a string.'),
    (job([query("k", ["concat(key, name) AS x"], {"format": "parquet"}, "append")]),
     "concat of bytes is not supported: cast them to strings."),
    (job([query("k", ["key + 1 AS x"], {"format": "parquet"}, "append")]), "binary"),
    (job([query("k", ["name"], {"format": "parquet"}, "append")],
         schema=[{"name": "event_time", "type": "timestamp"}, {"name": "key", "type": "string"},
                 {"name": "name", "type": "string"}]), "bytes that are not UTF-8"),
    (job([query("k", ["key"], {"format": "parquet"}, "append")], format="csv", eventTime="event_time",
         columns=[{"name": "event_time", "type": "timestamp"}, {"name": "key", "type": "binary"}]),
     "A text has no bytes to read a binary column from"),
])
def test_what_bytes_cannot_do_is_said(folder, description, complaint):
    failed = run(folder, description, check=None)
    assert failed.returncode in (1, 2) and complaint in failed.err, failed.err
