"""Binance trades in the order they arrived, where disorder makes lateness matter.

Four markets' trades stand in one log; their event time is the exchange's trade time. As they came
in, they are out of order by up to 32 ms; in a second log two of the connections stall and deliver
their trades in bursts. Every row of every batch is compared with a plain re-implementation of
docs/semantics.md, doubles bit for bit: sums go in the order of the log.
"""

import csv
import datetime
import decimal
import gzip
import json
import pathlib
import time

import pytest

from conftest import Workspace
from reference import Sessions, Windows, plan, ranges

SECOND = 1_000_000
UTC = datetime.timezone.utc
TRADES = 23_368
COLUMNS = [
    {"name": "symbol", "type": "string", "nullable": False},
    {"name": "event_time", "from": "trade_ms", "type": "timestamp", "format": "epoch_ms"},
    {"name": "received", "from": "recv_ns", "type": "timestamp", "format": "epoch_ns"},
    {"name": "price", "type": "decimal(18,8)", "nullable": False},
    {"name": "qty", "type": "decimal(18,8)", "nullable": False},
    {"name": "px", "from": "price", "type": "double", "nullable": False},
    {"name": "size", "from": "qty", "type": "double", "nullable": False},
    {"name": "aggressor", "type": "string"},
]


class Trades:
    """The trades by offset: one list for each column."""

    def __init__(self, rows):
        self.rows = rows
        self.keys = [(row["symbol"],) for row in rows]
        self.times = [int(row["trade_ms"]) * 1_000 for row in rows]
        self.price = [decimal.Decimal(row["price"]) for row in rows]
        self.qty = [decimal.Decimal(row["qty"]) for row in rows]
        self.px = [float(row["price"]) for row in rows]
        self.size = [float(row["qty"]) for row in rows]
        self.buys = [row["aggressor"] == "B" for row in rows]


# Nanoseconds between the bursts in which stalled connections deliver.
BURSTS = {"ETHUSDT": 5_000_000_000, "BTCUSD_PERP": 200_000_000_000}


