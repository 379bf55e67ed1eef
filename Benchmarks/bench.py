"""Measures `streamer` against its peers on the same ticks, in one run, and checks that all answers
agree.

    python Benchmarks/bench.py [--quick] [--only sources,latency] [--runs 5] [--write]

Prints a table for each section; with --write also into Benchmarks/results/. Times are wall seconds
of whole processes, peers' imports included, medians of interleaved runs; machines are noisy, so
look at the ratios.
"""

import argparse
import datetime
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import live
import peers
import work
from machine import BINARY, ROOT, Failed, Measured, describe, fresh, interleaved, run, streamer

THREADS = 2
HEADER = (f"{'':46}{'wall s':>9}{'M rows/s':>10}{'CPU s/M':>9}{'peak MB':>9}{'ratio':>8}")


class Bench:
    """The options, the folder that everything happens in, and the lines of the report."""

    def __init__(self, options, folder):
        self.quick = options.quick
        self.runs = options.runs or (1 if options.quick else 5)
        self.peer_runs = min(self.runs, 3)
        self.ticks = 1_000_000 if options.quick else 10_000_000
        self.root = folder
        self.lines = []
        self.made = {}

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def title(self, text):
        self.say()
        self.say(text)

    def ticks_of(self, symbols, forms=("log",)):
        """The folder with the ticks of so many symbols, made when first asked for."""
        folder = self.root / f"s{symbols}"
        if symbols not in self.made:
            fresh(folder)
            work.generate(folder, self.ticks, symbols, ())
            self.made[symbols] = set()
        for form in set(forms) - self.made[symbols]:
            {"log": work.fill_log, "csv": work.write_csv, "json": work.write_json}[form](folder)
            self.made[symbols].add(form)
        return folder

    def rows(self, measured, ticks, base):
        """One line a contender; the ratio is its time over that of `base`."""
        self.say(HEADER)
        for name, taken in measured.items():
            ratio = f"{taken.wall / measured[base].wall:8.2f}" if base in measured else f"{'–':>8}"
            self.say(f"{name:46}{taken.wall:9.3f}{ticks / taken.wall / 1e6:10.2f}"
                     f"{taken.cpu / ticks * 1e6:9.4f}{taken.peak_mb:9.0f}{ratio}")

    def job_run(self, folder, name, *arguments):
        """A contender that runs a job from the beginning."""
        def once():
            work.clear(folder, name)
            return streamer(folder, "run", f"{name}.json", "--threads", THREADS, *arguments)
        return once

    def against_peers(self, folder, ours, form, names):
        """Our contenders and the peers over ticks in a form; answers are compared."""
        contenders = dict(ours)
        for peer in names:
            command = peers.program(peer, form, THREADS)
            contenders[f"{peer} from {form}"] = lambda command=command: run(command, folder)
        measured = interleaved(contenders, self.peer_runs)
        for name in [name for name in ours if name not in measured]:
            raise Failed(f"{name} did not run")
        for peer in names:
            if f"{peer} from {form}" in measured:
                wrong = work.differences(folder, peer)
                if wrong:
                    raise Failed(f"streamer and {peer} differ in {wrong} candles")
        return measured


def candles(bench):
    bench.title("tick log → 1-minute candles in a lake, 200 symbols, checkpoint on, exactly once; "
                "peers from Parquet")
    folder = bench.ticks_of(200)
    work.job(folder, "log")
    names = ["duckdb", "polars"] if bench.quick else ["duckdb", "polars", "spark"]
    measured = bench.against_peers(
        folder, {"streamer from the log": bench.job_run(folder, "log")}, "parquet", names)
    bench.rows(measured, bench.ticks, "streamer from the log")
    bench.say("all answers agree")
    starts = interleaved(
        {f"start of {peer}, in its time above": lambda peer=peer: run(peers.start(peer), folder)
         for peer in peers.IMPORTS}, bench.peer_runs)
    for name, taken in starts.items():
        bench.say(f"{name:46}{taken.wall:9.3f}")
    if "spark from parquet" in measured:
        seconds = [float(out.split("steady")[1]) for out in measured["spark from parquet"].outs]
        if all(seconds):
            bench.say(f"{'steady state, Spark, 1 M-row batches, mean':46}{'':9}"
                      f"{1 / statistics.median(seconds):10.2f}")
    steady(bench, folder)


