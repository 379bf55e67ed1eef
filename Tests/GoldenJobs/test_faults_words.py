"""What the program says: figures in their units, answers instead of guesses, lists that can be read."""

import json
import os
import re
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import BINARY, ROOT


def text_job(**changes):
    return {"name": "m", "source": {"format": "csv", "path": "in", "eventTime": "t", "columns": [
                {"name": "t", "type": "timestamp"}, {"name": "p", "type": "double"}]},
            "watermark": {"eventTime": "t", "delayThreshold": "0 seconds"},
            "trigger": {"availableNow": True},
            "queries": [{"name": "q", "groupBy": ["window(t, '1 minute')"],
                         "select": ["window.start AS s", "count(*) AS n"], "outputMode": "append",
                         "sinks": [{"format": "parquet", "path": "lake/q"}]}], **changes}


def ticks(workspace, count=2_000, name="a.csv"):
    (workspace.path / "in").mkdir(exist_ok=True)
    lines = [f"2026-01-05 10:{index // 60 % 60:02}:{index % 60:02},1" for index in range(count)]
    (workspace.path / "in" / name).write_text("\n".join(["t,p", *lines]) + "\n")


# Bytes are no rows.

def test_what_is_left_of_text_is_told_in_bytes(workspace):
    ticks(workspace)
    size = (workspace.path / "in/a.csv").stat().st_size
    done = workspace.run("run", workspace.job(text_job()))
    assert f"m: a new checkpoint, {size / 1024:.1f}".rstrip("0").rstrip(".") in done.err, done.err
    assert "KiB to read" in done.err and "rows to read" not in done.err
    assert "2,000 rows in" in done.err
    found = workspace.run("doctor", "m").out
    assert "0 B" in found and "0 rows" not in found


def test_what_is_left_of_rows_is_told_in_rows(workspace):
    (workspace.path / "in").mkdir()
    pq.write_table(pa.table({"t": pa.array([0, 1], pa.timestamp("us", "UTC")), "p": [1.0, 2.0]}),
                   workspace.path / "in/a.parquet")
    job = text_job(source={"format": "parquet", "path": "in"})
    assert "a new checkpoint, 2 rows to read" in workspace.run("run", workspace.job(job)).err


def test_what_is_left_of_a_log_and_of_text_is_told_in_both(workspace):
    ticks(workspace, 100)
    workspace.run("log", "append", "log/z", "--schema", "t timestamp, p double", "in/a.csv")
    job = text_job()
    text = job.pop("source")
    job["sources"] = [{"name": "live", "format": "log", "path": "log/z"}, {"name": "text", **text}]
    done = workspace.run("run", workspace.job(job))
    assert "100 rows and 2.2 KiB to read" in done.err, done.err


# Answers instead of wild guesses.

@pytest.mark.parametrize("word, answer", [
    ("lag", "streamer doctor"), ("init", "jobs/ohlcv.json"), ("s3", "paths are of this machine"),
    ("start", "streamer run JOB"), ("csv", "is a kind of source"), ("console", "is a kind of sink"),
    ("simulator", "is a kind of feed"), ("sql", "streamer lake show")])
def test_a_word_of_the_field_that_is_no_verb_gets_an_answer(workspace, word, answer):
    error = workspace.run(word, check=2).err
    assert f"there is no verb '{word}'; " in error and answer in error
    assert "did you mean" not in error


@pytest.mark.parametrize("place, word, answer", [
    ("source", "kinesis", "streamer log append LOG -"), ("source", "s3", "streamer log append LOG -"),
    ("source", "console", "It is a kind of sink."), ("source", "simulator", "It is a kind of feed"),
    ("feed", "pulsar", "streamer log append LOG -"), ("feed", "console", "It is a kind of sink."),
    ("sink", "mysql", "lake export"), ("sink", "simulator", "It is a kind of feed")])
def test_a_format_that_there_is_not_gets_an_answer(workspace, place, word, answer):
    job = text_job()
    if place == "sink":
        job["queries"][0]["sinks"][0]["format"] = word
    else:
        job[place] = {"format": word, "path": "x"}
    error = workspace.run("validate", workspace.job(job), check=2).err
    assert f'found "{word}". ' in error and answer in error and "Did you mean" not in error


