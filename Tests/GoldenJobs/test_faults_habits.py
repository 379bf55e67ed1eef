"""What users do with files and tables that were read or written: nothing is lost or doubled without a word.

Kinds that the walk of user actions (Tests/Faults/test_user_actions.py) has met, each by itself.
"""

import gzip
import json
import os
import shutil
import subprocess
import zipfile

import pytest

COLUMNS = [{"name": "t", "type": "timestamp"}, {"name": "p", "type": "long", "nullable": False}]
SCHEMA = "t timestamp, p long"


def rows(path, *values, end="\n"):
    path.parent.mkdir(exist_ok=True)
    lines = [f"2026-01-05 10:00:{value % 60:02},{value}" for value in values]
    path.write_text("\n".join(["t,p", *lines]) + (end if lines else "\n"))


def prices(workspace, log="log/z"):
    out = workspace.run("log", "cat", log, "--format", "csv").out
    return [int(line.split(",")[1]) for line in out.splitlines()[1:]]


def append(workspace, *arguments, check=0, log="log/z", schema=SCHEMA):
    return workspace.run("log", "append", log, "--format", "csv", "--schema", schema, *arguments, check=check)


def job(workspace, source=None, sink="parquet", **keys):
    """A job over the folder `in`, row by row, or one that counts into a table."""
    source = source or {"format": "csv", "path": "in", "eventTime": "t", "columns": COLUMNS}
    query = {"select": ["p"]} if sink != "table" else {
        "groupBy": ["p"], "select": ["p", "count(*) AS n"], "outputMode": "complete"}
    return workspace.job({"name": "m", "source": source, "trigger": {"availableNow": True}, **keys, "queries": [
        {"name": "q", **query, "sinks": [{"format": sink, "path": "lake/q"}]}]})


def table(workspace, name="q"):
    out = workspace.run("lake", "show", name, "--limit", "all", "--format", "csv").out
    return sorted(int(line.split(",")[0]) for line in out.splitlines()[1:])


def feeding(workspace, paths="in/*.csv*"):
    return job(workspace, {"format": "log", "path": "log/z"}, feed={
        "format": "csv", "paths": paths, "eventTime": "t", "columns": COLUMNS})


# MARK: A table, or its newest part, is gone under a job

@pytest.mark.parametrize("sink", ["parquet", "table", "delta"])
@pytest.mark.parametrize("what", ["table", "newest file", "all files"])
def test_a_job_does_not_pass_over_a_table_that_is_gone(workspace, sink, what):
    rows(workspace.path / "in/a.csv", 1, 2)
    workspace.run("run", job(workspace, sink=sink))
    rows(workspace.path / "in/b.csv", 3)
    if what == "table":
        shutil.rmtree(workspace.path / "lake/q")
    else:
        for path in (workspace.path / "lake/q").rglob("*.parquet"):
            path.unlink()
    if sink == "delta" and what != "table":
        # Its log is the table: what of that is gone is seen, its files are for `lake verify`.
        assert workspace.run("lake", "verify", check=1)
        return
    refused = workspace.run("run", "job.json", check=1)
    assert "lake/q" in refused.err and "missing" in refused.err, refused.err
    assert not list((workspace.path / "lake").rglob("*.parquet"))
    workspace.run("clear", "job.json", "--yes")
    workspace.run("run", "job.json")
    assert table(workspace) == [1, 2, 3]


def test_a_compacted_table_is_there(workspace):
    for value in range(4):
        rows(workspace.path / f"in/{value}.csv", value)
        workspace.run("run", job(workspace))
    workspace.run("lake", "compact", "q")
    rows(workspace.path / "in/9.csv", 9)
    workspace.run("run", "job.json")
    assert table(workspace) == [0, 1, 2, 3, 9]


# MARK: Directories of files as sources

@pytest.fixture
def picked(workspace):
    rows(workspace.path / "in/a.csv", 1, 2)
    workspace.run("run", job(workspace))
    assert table(workspace) == [1, 2]
    return workspace


@pytest.mark.parametrize("how", ["append", "edit", "truncate", "replace"])
def test_a_file_that_changes_after_it_was_read_is_named(picked, how):
    path = picked.path / "in/a.csv"
    match how:
        case "append": rows(path, 1, 2, 3)
        case "edit": path.write_text(path.read_text().replace(",2", ",7"))
        case "truncate": path.write_text("t,p\n")
        case "replace":
            rows(picked.path / "new", 8, 9)
            (picked.path / "new").rename(path)
    for _ in range(2):
        done = picked.run("run", "job.json")
        assert "1 file changed since read, and not read again: in/a.csv; give new rows in a new file" in done.err
    assert table(picked) == [1, 2]


