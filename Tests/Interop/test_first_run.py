"""A job whose first run fails leaves nothing behind: no checkpoint, no table, no log without rows."""

import pytest

FEED = {"format": "csv", "paths": "ticks.csv", "eventTime": "ts", "columns": [
    {"name": "ts", "type": "timestamp", "format": "epoch_s"},
    {"name": "key", "type": "string", "nullable": False},
    {"name": "value", "type": "long", "nullable": False}]}
TICKS = "ts,key,value\n" + "".join(f"{1_767_657_560 + row},{'ab'[row % 2]},{row}\n" for row in range(40))


def job(name="first", trigger=None, **changes):
    return {"name": name, "feed": FEED,
            "source": {"format": "log", "path": "log/first", "maxOffsetsPerTrigger": 10},
            "watermark": {"eventTime": "ts", "delayThreshold": "1 second"},
            "trigger": trigger or {"availableNow": True},
            "queries": [
                {"name": "plain", "select": ["ts", "key", "value"], "outputMode": "append",
                 "sinks": [{"format": "parquet", "path": "lake/plain"},
                           {"format": "delta", "path": "lake/delta"}]},
                {"name": "sums", "groupBy": ["key"], "select": ["key", "sum(value) AS total"],
                 "outputMode": "complete", "sinks": [{"format": "table", "path": "lake/sums"}]}],
            **changes}


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in folder.rglob("*")}


def fails_and_leaves_nothing(workspace, name, *arguments):
    before = everything(workspace.path)
    failed = workspace.run("run", name, *arguments, check=None)
    assert failed.returncode not in (0, 130), failed.err
    assert everything(workspace.path) == before
    return failed


@pytest.mark.parametrize("trigger", [{"availableNow": True}, {"processingTime": "0 seconds"}])
def test_without_the_feeds_file(workspace, trigger):
    name = workspace.job(job(trigger=trigger))
    assert "ticks.csv" in fails_and_leaves_nothing(workspace, name).err
    # Nothing is in the way of the run that finds it.
    (workspace.path / "ticks.csv").write_text(TICKS)
    workspace.run("run", workspace.job(job()))
    assert workspace.query("SELECT count(*) FROM '{lake}/plain/*.parquet'") == [(40,)]


@pytest.mark.parametrize("table", ["plain", "delta", "sums"])
def test_with_somebodys_files_in_a_tables_folder(workspace, table):
    (workspace.path / "ticks.csv").write_text(TICKS)
    (workspace.path / "lake" / table).mkdir(parents=True)
    (workspace.path / "lake" / table / "mine.txt").write_text("mine")
    failed = fails_and_leaves_nothing(workspace, workspace.job(job()))
    assert "mine.txt" in failed.err


def test_with_another_jobs_table(workspace):
    (workspace.path / "ticks.csv").write_text(TICKS)
    workspace.run("run", workspace.job(job()))
    other = job("other", source={"format": "log", "path": "log/other"})
    failed = fails_and_leaves_nothing(workspace, workspace.job(other, "other.json"))
    assert "belongs to" in failed.err


def test_with_a_query_that_does_not_fit_the_log(workspace):
    (workspace.path / "ticks.csv").write_text(TICKS)
    workspace.run("run", workspace.job(job()))
    other = job("other", source={"format": "log", "path": "log/first"})
    del other["feed"]
    other["queries"][0]["select"] = ["nothing"]
    other["queries"][0]["sinks"] = [{"format": "parquet", "path": "lake/other"}]
    other["queries"] = other["queries"][:1]
    fails_and_leaves_nothing(workspace, workspace.job(other, "other.json"))


def test_with_an_offset_that_the_log_does_not_have(workspace):
    (workspace.path / "ticks.csv").write_text(TICKS)
    workspace.run("run", workspace.job(job()))
    other = job("other", source={"format": "log", "path": "log/first", "startingOffsets": 1000})
    del other["feed"]
    for query in other["queries"]:
        for sink in query["sinks"]:
            sink["path"] += "_other"
    fails_and_leaves_nothing(workspace, workspace.job(other, "other.json"))
