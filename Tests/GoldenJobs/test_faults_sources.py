"""Kinds of faults that sources and feeds had with real files and everyday habits, each with the right values.

The inputs of a fault are in ../shared/data/faults; cases beside them are made here.
"""

import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import BINARY, DATA, Workspace

CANDLES = "SELECT * FROM read_parquet('{lake}/candles/**/*.parquet') ORDER BY ALL"


@pytest.fixture
def fault(tmp_path):
    """Copies the inputs of a fault into a folder to run in."""
    def copy(number):
        found = sorted((DATA / "faults").glob(f"{number}-*"))
        if not found:
            pytest.skip(f"SKIPPED LOUDLY: no inputs of the fault {number} at {DATA / 'faults'}")
        for path in found[0].iterdir():
            if path.is_dir():
                shutil.copytree(path, tmp_path / path.name, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(path, tmp_path / path.name)
        for folder in tmp_path.rglob("*"):
            if folder.is_dir():
                folder.chmod(0o755)
        if (tmp_path / "make.py").exists():
            subprocess.run([sys.executable, "make.py"], cwd=tmp_path, check=True)
        return Workspace(tmp_path)
    return copy


def candles(workspace, columns="*"):
    return workspace.query(CANDLES.replace("*", columns, 1))


def prices(workspace, log="log/z"):
    """The column of prices of a log, in its order."""
    out = workspace.run("log", "cat", log, "--format", "csv").out
    return [float(line.split(",")[1]) for line in out.splitlines()[1:]]


def append(workspace, *arguments, log="log/z", check=0):
    return workspace.run(
        "log", "append", log, "--schema", "t timestamp, p double", *arguments, check=check)


def rows(path, *lines, end="\n", header="t,p"):
    path.write_text("\n".join([header, *lines]) + end)


# A text source's last record without line end.

def test_last_record_without_line_end(fault):
    workspace = fault("01")
    workspace.run("run", "job.json", timeout=30)
    assert candles(workspace, "ts::VARCHAR, o, c, n") == [("2026-01-05 10:00:00+00", 1.5, 2.5, 2)]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("mode", ["FAILFAST", "DROPMALFORMED"])
def test_last_records_of_every_kind(fault, end, header, mode):
    workspace = fault("01")
    job = json.loads((workspace.path / "job.json").read_text())
    job["source"] |= {"header": header, "mode": mode}
    if not header:
        job["source"]["columns"][0]["from"] = 0
    lines = ["t,p"] * header + ["2026-01-05 10:00:00,1.5", '2026-01-05 10:00:30,"2.5"']
    (workspace.path / "a.csv").write_bytes(("\r\n".join(lines) + end).encode())
    workspace.job(job)
    workspace.run("run", "job.json", "--threads", 1, timeout=30)
    assert candles(workspace, "o, c, n") == [(1.5, 2.5, 2)]


# A feed's place: the file, and a checksum of what was read of it.

def test_file_replaced_under_its_name(fault):
    workspace = fault("22")
    today = workspace.path / "today.csv"
    shutil.copyfile(workspace.path / "d1.csv", today)
    append(workspace, "today.csv")
    for day in ("d2", "d3"):
        shutil.copyfile(workspace.path / f"{day}.csv", today)
        assert "today.csv" in append(workspace, "today.csv", check=1).err
    assert prices(workspace) == [1, 2]
    # Both ways on that the message names.
    append(workspace, "--again", "today.csv")
    today.rename(workspace.path / "d3-again.csv")
    append(workspace, "d2.csv")
    assert prices(workspace) == [1, 2, 5, 6, 7, 3, 4]


def test_compressed_file_replaced_under_its_name(fault):
    workspace = fault("22")
    for day, code in (("d1", 0), ("d2", 1)):
        data = (workspace.path / f"{day}.csv").read_bytes()
        (workspace.path / "today.csv.gz").write_bytes(gzip.compress(data))
        append(workspace, "today.csv.gz", check=code)
    assert prices(workspace) == [1, 2]


def test_half_written_last_line(fault):
    workspace = fault("23")
    growing = workspace.path / "g.csv"
    whole = ["2026-01-05 10:00:00,1", "2026-01-05 10:00:01,25", "2026-01-05 10:00:02,3"]
    rows(growing, *whole[:1], "2026-01-05 10:00:01,2", end="")
    append(workspace, "--follow", "g.csv")
    assert prices(workspace) == [1]
    rows(growing, *whole)
    append(workspace, "--follow", "g.csv")
    assert prices(workspace) == [1, 25, 3]
    assert not (workspace.path / "lake").exists()
    # Without it the half is taken, and its other half is an error instead of a reject.
    rows(growing, *whole[:1], "2026-01-05 10:00:01,2", end="")
    append(workspace, "g.csv", log="log/half")
    rows(growing, *whole)
    assert "without a line end" in append(workspace, "g.csv", log="log/half", check=1).err


def test_half_written_header_of_a_followed_file(workspace):
    (workspace.path / "g.csv").write_text("t")
    append(workspace, "--follow", "g.csv")
    rows(workspace.path / "g.csv", "2026-01-05 10:00:00,1")
    append(workspace, "--follow", "g.csv")
    assert prices(workspace) == [1]


def test_follow_is_a_key_of_the_feed(workspace):
    feed = {"format": "json", "paths": "g.json", "follow": True, "eventTime": "t",
            "fields": [{"name": "t", "type": "timestamp"}, {"name": "p", "type": "double"}]}
    lines = ['{"t":"2026-01-05 10:00:00","p":1}\n', '{"t":"2026-01-05 10:00:01","p":25}\n']
    for text in (lines[0] + lines[1][:-4], "".join(lines)):
        (workspace.path / "g.json").write_text(text)
        workspace.run("log", "append", "log/z", "--feed", workspace.job(feed, "feed.json"))
    assert prices(workspace) == [1, 25]
    assert "--follow" in workspace.run(
        "log", "append", "log/z", "--follow", "x.arrow", check=2).err


@pytest.mark.parametrize("spelling", ["./x.csv", "{folder}/x.csv", "link.csv", "sub/../x.csv"])
def test_another_spelling_of_a_path(workspace, spelling):
    rows(workspace.path / "x.csv", "2026-01-05 10:00:00,1")
    (workspace.path / "sub").mkdir()
    os.symlink("x.csv", workspace.path / "link.csv")
    append(workspace, "x.csv")
    path = spelling.format(folder=workspace.path)
    error = append(workspace, path, check=1).err
    assert "--again" in error and "another log" in error
    assert prices(workspace) == [1]
    append(workspace, "--again", path)
    append(workspace, path, log="log/other")
    assert prices(workspace) == [1, 1] and prices(workspace, "log/other") == [1]


def test_other_settings_of_a_feed(workspace):
    rows(workspace.path / "x.csv", "2026-01-05 10:00:00,1")
    feed = {"format": "csv", "paths": "x.csv", "eventTime": "t",
            "columns": [{"name": "t", "type": "timestamp"}, {"name": "p", "type": "double"}]}
    workspace.run("log", "append", "log/z", "--feed", workspace.job(feed, "feed.json"))
    feed["columns"][0]["timeZone"] = "America/New_York"
    workspace.job(feed, "feed.json")
    assert "--again" in workspace.run("log", "append", "log/z", "--feed", "feed.json", check=1).err
    assert "--again" in append(workspace, "--event-time", "t", "--no-header", "x.csv", check=1).err
    assert prices(workspace) == [1]


def test_a_file_of_an_earlier_list(workspace):
    for index, name in enumerate("abc"):
        rows(workspace.path / f"{name}.csv", f"2026-01-05 10:00:0{index},{index}")
    append(workspace, "a.csv", "b.csv")
    for files in (["a.csv"], ["a.csv", "c.csv"], ["c.csv", "a.csv"], ["?.csv"]):
        assert "log has rows of this file" in append(workspace, *files, check=1).err
    append(workspace, "c.csv")
    assert prices(workspace) == [0, 1, 2]


def test_arrow_files_under_another_spelling(workspace):
    table = pa.table({"t": pa.array([0, 1], pa.timestamp("us", "UTC")), "p": [1.0, 2.0]})
    for name in ("a", "b"):
        with pa.ipc.new_stream(workspace.path / f"{name}.arrows", table.schema) as out:
            out.write_table(table)
    workspace.run("log", "append", "log/z", "a.arrows", "b.arrows")
    for files in (["./a.arrows"], ["b.arrows"], [workspace.path / "b.arrows"]):
        error = workspace.run("log", "append", "log/z", *files, check=1).err
        assert "log has rows of this file" in error
    assert prices(workspace) == [1, 2, 1, 2]
    workspace.run("log", "append", "log/z", "--again", "./a.arrows")
    assert prices(workspace) == [1, 2, 1, 2, 1, 2]


def test_a_header_is_repaired_behind_other_files(workspace):
    rows(workspace.path / "a.csv", "2026-01-05 10:00:00,1")
    rows(workspace.path / "b.csv", "2026-01-05 10:00:01,2", header="t,price")
    assert "no field 'p'" in append(workspace, "a.csv", "b.csv", check=1).err
    assert prices(workspace) == [1]
    rows(workspace.path / "b.csv", "2026-01-05 10:00:01,2")
    append(workspace, "a.csv", "b.csv")
    assert prices(workspace) == [1, 2]


# Files, descriptors and memory.

def limit_files(number):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_more_files_than_descriptors(fault, format):
    workspace = fault("h-02")
    job = json.loads((workspace.path / "job.json").read_text())
    folder = workspace.path / "files"
    folder.mkdir()
    table = pa.table({"a": [1], "t": pa.array([1_767_607_200_000_000], pa.timestamp("us", "UTC"))})
    for index in range(1_100):
        if format == "csv":
            (folder / f"f{index}.csv").write_text("a,t\n1,2026-01-05 10:00:00\n\n")
        else:
            pq.write_table(table, folder / f"f{index}.parquet")
    source = {"format": format, "path": "files"}
    if format == "csv":
        source |= {key: job["source"][key] for key in ("eventTime", "columns")}
    workspace.job({**job, "source": source})
    done = subprocess.run(
        [BINARY, "run", "job.json"], cwd=workspace.path, capture_output=True, timeout=300,
        preexec_fn=limit_files(256))
    assert done.returncode == 0, done.stderr.decode()
    out = workspace.run("lake", "show", "lake/c", "--format", "csv").out
    assert out.split() == ["n", "1100"]


def test_blank_lines_take_no_memory(fault):
    workspace = fault("h-08")
    part = gzip.compress(b"\n" * (64 << 20), 9)
    (workspace.path / "b.csv.gz").write_bytes(
        part * 8 + gzip.compress(b"x,2026-01-05 10:00:00\n"))
    script = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:])\n"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)")
    done = subprocess.run(
        [sys.executable, "-c", script, BINARY, "log", "append", "log/z", "--format", "csv",
         "--no-header", "--schema", "a string, t timestamp", "b.csv.gz"],
        cwd=workspace.path, capture_output=True, text=True, timeout=300)
    code, megabytes = done.stdout.split()[-2:]
    assert code == "0" and int(megabytes) < 128, done.stdout + done.stderr
    assert workspace.run("log", "cat", "log/z", "--format", "csv").out.splitlines()[1:] \
        == ["x,2026-01-05 10:00:00"]


