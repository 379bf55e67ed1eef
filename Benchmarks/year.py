"""What a job leaves behind that runs for long: bytes, files, memory, and what they cost later.

    python Benchmarks/year.py [--seconds 60] [--gigabytes 1] [--only live,files,sizes,days] [--days 30]

`STREAMER` names the binary. Each section prints a table; nothing is asserted but that rows are right.

live    the shipped live job at 1,000 ticks/s, and at 20,000 with 200 symbols: bytes of log a tick in
        journals and when they are folded, processor, memory early and late, files of the table
files   a tenth of a day of batches of a second, with and without compaction: files of the partition
sizes   logs of growing size: opening, `log ls`, `doctor`, resuming, and the memory of that
days    event time of so many days, retention and compaction on, killed a hundred times: what lies on
        the disk at the end of each day; then every candle against a run that nothing disturbed
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import duckdb

from machine import BINARY, ROOT, cpu_seconds, describe, streamer

MB = 1e6
SECTIONS = ("live", "files", "sizes", "days")


def start(folder, *arguments):
    return subprocess.Popen([BINARY, *map(str, arguments)], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stop(process, how=signal.SIGTERM):
    process.send_signal(how)
    process.wait()


def resident_mb(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def size(paths):
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            pass
    return total


def durable_end(log):
    """The offset behind the last durable row, from the log's high watermark; 0 while there is none."""
    try:
        cell = (log / "durable").read_bytes()
    except FileNotFoundError:
        return 0
    return struct.unpack_from("<q", cell, 16)[0] if len(cell) >= 64 else 0


def table(title, rows):
    print(f"\n## {title}\n")
    head, *body = rows
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in body:
        print("| " + " | ".join(map(str, row)) + " |")


def sink(path, compaction, files_min=32):
    chosen = {"format": "parquet", "path": path, "partitionBy": ["date"]}
    return {**chosen, "compaction": {"minFiles": files_min}} if compaction else chosen


# MARK: Live


def live_job(rate, symbols):
    job = json.loads((ROOT / "jobs" / "live.json").read_text())
    job.pop("$schema", None)
    job["feed"].pop("startPrices")
    if symbols > 5:
        job["feed"]["symbols"] = [f"S{number:03}" for number in range(symbols)]
    job["feed"]["rate"] = rate
    if rate > 1_000:
        job["feed"]["interval"] = f"{1_000_000 // rate} us"
    job["queries"][0]["sinks"][0]["compaction"] = {}
    return job


def live(folder, seconds):
    rows = [("ticks/s, symbols", "B a tick, journals", "B a tick, folded", "% of a core",
             f"MB after {seconds // 5} s", f"MB after {seconds} s", "table's files")]
    for rate, symbols in ((1_000, 5), (20_000, 200)):
        place = folder / f"live-{rate}"
        place.mkdir()
        (place / "live.json").write_text(json.dumps(live_job(rate, symbols)))
        process = start(place, "run", "live.json")
        time.sleep(seconds / 5)
        early, cpu, begun = resident_mb(process.pid), cpu_seconds(process.pid), time.monotonic()
        time.sleep(seconds * 4 / 5)
        share = (cpu_seconds(process.pid) - cpu) / (time.monotonic() - begun)
        late = resident_mb(process.pid)
        log = place / "log" / "live"
        journals = sorted(log.glob("*.journal"))
        first = int(journals[0].stem) if journals else 0
        waiting = durable_end(log) - first
        journal_bytes = size(journals) / waiting if journals and waiting > 0 else 0
        stop(process)
        streamer(place, "log", "trim", "log/live", "--seal", "--compress")
        folded = size(log.glob("*.arrows")) / durable_end(log)
        files = len(list((place / "lake" / "live").rglob("*.parquet")))
        rows.append((f"{rate:,}, {symbols}", f"{journal_bytes:.1f}", f"{folded:.1f}",
                     f"{100 * share:.1f}", f"{early:.1f}", f"{late:.1f}", files))
        shutil.rmtree(place)
    table(f"The live job for {seconds} seconds", rows)


# MARK: Files


