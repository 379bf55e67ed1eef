"""Remedies of runs that fail: files, values, places, changed jobs, damage."""

import gzip
import json
import os
import shutil

from . import rows
from .case import JOB, REMOVED
from .disk import NEW_SINKS
from .remedies import cleared, edits, nothing, remedies, restored, shell, then, words

HEAD = "printf 'symbol,event_time,price,volume\\nIBM,2026-01-05T14:30:00Z,100.5,10\\n'"
GOOD = (rows.HEADER + rows.FIRST)


def file(name, data):
    """A file as it should be, in place of the one that is not."""
    def action(scene):
        scene.folder.write(name, data)
        scene.run()
        assert "IBM" in scene.run("lake", "show", "rows").out
    return action


def feed(changes):
    return edits({f"feed.{key}": value for key, value in changes.items()}, verb="run")


NAMED = [{**column, "from": index} for index, column in enumerate(rows.COLUMNS, 1)]
remedies("Files", {
    "no such file": shell(f"mkdir ticks && {HEAD} > ticks/a.csv"),
    "a pattern that nothing matches": shell(f"mkdir ticks && {HEAD} > ticks/a.csv"),
    "a directory": [shell(f"{HEAD} > lake/a.csv && sed -i 's#\"lake\"#\"lake/*.csv\"#' job.json")],
    "a header without a column": file("a.csv", GOOD),
    "a header with a misspelt column": [file("a.csv", GOOD), feed({"columns.2.from": "pirce"})],
    "a column twice in the header": feed({"columns": NAMED}),
    "another delimiter": feed({"delimiter": ";"}),
    "UTF-16": file("a.csv", GOOD),
    "a binary file": file("a.csv", GOOD),
    **{what: file("a.csv.gz", gzip.compress(rows.MANY)) for what in (
        "a gzip file that is cut short", "a gzip file that is damaged", "a gzip file with garbage behind")},
    **{what: file("a.zip", rows.zipped(rows.MANY)) for what in (
        "a zip file that is cut short", "a zip file that is damaged")},
    "more than `maxShare` does not parse": [
        feed({"rejects": {"maxShare": 1}}),
        then(lambda scene: scene.folder.write("a.csv", GOOD),
             lambda scene: scene.run("clear", "job.json", "--log", "--yes")),
        then(lambda scene: scene.folder.write("a.csv", GOOD), edits({"source.path": "log/other"}))],
    "1 GiB without a newline where the header belongs": [
        lambda scene: scene.run("run", "job.json", stdin=GOOD)],
    "1 GiB of JSON without a newline, from a pipe": [
        lambda scene: scene.run("run", "job.json", stdin=json.dumps(rows.JSON_ROW).encode() + b"\n")],
})

TRY = {
    "division by zero": ["try_divide(price, volume - volume) > 1", "price / nullif(volume - volume, 0) > 1"],
    "remainder by zero": ["try_mod(volume, volume - volume) > 1", "volume % nullif(volume - volume, 0) > 1"],
    "an integer overflow": ["try_multiply(volume, 9223372036854775807) > 1",
                            "CAST(volume AS decimal(38,0)) * 9 > 1"],
    "a text that is no number": ["try_cast(symbol AS int) > 1"],
    "a number that does not fit": ["try_cast(price * 1e300 AS int) > 1"],
    "a text that is no date": ["try_cast(symbol AS date) > DATE '2026-01-01'"],
    "a decimal that does not fit": ["try_cast(price AS decimal(2,1)) > 1"],
}
remedies("Values for which an expression has no answer", {
    **{what: [edits({"queries.0.where": text}, "run") for text in texts] for what, texts in TRY.items()},
    "a sum beyond 64 bits": [
        then(lambda scene: scene.run("clear", "job.json", "--yes"),
             edits({"queries.0.select.5": f"sum(CAST(9000000000000000000 AS {type})) AS volume"}, "run"))
        for type in ("double", "decimal(38,0)")],
    "more groups than `maxStateRows`": edits({"options.maxStateRows": 3000}, "run"),
    "more partitions than a batch may have": then(
        lambda scene: scene.run("clear", "job.json", "--yes"),
        edits({"queries.0.select": ["event_time", "price", "to_date(event_time) AS date"],
               "queries.0.sinks.0.partitionBy": ["date"]}, "run")),
})

