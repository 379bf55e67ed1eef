"""Rows as they come: finals once, open windows before them, over WebSocket and server-sent events."""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests
import sseclient
from websockets.exceptions import ConnectionClosed

from conftest import Workspace
from serving import (  # noqa: F401
    CANDLES, KPI, MINUTES, Follower, Served, finals, frame, handshake, job, served)


def following(served, *queries, **options):
    return Follower(served, [{"q": query} for query in queries or ("candles",)], **options)


def test_open_windows_come_before_their_finals(served):
    follower = following(served)
    # While a window is open its row changes.
    follower.until(lambda: len(follower.finals) >= 5 and follower.changes > 20)
    follower.close()
    rows = {("candles", *row[:2]): row for row in finals(served.workspace)}
    for key, row in follower.finals.items():
        assert rows[key] == row


def test_only_what_is_asked_for(served):
    follower = Follower(served, [{"q": "candles", "symbols": ["IBM"]}])
    follower.until(lambda: len(follower.finals) > 2)
    assert {key[1] for key in follower.finals} == {"IBM"}
    follower.follow([{"q": "kpi"}])
    queries = []
    follower.note = lambda message, key, row: queries.append(message["q"])
    follower.until(lambda: "kpi" in queries)
    # Of the other query nothing comes behind that.
    count = len(queries)
    follower.until(lambda: len(queries) > count + 20)
    assert set(queries[count:]) == {"kpi"}
    follower.close()


def test_a_complete_result_comes_whole(served):
    follower = Follower(served, [{"q": "kpi"}])
    wholes = []
    end = time.monotonic() + 10
    while len(wholes) < 3 and time.monotonic() < end:
        for line in follower.socket.recv(timeout=10).splitlines():
            message = json.loads(line)
            if message["t"] == "rows":
                wholes.append(message)
                follower.socket.send(json.dumps({"a": message["seq"]}))
    assert all(message["whole"] for message in wholes)
    assert [len(message["r"]) for message in wholes] == [5, 5, 5]
    follower.close()


def test_a_client_that_does_not_acknowledge_gets_two_frames(served):
    follower = following(served)
    follower.take()
    follower.socket.send(json.dumps({"a": 1}))
    follower.acknowledges = False
    frames, end = 0, time.monotonic() + 3
    while time.monotonic() < end:
        try:
            frames += "rows" in {json.loads(line)["t"]
                                 for line in follower.socket.recv(timeout=0.5).splitlines()}
        except TimeoutError:
            break
    assert frames <= 3
    # One word of it, and it is at the newest with one frame.
    follower.acknowledges = True
    follower.socket.send(json.dumps({"a": 1 << 52}))
    follower.run_for(2)
    newest = max(key[2] for key in {**follower.finals, **follower.open})
    status = served.json("/api/jobs") and follower.status
    assert status is None or status["max"] - newest < 3_000
    follower.close()


def test_reconnecting_with_a_sequence_number_misses_nothing(served):
    follower = following(served)
    follower.until(lambda: follower.finals)
    follower.close()
    everything = dict(follower.finals)
    first = min(key[2] for key in everything)
    # The connection is dropped at each message or two, until the next finals have come.
    while len(everything) < len(follower.finals) + 10:
        again = Follower(served)
        assert again.run == follower.run
        again.follow([{"q": "candles", "since": f"{follower.run}.{follower.seen}"}])
        again.take()
        again.run_for(0.05)
        follower.seen = max(follower.seen, again.seen)
        assert again.resets == 0
        for key, row in again.finals.items():
            assert everything.setdefault(key, row) == row
        again.close()
    last = max(key[2] for key in everything)
    expected = {("candles", *row[:2]): row for row in finals(served.workspace)
                if first <= row[1] <= last}
    assert {key: row for key, row in everything.items() if first <= key[2] <= last} == expected