def steady(bench, folder):
    """Rows a second of batches in the middle of a run, from the progress objects."""
    import json
    rates = []
    for _ in range(bench.runs):
        work.clear(folder, "log")
        out = streamer(folder, "run", "log.json", "--threads", THREADS, "--format", "json").out
        batches = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        batches = [batch for batch in batches if batch["numInputRows"] >= 1_000_000]
        rates += [batch["processedRowsPerSecond"] for batch in batches[1:]]
    if rates:
        bench.say(f"{'steady state, streamer, 1 M-row batches, median':46}{'':9}"
                  f"{statistics.median(rates) / 1e6:10.2f}")


def sources(bench):
    """JSON lines, CSV and Parquet as they come."""
    for form in ("json", "csv", "parquet"):
        folder = bench.ticks_of(200, {"json": ("log", "json"), "csv": ("log", "csv")}.get(
            form, ("log",)))
        bench.title(f"{form} files → candles in a lake, 200 symbols")
        ours = own_contenders(bench, folder, form)
        names = ["duckdb", "polars"] if bench.quick else ["duckdb", "polars", "spark"]
        measured = bench.against_peers(folder, ours, form, names)
        bench.rows(measured, bench.ticks, next(iter(ours)))
        bench.say("all answers agree")


def own_contenders(bench, folder, form):
    """The files as the job's source, and text also through a log."""
    work.job(folder, f"{form}-source", source=work.file_source(form))
    ours = {f"streamer from {form}": bench.job_run(folder, f"{form}-source")}
    if form == "parquet":
        return ours
    work.job(folder, f"{form}-feed", feed=work.file_feed(form),
             source={"format": "log", "path": f"log/{form}", "maxOffsetsPerTrigger": 1_000_000})

    def through_a_log():
        streamer(folder, "clear", f"{form}-feed.json", "--log", "--yes")
        work.clear(folder, f"{form}-feed")
        return streamer(folder, "run", f"{form}-feed.json", "--threads", THREADS)
    ours[f"streamer from {form}, through a log"] = through_a_log
    return ours


def symbols(bench):
    """10, 1,000 and 100,000 symbols."""
    for count in (10, 1_000, 100_000):
        bench.title(f"{count:,} symbols, 1-minute candles; peers from Parquet")
        folder = bench.ticks_of(count)
        work.job(folder, "log")
        ours = {"streamer from the log": bench.job_run(folder, "log"),
                **own_contenders(bench, folder, "parquet")}
        measured = bench.against_peers(folder, ours, "parquet", ["duckdb", "polars"])
        bench.rows(measured, bench.ticks, "streamer from the log")
        bench.say("all answers agree")


