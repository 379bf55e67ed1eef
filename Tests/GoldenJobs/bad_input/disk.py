"""Checkpoints, logs and lakes that are not as a run left them, and others at work on them."""

import fcntl
import os
import resource
import shutil

from .case import REMOVED, Case, Group

NEW_SINKS = {"queries.0.sinks.0.path": "lake/second", "queries.1.sinks.0.path": "lake/second_kpi"}


def more(edits=None):
    """The committed job, with more ticks to read, so that the next run has a batch to do."""
    return lambda folder: folder.edit({"feed.ticks": 4000, **(edits or {})})


def other(edits=None):
    """A second job on the same log, with outputs of its own, that has not run."""
    return lambda folder: folder.edit(
        {"name": "second", "feed": REMOVED, **NEW_SINKS, **(edits or {})})


# What a new job has made when its first batch fails: its checkpoint, and tables without rows.
BEGUN = r"^(checkpoints/second/|lake/second(_kpi)?/_streamer,)"


JOB_TEXT = r"^checkpoints/candles/job\.json$"


def after(*steps):
    def prepare(folder):
        ending = None
        for step in steps:
            ending = step(folder) or ending
        return ending
    return prepare


def removed(pattern):
    def prepare(folder):
        path = folder.find(pattern)
        shutil.rmtree(path) if path.is_dir() else os.remove(path)
    return prepare


def flipped(pattern, position=None):
    return lambda folder: folder.flip(pattern, position)


def cut(pattern, share=0.5):
    return lambda folder: folder.cut(pattern, share)


def emptied(pattern):
    return lambda folder: folder.find(pattern).write_bytes(b"")


def replaced(pattern, old, new):
    def prepare(folder):
        path = folder.find(pattern)
        text = path.read_bytes()
        assert old in text, f"{old} is not in {path}"
        path.write_bytes(text.replace(old, new))
    return prepare


def trimmed(folder):
    """More ticks, and then none of those that can go, read or not."""
    folder.edit({"feed.ticks": 6000})
    folder.run("log", "append", "log/ticks", "--job", "job.json")
    folder.run("log", "trim", "log/ticks", "--seal")
    shutil.copytree(folder.path / "log", folder.path / "copy")
    folder.run("log", "trim", "log/ticks", "--max-bytes", "0", "--force")


def uncommitted(folder):
    """The last batch is planned, but not committed."""
    os.remove(folder.find("checkpoints/candles/commits/*"))


def changed(what, field, edits, says=()):
    return Case(what, ("checkpoints/candles", field, "not allowed", "streamer clear", *says), 2,
                prepare=more(edits))