def test_blank_lines_before_a_header(workspace):
    (workspace.path / "x.csv").write_bytes(b"\r\n\n\r\nt,p\r\n\r\n2026-01-05 10:00:00,1\r\n")
    append(workspace, "x.csv")
    assert prices(workspace) == [1]


# One bad file in the folder of a file source.

FIRST = ("2026-01-05 10:00:00+00", 1.0, 1)


def volumes(workspace):
    return candles(workspace, "ts::VARCHAR, p, v")


@pytest.fixture
def bad_header(fault):
    """A job that has read a good file, and a file whose header lacks a field."""
    workspace = fault("08")
    workspace.run("run", "job.json")
    shutil.copyfile(workspace.path / "b.csv", workspace.path / "in/b.csv")
    error = workspace.run("run", "job.json", check=1).err
    assert "in/b.csv: the header has no field 'volume'" in error and "DROPMALFORMED" in error
    return workspace


def change(workspace, **keys):
    job = json.loads((workspace.path / "job.json").read_text())
    job["source"] |= keys
    workspace.job(job)


def test_a_file_with_a_bad_header_is_repaired(bad_header):
    (bad_header.path / "in/b.csv").write_text(
        "symbol,t,price,volume\nA,2026-01-05 10:05:00,2.0,7\n")
    bad_header.run("run", "job.json")
    assert volumes(bad_header) == [FIRST, ("2026-01-05 10:05:00+00", 2.0, 7)]