def files_job(batches, compaction):
    """A batch is a second of ten ticks, and closes the window of the second before it."""
    return {
        "name": "files",
        "feed": {"format": "simulator", "ticks": batches * 10, "interval": "100 ms",
                 "start": "2026-01-05T00:00:00Z", "seed": 7},
        "source": {"path": "log/files", "maxOffsetsPerTrigger": 10},
        "watermark": {"eventTime": "event_time", "delayThreshold": "0 seconds"},
        "trigger": {"availableNow": True},
        "queries": [{
            "name": "candles", "groupBy": ["symbol", "window(event_time, '1 second')"],
            "select": ["symbol", "window.start AS start", "last(price) AS close",
                       "sum(volume) AS volume", "to_date(window.start) AS date"],
            "outputMode": "append", "sinks": [sink("lake/candles", compaction)]}]}


def files(folder, batches):
    rows = [("compaction", "batches", "s", "CPU s", "files", "kB", "lake verify")]
    for compaction in (False, True):
        place = folder / f"files-{compaction}"
        place.mkdir()
        (place / "job.json").write_text(json.dumps(files_job(batches, compaction)))
        done = streamer(place, "run", "job.json", timeout=7_200)
        if compaction:
            # What was due when the job ended is done by the next one.
            process = start(place, "run", "job.json", "--trigger", "1s")
            time.sleep(5)
            stop(process)
        found = list((place / "lake").rglob("*.parquet"))
        streamer(place, "lake", "verify", "candles")
        rows.append(("on" if compaction else "off", f"{batches:,}", f"{done.wall:.1f}",
                     f"{done.cpu:.1f}", len(found), f"{size(found) / 1e3:.0f}", "whole"))
        shutil.rmtree(place)
    table(f"Files of a partition after {batches:,} batches of a second", rows)


# MARK: Sizes


def sizes(folder, gigabytes):
    place = folder / "sizes"
    place.mkdir()
    job = files_job(1, True)
    job["name"] = "sizes"
    job["feed"] = {"format": "simulator", "rate": "max", "interval": "1 ms", "ticks": None}
    job["source"] = {"path": "log/sizes", "maxOffsetsPerTrigger": 50_000,
                     "startingOffsets": "latest"}
    job["trigger"] = {"processingTime": "0 seconds"}
    (place / "job.json").write_text(json.dumps(job))
    log = place / "log" / "sizes"
    rows = [("log GB", "segments", "log ls ms, MB", "doctor ms, MB", "resume ms")]
    for share in (0.01, 0.1, 1.0):
        process = start(place, "run", "job.json")
        while size(log.glob("*.arrows")) < share * gigabytes * 1e9:
            if process.poll() is not None:
                raise SystemExit("the job ended")
            time.sleep(0.1)
        stop(process, signal.SIGKILL)
        streamer(place, "run", "job.json", "--max-batches", "1")
        begun = time.monotonic()
        resumed = subprocess.Popen([BINARY, "run", "job.json", "--format", "json"], cwd=place,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        resumed.stdout.readline()
        resume = time.monotonic() - begun
        stop(resumed, signal.SIGKILL)
        resumed.stdout.close()
        streamer(place, "run", "job.json", "--max-batches", "1")
        looks = [min((streamer(place, *verb) for _ in range(3)), key=lambda run: run.wall)
                 for verb in (("log", "ls", "log/sizes"), ("doctor", "job.json"))]
        segments = list(log.glob("*.arrows"))
        rows.append((f"{size(segments) / 1e9:.2f}", len(segments),
                     *(f"{run.wall * 1e3:.0f}, {run.peak_mb:.0f}" for run in looks),
                     f"{resume * 1e3:.0f}"))
    shutil.rmtree(place)
    table("What a log costs by its size", rows)


# MARK: Days


SYMBOLS = 200
TICKS_OF_A_DAY = 20_000


def days_job(days, compaction, rate):
    return {
        "name": "days",
        "feed": {"format": "simulator", "symbols": [f"S{number:03}" for number in range(SYMBOLS)],
                 "ticks": days * TICKS_OF_A_DAY, "interval": f"{86_400_000 // TICKS_OF_A_DAY} ms",
                 "start": "2026-01-05T00:00:00Z", "seed": 30, "rate": rate},
        "source": {"path": "log/days", "maxOffsetsPerTrigger": 200,
                   **({"retention": {"bytes": "1 MB"}} if compaction else {})},
        "watermark": {"eventTime": "event_time", "delayThreshold": "1 minute"},
        "trigger": {"processingTime": "20 ms"},
        "queries": [{
            "name": "candles", "groupBy": ["symbol", "window(event_time, '1 hour')"],
            "select": ["symbol", "window.start AS start", "first(price) AS open",
                       "max(price) AS high", "min(price) AS low", "last(price) AS close",
                       "sum(volume) AS volume", "to_date(window.start) AS date"],
            "outputMode": "append", "sinks": [sink("lake/candles", compaction, 4)]}]}


def candles(place):
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT symbol, start, open, high, low, close, volume FROM "
            f"read_parquet('{place}/lake/candles/**/*.parquet') ORDER BY ALL").fetchall()