CHANGED = Group(
    "A changed job on its old checkpoint",
    "What may change and what may not is told in [job-reference.md](job-reference.md#what-may-change).", [
        changed("another name on the same checkpoint", "name:",
                {"name": "candles2", "checkpointLocation": "checkpoints/candles"}),
        changed("another log", "source.path:", {"source.path": "log/other"}),
        changed("no watermark any more", "watermark",
                {"watermark": REMOVED, "queries.0.outputMode": "update",
                 "queries.0.sinks": [{"format": "console"}], "queries.1": REMOVED}),
        changed("another grouping", "queries[candles].groupBy:",
                {"queries.0.groupBy.1": "window(event_time, '2 minutes')"}),
        changed("another aggregate", "queries[candles].select:",
                {"queries.0.select.4": "min(price) AS high"}),
        changed("a `having` more", "queries[candles].having:", {"queries.0.having": "count(*) > 1"}),
        changed("another output mode", "queries[kpi].outputMode:",
                {"queries.1.outputMode": "update"}),
        changed("another sink path", "queries[kpi].sinks[lake/kpi]",
                {"queries.1.sinks.0.path": "lake/kpi2"}),
        changed("other partition columns", "partitionBy",
                {"queries.0.sinks.0.partitionBy": ["date", "symbol"]}),
        changed("another kind of sink", "sinks[lake/kpi]",
                {"queries.1.sinks.0.path": "lake/candles", "queries.0.sinks.0.path": "lake/kpi"}),
        changed("a query less", "queries[kpi]", {"queries.1": REMOVED}),
        changed("a query more", "queries[more]", {"queries.2": {
            "name": "more", "groupBy": ["symbol", "window(event_time, '1 hour')"],
            "select": ["symbol", "count(*) AS n"],
            "sinks": [{"format": "parquet", "path": "lake/more"}]}}),
        changed("a query of another name", "queries[candles]",
                {"queries.0.name": "bars", "queries.1.from": "bars"}),
        Case("the log has other columns than `source.schema`",
             ("job.json:", "/source/schema", "price", "double"), 2,
             prepare=other({"source.schema": [
                 {"name": "symbol", "type": "string"}, {"name": "event_time", "type": "timestamp"},
                 {"name": "price", "type": "decimal(18,4)"}, {"name": "volume", "type": "long"}]})),
        Case("the log has other columns than the feed", ("job.json:3:10: /feed", "price", "bid", "ask"), 2,
             prepare=after(
                 lambda folder: folder.write("a.csv", "symbol,event_time,price,volume\n"),
                 lambda folder: folder.edit({
                     "name": "second", **NEW_SINKS, "feed": {
                         "format": "csv", "paths": "a.csv", "eventTime": "event_time", "columns": [
                             {"name": "symbol", "type": "string"},
                             {"name": "event_time", "type": "timestamp"},
                             {"name": "price", "type": "decimal(18,4)"},
                             {"name": "volume", "type": "long"}]}})),
             errors=3),
        Case("a column that the log does not have", ("job.json:", "/queries/0/where", "'exchange'"),
             2, prepare=other({"queries.0.where": "exchange = 'N'"})),
        Case("no log, and nothing that fills one", ("log/none", "log append"), 2,
             prepare=other({"source.path": "log/none"})),
        Case("the log is an empty directory", ("log/none", "log append"), 2,
             prepare=after(lambda folder: os.makedirs(folder.path / "log" / "none"),
                           other({"source.path": "log/none"}))),
        Case("an offset that the log does not have", ("log/ticks", "startingOffsets is 5000", "0 to 3000"), 2,
             prepare=other({"source.startingOffsets": 5000})),
        Case("an offset that the feed does not come to", ("log/fresh", "startingOffsets is 5000", "0 to 3000"), 2,
             prepare=lambda folder: folder.edit({
                 "name": "second", **NEW_SINKS, "source.path": "log/fresh",
                 "source.startingOffsets": 5000}), may_add=BEGUN + "|^log/fresh/"),
        Case("rows that were trimmed before they were read",
             ("log/ticks", "offset 3000", "rows are lost", "clear the job's checkpoint"), 1,
             prepare=trimmed),
    ])


def unprivileged():
    """As a user who may not write to the lake, root included."""
    os.chmod("lake", 0o555)
    if os.getuid() == 0:
        for folder in (".", "checkpoints", "log", "log/ticks"):
            os.chmod(folder, 0o777)
        for name in os.listdir("log/ticks"):
            os.chmod(f"log/ticks/{name}", 0o666)
        os.setgid(65534)
        os.setuid(65534)


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))


