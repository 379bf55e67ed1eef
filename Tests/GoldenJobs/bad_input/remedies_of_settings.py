"""Remedies of mistakes in command lines and job files."""

import json

from .case import JOB, REMOVED
from .remedies import content, edits, nearest, nothing, remedies, shell, suggested, words

VALID = json.dumps(JOB)
GOOD_WHERE = {"queries.0.where": "price > 1"}
SELECT = JOB["queries"][0]["select"]

remedies("Verbs and their arguments", {
    "no verb": words("run", "job.json"),
    "an unknown verb": nearest(),
    "nothing like a verb": words("run", "job.json"),
    "an unknown second word": words("lake", "show", "candles"),
    "half a verb": [words("log", verb) for verb in ("cat", "ls", "verify")],
    "help on an unknown verb": nearest(),
    "an option before the verb": words("run", "job.json", "--once"),
    "an argument is missing": words("run", "job.json"),
    "an argument too many": words("run", "job.json"),
    "an empty argument": words("run", "job.json"),
    "an argument with a control character": words("run", "job.json"),
    "a very long argument": words("run", "job.json"),
})

RUN = ("run", "job.json")
MORE = "sed -i 's/\"ticks\": 3000/\"ticks\": 4000/' job.json"
remedies("Options", {
    "an unknown option": nearest(),
    "nothing like an option": words("help", "run"),
    "an option of another verb": words("help", "run"),
    "an option twice": words(*RUN, "--threads", "1"),
    "a value is missing": words(*RUN, "--threads", "2"),
    "an option where a value belongs": words(*RUN, "--threads", "2", "--once"),
    "a value for an option that takes none": words(*RUN, "--once"),
    "no number": words(*RUN, "--threads", "2"),
    "a number too small": words(*RUN, "--threads", "1"),
    "a number beyond 64 bits": words(*RUN, "--max-batches", "99"),
    "none of the choices": words(*RUN, "--format", "table"),
    "options that exclude each other": [words(*RUN, "--available-now"), words(*RUN, "--once")],
    "other options that exclude each other": words("log", "append", "log/ticks", "--job", "job.json"),
    "an option for text with files that have columns": words("log", "append", "log/x", "a.arrows"),
    # There has to be something to read: a run with an interval waits for it.
    "a bad interval": [shell(MORE, (*RUN, "--trigger", text, "--max-batches", "1")) for text in ("1 second", "500ms")],
    "a negative interval": shell(MORE, (*RUN, "--trigger", "500ms", "--max-batches", "1")),
    "a bad time": words(*RUN, "--until", "2026-01-05T14:30:00Z"),
})

