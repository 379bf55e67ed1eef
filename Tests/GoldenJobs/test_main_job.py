"""The main job on simulated ticks: every tick counted once, whatever happens on the way."""

import json
import time

import pytest

from conftest import ohlcv

TICKS = 2_000_000


@pytest.fixture(scope="module")
def undisturbed(shared_workspace):
    shared_workspace.job(ohlcv())
    shared_workspace.run("run", "job.json")
    return shared_workspace


def test_every_tick_is_accounted_for(undisturbed):
    [(trades,)] = undisturbed.query(
        "SELECT sum(trades) FROM read_parquet('{lake}/ohlcv/**/*.parquet')")
    shown = undisturbed.run("checkpoint", "show", "job.json", "--format", "json").out
    counters = json.loads(shown)["counters"]
    assert counters["rowsIn"] == TICKS
    assert trades + counters["rowsLate.ohlcv"] == TICKS


def test_second_run_finds_nothing_new(undisturbed):
    before = undisturbed.files()
    again = undisturbed.run("run", "job.json")
    assert undisturbed.files() == before
    assert "nothing new" in again.err.lower()


def test_types_are_those_of_the_query(undisturbed):
    described = undisturbed.query(
        "DESCRIBE SELECT * FROM read_parquet('{lake}/ohlcv/**/*.parquet', hive_partitioning=true)")
    assert {name: kind for name, kind, *_ in described} == {
        "symbol": "VARCHAR", "window_start": "TIMESTAMP WITH TIME ZONE",
        "window_end": "TIMESTAMP WITH TIME ZONE", "open": "DOUBLE", "high": "DOUBLE",
        "low": "DOUBLE", "close": "DOUBLE", "volume": "BIGINT", "vwap": "DOUBLE",
        "trades": "BIGINT", "date": "DATE"}


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_change_a_byte(undisturbed, workspace, threads):
    workspace.job(ohlcv())
    workspace.run("run", "job.json", "--threads", threads)
    assert workspace.files() == undisturbed.files()


def test_kills_do_not_change_a_byte(undisturbed, workspace):
    job = workspace.job(ohlcv())
    begun = time.monotonic()
    workspace.run("run", job)
    seconds = time.monotonic() - begun
    workspace.run("clear", "--yes", "--log")
    for _ in workspace.kills("run", job, count=5, seconds=seconds, seed=5):
        pass
    workspace.run("run", job)
    assert workspace.files() == undisturbed.files()


ROWS = "SELECT * FROM read_parquet('{{lake}}/%s/**/*.parquet', hive_partitioning=true) ORDER BY ALL"


@pytest.mark.parametrize("rows_per_batch", [1_000, 10_000])
def test_batch_size_does_not_change_a_bit(workspace, rows_per_batch):
    feed = {"ticks": 20 * rows_per_batch + 77, "outOfOrderShare": 0.05,
            "outOfOrderMax": "2 seconds"}
    tables = ("ohlcv", "rolling", "kpi")
    workspace.job(ohlcv(feed=feed))
    workspace.run("run", "job.json")
    expected = [workspace.query((ROWS % table).format(lake="{lake}")) for table in tables]
    workspace.run("clear", "--yes")
    workspace.job(ohlcv(feed=feed, source={"maxOffsetsPerTrigger": rows_per_batch}))
    workspace.run("run", "job.json")
    for table, rows in zip(tables, expected):
        assert len(rows) > 1
        # DuckDB gives doubles exactly, so equality here is equality of bits.
        assert workspace.query((ROWS % table).format(lake="{lake}")) == rows, table
