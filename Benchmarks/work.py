"""The ticks and the jobs: the same ticks in every form, and one job in every shape."""

import json

from machine import BINARY, Failed, streamer

COLUMNS = [{"name": "symbol", "type": "string", "nullable": False},
           {"name": "event_time", "type": "timestamp", "nullable": False},
           {"name": "price", "type": "double", "nullable": False},
           {"name": "volume", "type": "long", "nullable": False}]


def candles(window="'1 minute'"):
    return {
        "name": "ohlcv", "groupBy": ["symbol", f"window(event_time, {window})"],
        "select": ["symbol", "window.start AS window_start", "first(price) AS open",
                   "max(price) AS high", "min(price) AS low", "last(price) AS close",
                   "sum(volume) AS volume", "count(*) AS trades", "to_date(window.start) AS date"],
        "outputMode": "append",
        "sinks": [{"format": "parquet", "path": "lake/ohlcv", "partitionBy": ["date"]}]}


def rolling():
    return {
        "name": "rolling", "groupBy": ["symbol", "window(event_time, '1 minute', '1 second')"],
        "select": ["symbol", "window.start AS window_start", "avg(price) AS avg_price",
                   "max(price) AS high", "min(price) AS low", "sum(volume) AS volume",
                   "count(*) AS trades", "to_date(window.start) AS date"],
        "outputMode": "append",
        "sinks": [{"format": "parquet", "path": "lake/rolling", "partitionBy": ["date"]}]}


def job(folder, name, queries=None, source=None, feed=None, batch=1_000_000, options=None,
        trigger=None):
    """Writes a job file; the log is the source unless another is given."""
    text = {"name": name,
            "source": source or {"format": "log", "path": "log/ticks",
                                 "maxOffsetsPerTrigger": batch},
            "watermark": {"eventTime": "event_time", "delayThreshold": "5 seconds"},
            "trigger": trigger or {"availableNow": True}, "queries": queries or [candles()]}
    if not trigger:
        # What is there is all there is: the last windows close, too.
        text["watermark"]["idleTimeout"] = "0 seconds"
    if feed:
        text["feed"] = feed
    if options:
        text["options"] = options
    (folder / f"{name}.json").write_text(json.dumps(text))
    return f"{name}.json"


def clear(folder, name, binary=BINARY):
    """Removes every checkpoint and table, since the jobs of a folder write the same table."""
    streamer(folder, "clear", "--yes", binary=binary)


def generate(folder, ticks, symbols, forms=("log",), seed=7):
    """Ticks of a market, 5,000 a second of event time, 5 % of them up to 2 s late.

    Written as Parquet first, a million rows a file, which every other form is made of.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    names = pa.array([f"S{index:06}" for index in range(symbols)])
    prices = random.uniform(20, 400, symbols)
    schema = pa.schema([
        pa.field("symbol", pa.string(), False),
        pa.field("event_time", pa.timestamp("us", tz="UTC"), False),
        pa.field("price", pa.float64(), False), pa.field("volume", pa.int64(), False),
        pa.field("seq", pa.int64(), False)])
    (folder / "ticks").mkdir(parents=True, exist_ok=True)
    start = 1_767_623_400_000_000
    for number, first in enumerate(range(0, ticks, 1_000_000)):
        count = min(1_000_000, ticks - first)
        seq = np.arange(first, first + count)
        ids = random.integers(0, symbols, count)
        late = np.where(random.random(count) < 0.05, random.integers(0, 2_000_000, count), 0)
        walk = prices[ids] * (1 + random.normal(0, 0.002, count))
        pq.write_table(pa.table([
            names.take(pa.array(ids)), pa.array(start + seq * 200 - late, pa.timestamp("us", "UTC")),
            pa.array(np.round(walk, 2)), pa.array(random.integers(1, 1_000, count)),
            pa.array(seq)], schema=schema), folder / "ticks" / f"{number:05}.parquet",
            compression="zstd")
    for form in forms:
        {"log": fill_log, "csv": write_csv, "json": write_json}[form](folder)


def tables(folder):
    import pyarrow.parquet as pq
    for path in sorted((folder / "ticks").glob("*.parquet")):
        yield pq.read_table(path)


def fill_log(folder, binary=BINARY):
    """Appends the ticks to a new log, in groups of 65,536 rows, as a feed appends them."""
    import pyarrow as pa
    (folder / "log").mkdir(exist_ok=True)
    plain = folder / "ticks.arrows"
    writer = None
    for table in tables(folder):
        table = table.drop_columns(["seq"])
        writer = writer or pa.ipc.new_stream(plain, table.schema)
        writer.write_table(table)
    writer.close()
    streamer(folder, "log", "append", "log/ticks", "ticks.arrows", binary=binary)
    plain.unlink()


def write_csv(folder):
    write_text(folder, "csv", "HEADER")


def write_json(folder):
    write_text(folder, "json", "FORMAT json")


def write_text(folder, form, options):
    """A million rows a file, times as microseconds since 1970."""
    import duckdb
    (folder / f"ticks-{form}").mkdir()
    for path in sorted((folder / "ticks").glob("*.parquet")):
        duckdb.connect().execute(
            f"COPY (SELECT symbol, epoch_us(event_time) AS event_time, price, volume, seq FROM "
            f"'{path}') TO '{folder}/ticks-{form}/{path.stem}.{form}' ({options})")


def file_source(form):
    """The files as the source of the job itself, a million rows a batch."""
    source = {"format": form, "path": "ticks", "maxFilesPerTrigger": 1}
    if form == "parquet":
        return source
    return {**source, "path": f"ticks-{form}/*.{form}", **text_columns(form)}


def file_feed(form):
    """Reads the text files into the log, in the same process as the job."""
    return {"format": form, "paths": f"ticks-{form}/*.{form}", **text_columns(form)}


def text_columns(form):
    columns = [dict(column) for column in COLUMNS]
    columns[1]["format"] = "epoch_us"
    return {{"csv": "columns", "json": "fields"}[form]: columns, "eventTime": "event_time"}


def differences(folder, peer):
    """Candles that are in one of two results and not in the other."""
    import duckdb
    ours = f"read_parquet('{folder}/lake/ohlcv/**/*.parquet', hive_partitioning = true)"
    theirs = f"read_parquet('{folder}/{peer}/*.parquet')"
    columns = ("symbol, window_start::TIMESTAMPTZ AS window_start, open, high, low, close, "
               "volume::BIGINT AS volume, trades::BIGINT AS trades")
    # A stream without an idle timeout keeps its last windows open.
    bound = f"WHERE window_start <= (SELECT max(window_start) FROM {theirs})"
    connection = duckdb.connect()
    rows = connection.execute(f"SELECT count(*) FROM {theirs}").fetchone()[0]
    if not rows:
        raise Failed(f"{peer} left no candles")
    return connection.execute(
        f"SELECT count(*) FROM ((SELECT {columns} FROM {ours} {bound} EXCEPT ALL SELECT {columns} "
        f"FROM {theirs}) UNION ALL (SELECT {columns} FROM {theirs} EXCEPT ALL SELECT {columns} "
        f"FROM {ours}))").fetchone()[0]
