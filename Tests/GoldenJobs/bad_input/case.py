"""A bad input, how it is run, and what every answer to one must be like."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import threading
from typing import Callable

from conftest import BINARY, Workspace

REMOVED = object()
MEMORY_MAX = 400 << 20
SECONDS_MAX = 30

# What no answer may show: a crash, Swift's way of printing a value, a place in our sources.
LEAKS = re.compile(
    r"Fatal error|Backtrace|Stack dump|Program crashed|Optional\(|Error\(|\.swift|"
    r"[a-z]Error\.|\bcode: |\bnil\b")

JOB = {
    "name": "candles",
    "feed": {
        "format": "simulator", "symbols": ["IBM", "AAPL"], "ticks": 3000, "interval": "100 ms",
        "seed": 3},
    "source": {"format": "log", "path": "log/ticks", "maxOffsetsPerTrigger": 1000},
    "watermark": {"eventTime": "event_time", "delayThreshold": "5 seconds"},
    "trigger": {"availableNow": True},
    "queries": [
        {"name": "candles",
         "groupBy": ["symbol", "window(event_time, '1 minute')"],
         "select": ["symbol", "window.start AS window_start", "window.end AS window_end",
                    "first(price) AS open", "max(price) AS high", "sum(volume) AS volume",
                    "to_date(window.start) AS date"],
         "outputMode": "append",
         "sinks": [{"format": "parquet", "path": "lake/candles", "partitionBy": ["date"]}]},
        {"name": "kpi", "from": "candles", "groupBy": ["symbol"],
         "select": ["symbol", "max(high) AS max_price"], "outputMode": "complete",
         "sinks": [{"format": "table", "path": "lake/kpi"}]}]}


def edited(job, edits):
    """A copy of a job with values replaced: keys are paths such as `queries.0.where`."""
    job = json.loads(json.dumps(job))
    for path, value in edits.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place = job
        for part in parents:
            place = place[part]
        if value is REMOVED:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    return job


@dataclasses.dataclass
class Case:
    """A bad input and the answer it must get."""

    what: str
    # Parts of the answer: the place, what was expected, the nearest name, the remedy.
    says: tuple
    exit: int = 1
    arguments: tuple = ("run", "job.json")
    # Makes the input in a folder where a job has run.
    prepare: Callable = lambda folder: None
    errors: int = 1
    # Whether the folder begins with a job that has run.
    committed: bool = True
    stdin: object = None
    # Called in the child, before the program.
    limits: Callable = None
    command: tuple = ()
    stdout: object = None
    # Looks at the folder afterwards; what it returns goes to the page.
    after: Callable = None
    # Why it cannot be run here, or None.
    skip: Callable = lambda: None
    # Files that exist before and may change: what a case is about itself.
    may_change: str = r"(?!)"
    # Files that a failed run may leave behind.
    may_add: str = r"(?!)"
    # How the page shows the command, when not by its arguments.
    shown: str = None


@dataclasses.dataclass
class Group:
    """A topic: cases under a heading."""

    title: str
    text: str
    cases: list


@dataclasses.dataclass
class Outcome:
    """What a case got."""

    exit: int
    out: str
    err: str
    memory: int
    changed: list
    added: list
    note: str
    # What the look at the folder afterwards found wrong.
    problem: Exception

    @property
    def messages(self):
        return [line for line in self.err.splitlines() if line]


class Folder(Workspace):
    """A folder in which a case runs."""

    def write(self, name, content):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def edit(self, edits, name="job.json", job=JOB):
        return self.job(edited(job, edits), name)

    def find(self, pattern):
        """The one file that matches, or the last by name."""
        found = sorted(self.path.glob(pattern))
        assert found, f"nothing matches {pattern}"
        return found[-1]

    def flip(self, pattern, position=None):
        """Flips bits of one byte of a file."""
        path = self.find(pattern)
        content = bytearray(path.read_bytes())
        content[len(content) // 2 if position is None else position] ^= 0x55
        path.write_bytes(content)

    def cut(self, pattern, share=0.5):
        """Cuts the end of a file off."""
        path = self.find(pattern)
        content = path.read_bytes()
        path.write_bytes(content[:int(len(content) * share)])


def snapshot(root):
    """Every file's digest; locks are no content."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink() or not path.is_file() or path.name == "LOCK":
            continue
        if path.stat().st_size > 64 << 20:
            found[name] = path.stat().st_size
            continue
        try:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        except PermissionError:
            found[name] = None
    return found


