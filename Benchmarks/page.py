"""The live page: from a tick to the screen, the cost of many clients, what a page transfers and draws.

A simulated market runs with a page; clients are real WebSockets and a real Chromium. Latencies run from
the append of a tick: event times are the wall clock, of which each row brings the newest. A tick is
appended up to 5 ms before it is durable, which is in them.
"""

import argparse
import json
import os
import pathlib
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "Tests/Page"), str(ROOT / "Tests")]

from browser import browser  # noqa: E402
from conftest import Workspace  # noqa: E402
from machine import BINARY, cpu_seconds, describe  # noqa: E402
from serving import KPI, Follower, Served, frame, handshake, job  # noqa: E402

CANDLES = {
    "name": "candles", "groupBy": ["symbol", "window(event_time, '1 second')"],
    "select": ["symbol", "window.start AS window_start", "first(price) AS open", "max(price) AS high",
               "min(price) AS low", "last(price) AS close", "sum(volume) AS volume",
               "sum(CASE WHEN price >= ask THEN volume ELSE 0 END) AS buy_volume",
               "sum(CASE WHEN price <= bid THEN volume ELSE 0 END) AS sell_volume",
               "max(event_time) AS newest"],
    "outputMode": "append", "sinks": [{"format": "parquet", "path": "lake/candles"}]}


class Table:
    """What was measured beside what it is to be."""

    def __init__(self):
        self.lines = []

    def add(self, what, measured, limit, unit, digits=1):
        verdict = "" if limit is None else "ok" if measured <= limit else "OVER"
        bound = "" if limit is None else f"≤ {limit:g}"
        self.lines.append(f"{what:<66}{measured:>12,.{digits}f} {unit:<6}{bound:>10}  {verdict}")
        print(self.lines[-1], flush=True)


def market(folder, symbols, rate, trigger=None, queries=None, **feed):
    """A job over a market of so many symbols and ticks a second of wall time."""
    workspace = Workspace(folder)
    folder.mkdir(parents=True)
    workspace.job(job(queries or [CANDLES], trigger=trigger or {"realTime": "5 seconds"}, rate=rate,
                      symbols=[f"S{n:03}" for n in range(symbols)], interval=f"{1e6 / rate:.0f} us",
                      outOfOrderShare=0, seed=7, **feed))
    return workspace


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Delays(Follower):
    """How old the newest tick of what comes is, in milliseconds."""

    def note(self, message, key, row):
        if not message["f"]:
            self.changes += 1
            self.delays.append(time.time() * 1e3 - row[-1])

    def measure(self, seconds):
        self.delays = []
        self.run_for(1)
        self.delays = []
        self.run_for(seconds)
        return self.delays


def follow(served, symbols=None):
    follower = Delays.__new__(Delays)
    follower.delays = []
    follower.__init__(served, [{"q": "candles", **({"symbols": symbols} if symbols else {})}])
    return follower


def crowd(port, count, subscription):
    """A process of clients that read everything and look at nothing."""
    pid = os.fork()
    if pid:
        return pid
    watch = selectors.EpollSelector()
    ask = handshake(type("At", (), {"port": port})) + frame(1, json.dumps({"sub": subscription}).encode())
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(ask)
        client.setblocking(False)
        watch.register(client, selectors.EVENT_READ)
    while True:
        for key, _ in watch.select():
            try:
                if not key.fileobj.recv(1 << 16):
                    # The server has shut its side.
                    watch.unregister(key.fileobj)
                    key.fileobj.close()
            except BlockingIOError:
                pass
        # Reading each byte at once would measure this process.
        time.sleep(0.001)