@pytest.mark.parametrize("how", ["away", "renamed", "filtered"])
def test_a_file_with_a_bad_header_is_taken_away(bad_header, how):
    match how:
        case "away": (bad_header.path / "in/b.csv").unlink()
        case "renamed": (bad_header.path / "in/b.csv").rename(bad_header.path / "in/_b.csv")
        case "filtered": change(bad_header, pathGlobFilter="[!b]*.csv")
    bad_header.run("run", "job.json")
    assert volumes(bad_header) == [FIRST]


@pytest.mark.parametrize("key", [{"mode": "DROPMALFORMED"}, {"ignoreCorruptFiles": True}])
def test_a_file_with_a_bad_header_is_left_out(bad_header, key):
    change(bad_header, **key)
    done = bad_header.run("run", "job.json")
    assert "1 file left out: in/b.csv" in done.err
    assert volumes(bad_header) == [FIRST]
    # Once it is corrected, it is read.
    (bad_header.path / "in/b.csv").write_text(
        "symbol,t,price,volume\nA,2026-01-05 10:05:00,2.0,7\n")
    assert "left out" not in bad_header.run("run", "job.json").err
    assert volumes(bad_header) == [FIRST, ("2026-01-05 10:05:00+00", 2.0, 7)]


def write_volume(workspace, *volumes, name="b.csv"):
    lines = [f"A,2026-01-05 10:05:00,{volume},{volume}" for volume in volumes]
    (workspace.path / "in" / name).write_text("\n".join(["symbol,t,price,volume", *lines]) + "\n")


@pytest.fixture(params=["first batch", "later batch"])
def bad_value(fault, request):
    """A job that stopped at a value in a file that is in its list."""
    workspace = fault("08")
    if request.param == "later batch":
        workspace.run("run", "job.json")
    write_volume(workspace, "1.5", 2)
    error = workspace.run("run", "job.json", check=1).err
    assert "volume is not an integer" in error and "correct the file" in error
    return workspace


@pytest.mark.parametrize("values, total", [
    ((2, 2), 4), ((1, 2), 3), ((100_000, 200_000), 300_000), ((5,), 5), (tuple(range(9)), 36)])
def test_a_file_is_corrected_before_its_batch_was_committed(bad_value, values, total):
    write_volume(bad_value, *values)
    done = bad_value.run("run", "job.json")
    assert "in/b.csv was corrected before its batch was committed" in done.err
    assert volumes(bad_value) == [FIRST, ("2026-01-05 10:05:00+00", float(total), total)]
    # From here on it is a file like any other.
    write_volume(bad_value, 3, name="c.csv")
    assert "corrected" not in bad_value.run("run", "job.json").err


def test_a_file_is_corrected_twice(bad_value):
    write_volume(bad_value, "2.5")
    assert "not an integer" in bad_value.run("run", "job.json", check=1).err
    write_volume(bad_value, 3)
    bad_value.run("run", "job.json")
    assert volumes(bad_value)[1:] == [("2026-01-05 10:05:00+00", 3.0, 3)]


def test_a_correction_that_does_not_fit_gets_another_name(bad_value):
    write_volume(bad_value, *[1] * 5_000)
    assert "give it another name" in bad_value.run("run", "job.json", check=1).err
    (bad_value.path / "in/b.csv").rename(bad_value.path / "in/d.csv")
    assert "ignoreMissingFiles" in bad_value.run("run", "job.json", check=1).err
    change(bad_value, ignoreMissingFiles=True)
    done = bad_value.run("run", "job.json")
    assert "1 file left out: in/b.csv" in done.err
    assert volumes(bad_value)[-1] == ("2026-01-05 10:05:00+00", 5_000.0, 5_000)