@pytest.mark.parametrize("since, resets", [("0123456789abcdef.7", 1), ("{run}.9000000000000000", 1)])
def test_a_sequence_of_another_run_is_reset(served, since, resets):
    follower = Follower(served)
    follower.follow([{"q": "candles", "since": since.format(run=follower.run)}])
    follower.until(lambda: follower.resets)
    follower.until(lambda: follower.finals)
    assert follower.resets == resets
    follower.close()


def test_server_sent_events(served):
    answer = requests.get(served.url + "/events?q=candles&symbol=IBM", stream=True, timeout=10)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    rows, last, kinds = {}, None, []
    for event in sseclient.SSEClient(answer).events():
        message = json.loads(event.data)
        kinds.append(message["t"])
        last = event.id
        if message["t"] == "rows" and message["f"]:
            rows |= {row[1]: row for row in message["r"]}
        if len(rows) >= 3 and "status" in kinds:
            break
    answer.close()
    assert kinds[0] == "hello"
    answer = requests.get(served.url + "/events?q=candles&symbol=IBM", stream=True, timeout=10,
                          headers={"Last-Event-ID": last})
    count = len(rows)
    for event in sseclient.SSEClient(answer).events():
        message = json.loads(event.data)
        assert message["t"] != "reset"
        if message["t"] == "rows" and message["f"]:
            for row in message["r"]:
                assert rows.setdefault(row[1], row) == row
        if len(rows) > count + 1:
            break
    answer.close()
    expected = {row[1]: row for row in finals(served.workspace, symbol="IBM")}
    first, newest = min(rows), max(rows)
    assert rows == {at: row for at, row in expected.items() if first <= at <= newest}


def test_an_append_query_alone_in_real_time(workspace):
    workspace.job(job([CANDLES], trigger={"realTime": "5 seconds"}))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    try:
        follower = following(served)
        follower.until(lambda: follower.open)
        # Nothing is committed, and the candle is there.
        assert not (workspace.path / "checkpoints/live/commits/0").exists()
        assert follower.open and not follower.finals
        before = follower.changes
        follower.until(lambda: follower.changes > before + 20)
        follower.until(lambda: follower.finals)
        rows = {("candles", *row[:2]): row for row in finals(workspace)}
        assert follower.finals and all(rows[key] == row for key, row in follower.finals.items())
        follower.close()
    finally:
        served.stop()


def test_a_query_behind_another(workspace):
    behind = {"name": "big", "from": "candles", "select": ["symbol", "window_start", "close",
                                                           "high - low AS range"],
              "where": "volume > 0", "outputMode": "append",
              "sinks": [{"format": "parquet", "path": "lake/big"}]}
    workspace.job(job([CANDLES, behind]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    try:
        follower = Follower(served, [{"q": "big"}])
        follower.note = lambda message, key, row: (
            follower.finals if message["f"] else follower.open).__setitem__(key, row)
        follower.until(lambda: len(follower.open) > 5 and len(follower.finals) > 5)
        follower.close()
    finally:
        served.stop()


def digests(path):
    """Every file of lake, state and checkpoint."""
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
            for folder in ("lake", "checkpoints") for file in sorted((path / folder).rglob("*"))
            if file.is_file() and file.name != "LOCK"}


@pytest.fixture(scope="session")
def fixed_clock(tmp_path_factory):
    """The environment of a process whose wall clock stands still."""
    library = tmp_path_factory.mktemp("clock") / "fixed_clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library,
                    pathlib.Path(__file__).with_name("fixed_clock.c")], check=True)
    return {"LD_PRELOAD": str(library)}


