"""A job as a service: what it tells systemd and a log collector, how it ends, several in one process."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import ROOT


def job(name, feed=None, **changes):
    return {
        "name": name,
        "feed": {"format": "simulator", "symbols": ["A", "B"], "ticks": None, "rate": 500,
                 "start": "2026-01-05T14:30:00Z", "interval": "1 ms", "seed": 5, **(feed or {})},
        "source": {"format": "log", "path": f"log/{name}"},
        "trigger": {"processingTime": "100 ms"},
        "queries": [{"name": "n", "select": ["symbol", "count(*) AS n"], "groupBy": ["symbol"],
                     "outputMode": "complete",
                     "sinks": [{"format": "table", "path": f"lake/{name}"}]}], **changes}


def write(workspace, *jobs):
    for each in jobs:
        (workspace.path / f"{each['name']}.json").write_text(json.dumps(each))


def lines(text):
    return [json.loads(line) for line in text.decode().splitlines() if line]


def committed(workspace, name):
    folder = workspace.path / "checkpoints" / name / "commits"
    return len(list(folder.glob("[0-9]*"))) if folder.exists() else 0


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


def test_systemd_is_told(workspace, tmp_path):
    write(workspace, job("live"))
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.settimeout(60)
        process = workspace.start("run", "live.json", "--log-format", "json",
                                  NOTIFY_SOCKET=address, WATCHDOG_USEC="200000")
        assert heard.recv(4_096).startswith(b"READY=1\n")
        for _ in range(3):
            assert heard.recv(4_096) == b"WATCHDOG=1"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        said = []
        heard.setblocking(False)
        while not said or not said[-1].startswith(b"STOPPING=1"):
            said.append(heard.recv(4_096))
    assert process.returncode == 0
    assert {"started", "ended"} <= {line["event"] for line in lines(err)}


def test_the_log_of_a_service(workspace):
    write(workspace, job("live"))
    process = workspace.start("run", "live.json", "--log-format", "json")
    until(lambda: committed(workspace, "live") > 2)
    process.send_signal(signal.SIGHUP)
    seen = committed(workspace, "live")
    until(lambda: committed(workspace, "live") != seen or seen > 90)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and not out
    for line in lines(err):
        assert list(line)[:5] == ["time", "level", "job", "event", "message"]
        assert line["time"].endswith("Z") and len(line["time"]) == 24
        assert line["job"] == "live" and line["level"] in ("info", "warning")
    [listed] = workspace.run("checkpoint", "ls", "--format", "json").out.splitlines()
    assert '"state":"committed"' in listed


def test_the_line_of_a_minute(workspace):
    """A clock that runs a hundred times as fast would be a fake: this one waits for the minute."""
    write(workspace, job("live"))
    process = workspace.start("run", "live.json", "--log-format", "json")
    try:
        for raw in process.stderr:
            line = json.loads(raw)
            if line["event"] == "status":
                break
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert line["rows"] == line["rowsInMinute"] > 10_000
    assert line["rowsBehind"] < line["rows"]
    assert 1 << 20 < line["memoryBytes"] < 1 << 30
    assert line["logBytes"] > 0 and line["lakeBytes"] > 0


def test_text_lines_and_errors(workspace):
    write(workspace, job("live", feed={"ticks": 100}, trigger={"availableNow": True}))
    err = workspace.run("run", "live.json", "--log-format", "text").err
    assert all(line[10] == "T" and " live " in line for line in err.splitlines())
    (workspace.path / "log" / "live" / "durable").write_bytes(b"x" * 64)
    (workspace.path / "log" / "live" / "log.json").write_text("{}")
    done = workspace.run("run", "live.json", "--log-format", "json", check=1)
    [line] = lines(done.stderr)
    assert line["level"] == "error" and "log.json" in line["message"]


def test_a_lock_is_waited_for(workspace):
    write(workspace, job("live"))
    first = workspace.start("run", "live.json")
    until(lambda: committed(workspace, "live") > 1)
    assert "held by" in workspace.run("run", "live.json", check=None).err
    second = workspace.start("run", "live.json", "--wait-lock", "60s", "--max-batches", "2")
    time.sleep(0.5)
    assert second.poll() is None
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0 and b"waiting for" in err
    assert "60s" in workspace.run("run", "live.json", "--wait-lock", "soon", check=2).err


def bounded(name, seed):
    return job(name, feed={"ticks": 20_000, "rate": "max", "seed": seed},
               trigger={"availableNow": True})


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted((folder / "lake").rglob("*.parquet"))}


def test_two_jobs_in_one_process_are_the_two_alone(workspace, tmp_path_factory):
    jobs = [bounded("a", 1), bounded("b", 2)]
    write(workspace, *jobs)
    workspace.run("run", "a.json", "b.json")
    alone = tmp_path_factory.mktemp("alone")
    for each in jobs:
        (alone / f"{each['name']}.json").write_text(json.dumps(each))
        subprocess.run([os.environ.get("STREAMER", ROOT / "streamer"), "run",
                        f"{each['name']}.json"], cwd=alone, check=True, capture_output=True)
    assert contents(workspace.path) == contents(alone) and len(contents(alone)) == 2


def test_one_that_fails_leaves_the_other_running(workspace):
    write(workspace, job("good"), job("bad"))
    process = workspace.start("run", "good.json", "bad.json", "--log-format", "json")
    until(lambda: committed(workspace, "good") > 1 and committed(workspace, "bad") > 1)
    # The folder of the bad one's table goes and a file stands in its place: its next batch fails.
    shutil.rmtree(workspace.path / "lake" / "bad")
    (workspace.path / "lake" / "bad").write_text("in the way")
    for raw in process.stderr:
        line = json.loads(raw)
        if line["level"] == "error":
            break
    assert line["job"] == "bad" and line["event"] == "failed"
    progress = workspace.path / "checkpoints" / "good" / "commits"
    newest = max(int(path.name) for path in progress.glob("[0-9]*"))
    until(lambda: max(int(path.name) for path in progress.glob("[0-9]*")) > newest + 3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 1


@pytest.mark.parametrize("names, message", [
    (["a.json", "a.json"], "one checkpoint"), (["a.json", "twin.json"], "both named 'a'")])
def test_jobs_that_are_one_are_refused(workspace, names, message):
    write(workspace, bounded("a", 1))
    twin = {**bounded("a", 2), "checkpointLocation": "checkpoints/twin"}
    (workspace.path / "twin.json").write_text(json.dumps(twin))
    assert message in workspace.run("run", *names, check=2).err


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_the_unit_is_right(tmp_path):
    unit = ROOT / "docs" / "operations" / "streamer@.service"
    copy = tmp_path / "streamer@live.service"
    copy.write_text(unit.read_text().replace("/usr/local/bin/streamer", str(
        pathlib.Path(ROOT / "streamer").resolve())))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_value_stands_in_a_file(workspace):
    folder = workspace.path / "secrets"
    folder.mkdir()
    # The line end behind it is an editor's; another one is the value's.
    (folder / "table").write_text("lake/of file\r\n")
    bounded = job("filed", feed={"ticks": 100, "rate": "max"}, trigger={"availableNow": True})
    bounded["queries"][0]["sinks"][0]["path"] = "${file:secrets/table}"
    write(workspace, bounded)
    workspace.run("run", "filed.json")
    assert (workspace.path / "lake" / "of file").is_dir()
    recorded = (workspace.path / "checkpoints" / "filed" / "job.json").read_text()
    assert "${file:secrets/table}" in recorded and "of file" not in recorded
    for spoil in (lambda file: file.write_bytes(b"x" * 70_000), lambda file: file.write_bytes(b"\xff"),
                  pathlib.Path.unlink):
        spoil(folder / "table")
        refused = workspace.run("run", "filed.json", check=2).err
        assert "secrets/table" in refused and "at most 64 KiB" in refused