A_ROW = "printf 'event_time,price\\n2026-01-05 10:00:00,1\\n' > a.csv"
SCHEMA = ("--schema", "event_time timestamp, price double")
REPLAY = ("replay", "job.json", "--from-checkpoint")
remedies("Names of logs, tables, columns, batches", {
    "no such log": words("log", "cat", "log/ticks"),
    "no such table": nearest(),
    "no such column": nearest(),
    "no such column in a condition": nearest(),
    "no such column to order by": nearest(),
    "no such column of a log": nearest(),
    "an offset that is none": [words("log", "cat", "--from", text) for text in ("5", "2026-01-05T14:30:00Z")],
    "no such job or checkpoint": words("checkpoint", "show", "checkpoints/candles"),
    "no such query": nearest(),
    "no such batch": words("state", "show", "candles", "kpi", "--batch", "3"),
    "an end before the start": words("log", "cat", "--from", "3", "--to", "5"),
    "a replay that ends before it begins": words(
        "replay", "job.json", "--from", "2026-01-05T14:00:00Z", "--to", "2026-01-05T15:00:00Z"),
    "a trim that is to do nothing": [
        words("log", "trim", *more) for more in (("--max-bytes", "0"), ("--max-age", "1 day"), ("--seal", ),
                                                 ("--compress", ))],
    "a trim to a size that is none": words("log", "trim", "--max-bytes", "0"),
    "a trim to an age that is none": [words("log", "trim", "--max-age", age) for age in ("30 days", "12h")],
    "a trim of no log": words("log", "trim", "log/ticks", "--seal"),
    "no such batch to replay": [words(*REPLAY, "--batch", "0"), words("replay", "job.json")],
    "`--verify` of nothing recorded": words(*REPLAY, "--verify"),
    "`clear` where nobody can be asked": words("clear", "--yes"),
    "`log append` without columns": [
        shell(A_ROW, ("log", "append", "log/new", *SCHEMA, "a.csv")),
        words("log", "append", "log/new", "--job", "job.json")],
    "a bad type in `--schema`": shell(A_ROW, ("log", "append", "log/new", *SCHEMA, "a.csv")),
    "no timestamp in `--schema`": shell(A_ROW, ("log", "append", "log/new", *SCHEMA, "a.csv")),
    "a feed file that is no feed": shell(
        """echo '{"format": "simulator", "ticks": 9}' > feed.json""",
        ("log", "append", "log/new", "--feed", "feed.json")),
    "an Arrow file that is none": shell(
        '"$STREAMER_BINARY" log cat log/ticks --format arrow > a.arrows', ("log", "append", "log/new", "a.arrows")),
    "a Parquet file instead of Arrow": shell(
        '"$STREAMER_BINARY" log cat log/ticks --format arrow > a.arrow', ("log", "append", "log/new", "a.arrow")),
})

remedies("The job file", {
    "there is no such file": words("run", "job.json"),
    **{what: content(VALID, "run") for what in (
        "empty", "blanks only", "not JSON", "an array", "cut in the middle", "text after the end",
        "a comma too many", "100,000 levels deep", "50,000 levels deep in keys", "4 GiB long", "not UTF-8",
        "a byte order mark", "UTF-16", "NUL bytes", "a key twice")},
    "a directory": shell(f"rmdir job.json && echo '{VALID.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}' > job.json"),
})

remedies("Keys and values", {
    "an unknown key": edits({"sauce": REMOVED}),
    "an unknown key in a query": edits({"queries.0.groupby": REMOVED}),
    "a key is missing": edits({"name": "ohlcv"}),
    **{what: edits({"source.maxOffsetsPerTrigger": 1000}) for what in (
        "a string where a number belongs", "a number that is none of the whole ones", "a number too small",
        "a number beyond 64 bits")},
    "an object where a list belongs": edits({"queries": JOB["queries"]}),
    "no queries": edits({"queries": JOB["queries"]}),
    "null": edits({"source.path": "log/ticks"}),
    "a word that is none of the choices": suggested(),
    "a name with a slash": edits({"name": "x"}),
    "an unknown kind of sink": suggested(),
    "two triggers": [edits({"trigger.once": REMOVED}), edits({"trigger.availableNow": REMOVED})],
    "a variable that is not set": [
        lambda scene: scene.run("validate", "job.json", LOG_FOLDER="log/ticks"),
        edits({"source.path": "${LOG_FOLDER:-log/ticks}"})],
    "an empty path": edits({"source.path": "log/ticks"}),
    "a path with NUL": edits({"source.path": "a"}),
    "three faults at once": edits({
        "trigger": {"once": True}, "queries.0.where": "price > 1", "sauce": REMOVED}),
    "a newer version": edits({"version": 1}),
})

DELAYS = ("10 seconds", "1 minute 30 seconds", "500 milliseconds", "10s")
WINDOW = "window(event_time, '1 minute')"


def group_by(text):
    return edits({"queries.0.groupBy": ["symbol", text]})