@pytest.mark.parametrize("function", ["lag(p)", "lead(p, 1)", "row_number()", "RANK()"])
def test_functions_over_rows_get_an_answer(workspace, function):
    job = text_job()
    job["queries"][0]["select"].append(f"{function} AS x")
    error = workspace.run("validate", workspace.job(job), check=2).err
    assert "(OVER)" in error and "min_by" in error and "Did you mean" not in error


@pytest.mark.parametrize("key, answer", [
    ("locale", "decimalMark"), ("sep", '"delimiter"'), ("inferSchema", '"columns"'),
    ("nullValue", '"nullText"'), ("timestampFormat", "own"), ("multiLine", "one line"),
    ("maxFileAge", "too old"), ("encoding", "UTF-8")])
def test_keys_of_others_get_an_answer(workspace, key, answer):
    job = text_job()
    job["source"][key] = "x"
    error = workspace.run("validate", workspace.job(job), check=2).err
    assert f'Unknown key "{key}". ' in error and answer in error and "Keys here" not in error
    job = text_job()
    job["source"]["columns"][1]["locale"] = "de-DE"
    assert '"groupMark"' in workspace.run("validate", workspace.job(job), check=2).err


@pytest.mark.parametrize("word", ["ran", "rank", "lego", "x", "ab", "explosion"])
def test_silence_beats_a_wild_guess(workspace, word):
    error = workspace.run(word, check=2).err
    if word != "ran":
        assert "did you mean" not in error, error
    else:
        assert "did you mean 'run'?" in error


def test_lists_have_at_most_five_names(workspace):
    error = workspace.run("frobnicate", check=2).err
    assert re.search(r"the verbs are: (\w+, ){4}\w+ and \d+ more\n", error), error
    job = text_job()
    job["source"]["columns"] += [{"name": f"c{index}", "type": "double"} for index in range(9)]
    job["queries"][0]["where"] = "nothing > 1"
    job["zzzzzz"] = 1
    error = workspace.run("validate", workspace.job(job), check=2).err
    assert "Valid columns are t, p, c0, c1, c2 and 6 more." in error
    assert "Keys here: $schema, version, name, feed, source and 6 more." in error


# Several files, and files that are no jobs.

def test_the_shipped_folder_is_valid(workspace):
    files = sorted(str(path) for path in (ROOT / "jobs").glob("*.json"))
    done = workspace.run("validate", *files)
    assert "job.schema.json: a JSON Schema, and no job; passed over" in done.err
    assert done.out.count(": valid; job ") == len(files) - 1 and "job.schema.json" not in done.out
    assert "no job was checked" in workspace.run(
        "validate", str(ROOT / "jobs/job.schema.json"), check=2).err


def test_every_file_of_several_is_checked(workspace):
    ticks(workspace)
    good, bad = workspace.job(text_job(), "good.json"), workspace.job({"name": "x"}, "bad.json")
    (workspace.path / "list.json").write_text("[1, 2]")
    done = workspace.run("validate", bad, "list.json", "missing.json", good, check=2)
    assert "good.json: valid" in done.out
    for name in ("bad.json", "list.json", "missing.json"):
        assert name in done.err


# What is waited for, and what comes from elsewhere.

def test_a_log_that_is_not_there_yet_is_waited_for(workspace):
    ticks(workspace, 100)
    job = text_job(source={"format": "log", "path": "log/z"}, trigger={"processingTime": "100 ms"})
    workspace.job(job)
    process = workspace.start("run", "job.json", "--max-batches", "1")
    line = process.stderr.readline().decode()
    assert "m: there is no log in log/z yet; waiting until somebody makes it" in line
    time.sleep(0.5)
    assert process.poll() is None
    assert not (workspace.path / "checkpoints").exists() and not (workspace.path / "log").exists()
    workspace.run("log", "append", "log/z", "--schema", "t timestamp, p double", "in/a.csv")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0 and "waiting" not in error.decode(), error
    assert "100 rows in" in error.decode()