def test_what_is_left_is_the_same_with_a_page(tmp_path, fixed_clock):
    """Ten clients look on, and not a byte of lake, state and checkpoint is another."""
    text = job([CANDLES, MINUTES, KPI], trigger={"availableNow": True}, ticks=200_000, rate="max",
               start="2026-01-05T14:30:00Z")
    text["source"]["maxOffsetsPerTrigger"] = 5_000
    plain, page = Workspace(tmp_path / "plain"), Workspace(tmp_path / "page")
    plain.path.mkdir()
    plain.job(text)
    # A checkpoint's identity is random, and in each of its files: both go on from one first batch.
    plain.run("run", "job.json", "--max-batches", 1, **fixed_clock)
    shutil.copytree(plain.path, page.path)
    plain.run("run", "job.json", **fixed_clock)
    served = Served(page, "run", "job.json", "--serve", 0, **fixed_clock)
    seen = []

    def follow():
        follower = following(served, "candles", "minutes", "kpi")
        follower.note = lambda *_: None
        with contextlib.suppress(ConnectionClosed):
            while True:
                follower.take()
        seen.append(follower.messages.count("rows"))

    threads = [threading.Thread(target=follow) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert served.process.wait(300) == 0
    for thread in threads:
        thread.join()
    assert len(seen) == 10 and min(seen) > 0
    left, right = digests(plain.path), digests(page.path)
    assert len(left) > 100 and left == right


def test_killed_and_started_again_on_the_same_port(workspace):
    """Every final once, whatever was killed when; equal to the lake row for row."""
    kills = int(os.environ.get("PAGE_KILLS", 4))
    chance = random.Random(20260105)
    workspace.job(job([CANDLES]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    port, everything = served.port, {}

    def note(follower):
        for key, row in follower.finals.items():
            assert everything.setdefault(key, row) == row
        for row in served.json("/api/queries/candles?limit=10000")["rows"]:
            assert everything.setdefault(("candles", *row[:2]), row) == row

    for _ in range(kills):
        follower = following(served)
        # At any moment of a batch: of a tenth of a second most is its storing.
        follower.run_for(chance.uniform(0.3, 1.5))
        note(follower)
        served.stop(signal.SIGKILL)
        served = Served(workspace, "run", "job.json", "--serve", port)
        assert served.port == port
    follower = following(served)
    follower.until(lambda: len(follower.finals) >= 10)
    note(follower)
    served.stop()
    rows = finals(workspace)
    assert len({tuple(row[:2]) for row in rows}) == len(rows)
    by_key = {("candles", *row[:2]): row for row in rows}
    assert all(by_key[key] == row for key, row in everything.items())
    newest = max(key[2] for key in everything)
    oldest = max(0, newest - 300_000)
    missing = [key for key in by_key if oldest <= key[2] <= newest and key not in everything]
    assert not missing


def test_a_client_that_reads_a_byte_at_a_time(served):
    """What is under way to it is bounded, and the frame behind that is of the newest of everything."""
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        slow.sendall(handshake(served) + frame(1, b'{"sub":[{"q":"candles"},{"q":"minutes"}]}'))
        read = b""
        watcher = following(served)
        first = watcher.until(lambda: len(watcher.finals) > 5 and watcher.status)
        end = watcher.status["max"] + 2_500
        while watcher.status["max"] < end:
            watcher.take()
            read += slow.recv(1)
        watcher.close()
        # Now it takes what is there: frames, each whole, up to one that is of now.
        slow.settimeout(20)
        rest = read
        messages = []
        while not any(m["t"] == "status" and m["max"] and m["max"] >= end for m in messages):
            rest += slow.recv(65_536)
            found, rest = split_frames(rest)
            messages += found
    assert first
    sequences = [message["seq"] for message in messages if message["t"] == "rows"]
    assert sequences == sorted(sequences)
    keys = [(message["q"], *row[:2]) for message in messages if message["t"] == "rows"
            and message["f"] for row in message["r"]]
    assert len(keys) == len(set(keys)), "a final came twice"


def split_frames(data):
    """The messages of whole frames of text behind the head of the answer, and what is left."""
    if b"HTTP/1.1 101" in data:
        if b"\r\n\r\n" not in data:
            return [], data
        data = data.split(b"\r\n\r\n", 1)[1]
    messages = []
    while len(data) >= 2:
        size, start = data[1] & 127, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < max(start, 2) + size:
            break
        if data[0] & 15 == 1:
            messages += [json.loads(line) for line in data[start:start + size].splitlines()]
        data = data[start + size:]
    return messages, data