AGAIN = words("run", "job.json")
remedies("Full disks and readers that go away", {
    # What was on the small disk is what the run left; there is space now.
    "the disk is full: the lake": shell("cp -a seen/lake/. lake/"),
    "the disk is full: the checkpoint": shell("cp -a seen/checkpoints/. checkpoints/"),
    "the disk is full: the log": shell("cp -a seen/log/. log/"),
    "files may not be larger than 512 KiB": AGAIN,
    "files may not be larger than 2 KiB": AGAIN,
    "standard output is full": words("log", "cat", "--limit", "3000"),
    "a run whose reader goes away": AGAIN,
})


def undone(scene):
    scene.folder.job(JOB)
    scene.run("run", "job.json")


def elsewhere(name="new"):
    """The changed job on a new checkpoint and new paths."""
    def action(scene):
        text = (scene.folder.path / "job.json").read_text()
        job = json.loads(text.replace('"lake/', f'"lake/{name}/'))
        job["checkpointLocation"] = f"checkpoints/{name}"
        scene.folder.job(job)
        scene.run("run", "job.json")
    return action


def clear_as_said(scene):
    """The command of the text, letter for letter."""
    said = scene.err.split("clear the old ones: streamer ")[1].split("\n")[0].split()
    scene.run(*said, "--yes")
    scene.run("run", "job.json")


WAYS = [undone, elsewhere(), clear_as_said]
COLUMNS = ["symbol", "event_time", "price", "volume"]
LOG_IS_THERE = edits({"source.path": "log/ticks"}, "run")
remedies("A changed job on its old checkpoint", {
    **{what: WAYS for what in (
        "another name on the same checkpoint", "another log", "no watermark any more", "another grouping",
        "another aggregate", "a `having` more", "another output mode", "another sink path",
        "other partition columns", "another kind of sink", "a query less", "a query more", "a query of another name")},
    "the log has other columns than `source.schema`": [
        edits({"source.schema.2.type": "double"}, "run"),
        edits({"feed": JOB["feed"] | {"ticks": 9}, "source.schema": REMOVED, "source.path": "log/other"}, "run")],
    "the log has other columns than the feed": [
        edits({"source.path": "log/other"}, "validate"),
        edits({"feed.columns": [
            *({"name": name, "type": type} for name, type in (
                ("symbol", "string"), ("event_time", "timestamp"), ("price", "double"), ("volume", "long"),
                ("bid", "double"), ("ask", "double")))]}, "validate")],
    "a column that the log does not have": edits({"queries.0.where": "symbol = 'N'"}, "run"),
    **{what: [LOG_IS_THERE, edits({"feed": JOB["feed"]}, "run"),
              then(lambda scene: scene.folder.job(JOB, "filling.json"),
                   words("log", "append", "log/none", "--job", "filling.json"))] for what in (
        "no log, and nothing that fills one", "the log is an empty directory")},
    **{what: [edits({"source.startingOffsets": start}, "run") for start in (3000, 0, "earliest", "latest")]
       for what in ("an offset that the log does not have", "an offset that the feed does not come to")},
    "rows that were trimmed before they were read": [
        cleared(), shell("cp copy/ticks/* log/ticks/")],
})