PLACES = Group(
    "Places where nothing can be written", "", [
        Case("the lake is a file", ("lake", ), 1, may_change=r"lake/",
             prepare=after(removed("lake"), lambda folder: folder.write("lake", "x"), other())),
        Case("the sink's directory is a file", ("lake/second", ), 1,
             prepare=after(lambda folder: folder.write("lake/second", "x"), other())),
        Case("the checkpoint is a file", ("checkpoints/second", ), 1,
             prepare=after(lambda folder: folder.write("checkpoints/second", "x"), other())),
        Case("the log is a file", ("log/second is a file", ), 2,
             prepare=after(lambda folder: folder.write("log/second", "x"),
                           other({"source.path": "log/second"}))),
        Case("the sink's directory has files of others", ("lake/second", "data.parquet"), 1,
             prepare=after(lambda folder: folder.write("lake/second/data.parquet", "x"), other())),
        Case("the sink's directory belongs to another checkpoint",
             ("lake/candles", "checkpoint", "clear"), 1,
             prepare=other({"queries.0.sinks.0.path": "lake/candles"})),
        Case("the sink's directory lies in another table", ("lake/candles/second", "a table", "outside"), 1,
             prepare=other({"queries.0.sinks.0.path": "lake/candles/second"})),
        Case("the checkpoint lies in another one", ("checkpoints/candles/second", "checkpointLocation"), 1,
             prepare=other({"checkpointLocation": "checkpoints/candles/second"})),
        Case("the checkpoint's directory has files of others", ("mine", "a.txt", "checkpointLocation"), 1,
             prepare=after(lambda folder: folder.write("mine/a.txt", "x"),
                           other({"checkpointLocation": "mine"}))),
        Case("a log in a directory with files of others", ("mine", "a.csv", "move its content away"), 1,
             arguments=("log", "append", "mine", "mine/a.csv", "--schema", "t timestamp, p long"),
             prepare=lambda folder: folder.write("mine/a.csv", "t,p\n2026-01-05,1\n")),
        Case("a log in a table", ("lake/candles/log", "a table", "outside"), 1,
             arguments=("log", "append", "lake/candles/log", "a.csv", "--schema", "t timestamp, p long"),
             prepare=lambda folder: folder.write("a.csv", "t,p\n2026-01-05,1\n")),
        Case("`lake export` into a table", ("lake/candles/x.csv", "a table", "elsewhere"), 2,
             arguments=("lake", "export", "candles", "--output", "lake/candles/x.csv")),
        Case("`clear` of a table with files of others", ("lake/candles/notes.txt", "Nothing was removed", "--force"), 1,
             arguments=("clear", "job.json", "--yes"),
             prepare=lambda folder: folder.write("lake/candles/notes.txt", "x")),
        Case("the checkpoint was removed, its tables were not", ("lake/candles", "checkpoint"), 1,
             prepare=after(removed("checkpoints/candles"), more())),
        Case("a read-only lake", ("lake/second", "Permission denied", "permissions"), 1,
             prepare=other(), limits=unprivileged),
        Case("a job file that may not be read", ("job.json", "Permission denied", "permissions"), 2,
             prepare=after(other(), lambda folder: os.chmod(folder.path / "job.json", 0o000)),
             limits=unprivileged),
        Case("too few open files allowed", ("ulimit -n", ), 1, prepare=other(),
             limits=few_files, may_add=BEGUN),
    ])


def damaged(what, says, *steps):
    # The job as it is now is noted down before anything is read.
    return Case(what, says, 1, prepare=after(*steps, more()),
                may_change=JOB_TEXT)


def goes_on(what, says, *steps, **options):
    """Damage that a run heals."""
    return Case(what, says, 0, prepare=after(*steps, more()), may_change=r".", **options)


