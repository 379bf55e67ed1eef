"""jobs/job.schema.json, judged by an independent validator."""

import copy
import json
import pathlib

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "jobs/job.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SHIPPED = sorted(path for path in (ROOT / "jobs").glob("*.json") if path.name != "job.schema.json")
MAIN = json.loads((ROOT / "jobs/ohlcv.json").read_text())
EQUITY = json.loads((ROOT / "jobs/equity.json").read_text())


def changed(base, *steps):
    """The job with a value set at each (path, value); `...` removes the value."""
    job = copy.deepcopy(base)
    for path, value in steps:
        target = job
        for step in path[:-1]:
            target = target[step]
        if value is ...:
            del target[path[-1]]
        else:
            target[path[-1]] = value
    return job


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_jobs_validate(path):
    assert not list(VALIDATOR.iter_errors(json.loads(path.read_text())))


def test_every_job_that_ships_is_tested():
    assert {path.name for path in SHIPPED} >= {"ohlcv.json", "live.json", "equity.json"}


GOOD = {
    "comments": changed(MAIN, (["//"], ["a", 1]), (["queries", 0, "// why"], {"b": 2})),
    "variables": changed(
        MAIN, (["name"], "ohlcv_${USER:-x}"), (["watermark", "delayThreshold"], "${DELAY}"),
        (["queries", 0, "sinks", 0, "compression"], "${CODEC:-zstd}")),
    "offset": changed(MAIN, (["source", "startingOffsets"], 5)),
    "time": changed(MAIN, (["source", "startingOffsets"], {"timestamp": "2026-01-05T14:30:00Z"})),
    "short duration": changed(MAIN, (["watermark", "delayThreshold"], "5s")),
    "interval": changed(MAIN, (["trigger"], {"processingTime": "INTERVAL '1' SECOND"})),
    "endless": changed(MAIN, (["feed", "ticks"], None), (["feed", "rate"], 1000)),
    "no feed": changed(MAIN, (["feed"], ...)),
    "decimal": changed(EQUITY, (["feed", "columns", 2, "type"], "DECIMAL(18, 4)")),
    "paths": changed(EQUITY, (["feed", "paths"], ["a/b_trade.zip", "-"])),
}

BAD = {
    "not an object": [],
    "no name": changed(MAIN, (["name"], ...)),
    "no queries": changed(MAIN, (["queries"], [])),
    "no source": changed(MAIN, (["source"], ...)),
    "no path": changed(MAIN, (["source", "path"], ...)),
    "unknown key": changed(MAIN, (["triger"], {"once": True})),
    "unknown key of a sink": changed(MAIN, (["queries", 0, "sinks", 0, "partition"], ["date"])),
    "name with a slash": changed(MAIN, (["name"], "../x")),
    "name of dots": changed(MAIN, (["name"], "..")),
    "name too long": changed(MAIN, (["name"], "x" * 65)),
    "version of the future": changed(MAIN, (["version"], 2)),
    "feed without format": changed(MAIN, (["feed", "format"], ...)),
    "unknown feed": changed(MAIN, (["feed", "format"], "mqtt")),
    "symbols as text": changed(MAIN, (["feed", "symbols"], "IBM")),
    "share beyond 1": changed(MAIN, (["feed", "outOfOrderShare"], 1.5)),
    "rate of zero": changed(MAIN, (["feed", "rate"], 0)),
    "bad offsets": changed(MAIN, (["source", "startingOffsets"], "begin")),
    "negative offset": changed(MAIN, (["source", "startingOffsets"], -1)),
    "no rows a batch": changed(MAIN, (["source", "maxOffsetsPerTrigger"], 0)),
    "negative duration": changed(MAIN, (["watermark", "delayThreshold"], "-5 seconds")),
    "duration without unit": changed(MAIN, (["watermark", "delayThreshold"], "5")),
    "watermark without delay": changed(MAIN, (["watermark", "delayThreshold"], ...)),
    "two triggers": changed(MAIN, (["trigger"], {"once": True, "availableNow": True})),
    "no trigger": changed(MAIN, (["trigger"], {})),
    "trigger that is false": changed(MAIN, (["trigger"], {"availableNow": False})),
    "query without select": changed(MAIN, (["queries", 0, "select"], ...)),
    "empty select": changed(MAIN, (["queries", 0, "select"], [])),
    "unknown mode": changed(MAIN, (["queries", 0, "outputMode"], "upsert")),
    "unknown sink": changed(MAIN, (["queries", 0, "sinks", 0, "format"], "iceberg")),
    "sink without path": changed(MAIN, (["queries", 0, "sinks", 0, "path"], ...)),
    "level beyond 22": changed(MAIN, (["queries", 0, "sinks", 0, "compressionLevel"], 23)),
    "option of another type": changed(MAIN, (["options"], {"noDataBatches": "yes"})),
    "unknown type": changed(EQUITY, (["feed", "columns", 2, "type"], "float128")),
    "unknown time format": changed(EQUITY, (["feed", "columns", 1, "format"], "millis")),
    "no event time": changed(EQUITY, (["feed", "eventTime"], ...)),
    "long delimiter": changed(EQUITY, (["feed", "delimiter"], ";;")),
    "no columns": changed(EQUITY, (["feed", "columns"], [])),
    "reject share": changed(EQUITY, (["feed", "rejects"], {"maxShare": 2})),
}


@pytest.mark.parametrize("job", GOOD.values(), ids=GOOD.keys())
def test_good_jobs_validate(job):
    assert [error.message for error in VALIDATOR.iter_errors(job)] == []


@pytest.mark.parametrize("job", BAD.values(), ids=BAD.keys())
def test_broken_jobs_do_not(job):
    assert not VALIDATOR.is_valid(job)
