"""The equity job on five days of real trades, against DuckDB reading the same files.

DuckDB computes the same tables as a batch query over the zip files; of streaming it needs only
which rows are late: for a batch, those whose window ended at or before the watermark that the
batch before ran with.
"""

import datetime
import json
import time
import zipfile

import duckdb
import polars
import pyarrow as pa
import pytest

from conftest import ROOT, Workspace
from reference import assert_same_rows

JOB = ROOT / "jobs" / "equity.json"
ROWS = {"bac": 573_620, "ibm": 126_395}
BATCH_ROWS = 250_000
DELAY_MS = 5_000


def day_of_trades(path):
    """One file's rows as they are written, with the file's date."""
    with zipfile.ZipFile(path) as archive:
        [name] = archive.namelist()
        frame = polars.read_csv(
            archive.read(name), has_header=False,
            new_columns=["ms", "price", "volume", "exchange", "sale_condition", "suspicious"],
            schema_overrides={"column_4": polars.String, "column_5": polars.String})
    day = datetime.datetime.strptime(path.name[:8], "%Y%m%d").date()
    return frame.with_columns(polars.lit(day).alias("day"))


def trades(connection, name, files):
    """A table of the files' rows: UTC time in µs, and the row's place as `n`, the log's offset."""
    frames = []
    for symbol, path in files:
        frames.append(day_of_trades(path).with_columns(polars.lit(symbol.upper()).alias("symbol")))
    connection.register("raw", polars.concat(frames).with_row_index("n").to_arrow())
    connection.execute(f"""
        CREATE TABLE {name} AS SELECT n::BIGINT AS n, symbol,
            epoch_us((day + to_milliseconds(ms)) AT TIME ZONE 'America/New_York') AS us,
            price::BIGINT AS units, (price::DECIMAL(18, 0) / 10000)::DECIMAL(18, 4) AS price,
            volume::BIGINT AS volume, exchange, sale_condition, suspicious::INT AS suspicious
        FROM raw ORDER BY n""")
    connection.unregister("raw")


