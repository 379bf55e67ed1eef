"""Rows as they come: finals once, open windows before them, over WebSocket and server-sent events."""

import hashlib
import json
import signal
import time

import pytest
import requests
import sseclient

from conftest import Workspace
from serving import CANDLES, KPI, MINUTES, Follower, Served, finals, job, served  # noqa: F401


def following(served, *queries, **options):
    return Follower(served, [{"q": query} for query in queries or ("candles",)], **options)


def test_open_windows_come_before_their_finals(served):
    follower = following(served)
    follower.run_for(4)
    assert len(follower.finals) >= 5
    # While a window is open its row changes.
    assert follower.changes > 20
    follower.close()
    rows = {("candles", *row[:2]): row for row in finals(served.workspace)}
    for key, row in follower.finals.items():
        assert rows[key] == row


def test_only_what_is_asked_for(served):
    follower = Follower(served, [{"q": "candles", "symbols": ["IBM"]}])
    follower.run_for(2)
    assert follower.finals and {key[1] for key in follower.finals} == {"IBM"}
    follower.follow([{"q": "kpi"}])
    follower.finals.clear()
    follower.note = lambda message, key, row: follower.finals.__setitem__((message["q"], *key), row)
    follower.run_for(1)
    assert {key[0] for key in list(follower.finals)[-5:]} == {"kpi"}
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
    follower.run_for(1)
    follower.close()
    everything = dict(follower.finals)
    first = min(key[2] for key in everything)
    end = time.monotonic() + 6
    while time.monotonic() < end:
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
    follower.run_for(0.5)
    assert follower.resets == resets
    follower.close()


def test_server_sent_events(served):
    answer = requests.get(served.url + "/events?q=candles&symbol=IBM", stream=True, timeout=10)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    rows, last, kinds = {}, None, []
    end = time.monotonic() + 4
    for event in sseclient.SSEClient(answer).events():
        message = json.loads(event.data)
        kinds.append(message["t"])
        last = event.id
        if message["t"] == "rows" and message["f"]:
            rows |= {row[1]: row for row in message["r"]}
        if time.monotonic() > end:
            break
    answer.close()
    assert kinds[0] == "hello" and "status" in kinds and len(rows) >= 3
    answer = requests.get(served.url + "/events?q=candles&symbol=IBM", stream=True, timeout=10,
                          headers={"Last-Event-ID": last})
    end = time.monotonic() + 3
    for event in sseclient.SSEClient(answer).events():
        message = json.loads(event.data)
        assert message["t"] != "reset"
        if message["t"] == "rows" and message["f"]:
            for row in message["r"]:
                assert rows.setdefault(row[1], row) == row
        if time.monotonic() > end:
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
        end = time.monotonic() + 20
        while not follower.open and time.monotonic() < end:
            follower.take()
        # Nothing is committed, and the candle is there.
        assert not (workspace.path / "checkpoints/live/commits/0").exists()
        assert follower.open and not follower.finals
        before = follower.changes
        follower.run_for(1)
        assert follower.changes > before + 20
        while not follower.finals and time.monotonic() < end:
            follower.take()
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
        follower.run_for(4)
        assert len(follower.open) > 5 and len(follower.finals) > 5
        follower.close()
    finally:
        served.stop()


def digests(path):
    """Every file below a folder, but for what says when and where it was made."""
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
            for folder in ("lake", "checkpoints") for file in sorted((path / folder).rglob("*"))
            if file.is_file() and file.name != "LOCK"}


def test_what_is_left_is_the_same_with_a_page(tmp_path):
    """Ten clients look on, and not a byte of lake, state and checkpoint is another."""
    import threading
    text = job([CANDLES, MINUTES, KPI], trigger={"availableNow": True}, ticks=400_000, rate="max",
               start="2026-01-05T14:30:00Z")
    text["source"]["maxOffsetsPerTrigger"] = 5_000
    plain, page = Workspace(tmp_path / "plain"), Workspace(tmp_path / "page")
    for workspace in (plain, page):
        workspace.path.mkdir()
        workspace.job(text)
        workspace.run("run", "job.json", "--max-batches", 1)
    # The identity is random, and the clock moves: both go on from the same first batch.
    import shutil
    shutil.rmtree(page.path)
    shutil.copytree(plain.path, page.path)
    plain.run("run", "job.json")
    served = Served(page, "run", "job.json", "--serve", 0)

    def follow():
        try:
            follower = following(served, "candles", "minutes", "kpi")
            follower.note = lambda *_: None
            while True:
                follower.take()
        except Exception:  # noqa: BLE001
            pass

    threads = [threading.Thread(target=follow) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert served.process.wait(60) == 0
    for thread in threads:
        thread.join()
    left, right = digests(plain.path), digests(page.path)
    assert left.keys() == right.keys()
    differing = {name for name in left if left[name] != right[name]}
    # What a batch was planned at is its time, and is all that may differ.
    assert all(name.startswith(("checkpoints/live/offsets/", "checkpoints/live/commits/"))
               for name in differing), differing
    for name in differing:
        assert without_times(plain.path / name) == without_times(page.path / name), name


def without_times(path):
    import re
    return re.sub(
        r'"batchTimestampMs":\d+|"(crc|previous|offsets)":"[0-9a-f]+"|#xxh3:[0-9a-f]+', "", path.read_text())


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.whole)])
def test_killed_and_started_again_on_the_same_port(workspace, kills):
    """Every final once, whatever was killed when; equal to the lake row for row."""
    import random
    chance = random.Random(20260105)
    workspace.job(job([CANDLES]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    port, everything, first = served.port, {}, None
    for kill in range(kills + 1):
        follower = following(served)
        follower.run_for(chance.uniform(0.3, 2.0) if kill < kills else 4)
        for key, row in follower.finals.items():
            assert everything.setdefault(key, row) == row
        page = served.json("/api/queries/candles?limit=10000")
        for row in page["rows"]:
            assert everything.setdefault(("candles", *row[:2]), row) == row
        if kill == kills:
            break
        served.stop(signal.SIGKILL)
        served = Served(workspace, "run", "job.json", "--serve", port)
        assert served.port == port
    served.stop()
    rows = finals(workspace)
    assert len({tuple(row[:2]) for row in rows}) == len(rows)
    by_key = {("candles", *row[:2]): row for row in rows}
    assert first is None
    assert all(by_key[key] == row for key, row in everything.items())
    newest = max(key[2] for key in everything)
    oldest = max(0, newest - 300_000)
    missing = [key for key in by_key if oldest <= key[2] <= newest and key not in everything]
    assert not missing
