"""Directories of files as sources: every file once, by Spark's rules, judged by DuckDB.

The same ticks are given as Parquet (of four writers), CSV and JSON lines, in files that are there
at the start and files that come later; the candles must be those that DuckDB computes of all of
them, whatever the batches and whatever is killed.
"""

import datetime
import json
import os
import random
import signal
import time

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import Workspace

ROWS = 30_000
START = datetime.datetime(2026, 1, 5, 14, 30, tzinfo=datetime.timezone.utc)


def ticks(seed=1, rows=ROWS):
    """Ticks in order of event time, with nulls in `venue`."""
    rng = random.Random(seed)
    return pa.table({
        "symbol": pa.array([rng.choice(["IBM", "BAC", "Ä'\"x"]) for _ in range(rows)]),
        "event_time": pa.array(
            [START + datetime.timedelta(milliseconds=40 * i) for i in range(rows)],
            pa.timestamp("us", "UTC")),
        "price": pa.array([round(100 + rng.gauss(0, 1), 2) for _ in range(rows)]),
        "volume": pa.array([rng.randrange(1, 900) for _ in range(rows)], pa.int64()),
        "venue": pa.array([rng.choice([None, "N", "Q"]) for _ in range(rows)]),
    })


TICKS = ticks()

TEXT_COLUMNS = [
    {"name": "symbol", "type": "string"}, {"name": "event_time", "type": "timestamp"},
    {"name": "price", "type": "double"}, {"name": "volume", "type": "long"},
    {"name": "venue", "type": "string"},
]


def write_parquet(part, path):
    pq.write_table(part, path, compression="snappy")


