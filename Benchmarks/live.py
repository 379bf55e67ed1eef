"""Latency and starts: real processes, a log that another process appends to.

Latency runs from the moment a tick is written to the appending process's standard input to the
moment its update is seen: committed, as the progress object on standard output tells, or shown, as the
console sink's lines tell of a job in real time, which commits every 5 seconds.
"""

import json
import os
import selectors
import signal
import subprocess
import threading
import time

from machine import BINARY, Failed, fresh, percentile, streamer
from work import job

LIVE = {"name": "live", "groupBy": ["symbol", "window(event_time, '1 minute')"],
        "select": ["symbol", "window.start AS window_start", "last(price) AS close",
                   "max(seq) AS seq"],
        "outputMode": "update"}
SCHEMA = "symbol string, event_time timestamp(epoch_us), price double, seq long"


def latency(folder, rate, seconds, committed, binary=BINARY):
    """Milliseconds from append to visible for ticks at a rate, after a second of warming up."""
    fresh(folder)
    (folder / "log").mkdir()
    sinks = [{"format": "table", "path": "lake/live"}] if committed else [
        {"format": "console", "numRows": 1000, "truncate": False}]
    trigger = {"processingTime": "0 seconds"} if committed else {"realTime": "5 seconds"}
    job(folder, "live", [{**LIVE, "sinks": sinks}], trigger=trigger)
    first = json.dumps(tick(0)) + "\n"
    (folder / "first.json").write_text(first)
    streamer(folder, "log", "append", "log/ticks", "first.json", "--format", "json", "--schema",
             SCHEMA, binary=binary)
    appender = subprocess.Popen(
        [binary, "log", "append", "log/ticks", "--format", "json", "--schema", SCHEMA, "-"],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    engine = subprocess.Popen(
        [binary, "run", "live.json", "--format", "json" if committed else "table"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    sent = [time.perf_counter()]
    seen = []
    watcher = threading.Thread(target=watch, args=(engine.stdout, committed, seen), daemon=True)
    watcher.start()
    try:
        append(appender.stdin, rate, seconds + 1, sent)
        time.sleep(0.5)
    finally:
        appender.stdin.close()
        appender.wait(10)
        engine.send_signal(signal.SIGINT)
        engine.wait(20)
    return delays(sent, seen, warm=rate)


def tick(seq):
    return {"symbol": f"S{seq % 200:03}", "event_time": int(time.time() * 1e6),
            "price": 100 + seq % 7, "seq": seq}


def append(pipe, rate, seconds, sent):
    """Writes ticks when they are due, every millisecond at most; notes when each was written."""
    begun = time.perf_counter()
    seq = 1
    while (now := time.perf_counter() - begun) < seconds:
        due = int(now * rate)
        if seq <= due:
            lines = "".join(
                '{"symbol":"S%03d","event_time":%d,"price":%d,"seq":%d}\n'
                % (number % 200, time.time() * 1e6, 100 + number % 7, number)
                for number in range(seq, due + 1))
            stamp = time.perf_counter()
            sent.extend([stamp] * (due + 1 - seq))
            pipe.write(lines.encode())
            pipe.flush()
            seq = due + 1
        time.sleep(max(0.0002, (seq + 1) / rate - (time.perf_counter() - begun))
                   if rate < 1000 else 0.001)


def watch(output, committed, seen):
    """Notes when which tick was the last one seen."""
    descriptor = output.fileno()
    selector = selectors.DefaultSelector()
    selector.register(descriptor, selectors.EVENT_READ)
    rest = b""
    while True:
        selector.select()
        chunk = os.read(descriptor, 1 << 20)
        now = time.perf_counter()
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        last = -1
        for line in lines:
            if committed:
                if line.startswith(b"{"):
                    last = max(last, json.loads(line)["sources"][0]["endOffset"] - 1)
            else:
                words = line.split()
                if words and words[-1].replace(b",", b"").isdigit():
                    last = max(last, int(words[-1].replace(b",", b"")))
        if last >= 0:
            seen.append((now, last))


def delays(sent, seen, warm):
    """For each tick after the first `warm` ones, ms until an update with it was seen."""
    result, tick_number = [], 0
    for now, last in seen:
        while tick_number <= min(last, len(sent) - 1):
            if tick_number >= warm:
                result.append((now - sent[tick_number]) * 1e3)
            tick_number += 1
    if not result:
        raise Failed("no update was seen")
    return result


def starts(folder, runs, binary=BINARY):
    """Milliseconds from the start of the process to its first commit, fresh and after SIGKILL."""
    cold, after_kill = [], []
    commits = folder / "checkpoints" / "start" / "commits"
    for _ in range(runs):
        streamer(folder, "clear", "--yes", binary=binary)
        process, took = until_commit(folder, commits, 0, binary)
        cold.append(took)
        # In the middle of some batch.
        time.sleep(0.05)
        process.kill()
        process.wait()
        last = max((int(entry.name) for entry in commits.iterdir() if entry.name.isdigit()),
                   default=-1)
        process, took = until_commit(folder, commits, last + 1, binary)
        after_kill.append(took)
        process.kill()
        process.wait()
    return cold, after_kill


def until_commit(folder, commits, number, binary=BINARY):
    begun = time.perf_counter()
    process = subprocess.Popen([binary, "run", "start.json"], cwd=folder,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wanted = str(commits / str(number))
    while not os.path.exists(wanted):
        if time.perf_counter() - begun > 20:
            process.kill()
            raise Failed(f"no commit {number} after 20 s")
        time.sleep(0.0002)
    return process, (time.perf_counter() - begun) * 1e3


def summary(values):
    return {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99),
            "p99.9": percentile(values, 0.999), "n": len(values)}
