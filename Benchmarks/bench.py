"""Measures the candle job against batch engines on the same ticks, in one run, and checks that all
answers agree.

    python Benchmarks/bench.py [--ticks 10000000] [--symbols 200] [--runs 5] [--write]

Prints a table; with --write also into Benchmarks/results/. Times are wall seconds of whole
processes, medians; machines are noisy, so look at the ratios.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("STREAMER", ROOT / "streamer")).resolve()

JOB = {
    "name": "bench",
    "source": {"format": "log", "path": "log/ticks", "maxOffsetsPerTrigger": 1_000_000},
    "watermark": {"eventTime": "event_time", "delayThreshold": "5 seconds",
                  "idleTimeout": "0 seconds"},
    "trigger": {"availableNow": True},
    "queries": [{
        "name": "ohlcv",
        "groupBy": ["symbol", "window(event_time, '1 minute')"],
        "select": ["symbol", "window.start AS window_start", "first(price) AS open",
                   "max(price) AS high", "min(price) AS low", "last(price) AS close",
                   "sum(volume) AS volume", "count(*) AS trades", "to_date(window.start) AS date"],
        "outputMode": "append",
        "sinks": [{"format": "parquet", "path": "lake/ohlcv", "partitionBy": ["date"]}]}]}

DUCKDB = """
import duckdb
con = duckdb.connect(); con.execute("SET threads = 2")
con.execute('''COPY (SELECT symbol, time_bucket(INTERVAL 1 minute, event_time) AS window_start,
  arg_min(price, (event_time, seq)) AS open, max(price) AS high, min(price) AS low,
  arg_max(price, (event_time, seq)) AS close, sum(volume)::BIGINT AS volume, count(*) AS trades
  FROM 'ticks.parquet' GROUP BY ALL ORDER BY window_start, symbol)
  TO 'duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)''')
"""

POLARS = """
import os; os.environ["POLARS_MAX_THREADS"] = "2"
import polars as pl
(pl.scan_parquet("ticks.parquet").sort("event_time", "seq", maintain_order=True)
  .group_by("symbol", pl.col("event_time").dt.truncate("1m").alias("window_start"))
  .agg(pl.col("price").first().alias("open"), pl.col("price").max().alias("high"),
       pl.col("price").min().alias("low"), pl.col("price").last().alias("close"),
       pl.col("volume").sum(), pl.len().alias("trades"))
  .sort("window_start", "symbol").sink_parquet("polars.parquet", compression="zstd"))
"""


def prepare(folder, ticks, symbols):
    """Fills the log with simulated ticks and writes the same ticks as Parquet for the peers."""
    feed = {"format": "simulator", "symbols": [f"S{i:03}" for i in range(symbols)], "ticks": ticks,
            "seed": 7, "interval": "200 us", "outOfOrderShare": 0.05, "outOfOrderMax": "2 seconds"}
    (folder / "fill.json").write_text(json.dumps({**JOB, "name": "fill", "feed": feed}))
    (folder / "job.json").write_text(json.dumps(JOB))
    begun = time.perf_counter()
    run([BINARY, "run", "fill.json", "--max-batches", "1"], folder)
    filled = time.perf_counter() - begun
    run([BINARY, "clear", "--yes"], folder)
    import pyarrow as pa
    import pyarrow.parquet as pq
    writer, seq = None, 0
    for path in sorted((folder / "log" / "ticks").glob("*.arrows")):
        with pa.ipc.open_stream(path) as stream:
            for batch in stream:
                table = pa.table({
                    "symbol": batch["symbol"].cast(pa.string()),
                    "event_time": batch["event_time"], "price": batch["price"],
                    "volume": batch["volume"],
                    "seq": pa.array(range(seq, seq + len(batch)), pa.int64())})
                writer = writer or pq.ParquetWriter(
                    folder / "ticks.parquet", table.schema, compression="zstd")
                writer.write_table(table)
                seq += len(batch)
    writer.close()
    assert seq == ticks, (seq, ticks)
    return filled


def run(command, folder):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True)
    if done.returncode:
        sys.exit(f"{command}: exit {done.returncode}\n{done.stderr.decode()}")
    return done


def measure(command, folder, before=None):
    if before:
        before()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    run(command, folder)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    return wall, cpu


def check_answers(folder):
    import duckdb
    ours = f"read_parquet('{folder}/lake/ohlcv/**/*.parquet', hive_partitioning=true)"
    columns = "symbol, window_start::TIMESTAMPTZ AS window_start, open, high, low, close, " \
              "volume::BIGINT AS volume, trades::BIGINT AS trades"
    for peer in ("duckdb", "polars"):
        theirs = f"'{folder}/{peer}.parquet'"
        [(difference,)] = duckdb.connect().execute(
            f"SELECT count(*) FROM ((SELECT {columns} FROM {ours} EXCEPT SELECT {columns} FROM "
            f"{theirs}) UNION ALL (SELECT {columns} FROM {theirs} EXCEPT SELECT {columns} FROM "
            f"{ours}))").fetchall()
        if difference:
            sys.exit(f"streamer and {peer} differ in {difference} candles")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ticks", type=int, default=10_000_000)
    parser.add_argument("--symbols", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        filled = prepare(folder, options.ticks, options.symbols)
        clear = lambda: run([BINARY, "clear", "--yes"], folder)
        contenders = {
            "streamer, 2 threads, exactly once": (
                [BINARY, "run", "job.json", "--threads", "2"], clear),
            "streamer, 1 thread, exactly once": (
                [BINARY, "run", "job.json", "--threads", "1"], clear),
            "DuckDB, batch over Parquet": ([sys.executable, "-c", DUCKDB], None),
            "Polars, batch over Parquet": ([sys.executable, "-c", POLARS], None)}
        times = {contender: [] for contender in contenders}
        for _ in range(options.runs):
            for contender, (command, before) in contenders.items():
                times[contender].append(measure(command, folder, before))
        check_answers(folder)
        report(options, times, filled)


def report(options, times, filled):
    import duckdb
    import polars
    base = statistics.median(wall for wall, _ in next(iter(times.values())))
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.processor())
    lines = [
        f"{datetime.date.today()}  {model}, {os.cpu_count()} CPUs  duckdb {duckdb.__version__}  "
        f"polars {polars.__version__}",
        f"{options.ticks:,} ticks, {options.symbols} symbols, 5 % up to 2 s out of order; "
        f"1-minute candles; median of {options.runs} runs", "",
        f"{'':36} {'wall s':>8} {'M ticks/s':>10} {'CPU s/M ticks':>14} {'ratio':>6}"]
    for contender, measured in times.items():
        wall = statistics.median(wall for wall, _ in measured)
        cpu = statistics.median(cpu for _, cpu in measured)
        lines.append(f"{contender:36} {wall:8.3f} {options.ticks / wall / 1e6:10.1f} "
                     f"{cpu / options.ticks * 1e6:14.4f} {wall / base:6.2f}")
    lines += ["", f"filling the log from the simulator, one batch included: "
                  f"{options.ticks / filled / 1e6:.1f} M ticks/s",
              "The peers' times include starting Python and importing them."]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        path = ROOT / "Benchmarks" / "results" / f"candles-{datetime.date.today()}.txt"
        path.write_text(text)


if __name__ == "__main__":
    main()
