"""`streamer source` over directories and logs: what is queued, without a trace."""

import json

COLUMNS = [{"name": "symbol", "type": "string"}, {"name": "price", "type": "double"},
           {"name": "at", "type": "timestamp", "format": "epoch_s"}]
FILES = {"format": "csv", "columns": COLUMNS, "eventTime": "at"}


def job(**changes):
    return {"name": "copy", "source": {**FILES, "path": "in"},
            "trigger": {"availableNow": True},
            "queries": [{"name": "copy", "select": ["symbol", "price"], "outputMode": "append",
                         "sinks": [{"format": "parquet", "path": "lake/copy"}]}], **changes}


def put(workspace, name, *lines):
    (workspace.path / "in").mkdir(exist_ok=True)
    (workspace.path / "in" / name).write_text("symbol,price,at\n" + "".join(f"{line},{n}\n" for n, line in enumerate(lines)))


def everything(workspace):
    return {path: path.read_bytes() for path in sorted(workspace.path.rglob("*")) if path.is_file()}


def rows(workspace, verb, *arguments):
    done = workspace.run("source", verb, "job.json", "--format", "json", *arguments)
    return [json.loads(line) for line in done.out.splitlines()], done.err


def test_a_directory(workspace):
    put(workspace, "a.csv", "IBM,1.5", "BAC,2.5")
    workspace.job(job())
    before = everything(workspace)
    assert [row["price"] for row in rows(workspace, "cat")[0]] == [1.5, 2.5]
    assert everything(workspace) == before
    workspace.run("run", "job.json")
    put(workspace, "b.csv", "AMZN,3.5", "AMZN,x", "BAC,4.5")
    before = everything(workspace)
    (listed, ), _ = rows(workspace, "ls")
    assert listed["split"] is None and listed["queued"] == listed["to"] - listed["next"] > 0
    refused = workspace.run("source", "cat", "job.json", check=1).err
    assert "in/b.csv line 3" in refused and "price is not a number" in refused
    assert everything(workspace) == before
    changed = job()
    changed["source"]["mode"] = "DROPMALFORMED"
    workspace.job(changed)
    before = everything(workspace)
    found, err = rows(workspace, "cat")
    assert [(row["symbol"], row["price"]) for row in found] == [("AMZN", 3.5), ("BAC", 4.5)]
    assert "1 record left out" in err
    assert len(rows(workspace, "cat", "--all")[0]) == 4
    assert everything(workspace) == before
    # A run finds the file as if nobody had looked.
    assert workspace.progress("job.json")[0]["numInputRows"] == 2


def test_a_log_and_which_source(workspace):
    put(workspace, "a.csv", *(f"S{n},{n}.5" for n in range(30)))
    feed = {**FILES, "paths": "in/*.csv"}
    workspace.job(job(source={"format": "log", "path": "log/x"}, feed=feed))
    assert "no tick log in log/x" in workspace.run("source", "ls", "job.json", check=2).err
    workspace.run("run", "job.json")
    (listed, ), _ = rows(workspace, "ls")
    assert (listed["next"], listed["to"], listed["queued"]) == (30, 30, 0)
    assert rows(workspace, "cat")[0] == []
    found, _ = rows(workspace, "tail", "--lines", 3, "--offsets", "--columns", "price")
    assert found == [{"_split": None, "_offset": n, "price": n + 0.5} for n in (27, 28, 29)]
    out = workspace.run("source", "cat", "job.json", "--all").out
    assert len(out.splitlines()) == 22