PERMITTED = shell("chmod -R u+rwX . && chmod 755 lake")
remedies("Places where nothing can be written", {
    "the lake is a file": shell("rm lake && mkdir lake"),
    "the sink's directory is a file": [
        shell("rm lake/second"), edits({"queries.0.sinks.0.path": "lake/third"}, "run")],
    "the checkpoint is a file": [
        shell("rm checkpoints/second"), edits({"checkpointLocation": "checkpoints/third"}, "run")],
    "the log is a file": LOG_IS_THERE,
    "the sink's directory has files of others": [
        shell("mv lake/second/data.parquet ."), edits({"queries.0.sinks.0.path": "lake/third"}, "run")],
    "the sink's directory belongs to another checkpoint": [
        cleared("--force"), edits({"queries.0.sinks.0.path": "lake/third"}, "run")],
    "the sink's directory lies in another table": edits({"queries.0.sinks.0.path": "lake/third"}, "run"),
    "the checkpoint lies in another one": edits({"checkpointLocation": "checkpoints/third"}, "run"),
    "the checkpoint's directory has files of others": [
        shell("mv mine/a.txt ."), edits({"checkpointLocation": "checkpoints/third"}, "run")],
    "a log in a directory with files of others": [
        shell("mv mine/a.csv .", ("log", "append", "mine", "a.csv", "--schema", "t timestamp, p long")),
        words("log", "append", "log/other", "mine/a.csv", "--schema", "t timestamp, p long")],
    "a log in a table": words("log", "append", "log/other", "a.csv", "--schema", "t timestamp, p long"),
    "`lake export` into a table": words("lake", "export", "candles", "--output", "x.csv"),
    "`clear` of a table with files of others": [
        shell("mv lake/candles/notes.txt .", ("clear", "job.json", "--yes")),
        words("clear", "job.json", "--yes", "--force")],
    "the checkpoint was removed, its tables were not": [
        cleared("--force"),
        edits({"queries.0.sinks.0.path": "lake/third", "queries.1.sinks.0.path": "lake/fourth"}, "run")],
    "a read-only lake": PERMITTED,
    "a job file that may not be read": shell("chmod 644 job.json"),
    "too few open files allowed": AGAIN,
})

POINT = "checkpoints/candles"
CLEAR = cleared()
SEGMENT = "log/ticks/00000000000000000000.arrows"


def without_the_log(scene):
    """The log is moved away, and its feed fills a new one."""
    shutil.move(scene.folder.path / "log/ticks", scene.folder.path / "away")
    scene.run("clear", "job.json", "--yes")
    scene.run("run", "job.json")


def put_back(name):
    """What a case has taken away or damaged, from a copy made before."""
    def action(scene):
        scene.restore(name)
        scene.run(*scene.case.arguments)
    return action


PART = "lake/candles/date=2026-01-05/part-00000003-0000-115bcec8.zstd.parquet"
remedies("Damage to what was written", {
    **{what: [restored(f"{POINT}/{name}"), CLEAR] for what, name in {
        "a commit is not what was written": "commits/3", "a commit is cut short": "commits/3",
        "a commit is empty": "commits/3", "offsets are not what was written": "offsets/3",
        "offsets are gone, their commit is there": "offsets/3", "all offsets are gone": "offsets",
        "a commit in the middle is gone": "commits/2", "the identity is gone": "metadata",
        "the identity is no JSON": "metadata", "the recorded job is no JSON": "job.json"}.items()},
    "a commit of a newer version": restored(f"{POINT}/commits/3"),
    **{what: [restored(f"{POINT}/state/candles/3.delta"), CLEAR, words("replay", "job.json")] for what in (
        "a state file is not what was written", "a state file is cut short", "a state file is gone")},
    **{what: [restored(SEGMENT), without_the_log] for what in (
        "a log segment is not what was written", "a log segment is cut short")},
    "a log segment is gone": restored(SEGMENT),
    "the log's description is gone": [restored("log/ticks/log.json"), without_the_log],
    "the log's description is no JSON": [restored("log/ticks/log.json"), without_the_log],
    "the log was emptied and filled anew": [restored("log/ticks"), CLEAR],
    "`lake verify` of a damaged file": put_back(PART),
    "`lake show` of a damaged file": [
        put_back(PART), then(lambda scene: scene.run("clear", "--yes"), lambda scene: scene.run("run", "job.json"),
                             run=("lake", "show", "candles"))],
    "`replay --verify` of a file that is gone": put_back(PART),
    "`log verify` of a damaged log": put_back(SEGMENT),
})


def others_end(*run):
    def action(scene):
        scene.end()
        scene.run(*run)
    return action


remedies("Two at once", {
    "another engine on the checkpoint": [
        others_end(), edits({"checkpointLocation": "checkpoints/other", "queries.0.sinks.0.path": "lake/a",
                             "queries.1.sinks.0.path": "lake/b"}, "run")],
    "another writer on the log": [others_end(), edits({"source.path": "log/other", "checkpointLocation":
                                  "checkpoints/other", "queries.0.sinks.0.path": "lake/a",
                                  "queries.1.sinks.0.path": "lake/b"}, "run")],
    "`log append` beside a writer": [others_end(), words("log", "append", "log/other", "--job", "job.json")],
    "`clear` while an engine runs": others_end(),
})