def delivered(row):
    received = int(row["recv_ns"])
    burst = BURSTS.get(row["symbol"], 1)
    return received if burst == 1 else (received // burst + 1) * burst


@pytest.fixture(scope="module")
def orders(real_ticks):
    """The same trades, as they arrived and with stalled connections."""
    rows = []
    for path in sorted((real_ticks / "binance_20240809").glob("*_trades.csv.gz")):
        with gzip.open(path, "rt", newline="") as lines:
            rows += list(csv.DictReader(lines))
    assert len(rows) == TRADES
    return {"arrival": Trades(sorted(rows, key=lambda row: int(row["recv_ns"]))),
            "stalled": Trades(sorted(rows, key=delivered))}


@pytest.fixture(scope="module")
def market(shared_workspace, orders):
    """Two logs of all trades, which every job of this module reads."""
    for name, trades in orders.items():
        with gzip.open(shared_workspace.path / f"{name}.csv.gz", "wt", newline="") as out:
            writer = csv.DictWriter(out, trades.rows[0].keys())
            writer.writeheader()
            writer.writerows(trades.rows)
        shared_workspace.job({"format": "csv", "paths": f"{name}.csv.gz", "columns": COLUMNS,
                              "eventTime": "event_time"}, "feed.json")
        shared_workspace.run("log", "append", f"log/{name}", "--feed", "feed.json")
    return shared_workspace


CANDLE = ["symbol", "window.start AS window_start", "window.end AS window_end",
          "first(price) AS open", "max(price) AS high", "min(price) AS low", "last(price) AS close",
          "sum(qty) AS qty", "sum(px * size) / sum(size) AS vwap", "avg(px) AS mean",
          "count(*) AS trades", "sum(qty) FILTER (WHERE aggressor = 'B') AS bought"]


def job(name, order, rows_per_batch, delay, queries, start=0):
    return {
        "name": name, "watermark": {"eventTime": "event_time", "delayThreshold": delay},
        "source": {"path": f"log/{order}", "maxOffsetsPerTrigger": rows_per_batch,
                   "startingOffsets": start},
        "trigger": {"availableNow": True}, "queries": queries}


def query(table, window, **changes):
    return {"name": table.split("/")[-1], "groupBy": ["symbol", window], "select": CANDLE,
            "sinks": [{"format": "parquet", "path": f"lake/{table}"}], **changes}


def moment(micros):
    return datetime.datetime.fromtimestamp(0, UTC) + datetime.timedelta(microseconds=micros)


def candle(trades, group):
    """What `CANDLE` is of a group's rows."""
    first = min(group.rows, key=lambda row: (trades.times[row], row))
    last = max(group.rows, key=lambda row: (trades.times[row], row))
    prices = [trades.price[row] for row in group.rows]
    turnover = size = total = 0.0
    for row in group.rows:
        turnover += trades.px[row] * trades.size[row]
        size += trades.size[row]
        total += trades.px[row]
    bought = [trades.qty[row] for row in group.rows if trades.buys[row]]
    return (*group.key, moment(group.start), moment(group.end), trades.price[first], max(prices),
            min(prices), trades.price[last], sum(trades.qty[row] for row in group.rows),
            turnover / size, total / len(group.rows), len(group.rows), sum(bought) if bought else None)


def by_batch(trades, emitted):
    return [(number, *candle(trades, group))
            for number, groups in enumerate(emitted) for group in groups]


def published(workspace, table):
    """A table's rows in the order of the files and of the rows in them, each with its batch."""
    return [(int(pathlib.Path(name).name.split("-")[1]), *row) for name, *row in workspace.query(
        f"SELECT filename, * EXCLUDE (filename, file_row_number) FROM read_parquet("
        f"'{{lake}}/{table}/*.parquet', filename = true, file_row_number = true) "
        "ORDER BY filename, file_row_number")]


def shown(workspace, name):
    return json.loads(workspace.run("checkpoint", "show", name, "--format", "json").out)


DELAYS = {"0 seconds": 0, "100 ms": 100, "1 second": 1_000}
WINDOWS = {"fine": ("window(event_time, '100 ms')", SECOND // 10, SECOND // 10),
           "tumbling": ("window(event_time, '1 second')", SECOND, SECOND),
           "sliding": ("window(event_time, '2 seconds', '500 ms')", 2 * SECOND, SECOND // 2)}
# Order, rows a batch, delay, and which windows have late rows there.
CASES = [("arrival", 50, "0 seconds", {"fine"}), ("arrival", 50, "100 ms", set()),
         ("arrival", 333, "0 seconds", set()), ("arrival", 5_000, "1 second", set())]
CASES += [("stalled", rows, delay, set(WINDOWS)) for rows in (50, 333, 5_000) for delay in DELAYS]


@pytest.mark.parametrize("order, rows_per_batch, delay, late", CASES)
def test_each_batch_is_what_the_semantics_say(market, orders, order, rows_per_batch, delay, late):
    trades, name = orders[order], f"{order}_{rows_per_batch}_{DELAYS[delay]}"
    # Of the smallest batches a stretch in the middle, of which arrival order has late rows too.
    start, batches = (10_000, 80) if rows_per_batch == 50 else (0, 1_000)
    market.run("run", market.job(job(name, order, rows_per_batch, delay, [
        query(f"{name}/{table}", window) for table, (window, *_) in WINDOWS.items()
    ], start)), "--max-batches", batches)
    planned = plan(trades.times, ranges(start, TRADES, rows_per_batch), DELAYS[delay])[:batches]
    counters = shown(market, name)["counters"]
    read = sum(len(batch.rows) for batch in planned)
    assert counters["rowsIn"] == read
    for table, (_, duration, slide) in WINDOWS.items():
        expected = Windows(trades.times, trades.keys, planned, duration, slide)
        found = published(market, f"{name}/{table}")
        assert found == by_batch(trades, expected.emitted), table
        assert counters[f"rowsLate.{table}"] == expected.late_rows, table
        assert counters[f"rowsOut.{table}"] == len(found) > 100
        assert (expected.late_rows > 0) == (table in late), table
        # Each pair of row and window is in a published row, in an open one, or late.
        counted = sum(row[-2] for row in found) + sum(len(g.rows) for g in expected.open.values())
        assert counted + expected.late_pairs == read * (duration // slide)


@pytest.mark.parametrize("delay", ["0 seconds", "100 ms"])
def test_sessions(market, orders, delay):
    """Sessions only have aggregates here that do not depend on an order of rows."""
    trades, name = orders["stalled"], f"sessions_{DELAYS[delay]}"
    market.run("run", market.job(job(name, "stalled", 500, delay, [query(
        f"{name}/sessions", "session_window(event_time, '300 ms')",
        select=["symbol", "session_window.start AS window_start", "session_window.end AS window_end",
                "first(price) AS open", "last(price) AS close", "sum(qty) AS qty",
                "count(*) AS trades"])])))
    planned = plan(trades.times, ranges(0, TRADES, 500), DELAYS[delay])
    expected = Sessions(trades.times, trades.keys, planned, 300_000)
    rows = []
    for number, *values in by_batch(trades, expected.emitted):
        symbol, start, end, opened, _, _, close, qty, _, _, count, _ = values
        rows.append((number, symbol, start, end, opened, close, qty, count))
    assert len(rows) > 500
    assert published(market, f"{name}/sessions") == rows
    assert shown(market, name)["counters"]["rowsLate.sessions"] == expected.late_rows > 0


def test_update_replaces_the_row_of_each_key(market, orders):
    """`update` with keys: the candle that changed last of each symbol, after any batch."""
    trades = orders["stalled"]
    planned = plan(trades.times, ranges(0, TRADES, 1_000), 100)
    expected = Windows(trades.times, trades.keys, planned, SECOND)
    market.job(job("newest", "stalled", 1_000, "100 ms", [query(
        "newest", "window(event_time, '1 second')", outputMode="update",
        sinks=[{"format": "table", "path": "lake/newest", "keys": ["symbol"]}])]))
    rows = {}
    for steps in (3, 10, None):
        market.run("run", "job.json", *(["--max-batches", steps] if steps else []))
        done = shown(market, "newest")["batches"][-1]["batch"] + 1
        for groups in expected.touched[:done]:
            rows |= {group.key: candle(trades, group) for group in groups}
        found = market.query("SELECT * FROM read_parquet('{lake}/newest/*.parquet')")
        assert found == [rows[key] for key in sorted(rows)]
    assert len(found) == 4


def test_a_tape_with_quotes(tmp_path, real_ticks):
    """The whole tape: quotes without a time are rejected, quotes with one move the watermark."""
    tape = Workspace(tmp_path)
    source = real_ticks / "binance_20240809" / "merged_20240809_trades_bbo.csv.gz"
    columns = [
        {"name": "symbol", "type": "string", "nullable": False},
        {"name": "event_time", "from": "txn_ms", "type": "timestamp", "format": "epoch_ms"},
        {"name": "kind", "type": "string", "nullable": False},
        {"name": "price", "type": "decimal(18,8)"}, {"name": "qty", "type": "decimal(18,8)"},
        {"name": "px", "from": "price", "type": "double"},
        {"name": "size", "from": "qty", "type": "double"},
        {"name": "aggressor", "type": "string"}]
    whole = job("tape", "tape", 3_000, "20 ms", [
        query("tape", "window(event_time, '1 second')", where="kind = 'T'")])
    whole["feed"] = {"format": "csv", "paths": str(source), "columns": columns,
                     "eventTime": "event_time", "rejects": {"path": "lake/rejects", "maxShare": 1}}
    tape.run("run", tape.job(whole))
    content = gzip.decompress(source.read_bytes())
    lines = content.split(b"\n")
    rows = list(csv.DictReader(content.decode().splitlines()))
    kept = [row for row in rows if row["txn_ms"]]
    rejects = tape.query("SELECT line, byte_offset, text FROM read_parquet('{lake}/rejects/**/*.parquet')"
                         " ORDER BY byte_offset")
    assert [line for line, *_ in rejects] == \
        [number for number, row in enumerate(rows, 2) if not row["txn_ms"]]
    for line, offset, text in rejects:
        expected = lines[line - 1]
        assert content[offset:offset + len(expected)] == expected and text.encode() == expected
    times = [int(row["txn_ms"]) * 1_000 for row in kept]
    planned = plan(times, ranges(0, len(kept), 3_000), 20)
    trades = Trades([{**row, "trade_ms": row["txn_ms"], "price": row["price"] or "0",
                      "qty": row["qty"] or "0"} for row in kept])
    is_trade = [row["kind"] == "T" for row in kept]
    only_trades = [b._replace(rows=[row for row in b.rows if is_trade[row]]) for b in planned]
    expected = Windows(times, trades.keys, only_trades, SECOND)
    assert published(tape, "tape") == by_batch(trades, expected.emitted)
    counters = shown(tape, "tape")["counters"]
    assert counters["rowsIn"] == len(kept) and len(kept) + len(rejects) == 152_153
    assert counters["rowsLate.tape"] == expected.late_rows


def part(trades, first, last):
    """Offsets from the first row at or after one time to the first at or after another."""
    places = [next(n for n, time in enumerate(trades.times) if time >= moment)
              for moment in (first, last)]
    assert 1_000 < places[1] - places[0] < TRADES - 1_000
    return places


def text(micros):
    return moment(micros).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize("by_time", [True, False])
def test_replay_of_a_part_of_the_log(market, orders, by_time):
    """A replay of a part knows nothing of the rows before it: its watermark begins anew."""
    trades = orders["stalled"]
    middle = sorted(trades.times)[TRADES // 3] // SECOND * SECOND
    times = (middle + 70_000, middle + 120 * SECOND)
    first, end = part(trades, *times)
    ends = [text(time) for time in times] if by_time else [first, end]
    into = f"part_{by_time}"
    words = ["replay", market.job(job("part", "stalled", 333, "100 ms", [
        query("part", "window(event_time, '1 second')")])), "--into", into]
    # What is interrupted goes on; another part of the log would be mixed with this one.
    begun = market.run(*words, "--from", ends[0], "--to", ends[1], "--max-batches", 3)
    assert f"{end - first:,} rows to read" in begun.err
    for other in (["--from", 5, "--to", end], ["--to", end], ["--from", first, "--to", first + 900]):
        refused = market.run(*words, *other, check=2)
        assert f"from offset {first} to {first + 999}, not" in refused.err
    market.run(*words, "--from", ends[0], "--to", ends[1])
    planned = plan(trades.times, ranges(first, end, 333), 100)
    expected = Windows(trades.times, trades.keys, planned, SECOND)
    again = Workspace(market.path / into)
    assert published(again, "part") == by_batch(trades, expected.emitted)
    assert not (market.path / "lake" / "part").exists()
    counters = shown(again, "part")["counters"]
    assert (counters["rowsIn"], counters["rowsLate.part"]) == (end - first, expected.late_rows)
    assert expected.late_rows > 0


def test_replay_at_a_pace(market, orders):
    """At 60 times the pace a minute takes a second; the rows are those of any other pace."""
    trades = orders["arrival"]
    middle = sorted(trades.times)[TRADES // 2]
    first, end = part(trades, middle, middle + 60 * SECOND)
    begun = time.monotonic()
    market.run("replay", market.job(job("paced", "arrival", 5_000, "1 second", [
        query("paced", "window(event_time, '1 second')")])),
        "--into", "paced", "--from", first, "--to", end, "--speed", "60x")
    # What was last to come cannot have come sooner; how much later it was is no matter.
    span = (trades.times[end - 1] - trades.times[first]) / SECOND
    assert time.monotonic() - begun > span / 60 > 0.5
    expected = Windows(trades.times, trades.keys, plan(trades.times, [range(first, end)], 1_000), SECOND)
    again = Workspace(market.path / "paced")
    rows = [values for _, *values in by_batch(trades, expected.emitted)]
    assert [values for _, *values in published(again, "paced")] == rows
    counters = shown(again, "paced")["counters"]
    assert (counters["rowsIn"], counters["rowsLate.paced"]) == (end - first, 0)
    assert len(shown(again, "paced")["batches"]) > 3
