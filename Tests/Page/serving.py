"""A job that runs with its page: where it is served, and what it does."""

import atexit
import contextlib
import json
import os
import re
import signal
import struct
import subprocess
import time

import pytest
import requests

from conftest import BINARY, Workspace

SYMBOLS = ["AAPL", "AMZN", "IBM", "MSFT", "TSLA"]

CANDLES = {
    "name": "candles", "groupBy": ["symbol", "window(event_time, '1 second')"],
    "select": ["symbol", "window.start AS window_start", "first(price) AS open",
               "max(price) AS high", "min(price) AS low", "last(price) AS close",
               "sum(volume) AS volume",
               "sum(CASE WHEN price >= ask THEN volume ELSE 0 END) AS buy_volume",
               "sum(CASE WHEN price <= bid THEN volume ELSE 0 END) AS sell_volume"],
    "outputMode": "append", "sinks": [{"format": "parquet", "path": "lake/candles"}]}
MINUTES = {**CANDLES, "name": "minutes", "groupBy": ["symbol", "window(event_time, '1 minute')"],
           "sinks": [{"format": "parquet", "path": "lake/minutes"}]}
KPI = {"name": "kpi", "groupBy": ["symbol"],
       "select": ["symbol", "count(*) AS trades", "sum(volume) AS volume", "max(price) AS high"],
       "outputMode": "complete", "sinks": [{"format": "table", "path": "lake/kpi"}]}


def job(queries, trigger=None, **feed):
    """A job over a simulated market that ticks for ever."""
    return {
        "name": "live",
        "feed": {"format": "simulator", "symbols": SYMBOLS, "ticks": None, "rate": 1_000,
                 "start": "now", "interval": "1 ms", "outOfOrderShare": 0.01,
                 "outOfOrderMax": "200 ms", "seed": 7, **feed},
        "source": {"format": "log", "path": "log/live"},
        "watermark": {"eventTime": "event_time", "delayThreshold": "1 second"},
        "trigger": trigger or {"processingTime": "100 milliseconds"},
        "queries": queries}


class Served:
    """A process that serves a page."""

    def __init__(self, workspace, *arguments, binary=BINARY, **environment):
        self.workspace = workspace
        self.process = subprocess.Popen(
            [binary, *map(str, arguments)], cwd=workspace.path, stdin=subprocess.DEVNULL,
            stdout=open(workspace.path / "out.txt", "ab"),
            stderr=open(workspace.path / "err.txt", "wb"), env={**os.environ, **environment})
        # A test that fails leaves none behind.
        atexit.register(self.process.kill)
        self.port = None
        for _ in range(1_000):
            text = self.messages
            if found := re.search(r"page: http://[^/]*:(\d+)/", text):
                self.port = int(found.group(1))
                break
            assert self.process.poll() is None, text
            time.sleep(0.01)
        assert self.port, text
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def messages(self):
        return (self.workspace.path / "err.txt").read_text()

    def get(self, path, **options):
        return requests.get(self.url + path, timeout=10, **options)

    def json(self, path, **options):
        answer = self.get(path, **options)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        return answer.json()

    def wait(self, condition, seconds=30):
        """Waits until something is true, and gives it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(requests.ConnectionError, ConnectionError):
                if found := condition():
                    return found
            assert self.process.poll() is None, self.messages
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s; {self.messages[-2000:]}")

    def stop(self, with_signal=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The candles of one market, of a second and of a minute, and its KPIs, with a page."""
    workspace = Workspace(tmp_path_factory.mktemp("served"))
    workspace.job(job([CANDLES, MINUTES, KPI]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    yield served
    served.stop()


def finals(workspace, table="candles", symbol=None):
    """Rows of a table by (symbol, window start in ms), read by DuckDB."""
    where = f"WHERE symbol = '{symbol}'" if symbol else ""
    if not any((workspace.path / "lake" / table).rglob("*.parquet")):
        return []
    rows = workspace.query(
        "SELECT symbol, epoch_ms(window_start) AS start_ms, open, high, low, close, volume, buy_volume, "
        f"sell_volume FROM read_parquet('{{lake}}/{table}/**/*.parquet') {where} ORDER BY start_ms, symbol")
    return [list(row) for row in rows]


class Follower:
    """A page without a browser: it takes what is sent as the protocol says."""

    def __init__(self, served, subscription=None, acknowledges=True, headers=None):
        from websockets.sync.client import connect
        self.socket = connect(f"ws://127.0.0.1:{served.port}/live", additional_headers=headers,
                              compression=None, ping_interval=None)
        self.acknowledges = acknowledges
        self.messages, self.finals, self.open, self.resets, self.status = [], {}, {}, 0, None
        self.changes, self.notices = 0, []
        self.hello = self.take()[0]
        assert self.hello["t"] == "hello"
        self.seen = self.hello["seq"]
        self.run = self.hello["run"]
        if subscription is not None:
            self.follow(subscription)

    def follow(self, subscription):
        self.socket.send(json.dumps({"sub": subscription}))

    def take(self, timeout=10):
        """The messages of the next frame."""
        found = [json.loads(line) for line in self.socket.recv(timeout=timeout).splitlines()]
        newest = 0
        for message in found:
            self.messages.append(message["t"])
            if message["t"] == "reset":
                self.resets += 1
            elif message["t"] == "status":
                self.status = message
            elif message["t"] == "notice":
                self.notices.append(message["text"])
            elif message["t"] == "rows":
                newest = max(newest, message["seq"])
                for row in message["r"]:
                    self.note(message, tuple(row[:2]), row)
        if newest:
            self.seen = newest
            if self.acknowledges:
                self.socket.send(json.dumps({"a": newest}))
        return found

    def note(self, message, key, row):
        key = (message["q"], *key)
        if message["f"]:
            assert self.finals.get(key, row) == row, f"a final changed: {key}"
            self.finals[key] = row
            self.open.pop(key, None)
        else:
            assert key not in self.finals, f"{key} is open again"
            if self.open.get(key) != row:
                self.changes += 1
            self.open[key] = row

    def until(self, condition, seconds=60):
        """Takes what comes until a condition holds, and gives what it gives."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"not within {seconds} s; {len(self.finals)} finals, " \
                f"{len(self.open)} open, {self.changes} changes, {self.messages[-5:]}"
            with contextlib.suppress(TimeoutError):
                self.take(timeout=1)
        return found

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self.take(timeout=left)
            except TimeoutError:
                return

    def close(self):
        self.socket.close()


# WebSockets without a client: what is on the wire.

def handshake(served, *lines):
    return (f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + "".join(f"{line}\r\n" for line in lines)
            + "\r\n").encode()


def frame(opcode, payload, fin=True, masked=True, rsv=0, length=None):
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    count = len(payload) if length is None else length
    mask = 0x80 if masked else 0
    size = (bytes([mask | count]) if count < 126 else
            bytes([mask | 126]) + struct.pack(">H", count) if count < 65_536 else
            bytes([mask | 127]) + struct.pack(">Q", count))
    return bytes([first]) + size + (bytes(4) if masked else b"") + payload
