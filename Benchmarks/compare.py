"""Measures this working tree against an older revision, row by row, and says whether one got slower.

    python Benchmarks/compare.py --base REV [--quick] [--limit 0.97] [--only TEXT] [--runs 7]

Builds the revision in a git worktree under .build/compare and the working tree in place, both in
release. Each build makes a folder of its own from the same ticks, so that either may write files
that the other does not know. The two run in turns (A B A B …), so that noise meets both alike.

Printed are ratios, base over this tree: above 1 is faster, or smaller. Wall and CPU seconds and the
peak of memory are of whole processes; instructions are counted by callgrind, where valgrind is
installed, over fewer ticks. A row below the limit is run again as often before it counts, and then
counts only if most of the pairs say the same. Exits 1 when a row is slower.
"""

import argparse
import itertools
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

import live
import work
from machine import ROOT, Failed, describe, fresh, run, streamer

MEASURES = {"wall": "wall", "cpu": "CPU", "peak": "peak", "instructions": "instr."}
THREADS = 2


@dataclass
class Build:
    """One of the two programs, and the folder in which it works."""

    name: str
    binary: pathlib.Path
    root: pathlib.Path

    def run(self, folder, *arguments):
        return streamer(folder, *arguments, binary=self.binary)


@dataclass
class Row:
    """A piece of work: `once(build)` does it and gives what it took, by measure.

    `counted(build)` gives the command and folder whose instructions are counted, if any; `runs` is
    how many times as often as others it is run, since it varies more.
    """

    name: str
    once: object
    counted: object = None
    runs: int = 1
    taken: dict = field(default_factory=dict)

    def sample(self, builds):
        for build in builds:
            for measure, value in self.once(build).items():
                self.taken.setdefault(measure, {}).setdefault(build.name, []).append(value)

    def count(self, builds):
        for build in builds:
            found = instructions(build, *self.counted(build))
            if found:
                self.taken.setdefault("instructions", {})[build.name] = [found]

    def ratio(self, measure, builds):
        """Base over this tree, of medians; nil where it was not measured."""
        values = self.taken.get(measure, {})
        base, head = (values.get(build.name) for build in builds)
        if not base or not head:
            return None
        return statistics.median(base) / max(statistics.median(head), 1e-9)

    def slower(self, builds, limit):
        """The measures that are below the limit, and not by a few odd runs."""
        found = []
        for measure in self.taken:
            ratio = self.ratio(measure, builds)
            if ratio is None or ratio >= limit:
                continue
            base, head = (self.taken[measure][build.name] for build in builds)
            worse = sum(h > b for b, h in zip(base, head))
            if worse >= 0.75 * len(base):
                found.append(measure)
        return found