remedies("Durations and times", {
    **{what: [edits({"watermark.delayThreshold": text}) for text in DELAYS] for what in (
        "negative", "no unit", "an unknown unit", "a number instead of a text", "too long for 64 bits")},
    "a trigger in months": edits({"trigger.processingTime": "30 days"}),
    "a bad start": [edits({"feed.start": text}) for text in ("2026-01-05T14:30:00Z", "now")],
    "a window of months": group_by("window(event_time, '30 days')"),
    "a negative window": group_by(WINDOW),
    "a window of no length": group_by(WINDOW),
    "a window's text is no duration": group_by("window(event_time, '1 minute 30 seconds')"),
    "slide longer than the window": group_by("window(event_time, '2 minutes', '1 minute')"),
    "start not within the slide": group_by("window(event_time, '1 minute', '1 minute', '30 seconds')"),
    "a window over what is no time": [
        edits({"queries.0.groupBy": ["symbol", f"window({time}, '1 minute')"], "queries.0.outputMode": "update",
               "queries.0.sinks": [{"format": "console"}], "queries.1": REMOVED})
        for time in ("CAST(price AS TIMESTAMP)", "timestamp_millis(volume)")],
    "two windows": edits({
        "queries.0.groupBy": ["window(event_time, '1 minute')"],
        "queries.0.select": ["window.start AS s", "window.end AS e", "count(*) AS n"],
        "queries.1": {"name": "two", "from": "candles", "groupBy": ["window(s, '2 minutes')"],
                      "select": ["window.start AS s", "sum(n) AS n"], "outputMode": "complete",
                      "sinks": [{"format": "table", "path": "lake/two"}]}}),
})

HIGH = "max(price) AS high"
remedies("Queries and expressions", {
    "two queries of one name": edits({"queries.1.name": "kpi"}),
    "an unknown query in `from`": suggested(),
    "queries that read each other": edits({"queries.0.from": REMOVED}),
    "a query that reads itself": [edits({"queries.1.from": "candles"}), edits({"queries.1.from": REMOVED,
                                  "queries.1.select": ["symbol", "max(price) AS max_price"]})],
    **{what: suggested() for what in (
        "an unknown column in `where`", "an unknown column in `select`", "an unknown column in `groupBy`",
        "an unknown column in `having`", "an unknown function in `where`", "an unknown function in `select`",
        "an unknown function in `having`")},
    "an unknown function in `groupBy`": edits({
        "queries.0.groupBy.0": "upper(symbol)", "queries.0.select.0": "upper(symbol) AS symbol"}),
    "an unknown field of the window": edits({"queries.0.select.1": "window.start AS window_start"}),
    "a function with too few arguments": [
        edits({"queries.0.where": f"substring(symbol, {rest}) = 'I'"}) for rest in ("1", "1, 1")],
    "a column that is neither grouped nor aggregated": [
        edits({"queries.0.select.3": "first(price) AS open"}), edits({"queries.0.select.3": "max(price) AS open"}),
        edits({"queries.0.groupBy": ["symbol", WINDOW, "price"]})],
    "an aggregate without grouping beside a column": [
        edits({"queries.0.groupBy": ["symbol"], "queries.1": REMOVED}),
        edits({"queries.0.select": ["first(symbol) AS symbol", HIGH], "queries.1": REMOVED})],
    "an aggregate in `where`": [
        edits({"queries.0.where": REMOVED, "queries.0.having": "max(price) > 1"}),
        edits({"queries.0.where": REMOVED, "queries.0.select.4": "max(price) FILTER (WHERE price > 1) AS high"})],
    "an aggregate in `groupBy`": edits({"queries.0.groupBy.0": "symbol"}),
    "an aggregate in an aggregate": edits({"queries.0.select.4": "sum(price) AS high"}),
    "`DISTINCT` where it means nothing": [
        edits({"queries.0.select.4": f"{name}(DISTINCT price) AS high"})
        for name in ("avg", "count", "max", "min", "stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp")],
    "`having` without groups": edits({
        "queries.0.having": REMOVED, "queries.0.where": "price > 1", "queries.1": REMOVED}),
    "text that is no expression": edits(GOOD_WHERE),
    "a text that is not closed": edits({"queries.0.where": "symbol = 'IBM'"}),
    "SQL that is no expression": edits(GOOD_WHERE),
    "types that do not go together": edits(GOOD_WHERE),
    "a comparison of a time with a number": [
        edits({"queries.0.where": text}) for text in (
            "CAST(event_time AS long) > 5", "event_time > CAST(5 AS timestamp)")],
    "10,000 brackets": [edits({"queries.0.where": text}) for text in (
        "price IN (1, 2)", "CASE WHEN price > 1 THEN true ELSE false END", "(price > 1)")],
    "500 KB of expression": edits({"queries.0.where": "price > 1 AND true"}),
    "two output columns of one name": edits({"queries.0.select.4": HIGH}),
})