def state_of(place, process, day, kills):
    def below(name):
        return [path for path in (place / name).rglob("*") if path.is_file()]

    log, lake, checkpoint = below("log"), below("lake"), below("checkpoints")
    partitions = {}
    for path in lake:
        if path.suffix == ".parquet":
            partitions[path.parent] = partitions.get(path.parent, 0) + 1
    try:
        memory = f"{resident_mb(process.pid):.0f}"
        descriptors = len(os.listdir(f"/proc/{process.pid}/fd"))
    except OSError:
        memory = descriptors = "-"
    return (day, f"{size(log) / MB:.2f}", len(lake), max(partitions.values(), default=0),
            f"{size(lake) / MB:.2f}", len(checkpoint), f"{size(checkpoint) / MB:.2f}", memory,
            descriptors, kills)


def days(folder, count, kills, seconds):
    rate = max(1_000, count * TICKS_OF_A_DAY // seconds)
    place, calm = folder / "days", folder / "calm"
    for path, compaction, pace in ((place, True, rate), (calm, False, "max")):
        path.mkdir()
        (path / "job.json").write_text(json.dumps(days_job(count, compaction, pace)))
    chance = random.Random(30)
    total = count * TICKS_OF_A_DAY
    at = sorted(chance.randrange(total) for _ in range(kills))
    rows = [("day", "log MB", "lake files", "of a partition", "lake MB", "checkpoint files",
             "checkpoint MB", "memory MB", "descriptors", "kills")]
    process, done, day = start(place, "run", "job.json"), 0, 1
    log = place / "log" / "days"
    while (end := durable_end(log)) < total:
        if process.poll() is not None:
            raise SystemExit("the job ended")
        if done < kills and end >= at[done]:
            stop(process, signal.SIGKILL)
            done += 1
            process = start(place, "run", "job.json")
        if end >= day * TICKS_OF_A_DAY:
            rows.append(state_of(place, process, day, done))
            day = end // TICKS_OF_A_DAY + 1
        time.sleep(0.01)
    stop(process)
    streamer(place, "run", "job.json", "--available-now", "--close")
    rows.append(state_of(place, process, count, done))
    table(f"{count} days of {SYMBOLS} symbols, {done} kills, retention 1 MB", rows)
    streamer(calm, "run", "job.json", "--available-now", "--close", timeout=7_200)
    found, expected = candles(place), candles(calm)
    if found != expected:
        raise SystemExit(f"{len(found):,} candles, {len(expected):,} are expected, or others")
    streamer(place, "lake", "verify", "candles")
    print(f"\n{len(found):,} candles, each once and as in a run that nothing disturbed")


def main():
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=60, help="of each live run")
    options.add_argument("--gigabytes", type=float, default=1, help="of the largest log")
    options.add_argument("--batches", type=int, default=8_640, help="of a second, for the files")
    options.add_argument("--days", type=int, default=30, help="of event time")
    options.add_argument("--kills", type=int, default=100, help="in these days")
    options.add_argument("--pace", type=int, default=240, help="seconds that these days take")
    options.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas")
    chosen = options.parse_args()
    print(describe())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="streamer-year-"))
    try:
        for name in chosen.only.split(","):
            match name:
                case "live": live(folder, chosen.seconds)
                case "files": files(folder, chosen.batches)
                case "sizes": sizes(folder, chosen.gigabytes)
                case "days": days(folder, chosen.days, chosen.kills, chosen.pace)
                case _: raise SystemExit(f"no section '{name}'; there are {', '.join(SECTIONS)}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