def test_the_wait_for_a_log_can_be_stopped(workspace):
    job = text_job(source={"format": "log", "path": "log/z"}, trigger={"processingTime": "1 s"})
    process = workspace.start("run", workspace.job(job))
    process.stderr.readline()
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0
    # A run that reads what is there does not wait.
    error = workspace.run("run", "job.json", "--available-now", check=2).err
    assert "there is no tick log in log/z" in error


def test_a_job_file_may_come_through_a_pipe(workspace):
    ticks(workspace)
    text = json.dumps(text_job())
    done = subprocess.run(
        ["bash", "-c", f"cat <<'X' | {BINARY} validate /dev/stdin && {BINARY} run <(cat job.pipe)\n{text}\nX"],
        cwd=workspace.path, capture_output=True, text=True, timeout=60,
        env={**os.environ, "X": (workspace.path / "job.pipe").write_text(text) and ""})
    assert done.returncode == 0, done.stderr
    assert "valid; job m" in done.stdout and "2,000 rows in" in done.stderr
    workspace.run("clear", "job.pipe", "--yes")
    for words in (["validate", "-"], ["explain", "-"], ["run", "-"]):
        assert workspace.run(*words, stdin=text.encode()).returncode == 0
    assert workspace.run("clear", "-", "--yes", stdin=text.encode()).returncode == 0


# A job that is refused leaves nothing.

@pytest.mark.parametrize("change", [
    {"queries": [{"name": "q", "select": ["t", "nothing"], "outputMode": "append"}]},
    {"source": {"format": "log", "path": "log/z", "schema": [{"name": "x", "type": "long"}]}},
    {"watermark": {"eventTime": "nothing", "delayThreshold": "0 seconds"}}])
def test_a_job_that_is_refused_leaves_nothing(workspace, change):
    ticks(workspace)
    job = text_job(feed={**text_job()["source"], "paths": "in/a.csv"},
                   source={"format": "log", "path": "log/z"}) | change
    job["feed"].pop("path")
    workspace.run("run", workspace.job(job), check=2)
    assert sorted(path.name for path in workspace.path.iterdir()) == ["in", "job.json"]


def test_a_job_whose_sink_is_refused_leaves_nothing(workspace):
    ticks(workspace)
    (workspace.path / "lake/second").mkdir(parents=True)
    (workspace.path / "lake/second/notes.txt").write_text("of others")
    job = text_job(feed={**text_job()["source"], "paths": "in/a.csv"},
                   source={"format": "log", "path": "log/z"})
    job["feed"].pop("path")
    job["queries"][0]["sinks"].append({"format": "parquet", "path": "lake/second"})
    error = workspace.run("run", workspace.job(job), check=1).err
    assert "notes.txt" in error
    assert sorted(str(path.relative_to(workspace.path)) for path in workspace.path.rglob("*")
                  if path.is_file()) == ["in/a.csv", "job.json", "lake/second/notes.txt"]
    assert not (workspace.path / "log").exists() and not (workspace.path / "checkpoints").exists()


# Two end columns of one window.

@pytest.mark.parametrize("first", ["window.end AS e", "window_time(window) AS t2"])
@pytest.mark.parametrize("outer", ["e", "t2"])
@pytest.mark.parametrize("between", [False, True])
def test_both_ends_of_a_window_carry_the_watermark(workspace, first, outer, between):
    ticks(workspace, 600)
    ends = ["window.end AS e", "window_time(window) AS t2"]
    ends.sort(key=lambda text: text != first)
    queries = [{"name": "inner", "groupBy": ["window(t, '1 minute')"],
                "select": [*ends, "count(*) AS n"], "outputMode": "append"}]
    if between:
        queries.append({"name": "between", "from": "inner", "select": ["n", "t2", "e"],
                        "outputMode": "append"})
    queries.append({"name": "outer", "from": queries[-1]["name"],
                    "groupBy": [f"window({outer}, '5 minutes')"],
                    "select": ["window.start AS s", "sum(n) AS n"], "outputMode": "append",
                    "sinks": [{"format": "parquet", "path": "lake/outer"}]})
    job = text_job(queries=queries)
    job["watermark"]["closeAtEnd"] = True
    workspace.run("run", workspace.job(job))
    found = workspace.query("SELECT n FROM '{lake}/outer/*.parquet' ORDER BY s")
    assert found == ([(300,), (300,)] if outer == "t2" else [(240,), (300,), (60,)])


