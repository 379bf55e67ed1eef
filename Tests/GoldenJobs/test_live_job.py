"""The live job as it ships: a feed that ticks in real time, ten batches a second, stops and goes on."""

import datetime
import json
import shutil
import signal
import time

import pyarrow as pa
import pytest

from conftest import ROOT
from reference import Windows, plan

SYMBOLS = ["AAPL", "AMZN", "IBM", "MSFT", "TSLA"]
SECOND = 1_000_000
UTC = datetime.timezone.utc


class Ticks:
    """The log's rows, read by pyarrow."""

    def __init__(self, path):
        rows = []
        for segment in sorted(path.glob("*.arrows")):
            rows += whole_batches(segment)
        self.times = [row["event_time"] // datetime.timedelta(microseconds=1) for row in rows]
        self.keys = [(row["symbol"],) for row in rows]
        self.price = [row["price"] for row in rows]
        self.volume = [row["volume"] for row in rows]
        # A trade at the ask was bought, at the bid sold; in between it was neither.
        self.bought = [row["volume"] if row["price"] >= row["ask"] else 0 for row in rows]
        self.sold = [row["volume"] if row["price"] <= row["bid"] else 0 for row in rows]


def whole_batches(segment):
    """Rows of a segment that may still be written to: up to the last batch that is all there."""
    rows = []
    reader = pa.ipc.open_stream(segment.read_bytes())
    while True:
        try:
            batch = reader.read_next_batch()
        except (StopIteration, pa.ArrowInvalid, OSError):
            return rows
        micros = batch["event_time"].cast(pa.int64()).cast(pa.duration("us")).to_pylist()
        columns = {name: batch[name].to_pylist() for name in ("symbol", "price", "volume", "bid", "ask")}
        rows += [{**dict(zip(columns, values)), "event_time": at}
                 for at, *values in zip(micros, *columns.values())]


def candle(ticks, group):
    first = min(group.rows, key=lambda row: (ticks.times[row], row))
    last = max(group.rows, key=lambda row: (ticks.times[row], row))
    prices = [ticks.price[row] for row in group.rows]
    volume, turnover = 0, 0.0
    for row in group.rows:
        volume += ticks.volume[row]
        turnover += ticks.price[row] * ticks.volume[row]
    bounds = [datetime.datetime.fromtimestamp(0, UTC) + datetime.timedelta(microseconds=bound)
              for bound in (group.start, group.end)]
    return (*group.key, *bounds, ticks.price[first], max(prices), min(prices), ticks.price[last],
            volume, turnover / volume, len(group.rows),
            sum(ticks.bought[row] for row in group.rows),
            sum(ticks.sold[row] for row in group.rows))


def assert_right(live):
    """The table is what the log says; gives the checkpoint."""
    checkpoint = json.loads(live.run("checkpoint", "show", "live", "--format", "json").out)
    batches = checkpoint["batches"]
    assert all(batch["committed"] for batch in batches)
    assert [batch["batch"] for batch in batches] == list(range(len(batches)))
    ticks = Ticks(live.path / "log" / "live")
    recorded = [range(batch["startOffset"], batch["endOffset"]) for batch in batches]
    assert recorded[0].start == 0
    assert all(a.stop == b.start for a, b in zip(recorded, recorded[1:]))
    planned = plan(ticks.times, recorded, 1_000)[:len(recorded)]
    assert [batch["watermarkMs"] for batch in batches] == [batch.close_ms for batch in planned]
    expected = Windows(ticks.times, ticks.keys, planned, SECOND)
    closed = [candle(ticks, group) for groups in expected.emitted for group in groups]
    columns = "symbol, window_start, window_end, open, high, low, close, volume, vwap, trades, "
    columns += "buy_volume, sell_volume"
    assert live.query(f"SELECT {columns} FROM read_parquet('{{lake}}/live/**/*.parquet', "
                      "hive_partitioning = true, filename = true, file_row_number = true) "
                      "ORDER BY split_part(filename, 'part-', 2), file_row_number") == closed
    assert {row[0] for row in closed} <= set(SYMBOLS)
    assert checkpoint["counters"]["rowsLate.candles"] == expected.late_rows == 0
    return checkpoint, len(closed)


@pytest.fixture(scope="module")
def live(shared_workspace):
    (shared_workspace.path / "jobs").mkdir()
    shutil.copy(ROOT / "jobs" / "live.json", shared_workspace.path / "jobs")
    return shared_workspace


def test_the_live_job_stops_and_goes_on(live):
    live.run("run", "jobs/live.json", "--max-batches", 40)
    first, closed = assert_right(live)
    assert first["counters"]["rowsIn"] > 2_000

    before = len(Ticks(live.path / "log" / "live").times)
    while_running = []
    code = interrupted(live, 55, signal.SIGINT, lambda: while_running.append(
        len(Ticks(live.path / "log" / "live").times)))
    assert code == 130
    assert while_running[0] > before
    second, closed_then = assert_right(live)
    assert len(second["batches"]) >= 56 and closed_then > closed

    batches = len(second["batches"])
    assert interrupted(live, batches + 14, signal.SIGKILL) == -signal.SIGKILL
    live.run("run", "jobs/live.json", "--max-batches", 2)
    third, closed_last = assert_right(live)
    assert len(third["batches"]) >= batches + 17 and closed_last > closed_then
    assert third["id"] == first["id"]


def interrupted(live, batch, with_signal, look=lambda: None):
    """Runs the job until a batch is committed, then stops it; gives the exit code."""
    engine = live.start("run", "jobs/live.json")
    try:
        commit = live.path / "checkpoints" / "live" / "commits" / str(batch)
        for _ in range(3_000):
            if commit.exists():
                break
            time.sleep(0.01)
        look()
        engine.send_signal(with_signal)
        engine.communicate(timeout=30)
    finally:
        engine.kill()
    return engine.returncode


def test_the_feed_went_on_where_it_was_stopped(live):
    """Four runs, one market: tick n is n ms after the first, or out of order by at most 200 ms."""
    times = Ticks(live.path / "log" / "live").times
    behind = [times[0] + n * 1_000 - at for n, at in enumerate(times)]
    assert len(times) > 3_000
    # The start itself may be out of order, so count from what most ticks have in common.
    usual = max(set(behind), key=behind.count)
    late = [delay - usual for delay in behind if delay != usual]
    assert all(0 < delay <= 200_000 for delay in late)
    assert 0 < len(late) < len(times) * 0.03