def shapes(bench):
    """Batches of 1 k to 1 M rows, sliding windows, three queries over one scan."""
    import json
    bench.title("200 symbols from the log, other shapes")
    folder = bench.ticks_of(200)
    contenders, ticks = {}, {}
    for batch in (1_000, 10_000, 100_000, 1_000_000):
        name = f"batch{batch}"
        work.job(folder, name, batch=batch)
        # Small batches are bound by syncs, and 200 of them tell how long one takes.
        limit = min(bench.ticks // batch, 200)
        key = f"batches of {batch:,}"
        contenders[key] = bench.job_run(folder, name, "--max-batches", limit)
        ticks[key] = limit * batch
    work.job(folder, "rolling", [work.rolling()])
    contenders["windows of 60 s every 1 s, 5 aggregates"] = bench.job_run(folder, "rolling")
    queries = json.loads((ROOT / "jobs" / "ohlcv.json").read_text())["queries"]
    for query in queries:
        query["sinks"] = [sink for sink in query["sinks"] if sink["format"] != "console"]
    work.job(folder, "main", queries)
    contenders["the main job: three queries, one scan"] = bench.job_run(folder, "main")
    measured = interleaved(contenders, bench.runs)
    bench.say(HEADER)
    for name, taken in measured.items():
        count = ticks.get(name, bench.ticks)
        bench.say(f"{name:46}{taken.wall:9.3f}{count / taken.wall / 1e6:10.2f}"
                  f"{taken.cpu / count * 1e6:9.4f}{taken.peak_mb:9.0f}")


def append(bench):
    """Groups made durable one by one."""
    import numpy as np
    import pyarrow as pa
    bench.title("append to the log, each group durable")
    folder = fresh(bench.root / "append")
    (folder / "log").mkdir()
    for rows, groups in ((10_000, 100 if bench.quick else 300), (1, 300 if bench.quick else 1_000)):
        table = pa.table({"symbol": pa.array(["S000"] * rows),
                          "event_time": pa.array(np.arange(rows), pa.timestamp("us", "UTC")),
                          "price": np.ones(rows), "volume": np.ones(rows, np.int64)})
        with pa.ipc.new_stream(folder / "in.arrows", table.schema) as writer:
            for _ in range(groups):
                writer.write_table(table)
        taken = Measured.of([streamer(folder, "log", "append", "log/ticks", "in.arrows", "--again")
                             for _ in range(bench.runs)])
        bench.say(f"{groups:5} groups of {rows:6,} rows: {rows * groups / taken.wall / 1e6:8.3f} M "
                  f"ticks/s, {groups / taken.wall:8.0f} durable groups/s")


def latency(bench):
    bench.title("append → update visible, ms (with the append's own sync)")
    bench.say(f"{'':46}{'p50':>9}{'p99':>9}{'p99.9':>9}{'ticks':>10}")
    for rate in (1_000, 10_000, 100_000):
        for committed in (True, False):
            values = live.summary(live.latency(
                bench.root / "live", rate, 3 if bench.quick else 10, committed))
            text = "with the commit" if committed else "in real time, before it"
            bench.say(f"{f'{rate:,} ticks/s, {text}':46}{values['p50']:9.2f}{values['p99']:9.2f}"
                      f"{values['p99.9']:9.2f}{values['n']:10,}")


def start(bench):
    bench.title("process start → commit, ms")
    folder = bench.ticks_of(200)
    work.job(folder, "start", batch=10_000)
    cold, killed = live.starts(folder, max(5, 2 * bench.runs))
    for name, values in (("first committed batch", cold), ("next commit after SIGKILL", killed)):
        bench.say(f"{name:46} median {statistics.median(values):7.1f}   worst {max(values):7.1f}")


def growth(bench):
    """Ten times the ticks: ten times the time, the same memory; a long log resumes as fast."""
    bench.title("cost as work grows, 200 symbols from the log")
    bench.say(HEADER)
    for ticks in (1_000_000, 10_000_000) if bench.quick else (1_000_000, 10_000_000, 100_000_000):
        folder = fresh(bench.root / "growth")
        feed = {"format": "simulator", "symbols": [f"S{i:03}" for i in range(200)],
                "ticks": ticks, "seed": 7, "interval": "200 us", "outOfOrderShare": 0.05,
                "outOfOrderMax": "2 seconds"}
        work.job(folder, "fill", feed=feed, batch=1_000)
        streamer(folder, "run", "fill.json", "--max-batches", "1")
        work.clear(folder, "fill")
        work.job(folder, "log")
        work.clear(folder, "log")
        taken = Measured.of([bench.job_run(folder, "log")()])
        bench.say(f"{f'{ticks:,} ticks':46}{taken.wall:9.3f}{ticks / taken.wall / 1e6:10.2f}"
                  f"{taken.cpu / ticks * 1e6:9.4f}{taken.peak_mb:9.0f}")
        resumed = []
        for _ in range(5):
            begun = time.perf_counter()
            streamer(folder, "run", "log.json")
            resumed.append(time.perf_counter() - begun)
        bench.say(f"{'  resumed at its end, nothing to do':46}{statistics.median(resumed):9.3f}")


SECTIONS = {"candles": candles, "sources": sources, "symbols": symbols, "shapes": shapes,
            "append": append, "latency": latency, "start": start, "growth": growth}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="a million ticks, one run each")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas between")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--folder", type=pathlib.Path, help="work here, and leave what was made")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    if not BINARY.exists():
        parser.error(f"{BINARY} is not there; make build")
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = options.folder or pathlib.Path(name)
        bench = Bench(options, folder)
        bench.say(describe())
        bench.say(f"{bench.ticks:,} ticks, 5 % up to 2 s out of order; {THREADS} threads; medians "
                  f"of {bench.runs} runs, with peers of {bench.peer_runs}; peak memory is the "
                  "largest")
        failed = False
        for section in wanted:
            begun = time.perf_counter()
            try:
                SECTIONS[section](bench)
            except (Failed, OSError, subprocess.SubprocessError) as error:
                failed = True
                bench.say(f"FAILED: {section}: {error}")
            print(f"[{section}: {time.perf_counter() - begun:.0f} s]", file=sys.stderr, flush=True)
        if options.write:
            kind = "quick-" if options.quick else ""
            path = ROOT / "Benchmarks" / "results" / f"{kind}{datetime.date.today()}.txt"
            path.write_text("\n".join(bench.lines) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
