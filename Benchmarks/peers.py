"""The same work by peers: each a program of its own, started as a user would start it.

Every program reads ticks and leaves `<peer>/*.parquet` with the candles, by the fastest query that
we know for it. DuckDB and Polars do less: they are batch queries without stream, watermark and
checkpoint, and read everything again the next time; Spark is a streaming query with a checkpoint
that reads one file a batch.
"""

import sys

# Ticks of one event time have an order, too: microseconds since BASE and the row's number in one
# integer, so that the first and the last tick of a candle are found without sorting and without a
# key of two parts. The numbers fit: the ticks last less than a day, and are fewer than 2^24.
BASE = 1_767_600_000_000_000
KEY = f"(us - {BASE}) * 16777216 + seq"

DUCKDB = """
import duckdb, os, sys
os.makedirs("duckdb", exist_ok=True)
con = duckdb.connect()
con.execute("SET threads = {threads}; SET TimeZone = 'UTC'")
con.execute('''COPY (SELECT symbol, make_timestamptz(minute * 60000000) AS window_start,
  arg_min(price, key) AS open, max(price) AS high, min(price) AS low,
  arg_max(price, key) AS close, sum(volume)::BIGINT AS volume, count(*) AS trades
  FROM (SELECT symbol, us // 60000000 AS minute, price, volume, {key} AS key FROM {source})
  GROUP BY symbol, minute ORDER BY minute, symbol)
  TO 'duckdb/candles.parquet' (FORMAT parquet, COMPRESSION zstd)''')
"""

POLARS = """
import os; os.environ["POLARS_MAX_THREADS"] = "{threads}"; os.makedirs("polars", exist_ok=True)
import polars as pl
us, seq = pl.col("us"), pl.col("seq")
(({source}).with_columns((us // 60_000_000).alias("minute"), ({key}).alias("key"))
  .group_by("symbol", "minute")
  .agg(pl.col("price").min_by("key").alias("open"), pl.col("price").max().alias("high"),
       pl.col("price").min().alias("low"), pl.col("price").max_by("key").alias("close"),
       pl.col("volume").sum(), pl.len().alias("trades"))
  .select("symbol", (pl.col("minute") * 60_000_000).cast(pl.Datetime("us", "UTC"))
          .alias("window_start"), "open", "high", "low", "close", "volume", "trades")
  .sort("window_start", "symbol").sink_parquet("polars/candles.parquet", compression="zstd"))
"""

SPARK = """
import shutil
from pyspark.sql import SparkSession, functions as F
for folder in ("spark", "spark-checkpoint"):
    shutil.rmtree(folder, ignore_errors=True)
spark = (SparkSession.builder.master("local[{threads}]").config("spark.ui.enabled", False)
  .config("spark.sql.shuffle.partitions", {threads}).config("spark.driver.memory", "6g")
  .config("spark.sql.session.timeZone", "UTC").config("spark.log.level", "ERROR").getOrCreate())
schema = "symbol string, event_time {time_type}, price double, volume long, seq long"
ticks = (spark.readStream.format("{form}").schema(schema).option("maxFilesPerTrigger", 1)
  {options}.load("{path}"))
if "{time_type}" == "long":
    ticks = ticks.withColumn("us", F.col("event_time")).withColumn(
        "event_time", F.timestamp_micros("event_time"))
else:
    ticks = ticks.withColumn("us", F.unix_micros("event_time"))
order = F.expr("{key}")
query = (ticks.withWatermark("event_time", "5 seconds")
  .groupBy("symbol", F.window("event_time", "1 minute").alias("w"))
  .agg(F.min_by("price", order).alias("open"), F.max("price").alias("high"),
       F.min("price").alias("low"), F.max_by("price", order).alias("close"),
       F.sum("volume").alias("volume"), F.count("*").alias("trades"))
  .select("symbol", F.col("w.start").alias("window_start"), "open", "high", "low", "close",
          "volume", "trades")
  .writeStream.format("parquet").option("compression", "zstd").outputMode("append")
  .option("checkpointLocation", "spark-checkpoint").option("path", "spark")
  .trigger(availableNow=True).start())
query.awaitTermination()
rows = [p["durationMs"]["triggerExecution"] for p in query.recentProgress if p["numInputRows"]]
print("steady", sum(rows[1:]) / max(1, len(rows) - 1) / 1000)
"""

SOURCES = {
    "parquet": {
        "duckdb": "(SELECT symbol, epoch_us(event_time) AS us, price, volume, seq "
                  "FROM 'ticks/*.parquet')",
        "polars": 'pl.scan_parquet("ticks/*.parquet").with_columns('
                  'pl.col("event_time").to_physical().alias("us"))',
        "spark": {"form": "parquet", "path": "ticks", "options": "", "time_type": "timestamp"}},
    "csv": {
        "duckdb": "(SELECT symbol, event_time AS us, price, volume, seq FROM read_csv("
                  "'ticks-csv/*.csv'))",
        "polars": 'pl.scan_csv("ticks-csv/*.csv").rename({"event_time": "us"})',
        "spark": {"form": "csv", "path": "ticks-csv", "options": '.option("header", True)',
                  "time_type": "long"}},
    "json": {
        "duckdb": "(SELECT symbol, event_time AS us, price, volume, seq FROM "
                  "read_json('ticks-json/*.json', format = 'newline_delimited'))",
        "polars": 'pl.scan_ndjson("ticks-json/*.json").rename({"event_time": "us"})',
        "spark": {"form": "json", "path": "ticks-json", "options": "", "time_type": "long"}},
}

# What every run of a peer begins with, and `streamer` does not: its program and its libraries.
IMPORTS = {"duckdb": "import duckdb, os; duckdb.connect()", "polars": "import os, polars"}


def program(peer, form, threads):
    """The command that lets a peer do the work over ticks in a form."""
    source = SOURCES[form][peer]
    if peer == "spark":
        text = SPARK.format(threads=threads, key=KEY, **source)
    else:
        text = {"duckdb": DUCKDB, "polars": POLARS}[peer].format(
            threads=threads, source=source, key=KEY)
    return [sys.executable, "-c", text]


def start(peer):
    """The command that starts a peer and does nothing."""
    return [sys.executable, "-c", IMPORTS[peer]]
