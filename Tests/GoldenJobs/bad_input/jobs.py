"""Job files with faults, and job files that are none."""

import json
import os

from .case import JOB, REMOVED, Case, Group


def raw(content):
    return lambda folder: folder.write("job.json", content)


def changes(edits):
    return lambda folder: folder.edit(edits)


def fault(what, says, edits, errors=1):
    """A job file with a fault that is found when it is read: its place is line and column."""
    return Case(what, says, 2, prepare=changes(edits), errors=errors)


def query(what, says, errors=1, **edits):
    """A fault in the first query."""
    return fault(what, says, {f"queries.0.{key}": value for key, value in edits.items()}, errors)


def directory(folder):
    os.remove(folder.path / "job.json")
    os.mkdir(folder.path / "job.json")


def truncated(folder):
    text = json.dumps(JOB, indent=1)
    folder.write("job.json", text[:len(text) // 2])


def huge(folder):
    with open(folder.path / "job.json", "wb") as file:
        file.truncate(4 << 30)


TEXT = json.dumps(JOB)

FILES = Group(
    "The job file", "", [
        Case("there is no such file", ("jobb.json", "No such file", "check the path"), 2,
             arguments=("run", "jobb.json")),
        Case("a directory", ("job.json", "directory"), 2, prepare=directory),
        Case("empty", ("job.json:1:1: ", "empty"), 2, prepare=raw(b"")),
        Case("blanks only", ("job.json:", "empty"), 2, prepare=raw(b" \n \n")),
        Case("not JSON", ("job.json:1:1: ", "JSON"), 2, prepare=raw("name: candles\n")),
        Case("an array", ("job.json:1:1: ", "object"), 2, prepare=raw("[]")),
        Case("cut in the middle", ("job.json:35:5: ", "not closed"), 2, prepare=truncated),
        Case("text after the end", ("job.json:1:", ), 2, prepare=raw(TEXT + "}")),
        Case("a comma too many", ("job.json:1:", ), 2, prepare=raw('{"name": "x",}')),
        Case("100,000 levels deep", ("job.json:1:", "deep"), 2,
             prepare=raw(b"[" * 100_000 + b"]" * 100_000)),
        Case("50,000 levels deep in keys", ("job.json:1:", "deep"), 2,
             prepare=raw(b'{"queries":' * 50_000 + b"1" + b"}" * 50_000)),
        Case("4 GiB long", ("job.json", "at most", "larger"), 2, prepare=huge, may_change="job.json"),
        Case("not UTF-8", ("job.json:1:11: ", "UTF-8"), 2, prepare=raw(b'{"name": "\xff\xfe"}')),
        Case("a byte order mark", ("job.json:1:1: ", "byte order mark", "without"), 2,
             prepare=raw(b"\xef\xbb\xbf" + TEXT.encode())),
        Case("UTF-16", ("job.json:1:1: ", "UTF-8"), 2, prepare=raw(TEXT.encode("utf-16"))),
        Case("NUL bytes", ("job.json:1:", ), 2, prepare=raw(b"{\0}")),
        Case("a key twice", ('job.json:1:15', '"name"', "twice", "1:2"), 2,
             prepare=raw('{"name": "x", "name": "y"}')),
    ])

VALUES = Group(
    "Keys and values", "", [
        fault("an unknown key", ('/sauce: Unknown key "sauce"', 'Did you mean "source"?'),
              {"sauce": {}}),
        fault("an unknown key in a query", ('/queries/0/groupby', 'Did you mean "groupBy"?'),
              {"queries.0.groupby": []}),
        fault("a key is missing", ('"name"', ), {"name": REMOVED}),
        fault("a string where a number belongs", ("/source/maxOffsetsPerTrigger", "integer"),
              {"source.maxOffsetsPerTrigger": "1000"}),
        fault("an object where a list belongs", ("/queries", "array"), {"queries": {}}),
        fault("no queries", ("/queries", ), {"queries": []}),
        fault("null", ("/source/path", ), {"source.path": None}),
        fault("a number that is none of the whole ones", ("/source/maxOffsetsPerTrigger", ),
              {"source.maxOffsetsPerTrigger": 10.5}),
        fault("a number too small", ("/source/maxOffsetsPerTrigger", "1"),
              {"source.maxOffsetsPerTrigger": 0}),
        fault("a number beyond 64 bits", ("/source/maxOffsetsPerTrigger", ),
              {"source.maxOffsetsPerTrigger": 10 ** 30}),
        fault("a word that is none of the choices",
              ("/queries/0/outputMode", 'Did you mean "append"?'),
              {"queries.0.outputMode": "apend"}),
        fault("a name with a slash", ("/name", "../x"), {"name": "../x"}),
        fault("an unknown kind of sink", ("/queries/0/sinks/0/format", 'Did you mean "parquet"?'),
              {"queries.0.sinks.0.format": "parket"}),
        fault("two triggers", ("/trigger", ),
              {"trigger": {"availableNow": True, "once": True}}),
        fault("a variable that is not set", ("LOG_FOLDER", "${LOG_FOLDER:-default}"),
              {"source.path": "${LOG_FOLDER}"}),
        fault("an empty path", ("/source/path", ), {"source.path": ""}),
        fault("a path with NUL", ("/source/path", ), {"source.path": "a\0b"}),
        fault("three faults at once", ("/sauce", "/trigger", "/queries/0/where"),
              {"sauce": 1, "trigger": 5, "queries.0.where": "pric > 1"}, errors=3),
        fault("a newer version", ("/version", ), {"version": 2}),
    ])

DURATIONS = Group(
    "Durations and times", "", [
        fault("negative", ("/watermark/delayThreshold", "negative"),
              {"watermark.delayThreshold": "-5 seconds"}),
        fault("no unit", ("/watermark/delayThreshold", "'5' has no unit", "10 seconds"),
              {"watermark.delayThreshold": "5"}),
        fault("an unknown unit", ("/watermark/delayThreshold", "second"),
              {"watermark.delayThreshold": "5 secnods"}),
        fault("a number instead of a text", ("/watermark/delayThreshold", ),
              {"watermark.delayThreshold": 5}),
        fault("too long for 64 bits", ("/watermark/delayThreshold", ),
              {"watermark.delayThreshold": "99999999999999 days"}),
        fault("a trigger in months", ("/trigger/processingTime", "month"),
              {"trigger": {"processingTime": "1 month"}}),
        fault("a bad start", ("/feed/start", ), {"feed.start": "yesterday"}),
        query("a window of months", ("/queries/0/groupBy/1", "month"),
              groupBy=["symbol", "window(event_time, '1 month')"]),
        query("a negative window", ("/queries/0/groupBy/1", ),
              groupBy=["symbol", "window(event_time, '-1 minute')"]),
        query("a window of no length", ("/queries/0/groupBy/1", ),
              groupBy=["symbol", "window(event_time, '0 seconds')"]),
        query("a window's text is no duration", ("/queries/0/groupBy/1", ),
              groupBy=["symbol", "window(event_time, 'a minute')"]),
        query("slide longer than the window", ("/queries/0/groupBy/1", "slide"),
              groupBy=["symbol", "window(event_time, '1 minute', '2 minutes')"]),
        query("start not within the slide", ("/queries/0/groupBy/1", "start"),
              groupBy=["symbol", "window(event_time, '1 minute', '1 minute', '2 minutes')"]),
        query("a window over what is no time", ("/queries/0/groupBy/1", "price"),
              groupBy=["symbol", "window(price, '1 minute')"]),
        query("two windows", ("/queries/0/groupBy", "window"),
              groupBy=["window(event_time, '2 minutes')", "window(event_time, '1 minute')"],
              select=["window.start AS s", "count(*) AS n"],
              sinks=[{"format": "parquet", "path": "lake/candles"}]),
    ])

EXPRESSIONS = Group(
    "Queries and expressions", "", [
        fault("two queries of one name", ("/queries/1/name", '"candles"', "rename"),
              {"queries.1.name": "candles"}),
        fault("an unknown query in `from`", ("/queries/1/from", 'Did you mean "candles"?'),
              {"queries.1.from": "candels"}),
        fault("queries that read each other", ("/queries/0/from", "kpi", "circle"),
              {"queries.0.from": "kpi"}),
        fault("a query that reads itself", ("/queries/1/from", ), {"queries.1.from": "kpi"}),
        query("an unknown column in `where`",
              ("/queries/0/where", "'pirce'", "Did you mean 'price'?", "symbol, event_time"),
              where="pirce > 1"),
        query("an unknown column in `select`",
              ("/queries/0/select/3", "'pirce'", "Did you mean 'price'?"),
              **{"select.3": "first(pirce) AS open"}),
        query("an unknown column in `groupBy`",
              ("/queries/0/groupBy/0", "'symbl'", "Did you mean 'symbol'?"),
              **{"groupBy.0": "symbl"}),
        query("an unknown column in `having`",
              ("/queries/0/having", "'pirce'", "Did you mean 'price'?"),
              having="max(pirce) > 1"),
        query("an unknown field of the window", ("/queries/0/select/1", "start"),
              **{"select.1": "window.begin AS window_start"}),
        query("an unknown function in `where`",
              ("/queries/0/where", "'upperr'", "Did you mean 'upper'?"),
              where="upperr(symbol) = 'IBM'"),
        query("an unknown function in `select`",
              ("/queries/0/select/4", "'maxx'", "Did you mean 'max'?"),
              **{"select.4": "maxx(price) AS high"}),
        query("an unknown function in `groupBy`",
              ("/queries/0/groupBy/0", "'uper'", "Did you mean 'upper'?"),
              **{"groupBy.0": "uper(symbol)"}),
        query("an unknown function in `having`", ("/queries/0/having", "'cuont'", "'count'"),
              having="cuont(*) > 1"),
        query("a function with too few arguments", ("/queries/0/where", "substring"),
              where="substring(symbol) = 'I'"),
        query("a column that is neither grouped nor aggregated",
              ("/queries/0/select/3", "price", "first("), **{"select.3": "price AS open"}),
        query("an aggregate without grouping beside a column", ("/queries/0/select/0", "group"),
              groupBy=[], select=["symbol", "max(price) AS high"],
              outputMode="complete", sinks=[{"format": "table", "path": "lake/candles"}]),
        query("an aggregate in `where`", ("/queries/0/where", "having"), where="max(price) > 1"),
        query("an aggregate in `groupBy`", ("/queries/0/groupBy/0", ),
              **{"groupBy.0": "max(price)"}),
        query("an aggregate in an aggregate", ("/queries/0/select/4", "from"),
              **{"select.4": "max(sum(price)) AS high"}),
        query("`DISTINCT` where it means nothing", ("/queries/0/select/4", "count"),
              **{"select.4": "first(DISTINCT price) AS n"}),
        query("`having` without groups", ("/queries/0/having", ), having="price > 1", groupBy=[],
              select=["symbol", "price", "to_date(event_time) AS date"]),
        query("text that is no expression", ("/queries/0/where", ), where="price >"),
        query("a text that is not closed", ("/queries/0/where", ), where="symbol = 'IBM"),
        query("SQL that is no expression", ("/queries/0/where", ),
              where="price > 1; DROP TABLE lake"),
        query("types that do not go together", ("/queries/0/where", "boolean"), where="price"),
        query("a comparison of a time with a number", ("/queries/0/where", ),
              where="event_time > 5"),
        query("10,000 brackets", ("/queries/0/where", "deep"),
              where="(" * 10_000 + "price" + ")" * 10_000),
        query("500 KB of expression", ("/queries/0/where", ), where="price > 1 AND " * 30_000 + "true"),
        query("two output columns of one name", ("/queries/0/select/4", "open"),
              **{"select.4": "max(price) AS open"}),
    ])

MODES = Group(
    "Output modes, watermarks and sinks", "", [
        fault("`append` of groups without a watermark", ("/queries/0/outputMode", "watermark"),
              {"watermark": REMOVED, "queries.1": REMOVED}),
        query("`append` of groups that never close", ("/queries/0/outputMode", ),
              groupBy=["symbol"], select=["symbol", "max(price) AS high"],
              sinks=[{"format": "parquet", "path": "lake/candles"}]),
        query("`complete` without aggregates", ("/queries/0/outputMode", ), groupBy=[],
              select=["symbol", "price AS high"], outputMode="complete",
              sinks=[{"format": "table", "path": "lake/candles"}]),
        fault("no such watermark column",
              ("/watermark/eventTime", "event_tiem", 'Did you mean "event_time"?'),
              {"watermark.eventTime": "event_tiem"}),
        fault("a watermark column that is no timestamp",
              ("/watermark/eventTime", "price", "timestamp"), {"watermark.eventTime": "price"}),
        query("`partitionBy` names no output column",
              ("/queries/0/sinks/0/partitionBy/0", '"dat"', 'Did you mean "date"?'),
              **{"sinks.0.partitionBy": ["dat"]}),
        fault("`partitionBy` names every column", ("/queries/0/sinks/0/partitionBy", "leave one"), {
            "queries.0.groupBy": ["window(event_time, '1 minute')"],
            "queries.0.select": ["to_date(window.start) AS date"], "queries.1": REMOVED}),
        query("`partitionBy` names a column twice", ("/queries/0/sinks/0/partitionBy/1", ),
              **{"sinks.0.partitionBy": ["date", "date"]}),
        fault("two sinks with one path", ("/queries/1/sinks/0/path", "lake/candles", "directory"),
              {"queries.1.sinks.0.path": "lake/candles"}),
        fault("the same path, written in another way", ("/queries/1/sinks/0/path", ),
              {"queries.1.sinks.0.path": "./lake//candles/"}),
        fault("a sink inside another", ("/queries/1/sinks/0/path", ),
              {"queries.1.sinks.0.path": "lake/candles/kpi"}),
        fault("a sink in the log's directory", ("/queries/0/sinks/0/path", "log"),
              {"queries.0.sinks.0.path": "log/ticks/x"}),
        query("a sink that does not take the mode", ("/queries/0/sinks/0", "table"),
              outputMode="update", errors=2),
        fault("a key of a table that is no column", ("/queries/1/sinks/0/keys/0", "symbol"),
              {"queries.1.sinks.0.keys": ["symbl"], "queries.1.outputMode": "update"}),
        fault("a query whose rows go nowhere", ("/queries/1/sinks", "sink"), {"queries.1.sinks": []}),
        fault("a feed whose time column is not the job's",
              ("eventTime", ), {
                  "feed": {"format": "csv", "paths": "a.csv", "eventTime": "price", "columns": [
                      {"name": "symbol", "type": "string"},
                      {"name": "event_time", "type": "timestamp"},
                      {"name": "price", "type": "double"}, {"name": "volume", "type": "long"}]}}),
        fault("a schema with one column twice", ("/source/schema/1/name", "price"),
              {"source.schema": [{"name": "price", "type": "double"},
                                 {"name": "price", "type": "double"}], "feed": REMOVED}),
        fault("an unknown type", ("/source/schema/0/type", "double"),
              {"source.schema": [{"name": "price", "type": "duoble"}], "feed": REMOVED}),
        fault("a decimal of 40 digits", ("/source/schema/0/type", "38"),
              {"source.schema": [{"name": "price", "type": "decimal(40,2)"}], "feed": REMOVED}),
    ])


DISTINCT = {
    "queries.0.groupBy": [], "queries.0.select": ["symbol", "event_time", "price AS high",
                                                  "to_date(event_time) AS date"]}


def distinct(what, says, edits, errors=1):
    """A fault in a first query that works row by row and may leave duplicates out."""
    return fault(what, says, {**DISTINCT, **edits}, errors)


ASIDE = Group(
    "Duplicates, late rows, rows of the future", "", [
        distinct("duplicates by an unknown column",
                 ("/queries/0/dropDuplicates/1", '"pirce"', 'Did you mean "price"?'),
                 {"queries.0.dropDuplicates": ["symbol", "pirce"]}),
        distinct("duplicates by a column twice", ("/queries/0/dropDuplicates/1", "listed twice"),
                 {"queries.0.dropDuplicates": ["symbol", "symbol"]}),
        distinct("duplicates by nothing", ("/queries/0/dropDuplicates", "1 to 63 values", "found 0"),
                 {"queries.0.dropDuplicates": []}),
        distinct("both kinds of duplicates", ("dropDuplicatesWithinWatermark", "not both"),
                 {"queries.0.dropDuplicates": ["symbol"],
                  "queries.0.dropDuplicatesWithinWatermark": ["symbol"]}),
        distinct("duplicates within a watermark that is not there",
                 ("/queries/0/dropDuplicatesWithinWatermark", "watermark"),
                 {"watermark": REMOVED, "queries.0.dropDuplicatesWithinWatermark": ["symbol"]}),
        fault("duplicates of a query that changes its rows", ("/queries/1/dropDuplicates", "append"), {
            "queries.0.outputMode": "update", "queries.0.sinks": [], "queries.1.groupBy": [],
            "queries.1.select": ["*"], "queries.1.outputMode": "update",
            "queries.1.dropDuplicates": ["symbol"], "queries.1.sinks": [{"format": "console"}]}),
        query("late rows without a path", ("/queries/0/late", '"path"', "missing"), late={}),
        query("late rows with a key too many", ("/queries/0/late/paht", "path"),
              late={"path": "lake/late", "paht": "x"}),
        query("late rows in the table of the others", ("/queries/1/sinks/0/path", "late rows", "directory"),
              late={"path": "lake/kpi/late"}),
        fault("a skew that is no duration", ("/watermark/maxFutureSkew", "'soon'", "10 seconds"),
              {"watermark.maxFutureSkew": "soon"}),
        fault("a negative skew", ("/watermark/maxFutureSkew", "negative"),
              {"watermark.maxFutureSkew": "-1 minute"}),
        fault("a watermark by split of a log", ("/watermark/by", "No source", "partitions"),
              {"watermark.by": "split"}),
        fault("rejects in the log", ("/watermark/rejects/path", "log"),
              {"watermark.maxFutureSkew": "1 minute",
               "watermark.rejects": {"path": "log/ticks/future"}}),
    ])

FEED = JOB["feed"]
ONE = {"name": "one", "path": "log/one", "feed": FEED}
TWO = {"name": "two", "path": "log/two", "feed": {**FEED, "seed": 4}}
TIMES = {"eventTime": "event_time", "delayThreshold": "5 seconds"}


def union(what, says, edits={}, one={}, two={}, errors=1):
    """A fault in a job over two logs."""
    return fault(what, says, {
        "feed": REMOVED, "source": REMOVED, "sources": [{**ONE, **one}, {**TWO, **two}], **edits},
        errors)


SOURCES = Group(
    "Several sources", "", [
        fault("neither `source` nor `sources`", ('"source" is missing', '"sources"'),
              {"source": REMOVED}),
        fault("`source` and `sources`", ("/source: ", "not both"), {
            "feed": REMOVED, "sources": [ONE]}),
        fault("no source", ("/sources", "1 to 32 values", "found 0"),
              {"source": REMOVED, "feed": REMOVED, "sources": []}),
        union("a feed beside `sources`", ("/feed", "put it into the source"), {"feed": FEED}),
        union("a source without a name", ("/sources/1", '"name" is missing'),
              {"sources": [ONE, {"path": "log/two"}]}),
        union("two sources of one name", ("/sources/1/name", '"one"', "rename"), two={"name": "one"}),
        union("two sources of one log", ("/sources/1/path", "log/one", "own directory"),
              two={"path": "log/one"}),
        union("a watermark of the job and one of a source", ("/sources/0/watermark", "already"),
              one={"watermark": TIMES}),
        union("a column that another source lacks",
              ("/sources/1/select", 'no column "volume" (long)', '"one"', "AS volume"),
              two={"select": ["symbol", "event_time", "price", "bid", "ask"]}),
        union("a column too many", ("/sources/1/select", '"venue" (string)', '"one" does not have'),
              two={"select": ["*", "'x' AS venue"]}),
        union("columns of two types", ("/sources/1/select", '"price" is string', "double", "CAST("),
              two={"select": ["symbol", "event_time", "CAST(price AS string) AS price", "volume",
                              "bid", "ask"]}),
        union("an unknown column in a source",
              ("/sources/0/where", "'pirce'", "Did you mean 'price'?"), one={"where": "pirce > 1"}),
        union("an aggregate in a source", ("/sources/0/select", "row by row"),
              one={"select": ["max(price) AS price"]}),
        union("event times of two names", ("/sources/1/watermark/eventTime", '"event_time"', "one name"),
              {"watermark": REMOVED}, {"select": ["*", "event_time AS t"], "watermark": TIMES},
              {"select": ["*", "event_time AS t"], "watermark": {**TIMES, "eventTime": "t"}}),
        union("an unknown event time of a source",
              ("/sources/0/watermark/eventTime", 'Did you mean "event_time"?'),
              {"watermark": REMOVED}, {"watermark": {**TIMES, "eventTime": "event_tiem"}},
              {"watermark": TIMES}),
        union("a watermark by split of one log", ("/sources/0/watermark/by", "no partitions"),
              {"watermark": REMOVED}, {"watermark": {**TIMES, "by": "split"}}, {"watermark": TIMES}),
        union("no such policy", ("/options/multipleWatermarkPolicy", '"min" or "max"'),
              {"options": {"multipleWatermarkPolicy": "avg"}}),
    ])

GROUPS = [FILES, VALUES, DURATIONS, EXPRESSIONS, MODES, ASIDE, SOURCES]
