"""A user's project and what it must hold: the plain model that a walk of user actions is held to.

Five jobs over two logs and a folder of files; each row of a file has an id of its own, so that a row
that is lost, doubled or torn is seen. The model knows nothing of positions or checksums. It asks
for this alone: after a command with exit code 0 every row that is in the files is in the table once,
and what was there stays, unless a message named the file.
"""

import collections
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess

from conftest import BINARY
from story import scratch

HEADER = "id,t,v"
ROW = re.compile(r"(r\d{6}),(2026-01-05 \d\d:\d\d:\d\d),(\d+)\r?")
HALF = re.compile(r"^(r\d{6}),(2026-01-05 \d\d:\d\d:\d\d),()\r?$", re.MULTILINE)
COLUMNS = [{"name": "id", "type": "string", "nullable": False}, {"name": "t", "type": "timestamp"},
           {"name": "v", "type": "long", "nullable": False}]
SCHEMA = "id string, t timestamp, v long"
LOGS = {"one": "feed", "two": "hand"}
# What each job reads: a folder of files, or logs.
READS = {"pick": ["in"], "ship": ["one"], "twin": ["one"], "both": ["one", "two"], "count": ["two"]}


def job(name, sink="parquet", query=None, **keys):
    query = query or {"select": ["id", "t", "v"]}
    return {"name": name, "trigger": {"availableNow": True}, **keys, "queries": [
        {"name": name, **query, "sinks": [{"format": sink, "path": f"lake/{name}"}]}]}


JOBS = {
    "pick": job("pick", source={"format": "csv", "path": "in", "eventTime": "t", "columns": COLUMNS}),
    "ship": job("ship", "delta", source={"format": "log", "path": "log/one", "maxOffsetsPerTrigger": 9},
                feed={"format": "csv", "paths": "feed/*.csv*", "eventTime": "t", "columns": COLUMNS}),
    "twin": job("twin", source={"format": "log", "path": "log/one"}),
    "both": job("both", sources=[{"name": name, "path": f"log/{name}"} for name in LOGS]),
    "count": job("count", "table", {
        "groupBy": ["v % 3"], "select": ["v % 3 AS k", "count(*) AS n", "sum(v) AS s"],
        "outputMode": "complete"}, source={"format": "log", "path": "log/two"}),
}


class Violation(AssertionError):
    """A row was lost, doubled or torn without a word, or a remedy did not help."""


class Done:
    """What a command gave."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def error(self):
        return "\n".join(line for line in self.err.splitlines() if not line.startswith("warning:"))


def parsed(content):
    """The rows of a file's text."""
    lines = content.decode(errors="replace").split("\n")
    found = [ROW.fullmatch(line) for line in lines]
    return [match.groups() for match in found if match]


class Stream:
    """Rows that come from the files of a folder: which there ever were, which a message named."""

    def __init__(self, folder):
        self.folder = folder
        # How often more than once rows may be there: the user was told, or made it so.
        self.doubled = collections.Counter()
        # Files that were copied or renamed, under all their names, and those that were changed.
        self.families = set()
        self.altered = set()
        self.begin_anew()

    def begin_anew(self):
        """What the program knows of the files is gone; what the user has done with them is not."""
        # Every row that was ever in a file.
        self.history = set()
        # Rows that need not be there, since the user was told.
        self.excused = set()
        # Files as they were when a command over them last ended well.
        self.good = {}


