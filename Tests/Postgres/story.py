"""Rows that come while things fail, into three tables at once; what must be there in the end."""

import json
import signal
import subprocess
import time

from support import BINARY, NUMBERS, numbers


class Story:
    """A log that grows, and a job that appends its rows, upserts sums and replaces a total.

    The judge is the log itself: Python computes what each table must have.
    """

    TABLES = ("plain", "sums", "total")

    def __init__(self, market, database, port=None, batch=50, rows=1000):
        self.market, self.database = market, database
        self.batch = batch
        self.rows = 0
        self.faults = 0
        self.rows_a_step = rows
        sink = lambda table, **keys: database.sink(table, port=port, **keys)  # noqa: E731
        job = {
            "name": "story", "checkpointLocation": "checkpoints/story",
            "source": {"format": "log", "path": "log/rows", "startingOffsets": "earliest",
                       "maxOffsetsPerTrigger": batch},
            "trigger": {"processingTime": "0 seconds"},
            "queries": [
                {"name": "rows", "select": ["id", "name", "price"], "sinks": [sink("plain")]},
                {"name": "sums", "groupBy": ["name"], "outputMode": "update",
                 "select": ["name", "sum(price) AS price", "count(*) AS n"],
                 "sinks": [sink("sums", keys=["name"])]},
                {"name": "total", "groupBy": ["name"], "outputMode": "complete",
                 "select": ["name", "max(id) AS newest"], "sinks": [sink("total")]}]}
        market.workspace.job(job, "story.json")

    @property
    def batches(self):
        return -(-self.rows // self.batch)

    def grow(self):
        self.market.append(numbers(self.rows_a_step, start=self.rows), NUMBERS)
        self.rows += self.rows_a_step

    def undisturbed(self):
        """Fills the log; how long a run takes is measured on its first half."""
        self.grow()
        begun = time.monotonic()
        self.market.run("story.json", "--available-now")
        seconds = time.monotonic() - begun
        self.grow()
        return seconds

    def grow_if_done(self):
        if self.database.committed() == self.batches - 1:
            self.grow()

    def start(self):
        # Into files: a pipe that nobody reads would stop it.
        self.out, self.err = (open(self.market.path / f"story.{name}", "w+b") for name in ("out", "err"))
        return subprocess.Popen([BINARY, "run", "story.json", "--format", "json"],
                                cwd=self.market.path, stdin=subprocess.DEVNULL, stdout=self.out,
                                stderr=self.err)

    def run_once(self):
        return self.market.run("story.json", "--available-now", timeout=600)

    def wait(self, process, seconds=120):
        """Waits until everything is in the tables, stops the process, gives its progress."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert process.poll() is None, self.said()
            try:
                if self.database.value("SELECT count(*) FROM plain") >= self.rows:
                    break
            except Exception:
                pass
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)
        assert process.returncode in (0, 130), self.said()[-3000:]
        lines = (self.market.path / "story.out").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def said(self):
        """What the process that was started has said so far."""
        return (self.market.path / "story.err").read_text()

    def finish(self):
        self.run_once()
        self.compare()

    def compare(self):
        rows = numbers(self.rows)
        found = self.database.rows("SELECT id, name, price FROM plain ORDER BY id")
        assert len(found) == len(rows), f"{len(found)} rows of {len(rows)}"
        assert found == [(r["id"], r["name"], r["price"]) for r in rows]
        sums = {}
        for row in rows:
            price, count, newest = sums.get(row["name"], (0.0, 0, 0))
            sums[row["name"]] = (price + row["price"], count + 1, max(newest, row["id"]))
        assert self.database.rows("SELECT * FROM sums ORDER BY name") == [
            (name, *sums[name][:2]) for name in sorted(sums)]
        assert self.database.rows("SELECT * FROM total ORDER BY name") == [
            (name, sums[name][2]) for name in sorted(sums)]