class Work:
    """The ticks, made once for both builds, and the jobs over them."""

    def __init__(self, options, root, builds):
        self.quick = options.quick
        self.ticks = options.ticks or (500_000 if options.quick else 10_000_000)
        self.few = min(self.ticks, 50_000 if options.quick else 200_000)
        self.inputs = root / "inputs"
        self.builds = builds

    def inputs_of(self, symbols, ticks, forms):
        folder = self.inputs / f"{ticks}-{symbols}"
        if not folder.exists():
            folder.mkdir(parents=True)
            work.generate(folder, ticks, symbols, ())
        for form in forms:
            if not (folder / f"ticks-{form}").exists():
                {"csv": work.write_csv, "json": work.write_json}[form](folder)
        return folder

    def folder(self, build, symbols, ticks, forms=()):
        """The build's own folder over these ticks, with a log that it filled."""
        inputs = self.inputs_of(symbols, ticks, forms)
        folder = build.root / inputs.name
        folder.mkdir(parents=True, exist_ok=True)
        for source in inputs.iterdir():
            if not (folder / source.name).exists():
                shutil.copytree(source, folder / source.name, copy_function=os.link)
        if not (folder / "log").exists():
            work.fill_log(folder, binary=build.binary)
        return folder

    def few_batches(self, batches):
        """Small batches, each run in a folder that was never used before.

        Most of such a batch is the kernel's work on its directories, and one place of a disk takes
        nearly twice the time of another: no build may have the better one for all of its runs.
        """
        used = itertools.count()

        def once(build):
            made = self.folder(build, 200, self.few)
            folder = build.root / f"few-{next(used)}"
            folder.mkdir()
            shutil.copytree(made / "log", folder / "log")
            work.job(folder, "tiny", batch=1_000)
            os.sync()
            taken = build.run(folder, "run", "tiny.json", "--threads", THREADS,
                              "--max-batches", batches)
            shutil.rmtree(folder)
            return measures(taken)

        def counted(build):
            folder = self.folder(build, 200, self.few)
            work.job(folder, "tiny", batch=1_000)
            build.run(folder, "clear", "--yes")
            return folder, ["run", "tiny.json", "--threads", 1, "--max-batches", batches]
        return Row("batches of 1,000", once, counted, runs=3)

    def job(self, name, row, symbols=200, forms=(), arguments=(), **shape):
        """A row that runs a job from its beginning."""
        def prepared(build, ticks):
            folder = self.folder(build, symbols, ticks, forms)
            work.job(folder, name, **shape)
            return folder

        def cleared(build, folder):
            # Everything, since the jobs of a folder write the same table; then the log of a feed.
            if "feed" in shape:
                build.run(folder, "clear", f"{name}.json", "--yes", "--log")
            build.run(folder, "clear", "--yes")

        def once(build):
            folder = prepared(build, self.ticks)
            cleared(build, folder)
            return measures(build.run(folder, "run", f"{name}.json", "--threads", THREADS,
                                      *arguments))

        def counted(build):
            folder = prepared(build, self.few)
            cleared(build, folder)
            # With one thread it is the same count every time.
            return folder, ["run", f"{name}.json", "--threads", 1, *arguments]
        return Row(row, once, counted)

    def resumed(self):
        done = set()

        def once(build):
            folder = self.folder(build, 200, self.ticks)
            if build.name not in done:
                done.add(build.name)
                work.job(folder, "log")
                work.clear(folder, "log", binary=build.binary)
                build.run(folder, "run", "log.json", "--threads", THREADS)
            return measures(build.run(folder, "run", "log.json", "--threads", THREADS))
        return Row("resumed, nothing to do", once)

    def append(self, rows, groups):
        def folder(build, groups):
            import numpy as np
            import pyarrow as pa
            place = build.root / f"append-{rows}-{groups}"
            if not place.exists():
                (place / "log").mkdir(parents=True)
                table = pa.table({"symbol": pa.array(["S000"] * rows),
                                  "event_time": pa.array(np.arange(rows),
                                                         pa.timestamp("us", "UTC")),
                                  "price": np.ones(rows), "volume": np.ones(rows, np.int64)})
                with pa.ipc.new_stream(place / "in.arrows", table.schema) as writer:
                    for _ in range(groups):
                        writer.write_table(table)
            return place
        command = ["log", "append", "log/ticks", "in.arrows", "--again"]
        return Row(f"append, groups of {rows:,}",
                   lambda build: measures(build.run(folder(build, groups), *command)),
                   lambda build: (folder(build, 20), command))

    def latency(self, committed):
        seconds = 2 if self.quick else 5
        return Row("latency, with the commit" if committed else "latency, in real time",
                   lambda build: {"wall": live.summary(live.latency(
                       build.root / "live", 1_000, seconds, committed, build.binary))["p50"]})

    def start(self, killed):
        def once(build):
            folder = self.folder(build, 200, self.ticks)
            work.job(folder, "start", batch=10_000)
            return {"wall": statistics.median(live.starts(folder, 3, build.binary)[killed])}
        return Row("start after SIGKILL" if killed else "start, first commit", once)

    def rows(self):
        groups = (100, 300) if self.quick else (300, 1_000)
        three = [{**query, "sinks": [sink for sink in query["sinks"]
                                     if sink["format"] != "console"]}
                 for query in json.loads((ROOT / "jobs" / "ohlcv.json").read_text())["queries"]]
        through = {"format": "log", "path": "log/json", "maxOffsetsPerTrigger": 1_000_000}
        return [
            self.job("log", "from the log"),
            self.job("parquet", "from Parquet", source=work.file_source("parquet")),
            self.job("csv", "from CSV", forms=("csv",), source=work.file_source("csv")),
            self.job("json", "from JSON lines", forms=("json",), source=work.file_source("json")),
            self.job("feed", "JSON lines through a log", forms=("json",), source=through,
                     feed=work.file_feed("json")),
            self.job("log", "1,000 symbols, from the log", 1_000),
            self.job("parquet", "1,000 symbols, from Parquet", 1_000,
                     source=work.file_source("parquet")),
            self.job("log", "100,000 symbols, from the log", 100_000),
            self.job("parquet", "100,000 symbols, from Parquet", 100_000,
                     source=work.file_source("parquet")),
            self.job("rolling", "windows of 60 s every 1 s", queries=[work.rolling()]),
            self.job("main", "three queries, one scan", queries=three),
            self.few_batches(50 if self.quick else 200),
            self.resumed(),
            self.append(10_000, groups[0]), self.append(1, groups[1]),
            self.latency(True), self.latency(False), self.start(False), self.start(True)]


