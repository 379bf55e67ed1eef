"""The same work by peers: each a program of its own, started as a user would start it.

Every program reads ticks and leaves `<peer>/*.parquet` with the candles. DuckDB and Polars are
batch queries without stream and checkpoint; Spark is a streaming query with a checkpoint that reads
one file a batch.
"""

import sys

DUCKDB = """
import duckdb, os, sys
os.makedirs("duckdb", exist_ok=True)
con = duckdb.connect()
con.execute("SET threads = {threads}; SET TimeZone = 'UTC'")
con.execute('''COPY (SELECT symbol, time_bucket(INTERVAL 1 minute, event_time) AS window_start,
  arg_min(price, (event_time, seq)) AS open, max(price) AS high, min(price) AS low,
  arg_max(price, (event_time, seq)) AS close, sum(volume)::BIGINT AS volume, count(*) AS trades
  FROM {source} GROUP BY ALL ORDER BY window_start, symbol)
  TO 'duckdb/candles.parquet' (FORMAT parquet, COMPRESSION zstd)''')
"""

POLARS = """
import os; os.environ["POLARS_MAX_THREADS"] = "{threads}"; os.makedirs("polars", exist_ok=True)
import polars as pl
(({source}).sort("event_time", "seq", maintain_order=True)
  .group_by("symbol", pl.col("event_time").dt.truncate("1m").alias("window_start"))
  .agg(pl.col("price").first().alias("open"), pl.col("price").max().alias("high"),
       pl.col("price").min().alias("low"), pl.col("price").last().alias("close"),
       pl.col("volume").sum(), pl.len().alias("trades"))
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
    ticks = ticks.withColumn("event_time", F.timestamp_micros("event_time"))
order = F.struct("event_time", "seq")
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
        "duckdb": "'ticks/*.parquet'", "polars": 'pl.scan_parquet("ticks/*.parquet")',
        "spark": {"form": "parquet", "path": "ticks", "options": "", "time_type": "timestamp"}},
    "csv": {
        "duckdb": "(SELECT * REPLACE (make_timestamptz(event_time) AS event_time) FROM read_csv("
                  "'ticks-csv/*.csv'))",
        "polars": 'pl.scan_csv("ticks-csv/*.csv").with_columns(pl.col("event_time").cast('
                  'pl.Datetime("us", "UTC")))',
        "spark": {"form": "csv", "path": "ticks-csv", "options": '.option("header", True)',
                  "time_type": "long"}},
    "json": {
        "duckdb": "(SELECT * REPLACE (make_timestamptz(event_time) AS event_time) FROM "
                  "read_json('ticks-json/*.json', format = 'newline_delimited'))",
        "polars": 'pl.scan_ndjson("ticks-json/*.json").with_columns(pl.col("event_time").cast('
                  'pl.Datetime("us", "UTC")))',
        "spark": {"form": "json", "path": "ticks-json", "options": "", "time_type": "long"}},
}


def program(peer, form, threads):
    """The command that lets a peer do the work over ticks in a form."""
    source = SOURCES[form][peer]
    if peer == "spark":
        text = SPARK.format(threads=threads, **source)
    else:
        text = {"duckdb": DUCKDB, "polars": POLARS}[peer].format(threads=threads, source=source)
    return [sys.executable, "-c", text]
