"""Runs that fail in the middle: values, full disks, readers that go away."""

import os
import resource
import subprocess

from .case import Case, Group
from .disk import BEGUN, JOB_TEXT, more, other

LATE = "event_time < TIMESTAMP '2026-01-05 14:32:00'"

def repaired(where):
    """Afterwards: the same run again fails in the same batch; with the fault gone it goes on."""
    def look(folder):
        again = folder.run("run", "job.json", check=1)
        assert "runs batch 1 again" in again.err, again.err
        other({"queries.0.where": where})(folder)
        folder.run("run", "job.json")
        shown = folder.run("lake", "show", "second", "--format", "csv", "--limit", "100")
        assert shown.out.count("\n") > 5, shown.out
        return ""
    return look


def value(what, says, condition, remedy="volume > 0"):
    """A condition that fails for the 1,200th tick: batch 0 is committed, batch 1 is not."""
    return Case(
        what, ("batch 1, query 'candles', row at offset 1200:", "the next run runs it again", *says), 1,
        prepare=other({"queries.0.where": f"{LATE} OR {condition}"}),
        may_add=BEGUN + r"|^lake/second", after=repaired(remedy))


VALUES = Group(
    "Values for which an expression has no answer",
    "The batches before are committed. The batch that failed is run again by the next run, as it was planned; after the "
    "expression is repaired, where that may be, it goes through.", [
        value("division by zero", ("volume - volume", "try_divide", "where "),
              "price / (volume - volume) > 1"),
        value("remainder by zero", ("try_mod", "where"), "volume % (volume - volume) > 1"),
        value("an integer overflow", ("try_multiply", "where "),
              "volume * 9223372036854775807 > 1"),
        value("a text that is no number", ("symbol", "try_cast", "where "),
              "CAST(symbol AS int) > 1"),
        value("a number that does not fit", ("try_cast", "where "),
              "CAST(price * 1e300 AS int) > 1"),
        value("a text that is no date", ("try_", "where"), "to_date(symbol) > DATE '2026-01-01'"),
        value("a decimal that does not fit", ("try_cast", "where "),
              "CAST(price AS decimal(2,1)) > 1"),
        Case("a sum beyond 64 bits", ("sum(", "row at offset", "decimal"), 1,
             prepare=other({"queries.0.select.5": "sum(9000000000000000000) AS volume"}),
             may_add=BEGUN),
        Case("more groups than `maxStateRows`", ("maxStateRows", "candles"), 1,
             prepare=other({"options": {"maxStateRows": 3}}), may_add=BEGUN),
        Case("more partitions than a batch may have", ("10000", "partition", "lake/second"), 1,
             prepare=lambda folder: many_partitions(folder), may_add=r"^(log|lake|checkpoints)/"),
    ])


def many_partitions(folder):
    folder.job({
        "name": "second", "source": {"path": "log/wide"}, "trigger": {"availableNow": True},
        "feed": {"format": "simulator", "ticks": 10_001},
        "queries": [{"name": "candles", "select": ["event_time", "price"], "sinks": [
            {"format": "parquet", "path": "lake/second", "partitionBy": ["event_time"]}]}]})


def full_disk(size, where):
    """A small file system over a folder, in a mount namespace of the process."""
    script = (
        f"mkdir -p full && cp -a {where} full/ && mount -t tmpfs -o size={size} full-disk {where}"
        f" && cp -a full/{where}/. {where}/ && \"$@\"; code=$?; "
        # What is on the small disk is brought back, to be looked at.
        f"mkdir -p seen && cp -a {where} seen/ ; exit $code")
    return ("unshare", "-rm", "sh", "-c", script, "sh")


def cannot_mount():
    done = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True)
    return "no mount namespaces" if done.returncode else None


def same_as_before(where):
    """The small disk has every file that was there before, as it was."""
    # A table that is replaced as a whole has the rows of the batch that is to be run again.
    changing = ("LOCK", "durable", "job.json", "kpi.zstd.parquet")

    def look(folder):
        for path in (folder.path / "full" / where).rglob("*"):
            if path.is_file() and path.name not in changing:
                seen = folder.path / "seen" / path.relative_to(folder.path / "full")
                assert seen.read_bytes().startswith(path.read_bytes()), f"{path} changed"
        names = [path.name for path in (folder.path / "seen").rglob(".tmp-*")]
        assert not names, names
        return ""
    return look


MANY = {"feed.ticks": 200_000, "source.maxOffsetsPerTrigger": 200_000}


def file_size(limit):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def closed_reader():
    read, write = os.pipe()
    os.close(read)
    return write


SPACE = Group(
    "Full disks and readers that go away", "", [
        Case("the disk is full: the lake", ("No space left", "free some space", "batch 4"), 1,
             prepare=more(MANY), command=full_disk("16k", "lake"), skip=cannot_mount,
             shown="streamer run job.json", after=same_as_before("lake"), may_change=rf"^log/|{JOB_TEXT}",
             may_add=r"^(full|seen)/"),
        Case("the disk is full: the checkpoint", ("No space left", "free some space", "batch 4"), 1,
             prepare=more(MANY), command=full_disk("84k", "checkpoints"), skip=cannot_mount,
             shown="streamer run job.json", after=same_as_before("checkpoints"),
             may_change=r"^log/", may_add=r"^(full|seen)/"),
        Case("the disk is full: the log", ("No space left", "free some space", "log/ticks"), 1,
             prepare=more(MANY), command=full_disk("2m", "log"), skip=cannot_mount,
             shown="streamer run job.json", after=same_as_before("log"),
             may_change=JOB_TEXT, may_add=r"^(full|seen)/"),
        Case("files may not be larger than 512 KiB", ("File too large", "log/ticks", "ulimit -f"), 1,
             prepare=more(MANY), limits=file_size(512 << 10), may_change=rf"^log/|{JOB_TEXT}"),
        Case("files may not be larger than 2 KiB", ("File too large", "ulimit -f", "batch 0"), 1,
             prepare=other({"source.maxOffsetsPerTrigger": 1000}), limits=file_size(2 << 10),
             may_add=BEGUN),
        Case("standard output is closed by its reader", (), 0,
             arguments=("log", "cat", "--limit", "3000"), stdout=closed_reader()),
        Case("standard output is full", ("standard output", "No space left"), 1,
             arguments=("log", "cat", "--limit", "3000"), stdout=open("/dev/full", "wb"),
             shown="streamer log cat --limit 3000 > /dev/full"),
        Case("a run whose reader goes away", (), 130, errors=0,
             arguments=("run", "job.json", "--format", "json"),
             prepare=more(), stdout=closed_reader(), may_change=r".", may_add=r"."),
    ])

GROUPS = [VALUES, SPACE]