def test_a_bad_record_is_left_out(bad_value):
    change(bad_value, mode="DROPMALFORMED")
    bad_value.run("run", "job.json")
    assert volumes(bad_value)[-1] == ("2026-01-05 10:05:00+00", 2.0, 2)


def test_a_file_that_is_gone_is_left_out_when_asked(bad_value):
    (bad_value.path / "in/b.csv").unlink()
    assert "ignoreMissingFiles" in bad_value.run("run", "job.json", check=1).err
    change(bad_value, ignoreMissingFiles=True)
    assert "1 file left out: in/b.csv" in bad_value.run("run", "job.json").err
    assert volumes(bad_value) == [FIRST]


def test_of_lists_of_columns_only_what_differs_is_shown(bad_value):
    is_first = not list((bad_value.path / "checkpoints").glob("*/commits/*"))
    job = json.loads((bad_value.path / "job.json").read_text())
    job["source"]["columns"][3]["type"] = "double"
    bad_value.job(job)
    # Before the first commit nothing hangs on the old columns.
    error = bad_value.run("run", "job.json", check=0 if is_first else 2).err
    if not is_first:
        assert 'source.columns[volume].type: "long" → "double" (not allowed' in error, error
        assert "symbol" not in error


@pytest.mark.parametrize("corrupt", ["cut", "columns"])
def test_a_corrupt_parquet_file_is_left_out_when_asked(fault, corrupt):
    workspace = fault("16")
    file = workspace.path / "in/b.parquet"
    whole = file.read_bytes()
    if corrupt == "cut":
        file.write_bytes(whole[:-10])
    else:
        pq.write_table(pa.table({"event_time": ["x"], "volume": [1]}), file)
    assert "in/b.parquet" in workspace.run("run", "job.json", check=1).err
    change(workspace, ignoreCorruptFiles=True)
    assert "1 file left out: in/b.parquet" in workspace.run("run", "job.json").err
    assert candles(workspace, "v") == [(5,)]
    file.write_bytes(whole)
    workspace.run("run", "job.json")
    assert candles(workspace, "v") == [(5,), (5,)]


# A column, path or field that matches nothing is never without a word.

def test_schema_in_other_letters(fault):
    workspace = fault("06")
    workspace.run("run", "job.json")
    assert candles(workspace, "symbol, o, c, n") == [("A", 1.0, 2.0, 2), ("B", 20.0, 30.0, 2)]


@pytest.mark.parametrize("name, nearest", [("Pirce", "price"), ("evnt_time", "event_time")])
def test_a_column_that_no_file_has(fault, name, nearest):
    workspace = fault("06")
    job = json.loads((workspace.path / "job.json").read_text())
    job["source"]["schema"].append({"name": name, "type": "double"})
    workspace.job(job)
    error = workspace.run("run", "job.json", check=2).err
    assert f"no file has the column '{name}'" in error and f"did you mean '{nearest}'?" in error
    assert not (workspace.path / "lake").exists()


def test_letters_that_fit_two_columns(workspace):
    (workspace.path / "in").mkdir()
    pq.write_table(
        pa.table({"t": pa.array([0], pa.timestamp("us", "UTC")), "p": [1.0], "P": [2.0]}),
        workspace.path / "in/a.parquet")
    job = {"name": "m", "source": {"format": "parquet", "path": "in", "schema": [
               {"name": "T", "type": "timestamp"}, {"name": "P", "type": "double"}]},
           "trigger": {"availableNow": True},
           "queries": [{"name": "q", "groupBy": [], "select": ["sum(P) AS s"], "outputMode": "complete",
                        "sinks": [{"format": "table", "path": "lake/q"}]}]}
    workspace.run("run", workspace.job(job))
    assert workspace.run("lake", "show", "lake/q", "--format", "csv").out.split() == ["s", "2.0"]
    job["source"]["schema"] = [{"name": "t", "type": "timestamp"}, {"name": "Price", "type": "double"}]
    job["queries"][0]["select"] = ["sum(Price) AS s"]
    job["queries"][0]["sinks"][0]["path"] = "lake/r"
    pq.write_table(
        pa.table({"t": pa.array([0], pa.timestamp("us", "UTC")), "price": [1.0], "PRICE": [2.0]}),
        workspace.path / "in/a.parquet")
    error = workspace.run("run", workspace.job({**job, "name": "n"}), check=1).err
    assert "may be any of 'price', 'PRICE'" in error


def test_partition_directories_in_other_letters(workspace):
    for symbol in ("A", "B"):
        folder = workspace.path / f"in/Day=5/SYMBOL={symbol}"
        folder.mkdir(parents=True)
        pq.write_table(
            pa.table({"t": pa.array([0], pa.timestamp("us", "UTC")), "p": [1.0]}),
            folder / "a.parquet")
    job = {"name": "m", "source": {"format": "parquet", "path": "in", "schema": [
               {"name": "t", "type": "timestamp"}, {"name": "p", "type": "double"},
               {"name": "symbol", "type": "string"}, {"name": "day", "type": "long"}]},
           "trigger": {"availableNow": True},
           "queries": [{"name": "q", "groupBy": ["symbol"], "select": ["symbol", "sum(day) AS s"],
                        "outputMode": "complete", "sinks": [{"format": "table", "path": "lake/q"}]}]}
    workspace.run("run", workspace.job(job))
    out = workspace.run("lake", "show", "lake/q", "--format", "csv").out
    assert sorted(out.split()[1:]) == ["A,5", "B,5"]