# Two values of a JSON record that are one time.

def test_date_and_time_of_json_are_joined(workspace):
    lines = [{"d": "2026-01-05", "x": {"t": "10:00:00.5"}, "p": 1}, {"d": None, "p": 2},
             {"d": "2026-01-05", "x": {"t": 5}, "p": 3}, {"d": "2026-01-05", "p": 4},
             {"d": "2026-01-05", "x": {"t": [1]}, "p": 5}, {"d": "x" * 500, "x": {"t": "10"}, "p": 6}]
    (workspace.path / "a.json").write_text("\n".join(map(json.dumps, lines)) + "\n")
    feed = {"format": "json", "paths": "a.json", "eventTime": "now", "rejects": {"maxShare": 1}, "fields": [
        {"name": "now", "type": "timestamp", "value": "2026-01-05"},
        {"name": "t", "path": ["d", "x.t"], "type": "timestamp"}, {"name": "p", "type": "double"}]}
    workspace.run("log", "append", "log/z", "--feed", workspace.job(feed, "feed.json"))
    out = workspace.run("log", "cat", "log/z", "--columns", "t,p", "--format", "csv").out
    assert out.splitlines()[1:] == ["2026-01-05 10:00:00.5,1.0", ",2.0"]
    reasons = workspace.query("SELECT line, reason FROM '{lake}/rejects/*.parquet' ORDER BY line")
    assert [line for line, _ in reasons] == [3, 4, 5, 6]
    # A pattern without a blank between them, and a path that no record has.
    (workspace.path / "b.json").write_text('{"d":20260105,"t":"100000123"}\n')
    feed |= {"paths": "b.json", "eventTime": "t", "fields": [
        {"name": "t", "path": ["d", "t"], "type": "timestamp", "timestampFormat": "yyyyMMdd HHmmssSSS"},
        {"name": "u", "path": ["d", "missing"], "type": "timestamp"}]}
    done = workspace.run(
        "log", "append", "log/y", "--feed", workspace.job(feed, "feed.json"), check=1)
    assert "none of 1 record parses" in done.err and "u is not a timestamp" in done.err
    feed["fields"] = feed["fields"][:1]
    workspace.run("log", "append", "log/x", "--feed", workspace.job(feed, "feed.json"))
    out = workspace.run("log", "cat", "log/x", "--format", "csv").out
    assert out.splitlines()[1].startswith("2026-01-05 10:00:00.123")


# Columns of an Arrow file that the log does not take.

def test_columns_of_arrow_files_that_no_column_reads(workspace):
    time_column = pa.array([0], pa.timestamp("us", "UTC"))
    for name, more in (("a", {}), ("b", {"p": [1.0], "q": [2.0]})):
        table = pa.table({"t": time_column, **more})
        with pa.ipc.new_stream(workspace.path / f"{name}.arrows", table.schema) as out:
            out.write_table(table)
    assert "warning" not in workspace.run("log", "append", "log/z", "a.arrows").err
    done = workspace.run("log", "append", "log/z", "b.arrows")
    assert "the log has no column for 'p', 'q' (first met in b.arrows)" in done.err


@pytest.mark.parametrize("option", [["--schema", "t timestamp, p double"], ["--delimiter", ";"], ["--no-header"]])
def test_options_for_text_are_refused_for_files_with_columns(workspace, option):
    """What is said and then passed over would be found out in a table of other columns."""
    table = pa.table({"T": pa.array([0], pa.timestamp("us", "UTC")), "P": [1.0]})
    with pa.ipc.new_stream(workspace.path / "a.arrows", table.schema) as out:
        out.write_table(table)
    refused = workspace.run("log", "append", "log/z", "a.arrows", *option, check=2)
    assert f"{option[0]} is for files of text" in refused.err
    assert not (workspace.path / "log").exists()
    workspace.run("log", "append", "log/z", "a.arrows")


# Columns of Parquet files that a source lacks, or has none for.