POINT = "checkpoints/candles"
DAMAGE = Group(
    "Damage to what was written",
    "Bytes that were durable and are not what was written are never repaired in silence.", [
        damaged("a commit is not what was written", (f"{POINT}/commits/3", "restore"),
                flipped(f"{POINT}/commits/3")),
        damaged("a commit is cut short", (f"{POINT}/commits/3", "restore"), cut(f"{POINT}/commits/3")),
        damaged("a commit is empty", (f"{POINT}/commits/3", "restore"),
                emptied(f"{POINT}/commits/3")),
        damaged("offsets are not what was written", (f"{POINT}/offsets/3", "restore"),
                flipped(f"{POINT}/offsets/3")),
        damaged("offsets are gone, their commit is there", (f"{POINT}/offsets/3", "restore"),
                removed(f"{POINT}/offsets/3")),
        damaged("all offsets are gone", (f"{POINT}", "restore"), removed(f"{POINT}/offsets")),
        damaged("a commit in the middle is gone", (f"{POINT}/commits/2", "restore"),
                removed(f"{POINT}/commits/2")),
        damaged("the identity is gone", (f"{POINT}/metadata", "restore"),
                removed(f"{POINT}/metadata")),
        damaged("the identity is no JSON", (f"{POINT}/metadata", "restore"),
                emptied(f"{POINT}/metadata")),
        damaged("the recorded job is no JSON", (f"{POINT}/job.json", "restore"),
                flipped(f"{POINT}/job.json", 0)),
        damaged("a commit of a newer version", (f"{POINT}/commits/3", "newer"),
                replaced(f"{POINT}/commits/3", b"v1\n", b"v9\n")),
        damaged("a state file is not what was written",
                (f"{POINT}/state/candles/3.delta", "restore"),
                flipped(f"{POINT}/state/candles/3.delta")),
        damaged("a state file is cut short", (f"{POINT}/state/candles/3.delta", "restore"),
                cut(f"{POINT}/state/candles/3.delta")),
        damaged("a state file is gone", (f"{POINT}/state/candles/3.delta", "restore"),
                removed(f"{POINT}/state/candles/3.delta")),
        damaged("a log segment is not what was written",
                ("log/ticks/00000000000000000000.arrows at byte", "Restore"),
                flipped("log/ticks/*.arrows")),
        damaged("a log segment is cut short", ("log/ticks/00000000000000000000.arrows", "Restore"),
                cut("log/ticks/*.arrows")),
        damaged("a log segment is gone", ("log/ticks", "estore"), removed("log/ticks/*.arrows")),
        damaged("the log's description is gone", ("log/ticks", ), removed("log/ticks/log.json")),
        damaged("the log's description is no JSON", ("log/ticks/log.json", "estore"),
                emptied("log/ticks/log.json")),
        damaged("the log was emptied and filled anew",
                ("log/ticks", "not the log", "clear"), removed("log/ticks"),
                lambda folder: folder.edit({"feed.ticks": 100}, "small.json"),
                lambda folder: folder.run(
                    "log", "append", "log/ticks", "--job", "small.json", check=None)),
        goes_on("bytes behind the log's durable end", (),
                lambda folder: open(folder.find("log/ticks/*.arrows"), "ab").write(b"torn" * 9)
                and None),
        goes_on("the last commit is gone: the batch is run again",
                ("runs batch 3 again", ), uncommitted),
        Case("`lake verify` of a damaged file", ("part-00000003", ), 1,
             arguments=("lake", "verify"), prepare=flipped("lake/candles/*/part-00000003*")),
        Case("`lake show` of a damaged file", ("part-00000003", ), 1,
             arguments=("lake", "show", "candles"),
             prepare=cut("lake/candles/*/part-00000003*")),
        Case("`replay --verify` of a file that is gone", ("part-00000003", ), 1,
             arguments=("replay", "--from-checkpoint", "--batch", "0", "--verify"),
             prepare=removed("lake/candles/*/part-00000003*"), errors=0),
        Case("`log verify` of a damaged log", ("00000000000000000000.arrows at byte", ), 1,
             arguments=("log", "verify"), prepare=flipped("log/ticks/*.arrows")),
    ])


def locking(*paths):
    """Holds locks as another process at work does."""
    def prepare(folder):
        folder.edit({"feed.ticks": 4000})
        held = [open(folder.path / path, "rb+") for path in paths]
        for file in held:
            fcntl.flock(file, fcntl.LOCK_EX)
        return lambda: [file.close() for file in held]
    return prepare


OTHERS = Group(
    "Two at once", "", [
        Case("another engine on the checkpoint", ("checkpoints/candles", "stop the other"), 1,
             prepare=locking("checkpoints/candles/LOCK"), may_change=r"^log/"),
        Case("another writer on the log", ("log/ticks", "stop the other"), 1,
             prepare=locking("log/ticks/LOCK"), may_change=JOB_TEXT),
        Case("`log append` beside a writer", ("log/ticks", "stop the other"), 1,
             arguments=("log", "append", "log/ticks", "--job", "job.json"),
             prepare=locking("log/ticks/LOCK")),
        Case("`clear` while an engine runs", ("checkpoints/candles", ), 1,
             arguments=("clear", "--yes"), prepare=locking("checkpoints/candles/LOCK")),
    ])

GROUPS = [CHANGED, PLACES, DAMAGE, OTHERS]
