"""One small job, run to its end by a process that is killed, stopped or failed on the way.

Whatever happens to a process, the next one that nobody disturbs ends with exit code 0 and leaves,
byte for byte, the tables of a run that was never disturbed.
"""

import hashlib
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from conftest import BINARY

ROWS = 160
JOB = """{
  "name": "story",
  "feed": { "format": "csv", "paths": "ticks.csv", "eventTime": "ts",
            "columns": [ { "name": "ts", "type": "timestamp", "format": "epoch_s" },
                         { "name": "key", "type": "string", "nullable": false },
                         { "name": "value", "type": "long", "nullable": false } ],
            "rejects": { "path": "lake/rejects" } },
  "source": { "format": "log", "path": "log/ticks", "maxOffsetsPerTrigger": 50 },
  "watermark": { "eventTime": "ts", "delayThreshold": "3 seconds", "idleTimeout": "0 seconds" },
  "trigger": { "availableNow": true },
  "options": { "stateSnapshotIntervalBatches": 2, "threads": 1 },
  "queries": [
    { "name": "candles", "groupBy": ["key", "window(ts, '10 seconds')"],
      "select": ["key", "window.start AS start", "sum(value) AS total", "last(value) AS close",
                 "to_date(window.start) AS date"],
      "outputMode": "append", "late": { "path": "lake/late" },
      "sinks": [{ "format": "parquet", "path": "lake/candles", "partitionBy": ["date"] }] },
    { "name": "totals", "groupBy": ["key"], "select": ["key", "sum(value) AS total"],
      "outputMode": "update",
      "sinks": [{ "format": "table", "path": "lake/totals", "keys": ["key"] }] } ]
}
"""


def ticks():
    """Rows across midnight, some late, some broken."""
    chosen = random.Random(5)
    lines = ["ts,key,value"]
    for index in range(ROWS):
        second = 1_767_657_400 + 2 * index - (150 if chosen.random() < 0.08 else 0)
        lines.append(f"{second},{chosen.choice('abc')},{chosen.randint(-99, 99)}")
        if chosen.random() < 0.03:
            lines.append(f"broken,{index}")
    return "\n".join(lines) + "\n"


def scratch():
    """A new folder, in memory where the machine has such a place: kills do not need a disk."""
    place = os.environ.get("FAULT_FOLDER") or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
    return pathlib.Path(tempfile.mkdtemp(prefix="streamer-fault-", dir=place))


class Story:
    """A folder with the job and its input."""

    def __init__(self, folder=None):
        self.folder = folder or scratch()
        self.reset()

    def reset(self):
        """Back to the beginning: the job and its input, nothing else."""
        for name in ("log", "checkpoints", "lake"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "job.json").write_text(JOB)
        (self.folder / "ticks.csv").write_text(ticks())

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, *more):
        return [str(BINARY), "run", "job.json", *more]

    def start(self, *before, limit=None, more=()):
        """Starts the job, under another command if one is given."""
        def limited():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        return subprocess.Popen(
            [*before, *self.command(*more)], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=limited if limit is not None else None)

    def run(self, *before, timeout=120, **options):
        """Runs the job to its end: exit code and what it said."""
        process = self.start(*before, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"hangs: {' '.join(map(str, before))}")
        return process.returncode, (out + err).decode(errors="replace")

    def tables(self):
        """Every visible file of the lake with its checksum."""
        return {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted((self.folder / "lake").rglob("*.parquet"))}

    def finish(self, expected, what):
        """Runs undisturbed and compares."""
        code, text = self.run()
        assert code == 0, f"{what}: the next run ends with {code}: {text[-800:]}"
        found = self.tables()
        assert found == expected, f"{what}: {sorted(set(found.items()) ^ set(expected.items()))}"


def undisturbed():
    """What the job leaves when nothing happens, and how long it takes, in seconds."""
    story = Story()
    try:
        code, text = story.run()
        assert code == 0, text
        expected = story.tables()
        assert any("late" in name for name in expected) and len(expected) > 8, expected
        story.reset()
        begun = time.monotonic()
        story.run()
        return expected, time.monotonic() - begun
    finally:
        story.remove()


def is_refusal(code, text):
    """Whether a run that failed did so as it should: an exit code of its own and one line."""
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    return 0 < code < 128 and len(lines) >= 1


@pytest.fixture(scope="session", name="expected")
def expected_of_a_quiet_run():
    """The undisturbed tables, and the seconds that the run took."""
    return undisturbed()


@pytest.fixture(scope="session", name="workers")
def workers_at_a_time():
    return int(os.environ.get("FAULT_WORKERS", os.cpu_count() or 1))