def test_json_keys_with_dots_and_arrays(fault):
    workspace = fault("07")
    done = workspace.run("run", "job.json")
    assert candles(workspace, "ts::VARCHAR, o, c, bid, n") \
        == [("2026-01-05 10:00:00+00", 1.5, 2.5, 1.5, 2)]
    assert "warning" not in done.err


@pytest.mark.parametrize("price, bid", [
    ("quote['05. price']", "bid[0][0]"), ('quote["05. price"]', "bid.0[0]"),
    ("quote.`05. price`", "$.bid[0][0]"), ("$['quote']['05. price']", "['bid'][0].0")])
def test_json_paths_as_others_write_them(fault, price, bid):
    workspace = fault("07")
    job = json.loads((workspace.path / "job.json").read_text())
    job["source"]["fields"][1]["path"], job["source"]["fields"][2]["path"] = price, bid
    workspace.job(job)
    workspace.run("run", "job.json")
    assert candles(workspace, "o, c, bid, n") == [(1.5, 2.5, 1.5, 2)]


@pytest.mark.parametrize("path", ["bid[", "bid[-1]", "bid[x]", "a..b", "a.", ".a", "['a", "['a'", "$"])
def test_json_paths_that_are_none(fault, path):
    workspace = fault("07")
    job = json.loads((workspace.path / "job.json").read_text())
    job["source"]["fields"][2]["path"] = path
    workspace.job(job)
    done = workspace.run("run", "job.json", check=None)
    assert done.returncode == 2 and "is no path" in done.err or path == "$"


def test_json_paths_that_match_nothing(fault):
    workspace = fault("07")
    job = json.loads((workspace.path / "job.json").read_text())
    job["source"]["fields"][1]["path"] = "qoute.price"
    job["source"]["fields"][2]["path"] = "bid.price"
    workspace.job(job)
    error = workspace.run("run", "job.json").err
    assert "none of 2 records has the path 'qoute.price'" in error
    assert "in 2 of 2 records the path 'bid.price' of the column 'bid' goes through an array" in error


def test_json_paths_of_a_feed_that_match_nothing(workspace):
    feed = {"format": "json", "paths": "a.json", "eventTime": "t", "fields": [
        {"name": "t", "type": "timestamp"}, {"name": "p", "path": "a.p", "type": "double"},
        {"name": "q", "path": "a.q", "type": "double"}, {"name": "r", "path": "b.c", "type": "double"}]}
    (workspace.path / "a.json").write_text("".join(
        f'{{"t":"2026-01-05 10:00:0{i}","a":{{"q":null}},"b":{b}}}\n'
        for i, b in enumerate(['{"c":1}', '[{"c":2}]', '{"c":3}', '4'])))
    error = workspace.run(
        "log", "append", "log/z", "--feed", workspace.job(feed, "feed.json")).err
    assert "none of 4 records has the path 'a.p'" in error
    assert "in 1 of 4 records the path 'b.c'" in error
    assert "'q'" not in error


def test_fields_that_no_column_reads(workspace):
    (workspace.path / "in").mkdir()
    names = ["t", "p", "volume", "bid", "ask", "bid_size", "ask_size", "venue"]
    (workspace.path / "in/a.csv").write_text(
        ",".join(names) + "\n2026-01-05 10:00:00" + ",1" * 7 + "\n")
    shutil.copyfile(workspace.path / "in/a.csv", workspace.path / "x.csv")
    warning = "no column reads the fields 'volume', 'bid', 'ask', 'bid_size', 'ask_size' and 1 more"
    done = append(workspace, "x.csv")
    assert warning in done.err and "x.csv" in done.err
    job = {"name": "m", "source": {"format": "csv", "path": "in", "eventTime": "t", "columns": [
               {"name": "t", "type": "timestamp"}, {"name": "p", "type": "double"}]},
           "trigger": {"availableNow": True},
           "queries": [{"name": "q", "groupBy": [], "select": ["sum(p) AS s"], "outputMode": "complete",
                        "sinks": [{"format": "table", "path": "lake/q"}]}]}
    done = workspace.run("run", workspace.job(job))
    assert warning in done.err and "in/a.csv" in done.err


# Types that hold each other's values.

def test_int32_beside_int64(fault):
    workspace = fault("16")
    workspace.run("run", "job.json")
    assert candles(workspace, "v") == [(5,), (5,)]


def test_without_a_schema_the_narrower_type_is_named(fault):
    workspace = fault("16")
    job = json.loads((workspace.path / "job.json").read_text())
    del job["source"]["schema"]
    workspace.job(job)
    os.utime(workspace.path / "in/a.parquet", (1, 1))
    error = workspace.run("run", "job.json", check=1).err
    assert 'give it the type long in the source\'s "schema"' in error, error


@pytest.mark.parametrize("stored, value, declared, shown", [
    (pa.int8(), 5, "int", "5"), (pa.int16(), -5, "long", "-5"), (pa.int32(), 2**31 - 1, "long", "2147483647"),
    (pa.int32(), -5, "double", "-5.0"), (pa.float32(), 1.5, "double", "1.5"),
    (pa.int32(), -7, "decimal(12,2)", "-7.00"), (pa.int64(), -(2**63), "decimal(22,2)", "-9223372036854775808.00"),
    (pa.decimal128(5, 2), "1.25", "decimal(8,3)", "1.250"),
    (pa.decimal128(18, 2), "-1.25", "decimal(38,10)", "-1.2500000000")])
