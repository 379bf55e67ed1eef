"""Small files put together while the job runs: readers see every row once, at every moment."""

import os
import re
import signal
import time

import duckdb
import polars
import pyarrow.dataset
import pytest

from conftest import ohlcv

# How many exchanges of a directory the readers look on at.
FILES = 1_001 if os.environ.get("WHOLE_TESTS") else 65
TICKS_OF_A_FILE = 1_000


def job(files, compaction=None, kind="parquet", batch=TICKS_OF_A_FILE):
    """Candles of a second of ticks, one file a batch, in one partition."""
    sink = {"format": kind, "path": "lake/candles", "partitionBy": ["date"]}
    if compaction is not None:
        sink["compaction"] = compaction
    return ohlcv(
        feed={"ticks": files * TICKS_OF_A_FILE, "interval": "1 ms", "start": "2026-01-05T10:00:00Z"},
        source={"maxOffsetsPerTrigger": batch},
        watermark={"eventTime": "event_time", "delayThreshold": "0 seconds"},
        queries=[{
            "name": "candles", "groupBy": ["symbol", "window(event_time, '1 second')"],
            "select": ["symbol", "window.start AS start", "sum(volume) AS volume",
                       "last(price) AS close", "to_date(window.start) AS date"],
            "outputMode": "append", "sinks": [sink]}])


def data_files(workspace):
    return list((workspace.path / "lake" / "candles").rglob("*.parquet"))


def with_pyarrow(lake):
    table = pyarrow.dataset.dataset(lake, partitioning="hive").to_table(columns=["volume"])
    return table.num_rows, sum(table["volume"].to_pylist())


def with_duckdb(lake):
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT count(*), sum(volume)::BIGINT FROM read_parquet('{lake}/**/*.parquet')").fetchone()


def with_polars(lake):
    rows = polars.read_parquet(f"{lake}/**/*.parquet", columns=["volume"])
    return rows.height, rows["volume"].sum()


def with_deltalake(lake):
    import deltalake
    table = deltalake.DeltaTable(str(lake)).to_pyarrow_table(columns=["volume"])
    return table.num_rows, sum(table["volume"].to_pylist())


GONE = re.compile(r"no such file|not found|does not exist|cannot open|no files found", re.IGNORECASE)


def look(read, lake):
    """What a reader sees; None when a file that it had listed was gone, which is told as an error."""
    try:
        return read(lake)
    except Exception as error:  # Each reader has its own.
        assert GONE.search(str(error)), error
        return None


@pytest.mark.parametrize("kind, readers", [
    ("parquet", [with_pyarrow, with_duckdb, with_polars]), ("delta", [with_deltalake])])
def test_readers_in_a_loop_never_see_a_wrong_row_count(workspace, kind, readers):
    workspace.run("run", workspace.job(job(FILES, kind=kind)))
    lake = workspace.path / "lake" / "candles"
    expected = readers[0](lake)
    assert expected[0] > FILES and all(read(lake) == expected for read in readers)
    compacting = workspace.job(job(FILES, {"minFiles": 2}, kind))
    process = workspace.start("run", compacting, "--trigger", "1s")
    seen, gone = 0, 0
    before = workspace.run("lake", "ls").out
    deadline = time.monotonic() + 600
    settled = 0
    while settled < 3:
        assert process.poll() is None and time.monotonic() < deadline, before
        for read in readers:
            found = look(read, lake)
            assert found in (None, expected), read.__name__
            seen, gone = seen + 1, gone + (found is None)
        settled = settled + 1 if live_files(lake, kind) <= 1 + FILES.bit_length() else 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    print(f"{kind}: {seen} looks, of these {gone} met a file that was gone")
    assert gone < seen
    assert readers[0](lake) == expected
    workspace.run("lake", "verify", "candles")
    workspace.run("checkpoint", "verify")
    workspace.run("replay", "--from-checkpoint", "--verify")
    assert not list((workspace.path / "lake").glob(".tmp-*"))


def live_files(lake, kind):
    if kind == "delta":
        import deltalake
        return len(deltalake.DeltaTable(str(lake)).file_uris())
    return len(list((lake / "date=2026-01-05").glob("*.parquet")))


def rows(workspace):
    return sorted(workspace.query(
        "SELECT symbol, start, volume, close FROM read_parquet('{lake}/candles/**/*.parquet')"))


def test_rows_are_there_once_after_kills(workspace, tmp_path_factory):
    calm = type(workspace)(tmp_path_factory.mktemp("calm"))
    begun = time.monotonic()
    calm.run("run", calm.job(job(60)))
    seconds = time.monotonic() - begun
    name = workspace.job(job(60, {"minFiles": 3}))
    for _ in workspace.kills("run", name, count=8, seconds=seconds, seed=14):
        found = rows(workspace) if data_files(workspace) else []
        assert len(set(found)) == len(found)
    workspace.run("run", name)
    assert rows(workspace) == rows(calm)
    assert len(data_files(workspace)) < len(data_files(calm)) / 3
    workspace.run("lake", "verify", "candles")
    workspace.run("replay", "--from-checkpoint", "--verify")


def test_receipts_hold_beyond_what_is_retained(workspace):
    """Entries of a checkpoint are removed later than they are let go: until then they are compared."""
    name = workspace.job(job(60, {"minFiles": 2}) | {"options": {"minBatchesToRetain": 5}})
    for _ in range(9):
        workspace.run("run", name, "--max-batches", 7)
        workspace.run("lake", "verify", "candles")


def test_settings_are_checked(workspace):
    bad = job(1, {"minFiles": 1, "targetSize": "64"})
    refused = workspace.run("validate", workspace.job(bad), check=2).err
    assert "minFiles" in refused and "targetSize" in refused and "64 MiB" in refused
    replaced = job(1, {}, "delta")
    replaced["queries"][0]["outputMode"] = "complete"
    assert '"compaction" is for output mode "append"' in workspace.run(
        "validate", workspace.job(replaced), check=2).err
