"""What a run says of its time, and what bounds its memory."""

import re
import subprocess
import time

from conftest import BINARY, ohlcv

SYMBOLS = [f"S{number:03}" for number in range(200)]


def many_ticks(ticks, **changes):
    feed = {"symbols": SYMBOLS, "ticks": ticks, "interval": "1 ms"}
    return ohlcv(feed=feed, source={"maxOffsetsPerTrigger": 50_000}, **changes)


def test_the_stages_of_a_batch_add_up_to_it(workspace):
    name = workspace.job(many_ticks(200_000))
    for progress in workspace.progress(name, "--threads", 2):
        wall = progress["profile"]["wallMs"]
        assert wall.keys() == progress["profile"]["busyMs"].keys()
        assert set(wall) == {"read", "expressions", "grouping", "state", "sinks", "checkpoint",
                             "syncs", "other"}
        # Both are whole milliseconds or thousandths, cut off.
        whole = progress["durationMs"]["triggerExecution"]
        assert whole - 0.1 <= sum(wall.values()) <= whole + 1.1
        assert progress["profile"]["busyMs"]["syncs"] > 0
        assert progress["numInputRows"] == 0 or progress["profile"]["busyMs"]["grouping"] > 0


def test_profile_prints_a_table(workspace):
    done = workspace.run("run", workspace.job(many_ticks(100_000)), "--profile")
    rows = dict(re.findall(r"^(\w+) +[\d.]+ +[\d.]+ +([\d.]+) %$", done.err, re.MULTILINE))
    assert rows.pop("batches") == "100.0"
    assert len(rows) == 8 and abs(sum(map(float, rows.values())) - 100) < 1
    assert "share" not in done.out, "standard output is for data"


def test_the_memory_of_state_has_a_bound_that_the_job_states(workspace):
    job = many_ticks(200_000, options={"maxStateBytes": 1_048_576})
    job["feed"]["symbols"] = [f"S{number:04}" for number in range(4_000)]
    failed = workspace.run("run", workspace.job(job), check=1)
    assert "[STATE_TOO_LARGE]" in failed.err and "`maxStateBytes`" in failed.err
    # A larger bound and the same checkpoint: the run goes on.
    job["options"]["maxStateBytes"] = 1 << 30
    workspace.run("run", workspace.job(job))


def peak_memory(workspace, name):
    """MB that a run takes at most; read from the kernel while it runs."""
    process = subprocess.Popen([BINARY, "run", name, "--threads", "2"], cwd=workspace.path,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                found = re.search(r"VmHWM:\s*(\d+)", status.read())
        except OSError:
            found = None
        if found:
            peak = int(found[1]) / 1024
        time.sleep(0.005)
    assert process.returncode == 0
    return peak


def test_memory_does_not_grow_with_the_log(workspace):
    peaks = []
    for ticks in (200_000, 2_000_000):
        name = workspace.job(many_ticks(ticks))
        workspace.run("run", name, "--max-batches", 1)
        workspace.run("clear", "--yes")
        peaks.append(peak_memory(workspace, name))
    # Ten times the ticks: 75 MB more of them, and 36 batches more.
    assert peaks[1] < peaks[0] + 24, peaks
