"""Duplicates left out by a job: what the lake gets, what the state remembers, what replays give."""

import json

import pytest

SCHEMA = "symbol string, event_time timestamp, trade_id long, volume long"


@pytest.fixture
def done(workspace):
    """A log with every trade twice and some of them late, and the job that counts each once."""
    lines = ["symbol,event_time,trade_id,volume"]
    for trade in range(600):
        for copy in range(2):
            second = trade // 2 + copy * 3
            lines.append(f"{'IBM' if trade % 3 else 'BAC'},"
                         f"2026-01-05T14:{second // 60:02}:{second % 60:02}Z,{trade},{trade % 7}")
    (workspace.path / "a.csv").write_text("\n".join(lines) + "\n")
    workspace.run("log", "append", "log/t", "--schema", SCHEMA, "a.csv")
    workspace.job({
        "name": "once", "source": {"path": "log/t", "maxOffsetsPerTrigger": 100},
        "trigger": {"availableNow": True},
        "watermark": {"eventTime": "event_time", "delayThreshold": "20 seconds"},
        "queries": [
            {"name": "trades", "dropDuplicatesWithinWatermark": ["symbol", "trade_id"],
             "select": ["*"], "sinks": [{"format": "parquet", "path": "lake/trades"}]},
            {"name": "candles", "from": "trades",
             "groupBy": ["symbol", "window(event_time, '1 minute')"],
             "select": ["symbol", "window.start AS start", "count(*) AS n",
                        "sum(volume) AS volume", "first(trade_id) AS first"],
             "sinks": [{"format": "parquet", "path": "lake/candles"}]}]})
    workspace.run("run", "job.json")
    return workspace


def test_each_trade_is_there_once(done):
    assert done.query("""
        SELECT count(*), count(DISTINCT trade_id), sum(volume) FROM '{lake}/trades/*.parquet'
        """) == [(600, 600, sum(trade % 7 for trade in range(600)))]
    assert done.query("""
        SELECT count(*) FROM '{lake}/candles/*.parquet' c JOIN (
            SELECT symbol, time_bucket(INTERVAL 1 minute, event_time) AS start, count(*) AS n,
                sum(volume) AS volume, min(trade_id) AS first
            FROM '{lake}/trades/*.parquet' GROUP BY ALL) t
        USING (symbol, start, n, volume, first)""") == done.query(
            "SELECT count(*) FROM '{lake}/candles/*.parquet'") != [(0,)]


def test_the_state_can_be_looked_at(done):
    out = done.run("state", "show", "once", "trades+duplicates", "--format", "json").out
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows and set(rows[0]) == {"symbol", "trade_id", "expires_at"}
    assert {row["trade_id"] for row in rows} <= set(range(500, 600))
    refused = done.run("state", "show", "once", "trades", check=2)
    assert "its state is trades+duplicates" in refused.err
    assert "the first row by symbol, trade_id, within" in done.run("explain", "job.json").out


def test_batches_run_again_give_the_same(done):
    out = done.run("replay", "job.json", "--from-checkpoint", "--batch", "3", "--verify").out
    assert "identical" in out and "not as published" not in out


def test_progress_has_spark_s_names(workspace, done):
    done.run("clear", "job.json", "--yes")
    batches = done.progress("job.json")
    operators = [batch["stateOperators"][0] for batch in batches]
    assert {operator["operatorName"] for operator in operators} == {"dedupeWithinWatermark"}
    assert sum(operator["customMetrics"]["numDroppedDuplicateRows"] for operator in operators) == 600