def test_a_file_that_is_only_touched_or_gone_is_not_named(picked):
    os.utime(picked.path / "in/a.csv")
    assert "warning" not in picked.run("run", "job.json").err
    (picked.path / "in/a.csv").unlink()
    assert "warning" not in picked.run("run", "job.json").err
    assert table(picked) == [1, 2]


@pytest.mark.parametrize("how", ["copy", "link", "hard link", "rename", "copy killed"])
def test_a_file_that_comes_twice_is_named(picked, how):
    old, new = picked.path / "in/a.csv", picked.path / "in/b.csv"
    match how:
        case "copy" | "copy killed": shutil.copyfile(old, new)
        case "link": new.symlink_to("a.csv")
        case "hard link": os.link(old, new)
        case "rename": old.rename(new)
    if how == "copy killed":
        # A run that says nothing, as one that is killed behind its commit.
        picked.run("run", "job.json")
    done = picked.run("run", "job.json")
    assert "1 file with the content of another that was read" in done.err and "in/b.csv (as in/a.csv)" in done.err
    assert table(picked) == [1, 1, 2, 2]


@pytest.mark.parametrize("count", [2, 9_000])
@pytest.mark.parametrize("how", ["joined", "grown under another name", "killed", "three of them"])
def test_a_file_that_begins_with_another_is_named(workspace, how, count):
    first, more = list(range(count)), list(range(count, count + 3))
    rows(workspace.path / "in/a.csv", *first)
    if how == "three of them":
        rows(workspace.path / "in/0.csv", *first[:1])
    workspace.run("run", job(workspace))
    already = table(workspace)
    if how == "grown under another name":
        (workspace.path / "in/a.csv").unlink()
    rows(workspace.path / "in/b.csv", *first, *more)
    if how == "killed":
        workspace.run("run", "job.json")
    for _ in range(2):
        done = workspace.run("run", "job.json")
        assert "1 file that begins with all of another that was read" in done.err
        assert "in/b.csv (as in/a.csv)" in done.err
    assert table(workspace) == sorted(already + first + more)


@pytest.mark.parametrize("count", [3, 400, 9_000])
@pytest.mark.parametrize("how", ["later", "killed", "at once", "torn", "grown since"])
def test_a_file_that_is_the_beginning_of_another_is_named(workspace, how, count):
    """An older copy of a file that grew lies beside it."""
    values = list(range(count))
    rows(workspace.path / "in/a.csv", *values)
    if how != "at once":
        workspace.run("run", job(workspace))
    if how == "grown since":
        rows(workspace.path / "in/a.csv", *values, count)
    rows(workspace.path / "in/b.csv", *values[:-1])
    if how == "torn":
        (workspace.path / "in/b.csv").write_bytes((workspace.path / "in/a.csv").read_bytes()[:-1])
    if how == "killed":
        workspace.run("run", "job.json")
    # The older copy is the one that is read later.
    for name, age in (("a", 20), ("b", 10)):
        path = workspace.path / f"in/{name}.csv"
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    for _ in range(2):
        done = workspace.run("run", job(workspace))
        assert "1 file that is the beginning of another that was read" in done.err
        assert "in/b.csv (as in/a.csv)" in done.err and "begins with" not in done.err
    assert len(table(workspace)) == 2 * count - (how != "torn")


def test_a_file_is_not_held_against_one_that_has_changed(workspace):
    """Its first rows are not those that were read."""
    rows(workspace.path / "in/a.csv", 1, 2, 3)
    workspace.run("run", job(workspace))
    rows(workspace.path / "in/a.csv", 4, 5, 6)
    rows(workspace.path / "in/b.csv", 4, 5)
    done = workspace.run("run", "job.json")
    assert "the beginning of" not in done.err and "in/a.csv" in done.err
    assert table(workspace) == [1, 2, 3, 4, 5]


def test_files_that_begin_alike_are_not_named(workspace):
    """The same header, and half of a line."""
    rows(workspace.path / "in/a.csv", 1, 2)
    rows(workspace.path / "in/b.csv")
    workspace.run("run", job(workspace))
    rows(workspace.path / "in/c.csv", 1, 3)
    rows(workspace.path / "in/d.csv", 2, 1)
    assert "warning" not in workspace.run("run", "job.json").err
    assert table(workspace) == [1, 1, 1, 2, 2, 3]