def kept_rows(name, duration_us, slide_us, batch_rows, delay_ms):
    """SQL of the rows in their windows, each with whether it is late there."""
    steps = -(-duration_us // slide_us)
    return f"""
        WITH newest AS (
            SELECT n // {batch_rows} AS batch, max(us // 1000) - {delay_ms} AS ms
            FROM {name} GROUP BY 1),
        watermarks AS (  -- what a batch runs with: the largest of the batches before it
            SELECT batch, coalesce(max(ms) OVER (ORDER BY batch ROWS BETWEEN UNBOUNDED PRECEDING
                AND 1 PRECEDING), 0) AS close_ms FROM newest),
        marks AS (
            SELECT batch, close_ms, coalesce(lag(close_ms) OVER (ORDER BY batch), 0) AS late_ms
            FROM watermarks),
        placed AS (
            SELECT t.*, marks.batch, late_ms,
                us - us % {slide_us} - step * {slide_us} AS start_us,
                us - us % {slide_us} - step * {slide_us} + {duration_us} AS end_us
            FROM {name} t JOIN marks ON n // {batch_rows} = marks.batch, range({steps}) r(step))
        SELECT *, end_us <= late_ms * 1000 AS late FROM placed WHERE us < end_us"""


WINDOW = "symbol, make_timestamptz(start_us) AS window_start, make_timestamptz(end_us) AS window_end"
DATE = "(make_timestamptz(start_us) AT TIME ZONE 'UTC')::DATE AS date"
CANDLES = f"""
    SELECT {WINDOW}, first(price ORDER BY us, n) AS open, max(price) AS high, min(price) AS low,
        last(price ORDER BY us, n) AS close, sum(volume)::BIGINT AS volume,
        (sum(units::HUGEINT * volume)::DOUBLE / 10000) / sum(volume)::DOUBLE AS vwap,
        count(*) AS trades, {DATE}
    FROM ({{rows}}) WHERE NOT late GROUP BY symbol, start_us, end_us"""
# The average as a decimal with eight digits behind the point, rounded half up.
AVERAGE = "((sum(units::HUGEINT) * 20000 + count(*)) // (2 * count(*)))"
ROLLING = f"""
    SELECT {WINDOW}, ({AVERAGE}::DECIMAL(30, 0) * 0.00000001::DECIMAL(8, 8))::DECIMAL(22, 8) AS avg_price,
        max(price) AS max_price,
        ((max(units) - min(units)) / 10000::DOUBLE) / ({AVERAGE}::DOUBLE / 1e8) AS volatility, {DATE}
    FROM ({{rows}}) WHERE NOT late GROUP BY symbol, start_us, end_us"""
KPI = """
    SELECT symbol, max(window_end) AS as_of, last(avg_price ORDER BY window_end) AS rolling_avg_price,
        max(max_price) AS max_price, max(volatility) AS max_volatility,
        first(window_end ORDER BY volatility DESC, window_end) AS max_volatility_at
    FROM rolling GROUP BY symbol"""
MINUTE, SLIDE = 60_000_000, 10_000_000
TABLES = {
    "1m": (CANDLES, MINUTE, MINUTE), "5m": (CANDLES, 5 * MINUTE, 5 * MINUTE),
    "rolling": (ROLLING, MINUTE, SLIDE),
}


def files_of(real_ticks, symbol):
    paths = sorted((real_ticks / "us_equity_2013" / symbol).glob("*_trade.zip"))
    assert len(paths) == 5
    return [(symbol, path) for path in paths]


def day_by_day(real_ticks):
    """All files of one day, then those of the next."""
    return [file for day in zip(*(files_of(real_ticks, symbol) for symbol in ROWS)) for file in day]


@pytest.fixture(scope="module")
def reference(real_ticks):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for symbol in ROWS:
            trades(connection, symbol, files_of(real_ticks, symbol))
        trades(connection, "all_symbols", day_by_day(real_ticks))
        yield connection


@pytest.fixture(scope="module")
def equity(shared_workspace, real_ticks):
    """Both symbols: one appended first and then run, one run at once."""
    ticks = str(real_ticks / "us_equity_2013")
    appended = shared_workspace.run(
        "log", "append", "log/equity_bac", "--job", JOB, SYMBOL="bac", TICKS=ticks)
    assert "appended 573,620 rows" in appended.out + appended.err
    for symbol in ROWS:
        shared_workspace.run("run", JOB, SYMBOL=symbol, TICKS=ticks)
    return shared_workspace


def table(workspace, path, order="symbol, window_start", columns="*"):
    return workspace.query(
        f"SELECT {columns} FROM read_parquet('{workspace.path}/{path}/**/*.parquet', "
        f"hive_partitioning = true) ORDER BY {order}")


def log_rows(folder):
    """A log's rows as pyarrow reads its segments, strings as such."""
    whole = pa.concat_tables(
        pa.ipc.open_stream(pa.memory_map(str(path))).read_all().unify_dictionaries()
        for path in sorted(folder.glob("*.arrows")))
    for index, field in enumerate(whole.schema):
        if pa.types.is_dictionary(field.type):
            whole = whole.set_column(index, field.name, whole.column(index).cast(pa.string()))
    return whole.combine_chunks()


@pytest.mark.parametrize("symbol", ROWS)
def test_the_log_has_every_field_of_every_row(equity, reference, symbol):
    ours = log_rows(equity.path / f"log/equity_{symbol}")
    assert ours.num_rows == ROWS[symbol]
    assert ours.schema.field("event_time").type == pa.timestamp("us", "UTC")
    assert ours.schema.field("price").type == pa.decimal128(18, 4)
    names = ["symbol", "event_time", "price", "volume", "exchange", "sale_condition", "suspicious"]
    assert ours.column_names == names
    theirs = reference.sql(
        f"SELECT {', '.join(names).replace('event_time', 'make_timestamptz(us) AS event_time')} "
        f"FROM {symbol} ORDER BY n").to_arrow_table()
    for name in names:
        expected = theirs[name].cast(ours[name].type).combine_chunks()
        assert ours[name].combine_chunks().equals(expected), name


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("symbol", ROWS)
def test_every_row_and_column_is_duckdbs(equity, reference, symbol, name):
    select, duration, slide = TABLES[name]
    rows = kept_rows(symbol, duration, slide, BATCH_ROWS, DELAY_MS)
    expected = reference.execute(
        select.format(rows=rows) + " ORDER BY symbol, window_start").fetchall()
    found = table(equity, f"lake/equity_{name}_{symbol}")
    assert len(expected) > 500
    assert assert_same_rows(found, expected) == len(expected) * len(expected[0])


@pytest.mark.parametrize("symbol", ROWS)
def test_the_kpi_table_is_duckdbs(equity, reference, symbol):
    rows = kept_rows(symbol, MINUTE, SLIDE, BATCH_ROWS, DELAY_MS)
    expected = reference.execute(
        f"WITH rolling AS ({ROLLING.format(rows=rows)}) {KPI}").fetchall()
    assert len(expected) == 1
    assert_same_rows(table(equity, f"lake/equity_kpi_{symbol}", "symbol"), expected)


@pytest.mark.parametrize("symbol", ROWS)
def test_every_trade_is_in_a_candle_or_late(equity, reference, symbol):
    shown = equity.run("checkpoint", "show", f"equity_{symbol}", "--format", "json").out
    counters = json.loads(shown)["counters"]
    assert counters["rowsIn"] == ROWS[symbol]
    for name, query in (("1m", "candles_1m"), ("5m", "candles_5m")):
        [(counted,)] = table(equity, f"lake/equity_{name}_{symbol}", "1", "sum(trades)")
        assert counted + counters[f"rowsLate.{query}"] == ROWS[symbol]
        rows = kept_rows(symbol, *TABLES[name][1:], BATCH_ROWS, DELAY_MS)
        late = reference.execute(f"SELECT count(*) FROM ({rows}) WHERE late").fetchall()
        assert late == [(counters[f"rowsLate.{query}"],)]


@pytest.mark.parametrize("batch_rows", [25_000, 100_000])
def test_late_symbols_are_counted(equity, real_ticks, reference, batch_rows):
    """In one log a whole day of one symbol stands before the other's, so that many rows are late.

    Without an idle timeout the windows at the end stay open, as in Spark.
    """
    name = f"all{batch_rows}"
    job = json.loads(JOB.read_text().replace("${SYMBOL:-bac}", name))
    del job["$schema"], job["watermark"]["closeAtEnd"]
    job["feed"]["paths"] = [str(path) for _, path in day_by_day(real_ticks)]
    job["source"] |= {"path": "log/all", "maxOffsetsPerTrigger": batch_rows}
    equity.run("run", equity.job(job))
    shown = equity.run("checkpoint", "show", f"equity_{name}", "--format", "json").out
    counters = json.loads(shown)["counters"]
    [(newest,)] = reference.execute("SELECT max(us // 1000) FROM all_symbols").fetchall()
    closed_us = (newest - DELAY_MS) * 1_000
    for table_name, query in (("1m", "candles_1m"), ("5m", "candles_5m"), ("rolling", "rolling")):
        select, duration, slide = TABLES[table_name]
        reference.execute("CREATE OR REPLACE TEMP TABLE placed AS "
                          + kept_rows("all_symbols", duration, slide, batch_rows, DELAY_MS))
        expected = reference.execute(
            select.format(rows=f"SELECT * FROM placed WHERE end_us <= {closed_us}")
            + " ORDER BY symbol, window_start").fetchall()
        assert_same_rows(table(equity, f"lake/equity_{table_name}_{name}"), expected)
        late = reference.execute(
            "SELECT count(*) FROM (SELECT n FROM placed GROUP BY n HAVING bool_and(late))").fetchall()
        assert late == [(counters[f"rowsLate.{query}"],)]
        assert 0 < late[0][0] < ROWS["ibm"]


@pytest.fixture(scope="module")
def ibm(equity, real_ticks):
    """The job of one symbol as a file that takes other settings, and what it runs with."""
    def job(**source):
        job = json.loads(JOB.read_text())
        del job["$schema"]
        job["source"] |= source
        return job
    return job, {"SYMBOL": "ibm", "TICKS": str(real_ticks / "us_equity_2013")}


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_change_a_byte(equity, ibm, workspace, threads):
    job, environment = ibm
    workspace.run("run", workspace.job(job()), "--threads", threads, **environment)
    expected = {name: digest for name, digest in equity.files().items() if "_ibm/" in name}
    assert workspace.files() == expected and len(expected) > 10


@pytest.mark.parametrize("rows_per_batch", [2_000, 10_000])
def test_batch_size_does_not_change_a_bit(equity, ibm, workspace, rows_per_batch):
    job, environment = ibm
    workspace.run("run", workspace.job(job(maxOffsetsPerTrigger=rows_per_batch)), **environment)
    for name in [*TABLES, "kpi"]:
        path, order = f"lake/equity_{name}_ibm", "ALL"
        # DuckDB gives doubles exactly, so equality here is equality of bits.
        assert table(workspace, path, order) == table(equity, path, order), name


def test_verify_of_recorded_batches(ibm, workspace):
    """The checkpoint keeps the job with its variables: without them it would be another job."""
    job, environment = ibm
    workspace.run("run", workspace.job(job(maxOffsetsPerTrigger=10_000)), **environment)
    before = workspace.files()
    refused = workspace.run("replay", "--from-checkpoint", "--verify", check=2)
    assert "set the variables" in refused.err
    done = workspace.run("replay", "--from-checkpoint", "--batch", 3, "--verify", **environment)
    assert "batches 3 to 14" in done.out and "identical" in done.out
    assert workspace.files() == before
    assert [path.name for path in (workspace.path / "checkpoints").iterdir()] == ["equity_ibm"]


def test_ten_kills_do_not_change_a_byte(tmp_path, ibm):
    """Killed while it fills the log or runs a batch, the job leaves what it would have left."""
    job, environment = ibm
    calm, hunted = Workspace(tmp_path / "calm"), Workspace(tmp_path / "hunted")
    for workspace in (calm, hunted):
        workspace.path.mkdir()
        workspace.job(job(maxOffsetsPerTrigger=3_000))
    begun = time.monotonic()
    calm.run("run", "job.json", **environment)
    seconds = time.monotonic() - begun
    reached = set()
    for _ in hunted.kills("run", "job.json", count=10, seconds=seconds, seed=2013, **environment):
        reached.add(len(list(hunted.path.glob("checkpoints/*/commits/*"))))
    hunted.run("run", "job.json", **environment)
    assert len(reached) > 1, reached
    logs = [log_rows(workspace.path / "log" / "equity_ibm") for workspace in (hunted, calm)]
    assert logs[0].equals(logs[1]) and logs[0].num_rows == ROWS["ibm"]
    assert hunted.files() == calm.files()