WATERMARK = JOB["watermark"]
remedies("Output modes, watermarks and sinks", {
    "`append` of groups without a watermark": [
        edits({"watermark": WATERMARK}),
        *[edits({"queries.0.outputMode": mode, "queries.0.sinks": [{"format": "table", "path": "lake/t"}]})
          for mode in ("complete", )],
        edits({"queries.0.outputMode": "update", "queries.0.sinks": [{"format": "console"}]})],
    "`append` of groups that never close": [
        edits({"queries.0.groupBy": ["symbol", WINDOW], "queries.0.select": ["symbol", HIGH]}),
        edits({"queries.0.groupBy": ["symbol", "event_time"], "queries.0.select": ["symbol", HIGH]}),
        edits({"queries.0.outputMode": "complete", "queries.0.sinks": [{"format": "table", "path": "lake/t"}],
               "queries.1": REMOVED}),
        edits({"queries.0.outputMode": "update", "queries.0.sinks": [{"format": "console"}], "queries.1": REMOVED})],
    "`complete` without aggregates": edits({
        "queries.0.outputMode": "append", "queries.0.sinks": [{"format": "parquet", "path": "lake/t"}]}),
    "no such watermark column": suggested(),
    "a watermark column that is no timestamp": edits({"watermark.eventTime": "event_time"}),
    "`partitionBy` names no output column": suggested(),
    "`partitionBy` names every column": edits({"queries.0.select": ["to_date(window.start) AS date", "count(*) AS n"]}),
    "`partitionBy` names a column twice": edits({"queries.0.sinks.0.partitionBy": ["date"]}),
    **{what: edits({"queries.1.sinks.0.path": "lake/other"}) for what in (
        "two sinks with one path", "the same path, written in another way", "a sink inside another")},
    "a sink in the log's directory": edits({"queries.0.sinks.0.path": "lake/x"}),
    "a sink that does not take the mode": [
        edits({"queries.0.outputMode": "append"}),
        edits({"queries.0.sinks.0": {"format": "table", "path": "lake/t", "keys": ["symbol", "window_start"]},
               "queries.1": REMOVED})],
    "a key of a table that is no column": suggested(),
    "a query whose rows go nowhere": [
        edits({"queries.1.sinks": [{"format": "console"}]}), edits({"queries.1": REMOVED})],
    "a feed whose time column is not the job's": edits({"feed.eventTime": "event_time", "source.path": "log/other"}),
    "a schema with one column twice": edits({"source.schema": JOB["source"].get("schema", [
        {"name": "symbol", "type": "string"}, {"name": "event_time", "type": "timestamp"},
        {"name": "price", "type": "double"}, {"name": "volume", "type": "long"}])}),
    # The rest of the log's columns are to be named, too.
    "an unknown type": edits({"source.schema": [
        {"name": "symbol", "type": "string"}, {"name": "event_time", "type": "timestamp"},
        {"name": "price", "type": "double"}, {"name": "volume", "type": "long"}]}),
    "a decimal of 40 digits": edits({"source.schema": REMOVED}),
})