class World:
    """The project's folder, and the model of it."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.seed = seed
        self.base = scratch()
        self.root = self.base / "project"
        self.trace = []
        self.serial = 0
        self.streams = {name: Stream(folder) for name, folder in [*LOGS.items(), ("in", "in")]}
        # Of each log the rows by offset, and where each job began in it.
        self.logs = {name: {} for name in LOGS}
        self.begin = {name: {} for name in JOBS}
        self.had = {name: collections.Counter() for name in JOBS}
        # Rows that were taken off the front of a log: tables may have them still.
        self.trimmed = {log: {} for log in LOGS}
        self.jobs = json.loads(json.dumps(JOBS))
        for folder in ("in", "feed", "hand"):
            (self.root / folder).mkdir(parents=True)
        for name in JOBS:
            self.save(name)
        self.speed = 0.02

    def remove(self):
        shutil.rmtree(self.base, ignore_errors=True)

    def save(self, name):
        (self.root / f"{name}.json").write_text(json.dumps(self.jobs[name], indent=1))

    def note(self, text):
        self.trace.append(text)

    def fail(self, what):
        self.note(f"VIOLATION: {what[:300]}")
        story = "\n".join(f"  {index}: {line}" for index, line in enumerate(self.trace))
        raise Violation(f"life {self.seed}: {what}\n{story}\n  in {self.root}")

    # Files

    def rows(self, count=None):
        """New lines, each with an id of its own."""
        lines = []
        for _ in range(count or self.chance.randint(1, 6)):
            self.serial += 1
            clock = f"{10 + self.serial // 3600:02}:{self.serial // 60 % 60:02}:{self.serial % 60:02}"
            lines.append(f"r{self.serial:06},2026-01-05 {clock},{self.chance.randint(10, 9999)}\n")
        return "".join(lines)

    def files(self, folder, pattern="*.csv*"):
        return sorted(path for path in (self.root / folder).glob(pattern)
                      if path.is_file() and path.name[0] not in "._")

    def stream_of(self, path):
        """The stream that a file belongs to."""
        return next(stream for stream in self.streams.values() if stream.folder == path.parent.name)

    def content(self, path):
        import gzip
        data = path.read_bytes()
        try:
            return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        except (OSError, EOFError):
            return b""

    def look(self):
        """Takes what is in the files now into the history."""
        for stream in self.streams.values():
            for path in self.files(stream.folder):
                stream.history |= set(parsed(self.content(path)))
                if stream.folder == "hand":
                    # There a line that ends behind the comma is a record, too: its value is null.
                    stream.history |= set(HALF.findall(self.content(path).decode(errors="replace")))

    # Commands

    def run(self, *words, kill=None, during=None):
        """Runs `streamer`, perhaps killed after some seconds, perhaps with something done meanwhile."""
        self.look()
        process = subprocess.Popen([BINARY, *words], cwd=self.root, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if during:
            during(process)
            process.send_signal(signal.SIGTERM)
        try:
            out, err = process.communicate(timeout=60 if kill is None else kill)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            if kill is None:
                self.fail(f"{' '.join(words)} hangs")
        self.look()
        done = Done(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        said = " / ".join((done.out + done.err).split("\n"))
        if words[1] not in ("show", "cat", "ls"):
            self.note(f"$ {' '.join(words)}  → {done.code}: {said[-700:]}")
        if done.code not in (0, 1, 2, 130, -signal.SIGKILL) or "Fatal error" in done.err:
            self.fail(f"{' '.join(words)} ends with {done.code}: {done.err[-2000:]}")
        if done.code in (1, 2) and not any(line.startswith("error: ") for line in done.err.splitlines()):
            self.fail(f"{' '.join(words)} ends with {done.code} and no error")
        self.excuse(done)
        if done.code == -signal.SIGKILL:
            # Its exit code says that something is unsaid: that a feed has met a copy of a file.
            for stream in map(self.streams.get, LOGS):
                for path in stream.families & set(self.files(stream.folder)):
                    self.double(stream, path)
        return done

    def begin_run(self, *words):
        """Starts `streamer` without waiting for it."""
        self.look()
        return subprocess.Popen([BINARY, *words], cwd=self.root, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end_run(self, process):
        out, err = process.communicate(timeout=60)
        done = Done(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        self.note(f"beside it  → {done.code}: {done.err[-300:]!r}")
        self.excuse(done)
        return done

    def excuse(self, done):
        """Rows of files that a warning named are excused: the user was told of them."""
        if done.code not in (0, 130):
            return
        lines = [line for line in done.err.splitlines() if line.startswith("warning:")]
        for stream in self.streams.values():
            for path in self.files(stream.folder):
                name = re.escape(str(path.relative_to(self.root)))
                naming = [line for line in lines if re.search(rf"(?<![\w/]){name}(?![\w.])", line)]
                if naming:
                    stream.excused |= set(parsed(self.content(path)))
                if any("again" in line for line in naming):
                    self.double(stream, path)

    def double(self, stream, path):
        """The rows of a file come once more, as the user wants it or was told."""
        for row in set(parsed(self.content(path))):
            stream.doubled[row] += 1

    def killed_after(self):
        return self.chance.uniform(0, 3 * self.speed)

    # What is there

    def shown(self, *words):
        done = self.run(*words)
        if done.code:
            self.fail(f"{' '.join(words)} cannot be read: {done.err[-800:]}")
        return [tuple(line.split(",")) for line in done.out.splitlines()[1:]]

    def table(self, name):
        path = self.root / "lake" / name
        if not path.exists() or not any(path.rglob("*.parquet")):
            return collections.Counter()
        return collections.Counter(self.shown("lake", "show", name, "--limit", "all", "--format", "csv"))

    def read_log(self, name):
        """Looks at a log: what it had it has, and every row is one of the files'."""
        if not (self.root / "log" / name / "log.json").exists():
            return
        known = self.logs[name]
        now = {int(row[0]): row[1:] for row in
               self.shown("log", "cat", f"log/{name}", "--offsets", "--limit", "all", "--format", "csv")}
        for offset, row in now.items():
            if known.setdefault(offset, row) != row:
                self.fail(f"log/{name} had {known[offset]} at {offset}, and has {row}")
        if known and now and max(known) > max(now):
            self.fail(f"log/{name} had rows up to {max(known)}, and has them up to {max(now)}")

    def check_rows(self, stream, counts, where, files):
        for row, count in counts.items():
            if row not in stream.history:
                self.fail(f"{where} has a row that no file ever had: {row}")
            if count > 1 + stream.doubled[row]:
                self.fail(f"{where} has {row} {count} times")
        for path in files:
            for row in parsed(self.content(path)):
                if row not in counts and row not in stream.excused:
                    self.fail(f"{where} lacks {row} of {path.relative_to(self.root)}")

    def check_stays(self, name, counts):
        lost = self.had[name] - counts
        if lost and name != "count":
            self.fail(f"lake/{name} has lost {sorted(lost)[:5]}")
        self.had[name] = counts

    def check_job(self, name, finished):
        """Holds a job's table to what it must have; all of it where a run came to its end."""
        counts = self.table(name)
        if name == "pick":
            stream = self.streams["in"]
            self.check_rows(stream, counts, "lake/pick", self.files("in") if finished else [])
            if finished:
                stream.good = {path: path.read_bytes() for path in self.files("in")}
            return self.check_stays(name, counts)
        rows = [row for log in READS[name] for offset, row in self.logs[log].items()
                if offset >= self.begin[name].get(log, 0)]
        expected = collections.Counter(rows)
        if name == "count":
            sums = collections.defaultdict(lambda: [0, 0])
            for row, count in expected.items():
                # A null is a group of its own, without a sum.
                key = str(int(row[2]) % 3) if row[2] else ""
                sums[key][0] += count
                sums[key][1] += count * int(row[2] or 0)
            right = collections.Counter((key, str(n), str(s) if key else "") for key, (n, s) in sums.items())
            if finished and counts != right:
                self.fail(f"lake/count has {counts}, not {right}")
            return self.check_stays(name, counts)
        gone = collections.Counter(row for log in READS[name] for row in self.trimmed[log].values())
        if extra := counts - (expected + gone | self.had[name]):
            self.fail(f"lake/{name} has rows that its logs have not, or too often: {sorted(extra)[:5]}")
        if finished and expected - counts:
            self.fail(f"lake/{name} lacks {sorted(expected - counts)[:5]}")
        self.check_stays(name, counts)

    def note_begin(self, name):
        """Where a job begins in its logs, before its first batch is planned."""
        if name == "pick" or list((self.root / f"checkpoints/{name}/offsets").glob("[0-9]*")):
            return
        for log in READS[name]:
            if (self.root / "log" / log / "log.json").exists():
                out = self.run("log", "ls", f"log/{log}", "--format", "json").out
                segments = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
                self.begin[name][log] = min((entry["from"] for entry in segments), default=max(self.logs[log], default=-1) + 1)
            else:
                self.begin[name][log] = 0
