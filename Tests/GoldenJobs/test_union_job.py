"""Real trades of two stocks, each in a log of its own, read as one: against DuckDB reading all of them."""

import json

import duckdb
import pytest

from conftest import ROOT
from reference import assert_same_rows
from test_equity_job import CANDLES, MINUTE, ROWS, files_of, table, trades

EQUITY = json.loads((ROOT / "jobs" / "equity.json").read_text())
WATERMARK = {"eventTime": "event_time", "delayThreshold": "1 hour", "idleTimeout": "10 seconds"}


def union_job(real_ticks, limits):
    """Candles of each stock, and of both together; no row comes an hour late."""
    ticks = str(real_ticks / "us_equity_2013")
    sources = []
    for symbol, limit in limits.items():
        feed = json.loads(json.dumps(EQUITY["feed"]).replace("${SYMBOL:-bac}", symbol).replace(
            "${TICKS:-ticks}", ticks))
        sources.append({"name": symbol, "path": f"log/{symbol}", "maxOffsetsPerTrigger": limit,
                        "feed": feed | {"rejects": {"path": "lake/rejects"}},
                        "select": ["*", f"'{symbol}' AS source"], "watermark": WATERMARK})
    candles = EQUITY["queries"][0]
    both = {"name": "both", "groupBy": ["window(event_time, '1 minute')"], "select": [
        "window.start AS window_start", "first(source) AS source", "first(price) AS open",
        "last(price) AS close", "sum(volume) AS volume", "count(*) AS trades"]}
    return {
        "name": "union", "sources": sources, "trigger": {"availableNow": True}, "queries": [
            candles | {"sinks": [{"format": "parquet", "path": "lake/candles", "partitionBy": ["date"]}]},
            both | {"sinks": [{"format": "parquet", "path": "lake/both"}]}]}


@pytest.fixture(scope="module")
def reference(real_ticks):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        parts = []
        for symbol in ROWS:
            trades(connection, symbol, files_of(real_ticks, symbol))
            parts.append(f"SELECT *, '{symbol}' AS source, us - us % {MINUTE} AS start_us, "
                         f"start_us + {MINUTE} AS end_us, false AS late FROM {symbol}")
        connection.execute(f"CREATE TABLE rows AS {' UNION ALL '.join(parts)}")
        yield connection


@pytest.fixture(scope="module")
def market(shared_workspace, real_ticks):
    job = shared_workspace.job(union_job(real_ticks, {"bac": 100_000, "ibm": 30_000}), "union.json")
    shared_workspace.run("run", job)
    return shared_workspace


def test_candles_are_duckdbs(market, reference):
    expected = reference.execute(
        CANDLES.format(rows="SELECT * FROM rows") + " ORDER BY symbol, window_start").fetchall()
    assert len(expected) > 3_000
    assert_same_rows(table(market, "lake/candles"), expected)


def test_candles_of_both_are_duckdbs(market, reference):
    """At one event time the trades of the source that the job names first come first."""
    expected = reference.execute("""
        SELECT make_timestamptz(start_us), first(source ORDER BY us, source, n),
            first(price ORDER BY us, source, n), last(price ORDER BY us, source, n),
            sum(volume)::BIGINT, count(*)
        FROM rows GROUP BY start_us ORDER BY 1""").fetchall()
    ties = reference.execute("""
        SELECT count(*) FROM (SELECT us FROM rows GROUP BY us HAVING count(DISTINCT source) > 1)""")
    assert ties.fetchall()[0][0] > 1_000
    columns = "window_start, source, open, close, volume, trades"
    assert_same_rows(table(market, "lake/both", "window_start", columns), expected)


def test_every_trade_is_counted_by_source(market):
    shown = json.loads(market.run("checkpoint", "show", "union", "--format", "json").out)
    counters = shown["counters"]
    assert {symbol: counters[f"rowsIn.{symbol}"] for symbol in ROWS} == ROWS
    assert counters["rowsIn"] == sum(ROWS.values())
    assert counters["rowsLate.candles_1m"] == counters["rowsLate.both"] == 0
    assert [source["name"] for source in shown["batches"][0]["sources"]] == ["bac", "ibm"]
    assert set(shown["watermarkMaximaMs"]) == set(ROWS)
    assert "identical" in market.run("replay", "union.json", "--from-checkpoint", "--verify").out


def test_other_batches_give_the_same_rows(market, workspace, real_ticks):
    """In one run one stock is through long before the other; here neither is."""
    job = union_job(real_ticks, {"bac": 40_000, "ibm": 100_000})
    for source in job["sources"]:
        source["path"] = str(market.path / source["path"])
        del source["feed"]
    workspace.run("run", workspace.job(job), "--max-batches", 3)
    workspace.run("replay", "job.json", "--into", "again")
    for name, order in (("candles", "symbol, window_start"), ("both", "window_start")):
        assert table(workspace, f"again/lake/{name}", order) == table(market, f"lake/{name}", order)


def test_the_doctor_names_the_source_that_holds_the_watermark(market, workspace, real_ticks):
    job = union_job(real_ticks, {"bac": 573_620, "ibm": 30_000})
    for source in job["sources"]:
        source["path"] = str(market.path / source["path"])
        source["watermark"] = {"eventTime": "event_time", "delayThreshold": "1 hour"}
        del source["feed"]
    workspace.run("run", workspace.job(job), "--max-batches", 1)
    page = " ".join(workspace.run("doctor").out.split())
    assert "The watermark is that of the slowest source, ibm: it stands at 2013-10-08" in page
    assert "against bac 2013-10-11" in page
    assert "not read yet of ibm 96,395 rows" in page
    plan = workspace.run("explain", "job.json").out
    assert "watermark  min: the slowest of bac, ibm" in plan
    progress = json.loads(workspace.run("run", "job.json", "--max-batches", 1, "--format", "json").out)
    assert [source["name"] for source in progress["sources"]] == ["bac", "ibm"]
    assert [source["numInputRows"] for source in progress["sources"]] == [0, 30_000]