def resident_mb(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def share_of_a_core(pid, seconds):
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / seconds


# What is measured

def one_client(folder, table, seconds, binary):
    served = Served(market(folder, 5, 1_000), "run", "job.json", "--serve", 0, binary=binary)
    follower = follow(served)
    delays = follower.measure(seconds)
    table.add("tick → client, 1 client, 1,000 ticks/s, p50", percentile(delays, 0.5), 25, "ms")
    table.add("tick → client, p99", percentile(delays, 0.99), 60, "ms")
    table.add("rows a second to the client", len(delays) / seconds, None, "", 0)
    text = served.get("/metrics").text
    counts = {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in text.splitlines()
              if line.startswith("streamer_live_push_seconds_bucket")}
    total = counts.pop("+Inf")
    for share, limit in ((0.5, 0.1), (0.99, 2)):
        bound = next((float(le) for le, count in counts.items() if count >= share * total), float("inf"))
        table.add(f"engine's hands → bytes written, p{share * 100:g}, at most", bound * 1e3, limit, "ms", 2)
    begun = time.perf_counter()
    for _ in range(50):
        served.get("/metrics")
    table.add("/metrics, a request", (time.perf_counter() - begun) / 50 * 1e3, 2, "ms", 2)
    table.add("/metrics, size", len(text) / 1024, 64, "KiB")
    follower.close()
    served.stop()


def many_clients(folder, table, seconds, clients, binary):
    served = Served(market(folder, 5, 1_000), "run", "job.json", "--serve", 0, binary=binary)
    pid = served.process.pid
    time.sleep(2)
    alone, memory = share_of_a_core(pid, seconds), resident_mb(pid)
    crowded = crowd(served.port, clients, [{"q": "candles", "symbols": ["S000"]}])
    try:
        served.wait(lambda: f"streamer_live_clients {clients}" in served.get("/metrics").text, 60)
        follower = follow(served, ["S000"])
        delays = follower.measure(seconds)
        name = f"{clients} clients × 1 symbol, 1,000 ticks/s"
        table.add(f"{name}: tick → client, p99", percentile(delays, 0.99), 60, "ms")
        table.add(f"{name}: CPU above none, of a core",
                  share_of_a_core(pid, seconds) - alone, 10, "%")
        table.add(f"{name}: memory a client", (resident_mb(pid) - memory) * 1e3 / clients, 64, "kB")
        follower.close()
    finally:
        os.kill(crowded, signal.SIGKILL)
        os.waitpid(crowded, 0)
        served.stop()
    served = Served(market(folder / "wide", 200, 100_000), "run", "job.json", "--serve", 0, binary=binary)
    pid = served.process.pid
    time.sleep(2)
    alone = share_of_a_core(pid, seconds)
    crowded = crowd(served.port, clients, [{"q": "candles", "ms": 250}])
    try:
        served.wait(lambda: f"streamer_live_clients {clients}" in served.get("/metrics").text, 60)
        name = f"{clients} clients × 200 symbols each 250 ms, 100,000 ticks/s"
        table.add(f"{name}: CPU above none", share_of_a_core(pid, seconds) - alone, 15, "%")
        follower = follow(served)
        table.add(f"{name}: age, p99", percentile(follower.measure(seconds), 0.99), 250, "ms")
        follower.close()
    finally:
        os.kill(crowded, signal.SIGKILL)
        os.waitpid(crowded, 0)
        served.stop()


def bounded(folder, table, ticks, binary):
    """The same bounded run without a page, with one, and with ten who look on."""
    workspace = market(folder, 200, 100_000, {"availableNow": True}, [CANDLES, KPI], ticks=ticks,
                       start="2026-01-05T14:30:00Z")
    text = json.loads((folder / "job.json").read_text())
    text["feed"]["rate"] = "max"
    workspace.job(text)
    subprocess.run([binary, "run", "job.json"], cwd=folder, check=True, capture_output=True)
    took = {name: [] for name in ("none", "page", "ten")}
    for _ in range(5):
        for name in took:
            subprocess.run([binary, "clear", "job.json", "--yes"], cwd=folder, check=True,
                           capture_output=True)
            begun = time.perf_counter()
            if name == "none":
                subprocess.run([binary, "run", "job.json"], cwd=folder, check=True, capture_output=True)
            else:
                served = Served(workspace, "run", "job.json", "--serve", 0, binary=binary)
                crowded = crowd(served.port, 10, [{"q": "candles"}, {"q": "kpi"}]) if name == "ten" else None
                served.process.wait()
                if crowded:
                    os.kill(crowded, signal.SIGKILL)
                    os.waitpid(crowded, 0)
            took[name].append(time.perf_counter() - begun)
    least = {name: min(times) for name, times in took.items()}
    table.add(f"bounded run of {ticks:,} ticks without a page", least["none"] * 1e3, None, "ms", 0)
    table.add("the same with --serve", 100 * (least["page"] / least["none"] - 1), 1, "% more")
    table.add("the same with 10 clients", 100 * (least["ten"] / least["none"] - 1), 5, "% more")


def starts(folder, table, binary):
    workspace = market(folder, 5, 1_000)
    took = {(): [], ("--serve", "0"): []}
    for _ in range(15):
        for options in took:
            begun = time.perf_counter()
            process = subprocess.Popen([binary, "run", "job.json", *options], cwd=folder,
                                       stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
            while b"live: " not in process.stderr.readline():
                pass
            took[options].append(time.perf_counter() - begun)
            process.send_signal(signal.SIGINT)
            process.communicate()
    plain, page = (sorted(times)[1] * 1e3 for times in took.values())
    table.add("start of a run, p10", plain, None, "ms", 2)
    table.add("more with --serve", page - plain, 2, "ms", 2)
    assert workspace


def history(path, symbols, candles):
    """A tick of each symbol in each of the last seconds."""
    import numpy as np
    import pyarrow as pa
    random = np.random.default_rng(7)
    count = symbols * candles
    times = int(time.time() * 1e6) - np.repeat(np.arange(candles, 0, -1), symbols) * 1_000_000
    price = np.round(100 + np.cumsum(random.normal(0, 0.01, count)), 2)
    table = pa.table({
        "symbol": pa.array([f"S{n:03}" for n in range(symbols)] * candles),
        "event_time": pa.array(times, pa.timestamp("us", "UTC")), "price": price,
        "volume": pa.array(random.integers(1, 90, count) * 100), "bid": price - 0.01,
        "ask": price + 0.01})
    # As the simulator's columns are.
    table = table.cast(pa.schema([field.with_nullable(False) for field in table.schema]))
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=100_000)


def in_browser(folder, table, seconds, candles, binary):
    """200 symbols with a history, at full rate: what a page takes, and how even its frames are."""
    workspace = market(folder, 200, 100_000)
    history(folder / "history.arrows", 200, candles)
    subprocess.run([binary, "log", "append", "log/live", "history.arrows", "--format", "arrow",
                    "--event-time", "event_time"], cwd=folder, check=True, capture_output=True)
    subprocess.run([binary, "run", "job.json", "--trigger", "0s", "--max-batches", "2"], cwd=folder,
                   check=True, capture_output=True)
    served = Served(workspace, "run", "job.json", "--serve", 0, binary=binary)
    with browser() as page:
        page.open(served)
        page.choose("Order flow", "S007")
        page.drawn("Order flow")
        table.add("page: bytes transferred", page.js(
            "return performance.getEntriesByType('resource').concat(performance.getEntriesByType("
            "'navigation')).reduce((sum, e) => e.name.includes('/api/') ? sum : sum + e.transferSize, 0)")
                  / 1e3, 120, "kB")
        table.add("page: first contentful paint", page.js(
            "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"), 500, "ms", 0)
        switch = page.driver.execute_async_script("""
            const done = arguments[arguments.length - 1], times = [];
            const symbols = ['S011', 'S023', 'S042', 'S077', 'S101'];
            const next = () => {
              const symbol = symbols.pop();
              if (!symbol) return done(times);
              const begun = performance.now();
              [...document.querySelectorAll('#search')][0].value = symbol;
              document.getElementById('search').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}));
              const { page, store } = window.__streamer, bars = store.barsOf(page.query, symbol);
              const look = () => bars.isLoaded && page.chart.bars === bars && !bars.mustRebuild
                ? (times.push(performance.now() - begun), next()) : requestAnimationFrame(look);
              look();
            };
            next();""")
        table.add("page: switch of symbol, median of 5", statistics.median(switch), 150, "ms", 0)
        frames = page.driver.execute_async_script("""
            const done = arguments[arguments.length - 1], end = performance.now() + arguments[0] * 1000;
            const found = {frames: [], ages: []};
            let last = performance.now();
            const look = (now) => {
              found.frames.push(now - last);
              last = now;
              const row = window.__streamer.page.bars?.last()?.row;
              if (row) found.ages.push(Date.now() - row[row.length - 1]);
              if (now < end) requestAnimationFrame(look); else done(found);
            };
            requestAnimationFrame(look);""", min(seconds, 25))
        name = "page, 200 symbols, 100,000 ticks/s"
        table.add(f"{name}: frames above 100 ms", 100 * sum(f > 100 for f in frames["frames"])
                  / len(frames["frames"]), 1, "%", 2)
        table.add(f"{name}: frames a second", len(frames["frames"]) / min(seconds, 25), None, "")
        table.add(f"{name}: age of the newest tick at a frame, p50", percentile(frames["ages"], 0.5), 25, "ms")
        table.add(f"{name}: age, p99", percentile(frames["ages"], 0.99), 60, "ms")
        table.add("page: heap", page.js("return performance.memory.usedJSHeapSize") / 1e6, 120, "MB")
    served.stop()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", default=BINARY, type=pathlib.Path)
    options.add_argument("--seconds", default=10, type=float, help="of each measurement")
    options.add_argument("--clients", default=500, type=int)
    options.add_argument("--ticks", default=2_000_000, type=int, help="of the bounded run")
    options.add_argument("--candles", default=1_000, type=int, help="of each symbol, for the page")
    options.add_argument("--only", default="", help="names of measurements, by commas")
    options.add_argument("--write", action="store_true", help="also into Benchmarks/results")
    chosen = options.parse_args()
    table = Table()
    binary = chosen.binary.resolve()
    works = {
        "one": lambda folder: one_client(folder, table, chosen.seconds, binary),
        "many": lambda folder: many_clients(folder, table, chosen.seconds, chosen.clients, binary),
        "bounded": lambda folder: bounded(folder, table, chosen.ticks, binary),
        "starts": lambda folder: starts(folder, table, binary),
        "browser": lambda folder: in_browser(folder, table, chosen.seconds, chosen.candles, binary)}
    for name, work in works.items():
        if chosen.only and name not in chosen.only.split(","):
            continue
        with tempfile.TemporaryDirectory() as folder:
            work(pathlib.Path(folder) / name)
    if chosen.write:
        path = ROOT / f"Benchmarks/results/page-{time.strftime('%Y-%m-%d')}.txt"
        path.write_text("\n".join([describe(), *table.lines, ""]))


if __name__ == "__main__":
    main()