def test_columns_that_parquet_files_lack_are_told_of(workspace):
    folder = workspace.path / "in"
    folder.mkdir()

    def write(name, **columns):
        pq.write_table(pa.table({"t": pa.array([0], pa.timestamp("us", "UTC")), **columns}), folder / name)

    job = {"name": "m", "source": {"format": "parquet", "path": "in"}, "trigger": {"availableNow": True},
           "queries": [{"name": "q", "select": ["*"], "sinks": [{"format": "parquet", "path": "lake/q"}]}]}
    write("a.parquet", price=[1.5])
    assert "warning" not in workspace.run("run", workspace.job(job)).err
    # In a whole run no file has it, whatever the one before had.
    write("b.parquet", Prise=[2.5])
    done = workspace.run("run", "job.json")
    assert "1 of 1 file read has no column 'price', so it is null in all rows of it (first in in/b.parquet); " \
        "check the name" in done.err
    assert "the source has no column for 'Prise' (first met in in/b.parquet)" in done.err
    write("c.parquet", PRICE=[3.5])
    write("d.parquet")
    done = workspace.run("run", "job.json")
    assert "1 of 2 files read has no column 'price'" in done.err and "check the name" not in done.err
    out = workspace.run("lake", "show", "q", "--columns", "price", "--format", "csv").out
    assert sorted(out.splitlines()[1:]) == ["", "", "1.5", "3.5"]
    # A schema that was written down leaves out what is not wanted.
    job["source"]["schema"] = [{"name": "t", "type": "timestamp"}]
    job["name"] = "n"
    job["queries"][0]["sinks"][0]["path"] = "lake/n"
    assert "warning" not in workspace.run("run", workspace.job(job)).err


def test_a_date_without_a_time_is_no_time(workspace):
    """Half of two fields that are one time is not taken for midnight."""
    (workspace.path / "a.csv").write_text("d,t,p\n2026-01-05,10:00:00,1\n2026-01-05,,2\n,10:00:00,3\n,,4\n")
    feed = {"format": "csv", "paths": "a.csv", "eventTime": "now", "rejects": {"maxShare": 1}, "columns": [
        {"name": "now", "type": "timestamp", "value": "2026-01-05"},
        {"name": "t", "from": ["d", "t"], "type": "timestamp"}, {"name": "p", "type": "double"}]}
    workspace.run("log", "append", "log/z", "--feed", workspace.job(feed, "feed.json"))
    out = workspace.run("log", "cat", "log/z", "--columns", "t,p", "--format", "csv").out
    assert out.splitlines()[1:] == ["2026-01-05 10:00:00,1.0", ",4.0"]


# Feeds of one job have one table of rejects; a simulator has so many symbols.

def test_feeds_of_a_job_share_a_table_of_rejects(workspace):
    job = text_job()
    del job["source"]
    job["sources"] = []
    for name in "ab":
        (workspace.path / f"{name}.csv").write_text("t,p\n2026-01-05 10:00:00,x\n2026-01-05 10:00:00,1\n")
        feed = {**text_job()["source"], "paths": f"{name}.csv", "rejects": {"maxShare": 1}}
        del feed["path"]
        job["sources"].append({"name": name, "format": "log", "path": f"log/{name}", "feed": feed})
    workspace.run("run", workspace.job(job))
    found = workspace.query("SELECT source, line, reason FROM '{lake}/rejects/*.parquet' ORDER BY 1")
    assert found == [("a.csv", 2, "p is not a number"), ("b.csv", 2, "p is not a number")]
    workspace.run("run", "job.json")
    assert len(workspace.query("SELECT * FROM '{lake}/rejects/*.parquet'")) == 2


@pytest.mark.parametrize("symbols, code", [(4_000, 0), (4_001, 2)])
def test_a_simulator_of_so_many_symbols(workspace, symbols, code):
    feed = {"format": "simulator", "symbols": [f"S{index}" for index in range(symbols)], "ticks": 10}
    job = text_job(feed=feed, source={"format": "log", "path": "log/z"})
    job["watermark"]["eventTime"] = "event_time"
    job["queries"][0]["groupBy"] = ["window(event_time, '1 minute')"]
    done = workspace.run("run", workspace.job(job), check=code)
    if code:
        assert "1 to 4000" in done.err and "4001" in done.err
        assert [path.name for path in workspace.path.iterdir()] == ["job.json"]