def test_widenings(workspace, stored, value, declared, shown):
    import decimal
    (workspace.path / "in").mkdir()
    value = decimal.Decimal(value) if isinstance(value, str) else value
    pq.write_table(
        pa.table({"t": pa.array([0, 1], pa.timestamp("us", "UTC")), "v": pa.array([value, None], stored)}),
        workspace.path / "in/a.parquet")
    job = {"name": "m", "source": {"format": "parquet", "path": "in", "schema": [
               {"name": "t", "type": "timestamp"}, {"name": "v", "type": declared}]},
           "trigger": {"availableNow": True},
           "queries": [{"name": "q", "select": ["v"], "outputMode": "append",
                        "sinks": [{"format": "parquet", "path": "lake/q"}]}]}
    workspace.run("run", workspace.job(job))
    found = workspace.query("SELECT v::VARCHAR FROM read_parquet('{lake}/q/*.parquet') ORDER BY ALL")
    assert found == [(shown,), (None,)]


@pytest.mark.parametrize("stored, declared", [
    (pa.int64(), "int"), (pa.int64(), "double"), (pa.float64(), "long"), (pa.int32(), "decimal(10,2)"),
    (pa.decimal128(8, 2), "decimal(8,3)"), (pa.string(), "long")])
def test_types_that_do_not_hold_each_other(workspace, stored, declared):
    (workspace.path / "in").mkdir()
    pq.write_table(
        pa.table({"t": pa.array([0], pa.timestamp("us", "UTC")), "v": pa.array([None], stored)}),
        workspace.path / "in/a.parquet")
    job = {"name": "m", "source": {"format": "parquet", "path": "in", "schema": [
               {"name": "t", "type": "timestamp"}, {"name": "v", "type": declared}]},
           "trigger": {"availableNow": True},
           "queries": [{"name": "q", "select": ["v"], "outputMode": "append",
                        "sinks": [{"format": "parquet", "path": "lake/q"}]}]}
    assert "the column 'v' is of type" in workspace.run("run", workspace.job(job), check=1).err


def test_an_arrow_file_with_narrower_types(workspace):
    time = pa.array([0], pa.timestamp("us", "UTC"))
    for name, type, value in (("a", pa.int64(), 5), ("b", pa.int32(), 6)):
        table = pa.table({"t": time, "v": pa.array([value], type)})
        with pa.ipc.new_stream(workspace.path / f"{name}.arrows", table.schema) as out:
            out.write_table(table)
        workspace.run("log", "append", "log/z", f"{name}.arrows")
    assert prices(workspace) == [5, 6]


# Times as exporters write them.

@pytest.mark.parametrize("name, keys, time, price", [
    ("histdata-like.csv", {"header": False},
     {"from": 0, "timestampFormat": "yyyyMMdd HHmmssSSS"}, {"from": 1}),
    ("dukascopy-like.csv", {"header": False, "delimiter": ";"},
     {"from": 0, "timestampFormat": "dd.MM.yyyy HH:mm:ss.SSS"}, {"from": 1}),
    ("mt5-like.tsv", {"delimiter": "\t"},
     {"from": ["<DATE>", "<TIME>"], "timestampFormat": "yyyy.MM.dd HH:mm:ss.SSS"}, {"from": "<BID>"}),
    ("excel-like.csv", {}, {"from": "Date", "timestampFormat": "M/d/yyyy H:mm"}, {"from": "Close"}),
    ("two-fields.csv", {}, {"from": ["Date", "Time"]}, {"from": "Close"})])
def test_times_of_exporters(fault, name, keys, time, price):
    workspace = fault("10")
    settings = {"format": "csv", "eventTime": "event_time", **keys, "columns": [
        {"name": "event_time", "type": "timestamp", **time}, {"name": "p", "type": "double", **price}]}
    job = {"name": "m", "source": {"format": "log", "path": "log/z"}, "feed": {**settings, "paths": name},
           "watermark": {"eventTime": "event_time", "delayThreshold": "0 seconds", "idleTimeout": "1 second"},
           "trigger": {"availableNow": True},
           "queries": [{"name": "candles", "groupBy": ["window(event_time, '1 minute')"],
                        "select": ["window.start AS ts", "first(p) AS o", "last(p) AS c", "count(*) AS n"],
                        "sinks": [{"format": "parquet", "path": "lake/candles"}]}]}
    workspace.run("run", workspace.job(job))
    right = [("2026-01-05 10:00:00+00", 1.5, 2.5, 2)]
    assert candles(workspace, "ts::VARCHAR, o, c, n") == right
    # The same as a directory of files.
    del job["feed"]
    job |= {"name": "n", "source": {**settings, "path": name}}
    job["queries"][0]["sinks"][0]["path"] = "lake/n"
    workspace.run("run", workspace.job(job))
    assert workspace.query(
        "SELECT ts::VARCHAR, o, c, n FROM read_parquet('{lake}/n/**/*.parquet')") == right


def column_of_times(workspace, texts, check=0, **column):
    """What a log has of texts in a column of times."""
    shutil.rmtree(workspace.path / "log", ignore_errors=True)
    feed = {"format": "csv", "paths": "x.csv", "eventTime": "t", "delimiter": ";",
            "rejects": {"maxShare": 1},
            "columns": [{"name": "t", "type": "timestamp", **column}]}
    (workspace.path / "x.csv").write_text("\n".join(["t", *texts]) + "\n")
    done = workspace.run(
        "log", "append", "log/z", "--feed", workspace.job(feed, "feed.json"), check=check)
    if check:
        return done.err
    return workspace.run("log", "cat", "log/z", "--format", "csv").out.split("\n")[1:-1]


