"""The tables that two pipelines end in, made by their own SQL and filled by the shipped job."""

import decimal
import pathlib
import struct

from support import ROOT

SQL = (pathlib.Path(__file__).parent / "pipelines.sql").read_text()

# What a dashboard asks for.
LATEST = "SELECT * FROM ticks_raw ORDER BY stream_ts DESC LIMIT 500"
PANEL = """SELECT date_trunc('minute', "timestamp") AS time, symbol AS metric, close
    FROM stock_bars_1min WHERE symbol = 'IBM' ORDER BY 1"""


def bits(value):
    return struct.pack("<d", value) if isinstance(value, float) else value


def test_the_shipped_job_fills_both(market, database):
    for made_by in ("the pipelines", "the job"):
        if made_by == "the pipelines":
            database.run(SQL)
        else:
            market.workspace.run("clear", "--yes", "--log")
            database.run("DROP TABLE stock_bars_1min, ticks_raw")
        (market.path / "job.json").write_text((ROOT / "jobs/postgres.json").read_text())
        market.run(PG_URL=database.url())
        bars = market.workspace.query(
            "SELECT symbol, timestamp, open, high, low, close, volume "
            "FROM '{lake}/stock_bars_1min/*.parquet' ORDER BY symbol, timestamp")
        found = database.rows('SELECT * FROM stock_bars_1min ORDER BY symbol COLLATE "C", timestamp')
        assert len(bars) > 3
        assert [list(map(bits, row)) for row in found] == [list(map(bits, row)) for row in bars]
        ticks = market.workspace.query(
            "SELECT epoch_us(stream_ts), date, \"index\", open, high, low, close, volume, trade_value "
            "FROM '{lake}/ticks_raw/*.parquet' ORDER BY ALL")
        found = database.rows(
            "SELECT (extract(epoch FROM stream_ts) * 1000000)::bigint, date, \"index\", open, high, "
            "low, close, volume, trade_value FROM ticks_raw ORDER BY 1, 2, \"index\" COLLATE \"C\", "
            "4, 5, 6, 7, 8, 9")
        assert len(ticks) == 200_000
        # numeric has the shortest decimal of each double; in a table of ours they are doubles.
        exact = [tuple(float(v) if isinstance(v, decimal.Decimal) else v for v in row)
                 for row in found]
        assert exact == ticks
        assert len(database.rows(LATEST)) == 500 and len(database.rows(PANEL)) > 0


def test_numerics_are_the_shortest_decimals(market, database):
    database.run(SQL)
    (market.path / "job.json").write_text((ROOT / "jobs/postgres.json").read_text())
    market.run(PG_URL=database.url())
    for text, value in database.rows("SELECT trade_value::text, trade_value::float8 FROM ticks_raw "
                                     "LIMIT 2000"):
        shortest = format(decimal.Decimal(repr(value)), "f")
        assert text == (shortest[:-2] if shortest.endswith(".0") else shortest)