def write_csv(part, path):
    frame = polars.from_arrow(part).with_columns(
        polars.col("event_time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    frame.write_csv(path)


def write_json(part, path):
    frame = polars.from_arrow(part).with_columns(
        polars.col("event_time").dt.strftime("%Y-%m-%d %H:%M:%S%.6f"))
    frame.write_ndjson(path)


FORMATS = {
    "parquet": (write_parquet, {}),
    "csv": (write_csv, {"columns": TEXT_COLUMNS, "eventTime": "event_time"}),
    "json": (write_json, {"fields": TEXT_COLUMNS, "eventTime": "event_time"}),
}


def job(source, delay="0 seconds", **more):
    return {
        "name": "candles",
        "source": source,
        "watermark": {"eventTime": "event_time", "delayThreshold": delay},
        "trigger": {"availableNow": True},
        "queries": [{
            "name": "candles", "groupBy": ["symbol", "window(event_time, '1 minute')"],
            "select": ["symbol", "window.start AS start", "first(price) AS open",
                       "last(price) AS close", "sum(volume) AS volume", "count(venue) AS venues",
                       "count(*) AS trades"],
            "outputMode": "append", "sinks": [{"format": "parquet", "path": "lake/candles"}]}],
        **more,
    }


def publish(folder, name, part, write):
    """A file gets its name when it is whole."""
    hidden = folder / f"_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    write(part, hidden)
    hidden.rename(folder / name)
    time.sleep(0.02)


def parts(table, count):
    size = -(-table.num_rows // count)
    return [table.slice(i * size, size) for i in range(count)]


def candles(table, closed_before):
    """What DuckDB says of ticks: the windows that end at or before a time."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("ticks", table)
        return connection.execute(
            """SELECT symbol, date_trunc('minute', event_time) AS start,
                   first(price ORDER BY event_time), last(price ORDER BY event_time),
                   sum(volume)::BIGINT, count(venue), count(*)
               FROM ticks GROUP BY 1, 2 HAVING date_trunc('minute', min(event_time)) + INTERVAL 1 MINUTE <= ?
               ORDER BY 1, 2""", [closed_before]).fetchall()


def published(workspace):
    return workspace.query(
        "SELECT * FROM read_parquet('{lake}/candles/**/*.parquet') ORDER BY symbol, start")


def expected(table=TICKS):
    return candles(table, table["event_time"][-1].as_py())


@pytest.mark.parametrize("format", FORMATS)
def test_every_file_once_whatever_the_batches(workspace, format):
    write, keys = FORMATS[format]
    folder = workspace.path / "in"
    for index, part in enumerate(parts(TICKS, 7)):
        publish(folder, f"{90 - index}.{format}", part, write)
    source = {"format": format, "path": "in", "maxFilesPerTrigger": 2, **keys}
    progress = workspace.progress(workspace.job(job(source)))
    assert [p["numInputRows"] for p in progress if p["numInputRows"]] == \
        [sum(part.num_rows for part in parts(TICKS, 7)[i:i + 2]) for i in range(0, 7, 2)]
    assert published(workspace) == expected()

    # Nothing new: nothing happens. A new file: it alone is read.
    before = workspace.files()
    assert not [p for p in workspace.progress("job.json") if p["numInputRows"]]
    assert workspace.files() == before
    later = ticks(seed=2, rows=2_000)
    shift = TICKS["event_time"][-1].as_py() - START
    later = later.set_column(1, "event_time", pa.array(
        [t + shift for t in later["event_time"].to_pylist()], pa.timestamp("us", "UTC")))
    publish(folder, f"0.{format}", later, write)
    assert [p["numInputRows"] for p in workspace.progress("job.json") if p["numInputRows"]] == [2_000]
    assert published(workspace) == expected(pa.concat_tables([TICKS, later]))


@pytest.mark.parametrize("format", FORMATS)
def test_killed_at_any_time_the_same_bytes(shared_workspace, tmp_path_factory, format):
    write, keys = FORMATS[format]
    folder = shared_workspace.path / f"in_{format}"
    for index, part in enumerate(parts(TICKS, 10)):
        publish(folder, f"{index}.{format}", part, write)
    source = {"format": format, "path": str(folder), "maxFilesPerTrigger": 1, **keys}

    undisturbed = Workspace(tmp_path_factory.mktemp("whole"))
    begun = time.monotonic()
    undisturbed.run("run", undisturbed.job(job(source)))
    seconds = time.monotonic() - begun
    killed = Workspace(tmp_path_factory.mktemp("killed"))
    name = killed.job(job(source))
    for _ in killed.kills("run", name, count=8, seconds=seconds, seed=5):
        pass
    killed.run("run", name)
    assert killed.files() == undisturbed.files()
    assert published(killed) == expected()
    assert "identical" in killed.run("replay", name, "--from-checkpoint", "--batch", "0", "--verify").out


def test_a_live_directory(workspace):
    write, keys = FORMATS["json"]
    folder = workspace.path / "in"
    folder.mkdir()
    source = {"format": "json", "path": "in", **keys}
    name = workspace.job(job(source, trigger={"processingTime": "20 milliseconds"}))
    process = workspace.start("run", name)
    try:
        for index, part in enumerate(parts(TICKS, 5)):
            publish(folder, f"{index}.json", part, write)
            time.sleep(0.15)
        deadline = time.time() + 30
        while time.time() < deadline:
            time.sleep(0.1)
            if list((workspace.path / "lake").rglob("*.parquet")) and published(workspace) == expected():
                break
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert published(workspace) == expected()


def test_a_lake_is_a_source(workspace):
    """What one job writes another reads, with the partition columns and their types."""
    write, keys = FORMATS["parquet"]
    publish(workspace.path / "in", "a.parquet", TICKS, write)
    first = job({"format": "parquet", "path": "in"})
    first["queries"][0]["select"].append("to_date(window.start) AS date")
    first["queries"][0]["sinks"][0]["partitionBy"] = ["date", "symbol"]
    workspace.run("run", workspace.job(first))
    second = job({"format": "parquet", "path": "lake/candles"})
    second["name"] = "daily"
    second["watermark"]["eventTime"] = "start"
    second["queries"][0] |= {
        "name": "daily", "groupBy": ["symbol", "date"], "outputMode": "complete",
        "select": ["symbol", "date", "sum(volume) AS volume", "sum(trades) AS trades"],
        "sinks": [{"format": "table", "path": "lake/daily"}]}
    workspace.run("run", workspace.job(second, "second.json"))
    rows = workspace.query(
        "SELECT symbol, date, volume, trades FROM '{lake}/daily/*.parquet' ORDER BY ALL")
    totals = {}
    for symbol, start, _, _, volume, _, trades in expected():
        volumes, counts = totals.get((symbol, start.date()), (0, 0))
        totals[symbol, start.date()] = volumes + volume, counts + trades
    assert rows == sorted((*key, *value) for key, value in totals.items())


@pytest.mark.parametrize("writer", ["pyarrow", "duckdb", "polars", "spark-like"])
def test_parquet_of_other_writers(workspace, writer):
    folder = workspace.path / "in"
    folder.mkdir()
    path = folder / "a.parquet"
    if writer == "pyarrow":
        pq.write_table(TICKS, path, row_group_size=7_000, data_page_size=4_000, compression="zstd")
    elif writer == "duckdb":
        with duckdb.connect() as connection:
            connection.register("ticks", TICKS)
            connection.execute(f"COPY ticks TO '{path}' (ROW_GROUP_SIZE 4096)")
    elif writer == "polars":
        polars.from_arrow(TICKS).write_parquet(path, compression="gzip")
    else:  # INT96, a page version and a codec of old
        pq.write_table(TICKS, path, use_deprecated_int96_timestamps=True, compression="snappy",
                       data_page_version="1.0", use_dictionary=False)
    workspace.run("run", workspace.job(job({"format": "parquet", "path": "in"})))
    assert published(workspace) == expected()


def test_what_columns_files_may_have(workspace):
    folder = workspace.path / "in"
    folder.mkdir()
    pieces = parts(TICKS, 3)
    # Another order and one more; one that lacks a column; then one of another type.
    pq.write_table(pieces[0].select(["volume", "venue", "price", "event_time", "symbol"])
                   .append_column("extra", pieces[0]["price"]), folder / "0.parquet")
    time.sleep(0.02)
    pq.write_table(pieces[1].drop_columns(["venue"]), folder / "1.parquet")
    name = workspace.job(job({"format": "parquet", "path": "in"}))
    workspace.run("run", name)
    whole = pa.concat_tables([pieces[0], pieces[1].set_column(
        4, "venue", pa.nulls(pieces[1].num_rows, pa.string()))])
    assert published(workspace) == expected(whole)
    wrong = pieces[2].set_column(3, "volume", pieces[2]["volume"].cast(pa.float64()))
    pq.write_table(wrong, folder / "2.parquet")
    before = workspace.files()
    failed = workspace.run("run", name, check=1)
    assert "2.parquet" in failed.err and "'volume' is of type double" in failed.err
    assert workspace.files() == before
    (folder / "2.parquet").unlink()
    workspace.run("run", name)


def test_malformed_records(workspace):
    folder = workspace.path / "in"
    folder.mkdir()
    write_json(TICKS, folder / "a.json")
    lines = (folder / "a.json").read_text().splitlines(keepends=True)
    lines.insert(12, "{\"symbol\": 5, oops}\n")
    (folder / "a.json").write_text("".join(lines))
    source = {"format": "json", "path": "in", **FORMATS["json"][1]}
    failed = workspace.run("run", workspace.job(job(source)), check=1)
    assert "a.json line 13 (byte " in failed.err and "DROPMALFORMED" in failed.err
    progress = workspace.progress(workspace.job(job(source | {"mode": "DROPMALFORMED"})))
    assert published(workspace) == expected()
    assert sum(p["numInputRows"] for p in progress) == ROWS
    shown = json.loads(workspace.run("checkpoint", "show", "job.json", "--format", "json").out)
    assert "\"rowsMalformed\": 1" in json.dumps(shown)


def test_backfill_hands_over_without_gap_or_double(workspace):
    """History from a directory, then the log, which overlap: each row once."""
    seam = START + datetime.timedelta(minutes=8)
    both = [START + datetime.timedelta(minutes=m) for m in (7, 9)]
    times = TICKS["event_time"].to_pylist()
    history = TICKS.filter(pa.array([t < both[1] for t in times]))
    live = TICKS.filter(pa.array([t >= both[0] for t in times]))
    for index, part in enumerate(parts(history, 3)):
        publish(workspace.path / "history", f"{index}.parquet", part, write_parquet)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, live.schema) as stream:
        stream.write_table(live.slice(0, 5_000))
    workspace.run("log", "append", "log/ticks", "--format", "arrow", "-",
                  stdin=sink.getvalue().to_pybytes())
    source = {"format": "log", "path": "log/ticks", "maxOffsetsPerTrigger": 4_000,
              "backfill": {"format": "parquet", "path": "history", "maxFilesPerTrigger": 1,
                           "until": seam.isoformat()}}
    name = workspace.job(job(source))
    workspace.run("run", name)
    # A file of history that comes after the hand-off is not of it.
    publish(workspace.path / "history", "9.parquet", history.slice(0, 10), write_parquet)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, live.schema) as stream:
        stream.write_table(live.slice(5_000))
    workspace.run("log", "append", "log/ticks", "--format", "arrow", "-",
                  stdin=sink.getvalue().to_pybytes())
    workspace.run("run", name)
    assert published(workspace) == expected()
    assert "identical" in workspace.run(
        "replay", name, "--from-checkpoint", "--batch", "0", "--verify").out
    moved = job(source | {"backfill": source["backfill"] | {"until": both[0].isoformat()}})
    assert "until" in workspace.run("run", workspace.job(moved), check=None).err


def test_what_is_no_file_is_told_of(workspace):
    """Pipes, devices and links to nothing among the files; a folder without any."""
    source = {"format": "csv", "path": "in", "eventTime": "t", "columns": [
        {"name": "t", "type": "timestamp"}, {"name": "p", "type": "long"}]}
    job = {"name": "m", "source": source, "trigger": {"availableNow": True}, "queries": [
        {"name": "q", "select": ["p"], "sinks": [{"format": "parquet", "path": "lake/q"}]}]}
    folder = workspace.path / "in"
    (folder / "2026").mkdir(parents=True)
    (folder / "2026/a.csv").write_text("t,p\n2026-01-05 10:00:00,1\n")
    (folder / "_hidden").mkdir()
    done = workspace.run("run", workspace.job(job))
    assert "there is no file to read yet in csv[in]; directories in it are not looked into: in/2026" in done.err
    assert "name them with a glob such as 'in/2026/*'" in done.err
    # The way on that it names.
    source["path"] = "in/2026/*"
    workspace.run("clear", "job.json", "--yes")
    done = workspace.run("run", workspace.job(job))
    assert "warning" not in done.err and "1 row in" in done.err
    workspace.run("clear", "job.json", "--yes")
    source["path"] = "in"
    os.mkfifo(folder / "f.csv")
    (folder / "n.csv").symlink_to("nowhere")
    (folder / "z.csv").symlink_to("/dev/zero")
    (folder / "a.csv").write_text("t,p\n2026-01-05 10:00:00,1\n")
    done = workspace.run("run", workspace.job(job))
    assert "3 entries of csv[in] not read, since no regular file: in/f.csv, in/n.csv, in/z.csv" in done.err
    assert "no file to read" not in done.err and "1 row in" in done.err
    # Named itself it is refused.
    source["path"] = "in/f.csv"
    job["name"] = "n"
    job["queries"][0]["sinks"][0]["path"] = "lake/n"
    assert "is a pipe or a device" in workspace.run("run", workspace.job(job), check=1).err
    source |= {"path": "in", "pathGlobFilter": "*.txt"}
    done = workspace.run("run", workspace.job(job))
    assert "no file to read yet in csv[in] whose name is like '*.txt'" in done.err