def measures(taken):
    return {"wall": taken.wall, "cpu": taken.cpu, "peak": taken.peak_mb}


def instructions(build, folder, arguments):
    """What callgrind counts; nil without valgrind."""
    if not shutil.which("valgrind"):
        return None
    stripped = build.root / "stripped"
    if not stripped.exists():
        # Debian's valgrind does not read this much debug information.
        subprocess.run(["strip", "-s", "-o", stripped, build.binary], check=True)
    log = build.root / "callgrind.txt"
    run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}",
         stripped, *arguments], folder, timeout=1_800)
    found = re.search(r"refs:\s+([\d,]+)", log.read_text())
    return int(found[1].replace(",", "")) if found else None


def build_base(revision):
    """The program of a revision, built in a worktree that is kept for the next time."""
    git = ["git", "-C", ROOT]
    name = subprocess.run([*git, "rev-parse", "--short=12", f"{revision}^{{commit}}"],
                          capture_output=True, text=True, check=True).stdout.strip()
    tree = ROOT / ".build" / "compare" / name
    if not tree.exists():
        subprocess.run([*git, "worktree", "prune"], check=True)
        subprocess.run([*git, "worktree", "add", "--detach", tree, name], check=True)
    return built(tree)


def built(tree):
    command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "streamer"]
    subprocess.run(command, cwd=tree, check=True, stdout=sys.stderr)
    place = subprocess.run([*command, "--show-bin-path"], cwd=tree, check=True,
                           capture_output=True, text=True).stdout.strip()
    return pathlib.Path(place) / "streamer"


def line(row, builds, slow):
    ratios = [row.ratio(measure, builds) for measure in MEASURES]
    seconds = [statistics.median(row.taken["wall"][build.name]) for build in builds]
    cells = "".join(f"{'–' if ratio is None else f'{ratio:.3f}':>9}" for ratio in ratios)
    mark = f"  slower: {', '.join(MEASURES[measure] for measure in slow)}" if slow else ""
    return f"{row.name:32}{seconds[0]:10.4g}{seconds[1]:10.4g}{cells}{mark}"


def compare(options, builds, root):
    rows = [row for row in Work(options, root, builds).rows() if options.only in row.name]
    print(describe())
    print(f"{'':32}{'base':>10}{'this':>10}" + "".join(f"{name:>9}" for name in MEASURES.values()))
    failed = False
    for row in rows:
        # The first run warms up: files come into memory, folders are filled.
        row.once(builds[0])
        row.once(builds[1])
        for _ in range(options.runs * row.runs):
            row.sample(builds)
        for _ in range(options.again):
            if not row.slower(builds, options.limit):
                break
            for _ in range(options.runs * row.runs):
                row.sample(builds)
        if row.counted:
            row.count(builds)
        slow = row.slower(builds, options.limit)
        failed = failed or bool(slow)
        print(line(row, builds, slow), flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--base", help="the revision to measure against")
    parser.add_argument("--base-binary", type=pathlib.Path, help="a program that is built already")
    parser.add_argument("--binary", type=pathlib.Path, help="the same for this tree")
    parser.add_argument("--limit", type=float, default=0.97)
    parser.add_argument("--quick", action="store_true", help="half a million ticks, three runs")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--again", type=int, default=2, help="how often a slow row is run again")
    parser.add_argument("--ticks", type=int)
    parser.add_argument("--only", default="", help="rows whose name has this text")
    parser.add_argument("--folder", type=pathlib.Path, help="work here, and leave what was made")
    options = parser.parse_args()
    options.runs = options.runs or (3 if options.quick else 7)
    if not options.base and not options.base_binary:
        parser.error("--base REV, or --base-binary PATH")
    binaries = [options.base_binary or build_base(options.base), options.binary or built(ROOT)]
    with tempfile.TemporaryDirectory(prefix="compare") as name:
        root = options.folder or pathlib.Path(name)
        builds = [Build(name, path.resolve(), fresh(root / name))
                  for name, path in zip(("base", "this"), binaries)]
        try:
            sys.exit(compare(options, builds, root))
        except Failed as error:
            sys.exit(f"FAILED: {error}")


if __name__ == "__main__":
    main()
