"""What a supervisor and a person ask: does it live, is it ready, why is nothing closed?"""

import json
import re
import shutil

import pytest

from conftest import BINARY
from serving import CANDLES, Served, job

SCHEMA = ("symbol string, event_time timestamp(epoch_us), price double, volume long, bid double, "
          "ask double")
NOON = 1_796_040_000_000_000


def ticks(workspace, log, *moments):
    """Appends rows of these event times (µs) to a log."""
    rows = [{"symbol": "IBM", "event_time": at, "price": 100.0, "volume": 5, "bid": 99.0, "ask": 101.0}
            for at in moments]
    name = f"ticks{len(list(workspace.path.glob('ticks*')))}.json"
    (workspace.path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    workspace.run("log", "append", log, name, "--format", "json", "--schema", SCHEMA)


def over_logs(workspace, *logs, **watermark):
    text = job([CANDLES])
    del text["feed"]
    if len(logs) > 1:
        del text["source"], text["watermark"]
        text["sources"] = [
            {"name": log, "format": "log", "path": f"log/{log}",
             "watermark": {"eventTime": "event_time", "delayThreshold": "1 second"}} for log in logs]
    text.get("watermark", {}).update(watermark)
    workspace.job(text)


def doctor(served, words):
    """The doctor's sentence, once it has these words."""
    def found():
        sentence = served.json("/api/doctor")["sentence"]
        return sentence if words in sentence else None
    return served.wait(found)


def test_both_loops_are_told(workspace):
    workspace.job(job([CANDLES]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    try:
        text = served.wait(lambda: "turned" in (t := served.get("/healthz").text.split("server")[0]) and t)
        assert re.fullmatch(r"alive\nengine: turned \d+\.\d{3} s ago(, in batch \d+ for \d+\.\d{3} s)?\n",
                            text)
        assert re.search(r"\nserver: turned \d+\.\d{3} s ago\n$", served.get("/healthz").text)
        assert served.get("/readyz").text == "ready\n"
    finally:
        served.stop()


@pytest.mark.skipif(not shutil.which("strace"), reason="SKIPPED LOUDLY: no strace")
def test_a_batch_that_takes_long_is_alive(workspace):
    """The sync of a commit takes 12 s: the engine lives in its batch, and says so."""
    ticks(workspace, "log/live", NOON, NOON + 10_000_000)
    over_logs(workspace, "live")
    commits = workspace.path / "checkpoints/live/commits"
    slow = workspace.path / "slow"
    slow.write_text(f"#!/bin/sh\nexec strace -D -f -qq -o /dev/null -P {commits} "
                    f"-e inject=fsync:delay_enter=12000000 {BINARY} \"$@\"\n")
    slow.chmod(0o755)
    served = Served(workspace, "run", "job.json", "--serve", 0, binary=slow)
    try:
        def in_batch():
            answer = served.get("/healthz")
            assert answer.status_code == 200, answer.text
            found = re.search(r"in batch 0 for (\d+)", answer.text)
            return found and int(found.group(1)) > 10
        served.wait(in_batch, seconds=90)
    finally:
        served.process.kill()


def test_a_source_that_is_silent_holds_the_watermark(workspace):
    ticks(workspace, "log/fast", NOON, NOON + 60_000_000)
    ticks(workspace, "log/slow", NOON)
    over_logs(workspace, "fast", "slow")
    served = Served(workspace, "run", "job.json", "--serve", 0)
    try:
        assert "The source slow holds the watermark back" in doctor(served, "holds the watermark back")
    finally:
        served.stop()


def test_a_source_without_a_row_is_waited_for(workspace):
    ticks(workspace, "log/fast", NOON, NOON + 60_000_000)
    ticks(workspace, "log/none")
    over_logs(workspace, "fast", "none")
    served = Served(workspace, "run", "job.json", "--serve", 0)
    try:
        sentence = doctor(served, "no row yet")
        assert "The source none has given no row yet" in sentence and "idleTimeout" in sentence
    finally:
        served.stop()


def test_a_row_of_next_year(workspace):
    ticks(workspace, "log/live", NOON, NOON + 365 * 86_400_000_000)
    over_logs(workspace, "live", delayThreshold="400 days")
    served = Served(workspace, "run", "job.json", "--serve", 0)
    try:
        sentence = doctor(served, "far ahead")
        assert "A row of 2027-" in sentence
    finally:
        served.stop()


def test_every_row_is_late(workspace):
    ticks(workspace, "log/live", NOON, NOON + 3_600_000_000)
    over_logs(workspace, "live")
    workspace.run("run", "job.json", "--available-now")
    ticks(workspace, "log/live", NOON + 1_000_000, NOON + 2_000_000)
    served = Served(workspace, "run", "job.json", "--serve", 0)
    try:
        assert "delayThreshold" in doctor(served, "Every row of the last batch came late")
        # It names the moment that rows had to be after.
        assert "2026-11-30 " in served.json("/api/doctor")["sentence"]
    finally:
        served.stop()