@pytest.mark.parametrize("text, micros", [
    ("20260105T100000Z", ""), ("20260105T100000.5", ".5"), ("20260105 1000", ""),
    ("2026-01-05 10:00:00,123", ".123"), ("2026-01-05D10:00:00.1", ".1"), ("20260105T100000+0000", ""),
    ("20260105T120000+02:00", "")])
def test_times_of_iso_8601(workspace, text, micros):
    found = column_of_times(workspace, [text])
    assert len(found) == 1 and found[0].startswith("2026-01-05 10:00:00" + micros), found


@pytest.mark.parametrize("text", [
    "2026010", "202601051", "20261305T100000", "20260105T10000", "20260105T250000", "2026-0105", "2026-01-05E10:00"])
def test_times_that_are_none(workspace, text):
    error = column_of_times(workspace, [text], check=1)
    assert "none of 1 record parses" in error and f"in '{text}'" in error


@pytest.mark.parametrize("pattern, text, time", [
    ("yyyy/MM/dd HH:mm:ss", "2026/01/05 10:00:00", "10:00:00"),
    ("yyyy.MM.dd'D'HH:mm:ss.SSSSSSSSS", "2026.01.05D10:00:00.123456789", "10:00:00.123456"),
    ("d-MMM-yyyy h:mm a", "5-Jan-2026 3:05 PM", "15:05:00"), ("d-MMM-yyyy h:mm a", "5-JAN-2026 12:05 am", "00:05:00"),
    ("yyyy-DDD HH:mm", "2026-005 10:00", "10:00:00"), ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", "2026-01-05T10:00:00", "10:00:00"),
    ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", "2026-01-05T10:00:00.5+02:00", "08:00:00.5"),
    ("dd/MM/yy HH:mm", "05/01/26 10:00", "10:00:00"), ("yyyyMMdd", "20260105", "00:00:00")])
def test_patterns_of_times(workspace, pattern, text, time):
    assert column_of_times(workspace, [text], timestampFormat=pattern)[0].startswith("2026-01-05 " + time)


@pytest.mark.parametrize("pattern, text", [
    ("dd.MM.yyyy", "5.1.2026"), ("M/d/yyyy", "13/5/2026"), ("yyyyMMdd HHmmssSSS", "20260105 100000"),
    ("yyyy-MM-dd HH:mm", "2026-01-05 10:00:00"), ("d.M.yyyy", "30.2.2026"), ("yyyy-DDD", "2026-366")])
def test_texts_that_are_not_of_a_pattern(workspace, pattern, text):
    error = column_of_times(workspace, [text], check=1, timestampFormat=pattern)
    assert "none of 1 record parses" in error and f"timestamp({pattern})" in error


@pytest.mark.parametrize("pattern, reason", [
    ("HH:mm", "has no date"), ("yyyy-MM-dd z", "names of zones"), ("yyyy-MM-dd Q", "means nothing"),
    ("yyyy-MM-dd 'x", "is not closed"), ("[yyyy", "is not closed")])
def test_patterns_that_are_none(workspace, pattern, reason):
    assert reason in column_of_times(workspace, [], check=2, timestampFormat=pattern)


def test_a_pattern_has_a_zone(workspace):
    assert column_of_times(
        workspace, ["05.01.2026 10:00"], timestampFormat="dd.MM.yyyy HH:mm", timeZone="America/New_York"
    )[0].startswith("2026-01-05 15:00:00")


def test_a_pattern_on_the_command_line(workspace):
    (workspace.path / "x.csv").write_text("t;p\n05.01.2026 10:00:00.123;1\n")
    workspace.run("log", "append", "log/z", "--delimiter", ";", "--schema",
                  "t timestamp(dd.MM.yyyy HH:mm:ss.SSS), p double", "x.csv")
    assert workspace.run("log", "cat", "log/z", "--format", "csv").out.splitlines()[1] \
        .startswith("2026-01-05 10:00:00.123")


def test_seconds_since_midnight(workspace):
    feed = {"format": "csv", "paths": "AMZN_2012-06-21.csv", "header": False, "eventTime": "t",
            "columns": [{"name": "t", "type": "timestamp", "from": 0, "format": "s_since_midnight",
                         "timeZone": "America/New_York"}, {"name": "p", "type": "double", "from": 1}]}
    (workspace.path / "AMZN_2012-06-21.csv").write_text("34200.017459617,1\n34200,2\n")
    workspace.run("log", "append", "log/z", "--feed", workspace.job(feed, "feed.json"))
    out = workspace.run("log", "cat", "log/z", "--format", "csv").out.splitlines()[1:]
    assert out[0].startswith("2012-06-21 13:30:00.017459") and out[1].startswith("2012-06-21 13:30:00,")


# Numbers as others write them.

def column_of_numbers(workspace, type, texts, **column):
    shutil.rmtree(workspace.path / "log", ignore_errors=True)
    feed = {"format": "csv", "paths": "x.csv", "eventTime": "t", "delimiter": ";",
            "rejects": {"maxShare": 1},
            "columns": [{"name": "t", "type": "timestamp"}, {"name": "v", "type": type, **column}]}
    (workspace.path / "x.csv").write_text(
        "\n".join(["t;v", *(f"2026-01-05;{text}" for text in texts)]) + "\n")
    workspace.run("log", "append", "log/z", "--feed", workspace.job(feed, "feed.json"))
    out = workspace.run("log", "cat", "log/z", "--format", "csv").out
    return [line.split(",", 1)[1].strip('"') for line in out.splitlines()[1:]]


