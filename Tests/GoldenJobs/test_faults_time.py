"""Times as long as time itself, threads that cannot be had, and what a run leaves open."""

import json
import resource
import shutil
import time

import pytest
from conftest import DATA

FAULTS = DATA / "faults"


@pytest.fixture
def fault(workspace):
    """Copies the files of a fault's folder into the workspace."""
    def copy(name):
        folder = FAULTS / name
        if not folder.exists():
            pytest.skip(f"SKIPPED LOUDLY: no inputs at {folder}")
        for file in folder.iterdir():
            if file.is_file():
                shutil.copy(file, workspace.path / file.name)
    return copy


def windowed(workspace, window):
    job = json.loads((workspace.path / "job.json").read_text())
    for query in job["queries"]:
        query["groupBy"] = [window if "window(" in key else key for key in query["groupBy"]]
        if window.startswith("session"):
            query["select"][0] = "session_" + query["select"][0]
            query["groupBy"].append("p")
    return workspace.job(job)


@pytest.mark.parametrize("window", [
    "window(event_time, '100000000 days')", "window(event_time, '53375996 days')",
    "window(event_time, '106751991 days')", "window(event_time, '106751991 days', '53375996 days')",
    "session_window(event_time, '106751991 days')", "session_window(event_time, '53375996 days')",
])
def test_a_window_as_long_as_time_is_an_error_or_runs(workspace, fault, window):
    fault("02-window-of-1e8-days-traps")
    done = workspace.run("run", windowed(workspace, window), check=None)
    assert done.returncode in (0, 1), done.err
    if done.returncode == 1:
        assert "DATETIME_OVERFLOW" in done.err or "cannot be represented" in done.err, done.err


def test_the_longest_window_that_ran_runs(workspace, fault):
    fault("02-window-of-1e8-days-traps")
    workspace.run("run", windowed(workspace, "window(event_time, '53375995 days')"))


def test_an_interval_beyond_64_bits_is_named_so(workspace, fault):
    fault("02-window-of-1e8-days-traps")
    done = workspace.run("run", windowed(workspace, "window(event_time, '106751992 days')"), check=2)
    assert "too long" in done.err and "month" not in done.err


@pytest.mark.parametrize("interval", ["53375995 days", "106751991 days", "200000 days"])
def test_a_trigger_as_long_as_time_waits(workspace, fault, interval):
    fault("02-window-of-1e8-days-traps")
    windowed(workspace, "window(event_time, '1 minute')")
    job = json.loads((workspace.path / "job.json").read_text())
    job["trigger"] = {"processingTime": interval}
    process = workspace.start("run", workspace.job(job))
    time.sleep(1)
    assert process.poll() is None
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err


@pytest.mark.parametrize("megabytes", [60, 70, 100])
def test_without_threads_a_run_is_slower_or_ends(workspace, fault, megabytes):
    fault("20-no-thread-to-be-had-hangs")
    import subprocess
    from conftest import BINARY
    limit = megabytes * 1024 * 1000
    done = subprocess.run(
        [BINARY, "run", "job.json"], cwd=workspace.path, capture_output=True, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert done.returncode in (0, 1), done.stderr.decode()
    if done.returncode == 1:
        assert b"error: " in done.stderr
    # Without the limit all is there, once.
    workspace.run("run", "job.json")


def candles(more="", **watermark):
    return {
        "name": "m",
        "feed": {"format": "simulator", "ticks": 1000, "symbols": ["A", "B"], "interval": "1 second"},
        "source": {"format": "log", "path": "log/t"},
        "watermark": {"eventTime": "event_time", "delayThreshold": "5 seconds", **watermark},
        "trigger": {"availableNow": True},
        "queries": [
            {"name": "candles", "groupBy": ["symbol", "window(event_time, '1 minute')"],
             "select": ["symbol", "window.start AS start", "count(*) AS n"],
             "outputMode": "append", "sinks": [{"format": "parquet", "path": "lake/candles"}]}],
    }


def test_a_run_says_what_it_leaves_open(workspace):
    done = workspace.run("run", workspace.job(candles()))
    # 1,000 ticks a second apart: the window from 14:46 is open for both symbols.
    assert "candles: 2 windows still open (the last ends 2026-01-05 14:47:00)" in done.err
    assert "--close" in done.err
    assert workspace.query("SELECT sum(n) FROM '{lake}/candles/*.parquet'") != [(1000,)]
    # Also a run that finds nothing new.
    nothing = workspace.run("run", "job.json")
    assert "nothing new" in nothing.err
    assert "candles: 2 windows still open (the last ends 2026-01-05 14:47:00)" in nothing.err
    again = workspace.run("run", "job.json", "--close")
    assert "still open" not in again.err
    assert workspace.query("SELECT sum(n) FROM '{lake}/candles/*.parquet'") == [(1000,)]


def test_a_job_may_close_at_the_end(workspace):
    done = workspace.run("run", workspace.job(candles(closeAtEnd=True)))
    assert "still open" not in done.err
    assert workspace.query("SELECT sum(n) FROM '{lake}/candles/*.parquet'") == [(1000,)]


def test_closing_needs_an_end(workspace):
    job = candles() | {"trigger": {"processingTime": "1 second"}}
    done = workspace.run("run", workspace.job(job), "--close", check=2)
    assert "--available-now" in done.err
    workspace.run("run", "job.json", "--close", "--available-now")


def test_limits_end_a_run_at_once(workspace):
    job = candles() | {"trigger": {"processingTime": "1 hour"}}
    workspace.run("run", workspace.job(job), "--available-now")
    workspace.run("clear", "job.json", "--yes")
    for limit in (["--max-batches", "1"], ["--until", "2026-01-05T14:40:00Z"]):
        begun = time.monotonic()
        workspace.run("run", "job.json", *limit, timeout=60)
        assert time.monotonic() - begun < 30
        workspace.run("clear", "job.json", "--yes")


def test_a_reader_that_goes_away_stops_the_run(workspace):
    """`run | head` has not done everything: it ends as a run that was stopped."""
    job = candles() | {"source": {"format": "log", "path": "log/t", "maxOffsetsPerTrigger": 1}}
    workspace.run("run", workspace.job(job), "--max-batches", "1")
    process = workspace.start("run", "job.json", "--format", "json")
    process.stdout.readline()
    process.stdout.close()
    process.stderr.read()
    assert process.wait(timeout=60) == 130
    workspace.run("run", "job.json", "--close")
    assert workspace.query("SELECT sum(n) FROM '{lake}/candles/*.parquet'") == [(1000,)]