class Laboratory:
    """Runs cases, each once, in folders of their own."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.outcomes = {}
        self.base = Folder(self.root / "base")
        self.base.path.mkdir()
        self.base.job(JOB)
        self.base.run("run", "job.json")

    def outcome(self, case):
        if id(case) not in self.outcomes:
            self.outcomes[id(case)] = self._run(case)
        return self.outcomes[id(case)]

    def _run(self, case):
        place = self.root / f"case{len(self.outcomes)}"
        if case.committed:
            shutil.copytree(self.base.path, place, symlinks=True)
        else:
            place.mkdir()
        folder = Folder(place)
        ending = case.prepare(folder)
        try:
            before = snapshot(place)
            code, out, err, memory = self.execute(case, place)
            after = snapshot(place)
            note, problem = "", None
            try:
                note = case.after(folder) if case.after and code == case.exit else ""
            except Exception as error:
                problem = error
        finally:
            if callable(ending):
                ending()
            shutil.rmtree(place, ignore_errors=True)
        changed = [name for name in before if before[name] != after.get(name)]
        added = [name for name in after if name not in before]
        return Outcome(code, out, err, memory, changed, added, note or "", problem)

    def execute(self, case, place):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            feeder = None
            stdin = subprocess.DEVNULL
            if isinstance(case.stdin, bytes):
                stdin = tempfile.TemporaryFile()
                stdin.write(case.stdin)
                stdin.seek(0)
            elif case.stdin:
                feeder = subprocess.Popen(case.stdin, shell=True, stdout=subprocess.PIPE)
                stdin = feeder.stdout
            child = subprocess.Popen(
                [*case.command, BINARY, *case.arguments], cwd=place, stdin=stdin,
                stdout=case.stdout or out, stderr=err, preexec_fn=case.limits,
                env={**os.environ, "STREAMER_THREADS": "1", "NO_COLOR": "1"})
            if feeder:
                feeder.stdout.close()
            timer = threading.Timer(SECONDS_MAX, child.kill)
            timer.start()
            _, status, usage = os.wait4(child.pid, 0)
            timer.cancel()
            child.returncode = os.waitstatus_to_exitcode(status)
            if feeder:
                feeder.kill()
                feeder.wait()
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode(errors="replace"))
            return child.returncode, *texts, usage.ru_maxrss << 10


def check(case, got):
    """What holds for every answer, and what this case asks for."""
    answer = f"exit {got.exit}\n{got.out[-2000:]}{got.err[-4000:]}"
    assert got.exit == case.exit, answer
    assert not LEAKS.search(got.err), answer
    faults = [line for line in got.messages if line.startswith("error: ")]
    assert len(faults) == (case.errors if case.exit else 0), answer
    assert all(len(line) < 2000 for line in got.messages), answer
    for part in case.says:
        assert part in got.err + got.out + got.note, f"{part!r} is not in the answer: {answer}"
    if got.problem:
        raise got.problem
    assert got.memory < MEMORY_MAX, f"{got.memory >> 20} MiB"
    changed = [name for name in got.changed if not re.search(case.may_change, name)]
    assert not changed, f"{changed} changed: {answer}"
    if case.exit:
        # A batch that was begun is in the checkpoint, so that it can be run again as it was.
        own = r"^checkpoints/[^/]+/(offsets/\d+|state/.*|metadata|job\.json)$"
        added = [name for name in got.added
                 if not re.search(own if case.exit == 1 else r"(?!)", name)
                 and not re.search(case.may_add, name)]
        assert not added, f"{added} came into being: {answer}"
