"""`streamer doctor` names what holds a watermark back, what threw it forward, and what was late."""

import datetime
import json

import pytest

SCHEMA = "symbol string, event_time timestamp, price double"
START = datetime.datetime(2026, 1, 5, 14, 30)


def append(workspace, *seconds):
    """Appends one tick for each time, given in seconds after the start or as a datetime."""
    times = [START + datetime.timedelta(seconds=time) if isinstance(time, (int, float)) else time
             for time in seconds]
    lines = ["symbol,event_time,price"] + [f"IBM,{time.isoformat()}Z,1.5" for time in times]
    workspace.parts = getattr(workspace, "parts", 0) + 1
    name = f"part{workspace.parts}.csv"
    (workspace.path / name).write_text("\n".join(lines) + "\n")
    workspace.run("log", "append", "log/t", "--schema", SCHEMA, name)


def job(workspace, watermark={}, query={}):
    return workspace.job({
        "name": "watched", "source": {"path": "log/t"}, "trigger": {"availableNow": True},
        "watermark": {"eventTime": "event_time", "delayThreshold": "10 seconds", **watermark},
        "queries": [{
            "name": "candles", "groupBy": ["symbol", "window(event_time, '5 seconds')"],
            "select": ["symbol", "window.start AS start", "count(*) AS trades"],
            "sinks": [{"format": "parquet", "path": "lake/candles"}], **query}]})


def doctor(workspace):
    out = workspace.run("doctor").out
    return " ".join(out.split())


def counters(workspace):
    shown = json.loads(workspace.run("checkpoint", "show", "watched", "--format", "json").out)
    return shown["counters"]


def test_an_idle_source_pins_the_watermark(workspace):
    append(workspace, 0, 1, 12)
    workspace.run("run", job(workspace))
    page = doctor(workspace)
    assert "idle source holds it back, as in Spark" in page
    assert "With watermark.idleTimeout they would close" in page
    assert "a tick with an event time of 2026-01-05 14:30:15 or later closes it" in page


def test_with_an_idle_timeout_nothing_stays_open(workspace):
    append(workspace, 0, 1, 12)
    workspace.run("run", job(workspace, {"idleTimeout": "100 milliseconds"}))
    assert workspace.query("SELECT sum(trades) FROM '{lake}/candles/*.parquet'") == [(3,)]
    assert "Nothing is open and nothing is waiting." in doctor(workspace)


@pytest.fixture
def tomorrow():
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)
    return now + datetime.timedelta(days=1)


def test_one_tick_from_the_future_poisons(workspace, tomorrow):
    append(workspace, 0, 1, tomorrow)
    name = job(workspace)
    workspace.run("run", name)
    append(workspace, 2, 3, 60)
    talk = workspace.run("run", name).err
    assert "3 late" in talk
    page = doctor(workspace)
    assert "ahead of the clock: one such tick makes honest ones late" in page
    assert "watermark.maxFutureSkew" in page
    assert "50 % of the rows were too late for candles" in page


def test_with_a_future_skew_it_does_not(workspace, tomorrow):
    append(workspace, 0, 1, tomorrow)
    name = job(workspace, {"maxFutureSkew": "1 hour", "rejects": {"path": "lake/future"}})
    assert "1 ahead of the clock" in workspace.run("run", name).err
    append(workspace, 2, 3, 60)
    assert "late" not in workspace.run("run", name).err
    page = doctor(workspace)
    assert "1 row further ahead of the clock than maxFutureSkew" in page
    assert "it is in lake/future." in page
    assert "honest" not in page
    found = workspace.query(
        "SELECT event_time, reason, ahead_ms, batch FROM '{lake}/future/*.parquet'")
    assert len(found) == 1
    time, reason, ahead, batch = found[0]
    assert (time.replace(tzinfo=None), reason, batch) == (tomorrow, "future", 0)
    assert 86_000_000 < ahead <= 86_400_000
    assert workspace.query("SELECT sum(trades) FROM '{lake}/candles/*.parquet'") == [(4,)]


def test_late_rows_are_kept_and_counted_in_ticks(workspace):
    append(workspace, 0, 60)
    name = job(workspace, query={"late": {"path": "lake/late"}})
    workspace.run("run", name)
    append(workspace, 2, 3, 61, 30, 3)
    assert "4 late" in workspace.run("run", name).err
    page = doctor(workspace)
    assert "57 % of the rows were too late for candles" in page
    assert "they are in lake/late." in page
    assert counters(workspace)["rowsLate.candles"] == 4
    found = workspace.query("""
        SELECT symbol, date_diff('second', TIMESTAMP '2026-01-05 14:30:00', event_time::TIMESTAMP),
            query, lateness_ms FROM '{lake}/late/*.parquet' ORDER BY 2, 4""")
    # The watermark stands at 50 s.
    assert found == [("IBM", second, "candles", (50 - second) * 1_000) for second in (2, 3, 3, 30)]
    workspace.run("lake", "verify", "watched", check=None)
    workspace.run("clear", name, "--yes")
    assert not list((workspace.path / "lake").rglob("*.parquet"))
