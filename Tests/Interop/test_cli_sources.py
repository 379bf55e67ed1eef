"""Jobs over several logs on the command line, and where a new job begins to read."""

import json

WATERMARK = {"eventTime": "event_time", "delayThreshold": "1 second", "idleTimeout": "0 seconds"}
FEED = {"format": "simulator", "ticks": 1_000, "interval": "100 ms"}
SELECT = ["window.start AS start", "count(*) AS trades", "first(venue) AS venue"]


def source(name, **more):
    return {"name": name, "path": f"log/{name}", "select": ["*", f"'{name}' AS venue"],
            "watermark": WATERMARK, "feed": {**FEED, "seed": len(name)}, **more}


def union(workspace, *sources, **more):
    return workspace.job({
        "name": "union", "sources": sources, "trigger": {"availableNow": True}, "queries": [
            {"name": "q", "groupBy": ["window(event_time, '10 seconds')"], "select": SELECT,
             "sinks": [{"format": "parquet", "path": "lake/q"}]}], **more})


def trades(workspace):
    return workspace.query("SELECT sum(trades), any_value(venue) FROM '{lake}/q/*.parquet'")


def test_feeds_fill_their_own_logs(workspace):
    job = union(workspace, source("a"), source("bb", feed={**FEED, "ticks": 500}))
    done = workspace.run("run", job)
    assert "log/a: 1,000 rows appended" in done.err and "log/bb: 500 rows appended" in done.err
    assert trades(workspace) == [(1_500, "a")]
    workspace.run("replay", job, "--from-checkpoint", "--verify")
    workspace.run("replay", job, "--into", "again")
    again = workspace.query("SELECT sum(trades) FROM '{lake}/../again/lake/q/*.parquet'")
    assert again == [(1_500,)]
    workspace.run("clear", job, "--log", "--yes")
    assert not list((workspace.path / "log").rglob("*.arrows"))


def test_feeds_run_beside_a_run_without_end(workspace):
    endless = {"format": "simulator", "interval": "100 ms", "rate": 20_000}
    job = union(workspace, source("a", feed=endless), source("bb", feed={**endless, "seed": 2}))
    done = workspace.run("run", job, "--trigger", "20ms", "--max-batches", 10)
    assert "log/a: " in done.err and "log/bb: " in done.err
    shown = json.loads(workspace.run("checkpoint", "show", "union", "--format", "json").out)
    assert all(shown["counters"][f"rowsIn.{name}"] > 0 for name in ("a", "bb"))


def test_one_log_is_appended_to_with_the_feed_of_its_source(workspace):
    job = union(workspace, source("a"), source("bb", feed={**FEED, "ticks": 500}))
    done = workspace.run("log", "append", "log/bb", "--job", job)
    assert "500 rows" in done.out + done.err
    done = workspace.run("log", "append", "log/c", "--job", job, check=2)
    assert "has no feed for the log log/c" in done.err


def test_a_trim_keeps_what_a_source_has_to_read(workspace):
    job = union(workspace, source("a"), source("bb", maxOffsetsPerTrigger=100))
    workspace.run("run", job, "--max-batches", 2)
    for name, left in (("a", 0), ("bb", 1_000)):
        workspace.run("log", "trim", f"log/{name}", "--seal", "--max-bytes", 0)
        logs = map(json.loads, workspace.run("log", "ls", "--format", "json").out.splitlines())
        assert {log["log"]: log["rows"] for log in logs}[f"log/{name}"] == left
    workspace.run("run", job)
    assert trades(workspace)[0][0] == 2_000


def rows_read(workspace, **more):
    job = workspace.job({
        "name": "one", "source": {"path": "log/one", **more}, "feed": {**FEED, "seed": 1},
        "trigger": {"availableNow": True}, "queries": [
            {"name": "q", "select": ["event_time"], "sinks": [
                {"format": "parquet", "path": "lake/q"}]}]})
    workspace.run("run", job)
    return workspace.query("SELECT count(*) FROM '{lake}/q/*.parquet'")


def test_a_new_job_begins_at_an_offset_that_its_feed_comes_to(workspace):
    assert rows_read(workspace, startingOffsets=400) == [(600,)]


def test_a_new_job_begins_at_a_time_that_its_feed_comes_to(workspace):
    # The simulator begins at 14:30; a tick each 100 ms.
    assert rows_read(workspace, startingOffsets={"timestamp": "2026-01-05T14:30:50Z"}) == [(500,)]