APPEND = "append"
remedies("Duplicates, late rows, rows of the future", {
    "duplicates by an unknown column": edits({"queries.0.dropDuplicates.1": "price", "queries.1": REMOVED}),
    "duplicates by a column twice": edits({"queries.0.dropDuplicates": ["symbol"], "queries.1": REMOVED}),
    "duplicates by nothing": edits({"queries.0.dropDuplicates": ["symbol"], "queries.1": REMOVED}),
    "both kinds of duplicates": [
        edits({"queries.0.dropDuplicates": REMOVED, "queries.1": REMOVED}),
        edits({"queries.0.dropDuplicatesWithinWatermark": REMOVED, "queries.1": {
            "name": "more", "from": "candles", "select": ["*"], "dropDuplicatesWithinWatermark": ["symbol"],
            "sinks": [{"format": "parquet", "path": "lake/more"}]}})],
    "duplicates within a watermark that is not there": [
        edits({"watermark": WATERMARK, "queries.1": REMOVED}),
        edits({"queries.0.dropDuplicatesWithinWatermark": REMOVED, "queries.0.dropDuplicates": ["symbol"],
               "queries.1": REMOVED})],
    "duplicates of a query that changes its rows": edits({"queries.0.outputMode": "append",
                                                          "queries.1.outputMode": "append"}),
    "late rows without a path": edits({"queries.0.late": {"path": "lake/late"}}),
    "late rows with a key too many": edits({"queries.0.late": {"path": "lake/late"}}),
    "late rows in the table of the others": edits({"queries.0.late.path": "lake/late"}),
    "a skew that is no duration": [edits({"watermark.maxFutureSkew": text}) for text in DELAYS],
    "a negative skew": edits({"watermark.maxFutureSkew": "10 seconds"}),
    "a watermark by split of a log": edits({"watermark.by": REMOVED}),
    "rejects in the log": edits({"watermark.rejects.path": "lake/future"}),
})

FEED = JOB["feed"]
remedies("Several sources", {
    "neither `source` nor `sources`": [
        edits({"source": JOB["source"]}),
        edits({"feed": REMOVED, "sources": [{"name": "one", "path": "log/ticks"}]})],
    "`source` and `sources`": edits({"source": REMOVED}),
    "no source": edits({"sources": [{"name": "one", "path": "log/ticks", "feed": FEED}]}),
    "a feed beside `sources`": edits({"feed": REMOVED}),
    "a source without a name": edits({"sources.1.name": "bac", "sources.1.feed": FEED}),
    "two sources of one name": edits({"sources.1.name": "two"}),
    "two sources of one log": edits({"sources.1.path": "log/two"}),
    "a watermark of the job and one of a source": [
        edits({"sources.0.watermark": REMOVED}),
        edits({"watermark": REMOVED, "sources.1.watermark": WATERMARK})],
    "a column that another source lacks": [
        edits({"sources.1.select": ["symbol", "event_time", "price", "1L AS volume", "bid", "ask"]}),
        edits({"sources.0.select": ["symbol", "event_time", "price", "bid", "ask"], "queries.0.select.5":
               "sum(bid) AS volume"})],
    "a column too many": [
        edits({"sources.1.select": ["*"]}), edits({"sources.0.select": ["*", "'y' AS venue"]})],
    "columns of two types": edits({"sources.1.select": ["symbol", "event_time", "CAST(price AS double) AS price",
                                                        "volume", "bid", "ask"]}),
    "an unknown column in a source": suggested(),
    "an aggregate in a source": edits({"sources.0.select": ["*"]}),
    "event times of two names": edits({"sources.1.watermark.eventTime": "event_time"}),
    "an unknown event time of a source": suggested(),
    "a watermark by split of one log": edits({"sources.0.watermark.by": REMOVED}),
    "no such policy": [edits({"options.multipleWatermarkPolicy": text}) for text in ("min", "max")],
})
