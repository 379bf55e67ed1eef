"""Rows into PostgreSQL: `streamer` beside what people write in Python, on a server of its own.

CPU time is that of the client and of the server together, since the server does most of the work;
wall time says little on a machine that does other things. Every contender writes the same rows in
one transaction, durable (fsync on), and the tables are compared.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "Tests/Postgres"), str(ROOT / ".venv/postgres")]

import server as servers  # noqa: E402
from machine import BINARY, cpu_seconds, descendants  # noqa: E402

CANDLES = "symbol, timestamp, open, high, low, close, volume"
CANDLE_TABLE = """CREATE TABLE {} (symbol text, timestamp timestamptz, open float8, high float8,
    low float8, close float8, volume bigint, PRIMARY KEY (symbol, timestamp))"""
TICK_TABLE = """CREATE TABLE {} (stream_ts timestamptz, date date, "index" text, open numeric,
    high numeric, low numeric, close numeric, volume bigint, trade_value numeric)"""
GOALS = {
    ("candles, new", "execute_values"): 5, ("candles, all exist", "execute_values"): 3.5,
    ("candles, new", "to_sql + upsert"): 6, ("candles, all exist", "to_sql + upsert"): 4.5,
    ("ticks", "to_sql"): 25, ("ticks", "to_csv + COPY"): 7}


class Bench:
    def __init__(self, folder, candles, ticks):
        self.folder = folder
        self.server = servers.Server(servers.system_programs())
        self.database = self.server.database("bench")
        self.candles, self.ticks = self.frames(candles, ticks)
        self.results = {}

    def frames(self, candles, ticks):
        import numpy as np
        import pandas as pd
        random = np.random.default_rng(7)

        def prices(count):
            return np.round(random.uniform(20, 400, count), 4)
        start = pd.Timestamp("2026-01-05", tz="UTC")
        minutes = candles // 100
        bars = pd.DataFrame({
            "symbol": np.repeat([f"S{i:03}" for i in range(100)], minutes),
            "timestamp": np.tile(pd.date_range(start, periods=minutes, freq="min"), 100),
            **{name: prices(minutes * 100) for name in ("open", "high", "low", "close")},
            "volume": random.integers(1, 10_000, minutes * 100)}).sample(frac=1, random_state=1)
        times = pd.date_range(start, periods=ticks, freq="10ms")
        raw = pd.DataFrame({
            "stream_ts": times, "date": times.date,
            "index": np.array([f"S{i:03}" for i in range(100)])[random.integers(0, 100, ticks)],
            **{name: prices(ticks) for name in ("open", "high", "low", "close")},
            "volume": random.integers(1, 10_000, ticks), "trade_value": prices(ticks)})
        return bars, raw

    # Measuring

    def server_cpu(self):
        return sum(map(cpu_seconds, descendants(self.server.process.pid)))

    def measure(self, work, contender, rows, run):
        """CPU seconds for a million rows, of this process's children and the server."""
        for _ in range(2):
            self.server_cpu()
            time.sleep(0.1)
        before = self.server_cpu()
        begun = time.perf_counter()
        client = run()
        wall = time.perf_counter() - begun
        # The backend has ended when its time is its parent's.
        time.sleep(0.3)
        cpu = client + self.server_cpu() - before
        self.results.setdefault((work, contender), []).append((rows / cpu, rows / wall))

    def python(self, code):
        """CPU seconds of a Python process that does some work, without its imports and its frame."""
        def run():
            done = subprocess.run(
                [sys.executable, "-c", PRELUDE + code, str(self.folder), str(self.server.port)],
                capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return float(done.stdout)
        return run

    def streamer(self, job):
        """CPU seconds of a whole run: the start, the log and the checkpoint are in it."""
        def run():
            import resource
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([BINARY, "run", job], cwd=self.folder, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return run

    def job(self, name, log, table, select, batch, **keys):
        job = {"name": name, "source": {"format": "log", "path": log,
                                        "startingOffsets": "earliest", "maxOffsetsPerTrigger": batch},
               "trigger": {"availableNow": True},
               "queries": [{"name": "q", "select": select,
                            "sinks": [self.database.sink(table, **keys)]}]}
        (self.folder / f"{name}.json").write_text(json.dumps(job))
        return f"{name}.json"

    def clear(self):
        subprocess.run([BINARY, "clear", "--yes"], cwd=self.folder, capture_output=True)

    def fill(self):
        """The rows as logs and as frames on disk."""
        import pyarrow as pa
        for name, frame in (("candles", self.candles), ("ticks", self.ticks)):
            frame.to_pickle(self.folder / f"{name}.pickle")
            time_column = "timestamp" if name == "candles" else "stream_ts"
            table = pa.Table.from_pandas(frame, preserve_index=False)
            with pa.ipc.new_stream(self.folder / f"{name}.arrows", table.schema) as writer:
                writer.write_table(table, max_chunksize=100_000)
            subprocess.run([BINARY, "log", "append", f"log/{name}", f"{name}.arrows", "--format",
                            "arrow", "--event-time", time_column], cwd=self.folder, check=True,
                           capture_output=True)

    # Work

    def run(self, rounds):
        self.fill()
        names = [f"`{name}`" for name in self.candles.columns]
        bars = self.job("bars", "log/candles", "bars", names, len(self.candles),
                        keys=["symbol", "timestamp"])
        raw = self.job("raw", "log/ticks", "raw", [f"`{name}`" for name in self.ticks.columns],
                       len(self.ticks))
        contenders = {
            "streamer": (self.streamer(bars), "bars"),
            "execute_values": (self.python(EXECUTE_VALUES), "by_values"),
            "to_sql + upsert": (self.python(TO_SQL_UPSERT), "by_to_sql")}
        count = len(self.candles)
        for _ in range(rounds):
            for work in ("candles, new", "candles, all exist"):
                for name, (run, table) in contenders.items():
                    if work == "candles, new":
                        self.database.run(f"DROP TABLE IF EXISTS {table}", CANDLE_TABLE.format(table))
                    self.clear()
                    self.measure(work, name, count, run)
            tables = [self.database.rows(f"SELECT md5(string_agg(t::text, ',' ORDER BY symbol, "
                                         f"timestamp)) FROM {t} t") for t in
                      ("bars", "by_values", "by_to_sql")]
            assert tables[0] == tables[1] == tables[2], "the contenders wrote other rows"
        for _ in range(rounds):
            for name, run, table, rows in (
                    ("streamer", self.streamer(raw), "raw", len(self.ticks)),
                    ("to_csv + COPY", self.python(TO_CSV), "by_csv", len(self.ticks) // 3),
                    ("to_sql", self.python(TO_SQL), "by_sql", len(self.ticks) // 10)):
                self.database.run(f"DROP TABLE IF EXISTS {table}", TICK_TABLE.format(table))
                self.clear()
                self.measure("ticks", name, rows, run)
            assert self.database.value("SELECT count(*) FROM raw") == len(self.ticks)
            assert self.database.value(
                "SELECT count(*) FROM (SELECT * FROM by_csv EXCEPT SELECT * FROM raw) t") == 0

    def latencies(self):
        """Milliseconds that batches of a size take in the sink, durable: median and 99th of 100."""
        found = {}
        for size in (100, 1000):
            self.clear()
            self.database.run("DROP TABLE IF EXISTS small", CANDLE_TABLE.format("small"))
            names = [f"`{name}`" for name in self.candles.columns]
            job = self.job(f"small{size}", "log/candles", "small", names, size,
                           keys=["symbol", "timestamp"])
            out = subprocess.run([BINARY, "run", job, "--format", "json", "--max-batches", "100",
                                  "--threads", "1"], cwd=self.folder, check=True,
                                 capture_output=True, text=True).stdout
            times = sorted(json.loads(line)["durationMs"]["addBatch"] for line in out.splitlines()
                           if line.startswith("{"))
            found[size] = statistics.median(times), times[int(len(times) * 0.99) - 1]
        return found

    def report(self):
        lines, missed = [], []
        lines.append(f"{'work':20}{'contender':20}{'rows/CPU-s':>12}{'rows/s':>12}{'ratio':>8}"
                     f"{'goal':>7}")
        for (work, name), runs in self.results.items():
            cpu = statistics.median(run[0] for run in runs)
            wall = statistics.median(run[1] for run in runs)
            ours = statistics.median(run[0] for run in self.results[work, "streamer"])
            goal = GOALS.get((work, name))
            lines.append(f"{work:20}{name:20}{cpu:12,.0f}{wall:12,.0f}{ours / cpu:8.1f}"
                         f"{goal or '':>7}")
            if goal and ours / cpu < goal:
                missed.append((work, name))
        for size, (median, most) in self.latencies().items():
            goal = {100: 5, 1000: 15}[size]
            lines.append(f"a batch of {size} rows, durable: p50 {median} ms, p99 {most} ms, goal "
                         f"{goal} ms")
            if median > goal:
                missed.append((size, "latency"))
        print("\n".join(lines))
        return missed


PRELUDE = """
import io, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd, psycopg2
from psycopg2.extras import execute_values
from sqlalchemy import create_engine, text
folder, port = sys.argv[1:]
dsn = f"host=127.0.0.1 port={port} user=postgres dbname=bench"
engine = create_engine(f"postgresql+psycopg2://postgres@127.0.0.1:{port}/bench")
candles = pd.read_pickle(folder + "/candles.pickle")
ticks = pd.read_pickle(folder + "/ticks.pickle")
begun = time.process_time()
"""
UPSERT = ("ON CONFLICT (symbol, timestamp) DO UPDATE SET open = EXCLUDED.open, high = EXCLUDED.high, "
          "low = EXCLUDED.low, close = EXCLUDED.close, volume = EXCLUDED.volume")
EXECUTE_VALUES = f"""
with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
    execute_values(cursor, "INSERT INTO by_values ({CANDLES}) VALUES %s {UPSERT}",
                   list(candles.itertuples(index=False, name=None)), page_size=1000)
print(time.process_time() - begun)
"""
TO_SQL_UPSERT = f"""
with engine.begin() as connection:
    candles.to_sql("staging", connection, if_exists="replace", index=False)
    connection.execute(text("INSERT INTO by_to_sql ({CANDLES}) SELECT {CANDLES} FROM staging {UPSERT}"))
    connection.execute(text("DROP TABLE staging"))
print(time.process_time() - begun)
"""
TO_CSV = """
part = ticks[:len(ticks) // 3]
begun = time.process_time()
buffer = io.StringIO()
part.to_csv(buffer, index=False, header=False)
buffer.seek(0)
with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
    cursor.copy_expert("COPY by_csv FROM STDIN WITH (FORMAT csv)", buffer)
print(time.process_time() - begun)
"""
TO_SQL = """
part = ticks[:len(ticks) // 10]
begun = time.process_time()
with engine.begin() as connection:
    part.to_sql("by_sql", connection, if_exists="append", index=False)
print(time.process_time() - begun)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, default=100_000)
    parser.add_argument("--ticks", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-pg-") as folder:
        bench = Bench(pathlib.Path(folder), options.candles, options.ticks)
        try:
            bench.run(options.rounds)
            missed = bench.report()
        finally:
            bench.server.remove()
    if missed:
        print("goals missed:", missed)
        sys.exit(1)


if __name__ == "__main__":
    main()