def test_integers_with_decimals_that_are_none(workspace):
    texts = ["100.0", "-7.000", "1e3", "9223372036854775807.0", "100.5", "9223372036854775808.0", "1e-1"]
    assert column_of_numbers(workspace, "long", texts) == ["100", "-7", "9223372036854775807"]
    assert column_of_numbers(workspace, "int", ["2147483647.0", "2147483648.0"]) == ["2147483647"]


@pytest.mark.parametrize("marks, texts, right", [
    ({"decimalMark": ","}, ["1,5", "-0,25", "2", "1.5", "1\x00234"], ["1.5", "-0.25", "2.0"]),
    ({"groupMark": ","}, ["1,234.5", "1234.5", "12,34", "1,2345", "1,234,567", ",123", "1,234e2"],
     ["1234.5", "1234.5", "1234567.0", "123400.0"]),
    ({"decimalMark": ",", "groupMark": "."}, ["1.234,5", "1.5", "12.345,25"], ["1234.5", "12345.25"]),
    ({"groupMark": " "}, ["1 234"], ["1234.0"])])
def test_marks_in_numbers(workspace, marks, texts, right):
    assert column_of_numbers(workspace, "double", texts, **marks) == right


# Archives and compression.

@pytest.mark.parametrize("archive", ["mac.zip", "status.zip:*.csv", "status.zip:a.csv", "*.zip:*.csv"])
def test_zip_with_other_entries(fault, archive):
    workspace = fault("18")
    workspace.run("log", "append", "log/x", "--format", "csv", "--schema", "t timestamp, p int", archive)
    rows = 2 if archive.startswith("*") else 1
    assert prices(workspace, "log/x") == [1] * rows


def test_a_zip_with_an_entry_that_is_none_is_named(fault):
    workspace = fault("18")
    error = workspace.run("log", "append", "log/y", "--format", "csv", "--schema", "t timestamp, p int",
                          "status.zip", check=1).err
    assert "status.zip:a.txt: the header has no field 't'" in error and "status.zip:*.csv" in error


def compressed(kind, data):
    match kind:
        case "zstd":
            return pa.compress(data, codec="zstd", asbytes=True)
        case "lz4":
            return pa.compress(data, codec="lz4", asbytes=True)
        case "xz":
            import lzma
            return lzma.compress(data)
        case "bzip2":
            import bz2
            return bz2.compress(data)


@pytest.mark.parametrize("kind", ["zstd", "lz4"])
@pytest.mark.parametrize("way", ["file", "pipe", "frames"])
def test_compressed_files(workspace, kind, way):
    lines = [f"2026-01-05 10:00:00,{index}" for index in range(50_000)]
    data = ("t,p\n" + "\n".join(lines) + "\n").encode()
    packed = compressed(kind, data)
    if way == "frames":
        packed = compressed(kind, data[:100_001]) + compressed(kind, data[100_001:])
    (workspace.path / "x.csv.zst").write_bytes(packed)
    if way == "pipe":
        workspace.run("log", "append", "log/z", "--format", "csv", "--schema",
                      "t timestamp, p double", "-", stdin=packed)
    else:
        append(workspace, "x.csv.zst")
    assert prices(workspace) == list(range(50_000))
    (workspace.path / "cut.csv.zst").write_bytes(packed[:-20])
    assert f"the {kind} file is damaged" in append(workspace, "cut.csv.zst", log="log/y", check=1).err


@pytest.mark.parametrize("kind", ["xz", "bzip2"])
def test_compressions_that_are_named(workspace, kind):
    (workspace.path / "x.csv").write_bytes(compressed(kind, b"t,p\n"))
    error = append(workspace, "x.csv", check=1).err
    assert f"the file is packed by {kind}" in error and f"{kind} -d" in error


@pytest.mark.parametrize("text, setting", [
    ("05.01.2026 10:00:00.123", '"timestampFormat": "d.M.yyyy H:mm[:ss][.SSS]"'),
    ("1/5/2026 10:00", '"M/d/yyyy H:mm[:ss][.SSS]" or "timestampFormat": "d/M/yyyy H:mm[:ss][.SSS]"'),
    ("1/25/2026 10:00 PM", '"timestampFormat": "M/d/yyyy h:mm a"'), ("1767607200000", '"format": "epoch_ms"'),
    ("20260105 100000123", '"timestampFormat": "yyyyMMdd HHmmssSSS"')])
@pytest.mark.parametrize("format", ["csv", "json"])
def test_a_reject_names_what_would_read_its_time(workspace, format, text, setting):
    column = {"name": "t", "type": "timestamp"}
    if format == "csv":
        (workspace.path / "x").write_text(f"t\n{text}\n")
        feed = {"columns": [column]}
    else:
        (workspace.path / "x").write_text(json.dumps({"t": text}) + "\n")
        feed = {"fields": [column]}
    feed |= {"format": format, "paths": "x", "eventTime": "t", "rejects": {"maxShare": 1}}
    error = workspace.run("log", "append", "log/z", "--feed", workspace.job(feed, "feed.json"), check=1).err
    assert setting + " would read it" in error
    reason = workspace.query("SELECT reason FROM read_parquet('{lake}/rejects/*.parquet')")[0][0]
    assert reason.endswith(setting + " would read it"), reason
    word, value = setting.split(" or ")[0].split(": ")[-2:] if " or " not in setting \
        else ('"timestampFormat"', '"M/d/yyyy H:mm[:ss][.SSS]"')
    column[word.strip('"')] = value.strip('"')
    workspace.run("log", "append", "log/y", "--feed", workspace.job(feed, "feed.json"))
    assert len(workspace.run("log", "cat", "log/y", "--format", "csv").out.splitlines()) == 2
