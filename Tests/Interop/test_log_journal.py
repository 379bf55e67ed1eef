"""A log that a feed fills live: its newest rows are in a journal, in the form that the docs tell;
everything is in Arrow when the feed ends, compressed, and old rows go as the job says."""

import json
import signal
import time

import polars as pl
import pyarrow as pa
import pytest

from journal import newest_rows


def live(**changes):
    job = {
        "name": "live",
        "feed": {"format": "simulator", "symbols": ["IBM", "caf\u00e9", "A"], "ticks": None,
                 "rate": 4_000, "start": "2026-01-05T14:30:00Z", "interval": "1 ms", "seed": 5},
        "source": {"format": "log", "path": "log/live"},
        "trigger": {"processingTime": "200 ms"},
        "queries": [{"name": "n", "select": ["count(*) AS n"], "groupBy": ["symbol"],
                     "outputMode": "complete", "sinks": [{"format": "table", "path": "lake/n"}]}]}
    for key, value in changes.items():
        job[key] = {**job[key], **value}
    return job


def running(workspace, job, seconds, with_signal):
    """Runs a job for some seconds after its first batch, then ends it; gives the exit code."""
    (workspace.path / "job.json").write_text(json.dumps(job))
    process = workspace.start("run", "job.json", "--format", "json")
    assert process.stdout.readline(), process.stderr.read()
    time.sleep(seconds)
    process.send_signal(with_signal)
    process.communicate(timeout=60)
    return process.returncode


def segments(log):
    tables = [pa.ipc.open_stream(path.read_bytes()).read_all().unify_dictionaries()
              for path in sorted(log.glob("*.arrows"))]
    whole = pa.concat_tables(tables, promote_options="permissive")
    index = whole.schema.get_field_index("symbol")
    return whole.set_column(index, "symbol", whole["symbol"].cast(pa.string()))


def test_the_journal_is_what_the_docs_tell(workspace):
    log = workspace.path / "log" / "live"
    assert running(workspace, live(), 1, signal.SIGKILL) == -signal.SIGKILL
    assert list(log.glob("*.journal"))
    before = segments(log).to_pylist() if list(log.glob("*.arrows")) else []
    rows = before + newest_rows(log, len(before))
    assert len(rows) > 2_000
    # Opening the log makes segments of it; streamer reads the same before and after.
    lines = workspace.run("log", "cat", "log/live", "--format", "json").out.splitlines()
    assert len(lines) == len(rows)
    workspace.run("log", "trim", "log/live", "--seal")
    assert not list(log.glob("*.journal"))
    assert segments(log).to_pylist() == rows
    assert [json.loads(line)["price"] for line in lines] == [row["price"] for row in rows]
    frames = [pl.read_ipc_stream(path) for path in sorted(log.glob("*.arrows"))
              if path.stat().st_size > 1_000]
    assert sum(frame.height for frame in frames) >= len(rows)
    assert "whole" in workspace.run("log", "verify", "log/live").out


def test_a_live_log_is_small(workspace):
    log = workspace.path / "log" / "live"
    assert running(workspace, live(), 2, signal.SIGKILL) == -signal.SIGKILL
    rows = len(newest_rows(log, 0))
    assert rows > 5_000
    assert sum(path.stat().st_size for path in log.glob("*.journal")) < 60 * rows
    workspace.run("log", "trim", "log/live", "--seal")
    assert sum(path.stat().st_size for path in log.glob("*.arrows")) < 20 * rows


def test_a_clean_end_leaves_arrow_alone(workspace):
    log = workspace.path / "log" / "live"
    assert running(workspace, live(), 1, signal.SIGTERM) == 0
    assert not list(log.glob("*.journal"))
    listed = json.loads(workspace.run("log", "ls", "log/live", "--format", "json").out
                        .splitlines()[0])
    assert listed["state"] == "active" and listed["rows"] == segments(log).num_rows
    assert running(workspace, live(), 1, signal.SIGINT) == 130
    assert segments(log).num_rows > listed["rows"]


@pytest.mark.parametrize("bytes", ["1 MB"])
def test_a_job_keeps_its_log_within_its_retention(workspace, bytes):
    log = workspace.path / "log" / "live"
    job = live(feed={"rate": 50_000}, source={"retention": {"bytes": bytes}})
    assert running(workspace, job, 10, signal.SIGTERM) == 0
    first = json.loads(workspace.run("log", "ls", "log/live", "--format", "json").out
                       .splitlines()[0])
    assert first["from"] > 0
    assert "keeps rows while the log has at most 977 KiB" in workspace.run(
        "log", "retain", "log/live").out
    assert "whole" in workspace.run("log", "verify", "log/live").out
    assert sum(path.stat().st_size for path in log.glob("*")) < 12_000_000


@pytest.mark.parametrize("retention, message", [
    ({"bytes": "100"}, "a size with its unit"), ({"bytes": "-1 GB"}, "a size with its unit"),
    ({"time": "-1 day"}, "negative"), ({"time": "1 month"}, "months")])
def test_a_bad_retention_is_one_error(workspace, retention, message):
    (workspace.path / "job.json").write_text(json.dumps(live(source={"retention": retention})))
    error = workspace.run("validate", "job.json", check=2).err
    assert message in error and error.count("error:") == 1