def test_files_without_rows_are_no_copies(workspace):
    for name in "abc":
        rows(workspace.path / f"in/{name}.csv")
    rows(workspace.path / "in/d.csv", 5)
    assert "warning" not in workspace.run("run", job(workspace)).err


# MARK: Feeds

@pytest.mark.parametrize("pack", [False, True])
def test_a_file_appended_under_another_name_is_refused(workspace, pack):
    rows(workspace.path / "a.csv", 1, 2)
    if pack:
        (workspace.path / "a.csv").write_bytes(gzip.compress((workspace.path / "a.csv").read_bytes(), mtime=0))
    append(workspace, "a.csv")
    (workspace.path / "a.csv").rename(workspace.path / "b.csv")
    assert "--again" in append(workspace, "b.csv", check=1).err
    rows(workspace.path / "c.csv", 3)
    assert "b.csv" in append(workspace, "c.csv", "b.csv", check=1).err
    assert prices(workspace) == [1, 2]
    append(workspace, "c.csv")
    append(workspace, "--again", "b.csv")
    assert prices(workspace) == [1, 2, 3, 1, 2]


def packed(path, kind, *others):
    """The packed form of files, in place of them."""
    paths = [path, *others]
    names = [each.name for each in paths]
    match kind:
        case "gz": subprocess.run(["gzip", *names], cwd=path.parent, check=True)
        case "zst": subprocess.run(["zstd", "-q", "--rm", *names], cwd=path.parent, check=True)
        case "lz4": subprocess.run(["lz4", "-q", "-m", "--rm", *names], cwd=path.parent, check=True)
        case "zip":
            with zipfile.ZipFile(f"{path}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                for each in paths:
                    archive.write(each, each.name)
                    each.unlink()
    return f"{path.name}.{kind}"


PACKINGS = [kind for kind in ("gz", "zst", "lz4", "zip")
            if kind == "zip" or shutil.which({"gz": "gzip", "zst": "zstd"}.get(kind, kind))]


@pytest.mark.parametrize("count", [3, 9_000])
@pytest.mark.parametrize("kind", PACKINGS)
def test_the_packed_form_of_a_file_is_known_again(workspace, kind, count):
    values = list(range(count))
    rows(workspace.path / "a.csv", *values)
    append(workspace, "a.csv")
    name = packed(workspace.path / "a.csv", kind)
    refused = append(workspace, name, check=1)
    assert name in refused.err and "--again" in refused.err
    # Also packed and gone on since.
    rows(workspace.path / "b.csv", *values, count)
    assert "--again" in append(workspace, packed(workspace.path / "b.csv", kind), check=1).err
    # Other rows are other rows.
    rows(workspace.path / "c.csv", *values[1:])
    append(workspace, packed(workspace.path / "c.csv", kind))
    assert prices(workspace) == values + values[1:]


@pytest.mark.parametrize("count", [3, 9_000])
@pytest.mark.parametrize("kind", PACKINGS)
def test_a_file_is_known_again_that_was_read_packed(workspace, kind, count):
    values = list(range(count))
    path = workspace.path / "a.csv"
    rows(path, *values)
    content = path.read_bytes()
    name = packed(path, kind)
    append(workspace, name)
    path.write_bytes(content)
    assert "--again" in append(workspace, "a.csv", check=1).err
    other = {"gz": "zip", "zip": "gz"}.get(kind, "gz")
    assert "--again" in append(workspace, packed(path, other), check=1).err
    assert "nothing new" in append(workspace, name).out
    assert prices(workspace) == values


@pytest.mark.parametrize("kind", PACKINGS)
def test_the_packed_form_among_the_files_of_a_feed_is_named(workspace, kind):
    rows(workspace.path / "in/a.csv", 1, 2)
    workspace.run("run", feeding(workspace))
    shutil.copyfile(workspace.path / "in/a.csv", workspace.path / "in/b.csv")
    name = packed(workspace.path / "in/b.csv", kind)
    done = workspace.run("run", "job.json")
    assert name in done.err and "begins with all that was read of in/a.csv" in done.err
    assert "warning" not in workspace.run("run", "job.json").err


@pytest.mark.parametrize("kind", [None, *PACKINGS])
@pytest.mark.parametrize("count", [4, 9_000])
def test_an_older_copy_of_a_file_that_grew_is_named(workspace, count, kind):
    values = list(range(count))
    rows(workspace.path / "in/a.csv", *values)
    workspace.run("run", feeding(workspace))
    rows(workspace.path / "in/b.csv", *values[:-1])
    rows(workspace.path / "in/c.csv")
    rows(workspace.path / "in/d.csv", *values[1:])
    name = packed(workspace.path / "in/b.csv", kind) if kind else "b.csv"
    done = workspace.run("run", "job.json")
    assert f"in/{name}" in done.err and "is the beginning of in/a.csv, which was read" in done.err
    assert "c.csv" not in done.err and "d.csv" not in done.err
    assert "warning" not in workspace.run("run", "job.json").err


@pytest.mark.parametrize("name,says", [("a", "has come back before it"), ("z", "begins with all that was read of")])
def test_a_file_that_comes_back_after_all_was_appended_again_is_known(workspace, name, says):
    """It was taken away, the others were appended again, and it is put back, perhaps under another name."""
    for other, values in (("a", (1, 2)), ("b", (3, 4))):
        rows(workspace.path / f"in/{other}.csv", *values)
    workspace.run("run", feeding(workspace))
    (workspace.path / "in/a.csv").rename(workspace.path / "away")
    assert "--again" in workspace.run("run", "job.json", check=1).err
    workspace.run("log", "append", "log/z", "--job", "job.json", "--again")
    workspace.run("run", "job.json")
    assert table(workspace) == [1, 2, 3, 3, 4, 4]
    (workspace.path / "away").rename(workspace.path / f"in/{name}.csv")
    refused = workspace.run("run", "job.json", check=1)
    assert says in refused.err
    # The remedy, and what is new.
    (workspace.path / f"in/{name}.csv").unlink()
    rows(workspace.path / "in/c.csv", 5)
    workspace.run("run", "job.json")
    assert table(workspace) == [1, 2, 3, 3, 4, 4, 5]


def test_files_of_an_archive_are_known_again(workspace):
    for name, values in (("a", (1, 2)), ("b", (3, 4))):
        rows(workspace.path / f"{name}.csv", *values)
    contents = {name: (workspace.path / name).read_bytes() for name in ("a.csv", "b.csv")}
    archive = packed(workspace.path / "a.csv", "zip", workspace.path / "b.csv")
    append(workspace, archive)
    for name, content in contents.items():
        (workspace.path / name).write_bytes(content)
        assert "--again" in append(workspace, name, check=1).err
    # And the other way about.
    append(workspace, "b.csv", log="log/y")
    again = packed(workspace.path / "a.csv", "zip", workspace.path / "b.csv")
    assert "--again" in append(workspace, again, log="log/y", check=1).err
    # Twice the same in one archive.
    rows(workspace.path / "c.csv", 5)
    shutil.copyfile(workspace.path / "c.csv", workspace.path / "d.csv")
    done = append(workspace, packed(workspace.path / "c.csv", "zip", workspace.path / "d.csv"), log="log/x")
    assert "c.csv.zip:d.csv begins with all that was read of" in done.err
    assert prices(workspace) == [1, 2, 3, 4] and prices(workspace, "log/x") == [5, 5]


def test_a_packed_file_that_was_cut_off_goes_on(workspace):
    """Killed in the middle: what was read of it is no copy of it."""
    values = list(range(150_000))
    rows(workspace.path / "in/a.csv", *values)
    packed(workspace.path / "in/a.csv", "gz")
    feeding(workspace, paths="in/*.gz")
    for _ in range(4):
        process = workspace.start("run", "job.json")
        try:
            process.communicate(timeout=0.3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    done = workspace.run("run", "job.json")
    assert "warning" not in done.err
    assert len(prices(workspace)) == len(values)


def test_a_file_that_goes_on_where_another_ends_is_refused(workspace):
    rows(workspace.path / "ten.csv", 1, 2)
    append(workspace, "ten.csv")
    # An export of the day so far, an hour later.
    rows(workspace.path / "eleven.csv", 1, 2, 3)
    assert "eleven.csv" in append(workspace, "eleven.csv", check=1).err
    rows(workspace.path / "other.csv", 2, 1)
    append(workspace, "other.csv")
    assert prices(workspace) == [1, 2, 2, 1]


def test_files_without_rows_are_no_copies_for_a_feed(workspace):
    for name in "abc":
        rows(workspace.path / f"{name}.csv")
        append(workspace, f"{name}.csv")
    rows(workspace.path / "d.csv", 4)
    append(workspace, "d.csv")
    assert prices(workspace) == [4]


def test_a_moved_project_knows_its_files(workspace):
    rows(workspace.path / "p/a.csv", 1)
    rows(workspace.path / "p/b.csv", 2)
    first = type(workspace)(workspace.path / "p")
    append(first, "a.csv", "b.csv")
    shutil.copytree(first.path, workspace.path / "q")
    second = type(workspace)(workspace.path / "q")
    for files in (["./a.csv"], ["b.csv"], ["b.csv", "a.csv"]):
        assert "--again" in append(second, *files, check=1).err
    append(second, "a.csv", "b.csv")
    assert prices(second) == [1, 2]


def test_again_leaves_the_feed_where_it_is_then(workspace):
    path = workspace.path / "a.csv"
    rows(path, 1, 2)
    append(workspace, "a.csv")
    rows(path, 7, 8)
    assert "--again" in append(workspace, "a.csv", check=1).err
    append(workspace, "--again", "a.csv")
    rows(path, 7, 8, 9)
    append(workspace, "a.csv")
    append(workspace, "a.csv")
    assert prices(workspace) == [1, 2, 7, 8, 9]


def test_again_is_enough_for_a_file_that_was_cut(workspace):
    """What another feed has read behind the file's end now is in nobody's way."""
    rows(workspace.path / "a.csv", 1, 2, 3)
    append(workspace, "a.csv")
    rows(workspace.path / "a.csv", 1, 2)
    rows(workspace.path / "0.csv")
    assert "--again" in append(workspace, "*.csv", check=1).err
    append(workspace, "--again", "*.csv")
    assert "nothing new" in append(workspace, "*.csv").out
    # Put back as it was, it is what the other feed has read.
    rows(workspace.path / "a.csv", 1, 2, 3)
    assert "--again" in append(workspace, "*.csv", check=1).err
    assert prices(workspace) == [1, 2, 3, 1, 2]


def test_again_is_not_forgotten(workspace):
    rows(workspace.path / "a.csv", 1)
    append(workspace, "--again", "a.csv")
    append(workspace, "a.csv")
    assert "--again" in append(workspace, "./a.csv", check=1).err
    assert prices(workspace) == [1]


def test_again_brings_a_jobs_feed_on(workspace):
    rows(workspace.path / "in/a.csv", 1, 2)
    workspace.run("run", feeding(workspace))
    rows(workspace.path / "in/a.csv", 5)
    assert "--again" in workspace.run("run", "job.json", check=1).err
    workspace.run("log", "append", "log/z", "--job", "job.json", "--again")
    rows(workspace.path / "in/b.csv", 6)
    workspace.run("run", "job.json")
    assert table(workspace) == [1, 2, 5, 6]


def test_again_keeps_what_was_rejected(workspace):
    (workspace.path / "a.csv").write_text("t,p\n2026-01-05 10:00:00,1\nold,2\n")
    append(workspace, "a.csv")
    (workspace.path / "a.csv").write_text("t,p\n2026-01-05 10:00:00,1\nnew,2\n")
    append(workspace, "--again", "a.csv")
    texts = workspace.query("SELECT text FROM read_parquet('{lake}/rejects/*.parquet') ORDER BY number")
    assert texts == [("old,2\\n", ), ("new,2\\n", )] or texts == [("old,2", ), ("new,2", )], texts


def test_two_feeds_over_one_growing_file(workspace):
    path = workspace.path / "a.csv"
    rows(path, 1)
    append(workspace, "a.csv")
    append(workspace, "--again", "./a.csv")
    rows(path, 1, 2)
    append(workspace, "a.csv")
    assert "--again" in append(workspace, "./a.csv", check=1).err
    assert prices(workspace) == [1, 1, 2]


def test_the_files_before_the_last_one_must_be_as_they_were(workspace):
    for name, value in (("a", 1), ("b", 2), ("c", 3)):
        rows(workspace.path / f"in/{name}.csv", value)
    workspace.run("run", feeding(workspace))
    rows(workspace.path / "in/b.csv", 7)
    assert "in/b.csv: it was read before in/c.csv" in workspace.run("run", "job.json", check=1).err
    rows(workspace.path / "in/b.csv", 2)
    rows(workspace.path / "in/aa.csv", 9)
    refused = workspace.run("run", "job.json", check=1)
    assert "in/aa.csv: this file was not read, and comes before" in refused.err
    (workspace.path / "in/aa.csv").rename(workspace.path / "in/z.csv")
    workspace.run("run", "job.json")
    assert table(workspace) == [1, 2, 3, 9]


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_renamed_file_of_a_feed_is_refused(workspace, name):
    for other, value in (("a", 1), ("b", 2)):
        rows(workspace.path / f"in/{other}.csv", value)
    workspace.run("run", feeding(workspace))
    (workspace.path / f"in/{name}.csv").rename(workspace.path / "in/c.csv")
    refused = workspace.run("run", "job.json", check=1)
    assert "in/b.csv" in refused.err and "has another name" in refused.err
    (workspace.path / "in/c.csv").rename(workspace.path / f"in/{name}.csv")
    workspace.run("run", "job.json")
    assert table(workspace) == [1, 2]


def test_a_copy_among_the_files_of_a_feed_is_named(workspace):
    rows(workspace.path / "in/a.csv", 1)
    workspace.run("run", feeding(workspace))
    shutil.copyfile(workspace.path / "in/a.csv", workspace.path / "in/b.csv")
    done = workspace.run("run", "job.json")
    assert "in/b.csv begins with all that was read of in/a.csv" in done.err
    assert table(workspace) == [1, 1]


# MARK: Nothing parses

@pytest.mark.parametrize("format", ["csv", "json"])
@pytest.mark.parametrize("count", [1, 3, 2_000])
def test_a_feed_of_which_nothing_parses_fails(workspace, format, count):
    line = "yesterday,1" if format == "csv" else '{"t":"yesterday","p":1}'
    (workspace.path / "a").write_text(("t,p\n" if format == "csv" else "") + f"{line}\n" * count)
    feed = {"format": format, "paths": "a", "eventTime": "t", "columns" if format == "csv" else "fields": COLUMNS}
    name = job(workspace, {"format": "log", "path": "log/z"}, feed=feed)
    for words in [("run", name), ("log", "append", "log/y", "--job", name)] * 2:
        error = workspace.run(*words, check=1).err
        assert "yesterday" in error and "t is not a timestamp" in error and "lake/rejects" in error, error
        assert "t timestamp(iso)" in error or count >= 1000
    assert not (workspace.path / "log").exists() or not list((workspace.path / "log").iterdir())
    # Corrected, in whichever way.
    feed["columns" if format == "csv" else "fields"] = [
        {"name": "t", "type": "timestamp", "from" if format == "csv" else "path": "p", "format": "epoch_s"}, COLUMNS[1]]
    workspace.run("run", job(workspace, {"format": "log", "path": "log/z"}, feed=feed))
    assert table(workspace) == [1] * count


def test_a_file_of_which_nothing_parsed_is_corrected(workspace):
    (workspace.path / "a.csv").write_text("t,p\nyesterday,1\n")
    rows(workspace.path / "b.csv", 9)
    append(workspace, "b.csv")
    append(workspace, "a.csv", check=1)
    append(workspace, "a.csv", check=1)
    rows(workspace.path / "a.csv", 1, 2)
    append(workspace, "a.csv")
    assert prices(workspace) == [9, 1, 2]


def test_a_source_of_which_nothing_parses_fails(workspace):
    (workspace.path / "in").mkdir()
    (workspace.path / "in/a.csv").write_text("t,p\nyesterday,1\nyesterday,2\n")
    source = {"format": "csv", "path": "in", "eventTime": "t", "columns": COLUMNS, "mode": "DROPMALFORMED"}
    done = workspace.run("run", job(workspace, source), check=1)
    assert "none of 2 records parses" in done.err
    assert "in/a.csv at byte 4: t is not a timestamp" in done.err and "t timestamp(iso)" in done.err
    rows(workspace.path / "in/b.csv", 3)
    done = workspace.run("run", "job.json")
    assert table(workspace) == [3]


def test_a_log_that_got_no_row_is_not_in_the_way(workspace):
    (workspace.path / "a.csv").write_text("t,p\n2026-01-05 10:00:00,1.5\n")
    append(workspace, "a.csv", check=1)
    append(workspace, "a.csv", schema="t timestamp, p double")
    assert json.loads(workspace.run("log", "cat", "log/z", "--format", "json").out)["p"] == 1.5
