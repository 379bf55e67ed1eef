"""Faults of tables, checkpoints and logs that were met once: each kind with its right answer."""

import json
import os
import re
import shutil
import stat
import subprocess
import time

import pytest

from conftest import BINARY, DATA, Workspace

FAULTS = DATA / "faults"


@pytest.fixture
def fault(tmp_path):
    """A folder with the inputs of a fault."""
    def copied(name):
        found = sorted(FAULTS.glob(f"{name}-*"))
        if not found:
            pytest.skip(f"SKIPPED LOUDLY: no inputs of fault {name} at {FAULTS}")
        folder = tmp_path / name
        shutil.copytree(found[0], folder)
        return Workspace(folder)
    return copied


def rows(workspace, table):
    out = workspace.run("lake", "show", table, "--limit", "all", "--format", "csv").out
    return out.splitlines()[1:]


def made_by_two(folder):
    """`owner` has made a table, `other` was refused there."""
    folder.run("run", "owner.json")
    refused = folder.run("run", "other.json", check=1)
    assert "belongs to query" in refused.err and "--force" in refused.err
    return rows(folder, "candles")


def running(folder, job, commits):
    """A process that runs a job without end, once it has committed a batch."""
    process = folder.start("run", job)
    for _ in range(400):
        if list((folder.path / commits).glob("*")):
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError("the engine commits nothing")


# MARK: clear

def test_clear_leaves_a_table_of_another_job(fault):
    folder = fault("03")
    before = made_by_two(folder)
    done = folder.run("clear", "other.json", "--yes")
    assert "lake/candles belongs to query 'candles' of checkpoints/owner" in done.err
    assert rows(folder, "candles") == before
    folder.run("run", "owner.json")
    assert "rows as published" in folder.run("lake", "verify").out


def test_clear_of_a_job_that_never_ran_leaves_a_table_of_another(fault):
    folder = fault("03")
    folder.run("run", "owner.json")
    before = rows(folder, "candles")
    assert "and stays" in folder.run("clear", "other.json", "--yes").err
    assert rows(folder, "candles") == before


def test_clear_leaves_a_table_of_a_running_job_also_by_force(fault):
    folder = fault("03")
    owner = json.loads((folder.path / "owner.json").read_text())
    folder.job({**owner, "trigger": {"processingTime": "1 second"}}, "owner.json")
    process = running(folder, "owner.json", "checkpoints/owner/commits")
    try:
        assert "and stays" in folder.run("clear", "other.json", "--yes").err
        refused = folder.run("clear", "other.json", "--yes", "--force", check=1)
        assert "is in use" in refused.err and "nothing was removed" in refused.err
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert "rows as published" in folder.run("lake", "verify").out


def test_clear_by_force_removes_a_table_of_another_job(fault):
    folder = fault("03")
    made_by_two(folder)
    folder.run("clear", "other.json", "--yes", "--force")
    assert not (folder.path / "lake/candles").exists()
    folder.run("run", "other.json")
    assert rows(folder, "candles")


@pytest.mark.parametrize("words", [[], ["other.json"]])
def test_clear_leaves_tables_of_checkpoints_elsewhere(fault, words):
    folder = fault("03")
    owner = json.loads((folder.path / "owner.json").read_text())
    folder.job({**owner, "checkpointLocation": "elsewhere/owner"}, "owner.json")
    folder.run("run", "owner.json")
    before = rows(folder, "candles")
    assert "and stays" in folder.run("clear", *words, "--yes").err
    assert rows(folder, "candles") == before
    folder.run("run", "owner.json")
    # Asked for the job itself, all of it goes.
    folder.run("clear", "owner.json", "--yes")
    assert not (folder.path / "lake/candles").exists()
    assert not (folder.path / "elsewhere/owner").exists()


def test_clear_leaves_a_checkpoint_of_another_job(fault):
    folder = fault("03")
    folder.run("run", "owner.json")
    other = json.loads((folder.path / "other.json").read_text())
    folder.job({**other, "checkpointLocation": "checkpoints/owner"}, "other.json")
    assert "another job, 'owner'" in folder.run("clear", "other.json", "--yes").err
    assert (folder.path / "checkpoints/owner/metadata").exists()
    folder.run("run", "owner.json")


@pytest.mark.parametrize("linked", ["lake/candles", "lake", "checkpoints", "checkpoints/owner"])
def test_clear_removes_all_of_a_job_or_nothing(fault, tmp_path, linked):
    folder = fault("03")
    folder.run("run", "owner.json")
    before = rows(folder, "candles")
    place = folder.path / linked
    place.rename(tmp_path / "behind")
    place.symlink_to(tmp_path / "behind")
    refused = folder.run("clear", "owner.json", "--yes", check=1)
    assert "link" in refused.err and "Nothing was removed" in refused.err
    assert place.is_symlink() and rows(folder, "candles") == before
    assert (folder.path / "checkpoints/owner/metadata").exists()
    assert "nothing new" in folder.run("run", "owner.json").err


def test_clear_of_everything_with_a_linked_lake_removes_nothing(fault, tmp_path):
    folder = fault("03")
    folder.run("run", "owner.json")
    (folder.path / "lake").rename(tmp_path / "behind")
    (folder.path / "lake").symlink_to(tmp_path / "behind")
    folder.run("clear", "--yes", check=1)
    assert (folder.path / "checkpoints/owner/metadata").exists()


def test_clear_of_everything_takes_tables_outside_of_the_lake(fault):
    folder = fault("03")
    owner = json.loads((folder.path / "owner.json").read_text())
    owner["queries"][0]["sinks"][0]["path"] = "out/candles"
    folder.job(owner, "owner.json")
    folder.run("run", "owner.json")
    folder.run("clear", "--yes")
    assert not (folder.path / "out/candles").exists()
    folder.run("run", "owner.json")


def test_clear_finishes_a_clear_that_was_cut_off(fault):
    folder = fault("03")
    folder.run("run", "owner.json")
    # As a process leaves it that dies after the checkpoint was put aside.
    (folder.path / "checkpoints/owner").rename(folder.path / "checkpoints/.tmp-cleared-owner")
    folder.run("run", "owner.json", check=1)
    folder.run("clear", "owner.json", "--yes")
    assert not (folder.path / "lake/candles").exists()
    assert not (folder.path / "checkpoints/.tmp-cleared-owner").exists()
    folder.run("run", "owner.json")


@pytest.mark.parametrize("damage", ["table", "metadata"])
def test_clear_removes_what_is_damaged(fault, damage):
    folder = fault("h-04")
    folder.run("run", "job.json")
    if damage == "table":
        (folder.path / "lake/c/_delta_log/00000000000000000002.json").write_text("torn")
        assert "clear" in folder.run("run", "job.json", check=1).err
    else:
        (folder.path / "checkpoints/m/metadata").write_text("torn")
    folder.run("clear", "job.json", "--yes")
    assert not (folder.path / "lake/c").exists() and not (folder.path / "checkpoints/m").exists()
    folder.run("run", "job.json")


def test_clear_keeps_a_log_that_others_read(fault):
    folder = fault("21")
    folder.run("run", "a.json")
    folder.run("run", "b.json")
    done = folder.run("clear", "a.json", "--log", "--yes")
    assert "log/x is read by checkpoints/b, too, and stays" in done.err
    assert (folder.path / "log/x/log.json").exists()
    assert not (folder.path / "checkpoints/a").exists()
    folder.run("clear", "b.json", "--log", "--yes")
    assert not (folder.path / "log/x").exists()


def test_another_log_at_the_same_path_is_refused(fault):
    folder = fault("21")
    folder.run("run", "a.json")
    folder.run("run", "b.json")
    folder.run("clear", "a.json", "--log", "--yes", "--force")
    assert not (folder.path / "log/x").exists()
    folder.run("run", "a.json", FILES="day2.csv")
    refused = folder.run("run", "b.json", FILES="day2.csv", check=1)
    assert "log/x: this is not the log that the checkpoint was made with" in refused.err


# MARK: lake export

@pytest.fixture
def exported(fault):
    folder = fault("12")
    folder.run("run", "job.json")
    folder.lines = folder.run("lake", "export", "candles", "--format", "csv").out
    return folder


def test_export_goes_through_a_pipe(exported):
    os.mkfifo(exported.path / "f")
    reader = subprocess.Popen(["cat", "f"], cwd=exported.path, stdout=subprocess.PIPE)
    done = exported.run("lake", "export", "candles", "--format", "csv", "--output", "f")
    assert reader.communicate(timeout=60)[0].decode() == exported.lines
    assert stat.S_ISFIFO((exported.path / "f").stat().st_mode) and "rows" in done.err


def test_export_onto_a_pipe_that_nobody_reads_ends(exported):
    os.mkfifo(exported.path / "f")
    refused = exported.run("lake", "export", "candles", "--output", "f", check=1, timeout=60)
    assert "nobody reads" in refused.err
    assert stat.S_ISFIFO((exported.path / "f").stat().st_mode)


def test_export_follows_a_link_and_leaves_it(exported):
    (exported.path / "target").write_text("keep")
    (exported.path / "link").symlink_to("target")
    exported.run("lake", "export", "candles", "--output", "link")
    assert (exported.path / "link").is_symlink()
    assert (exported.path / "target").read_text() == exported.lines
    (exported.path / "nowhere").symlink_to("missing")
    assert "link" in exported.run("lake", "export", "candles", "--output", "nowhere", check=1).err
    assert (exported.path / "nowhere").is_symlink()
    (exported.path / "place").mkdir()
    (exported.path / "folder").symlink_to("place")
    exported.run("lake", "export", "candles", "--output", "folder", check=1)
    assert (exported.path / "folder").is_symlink()


def test_export_writes_to_a_device_and_leaves_it(exported):
    if os.geteuid():
        pytest.skip("SKIPPED LOUDLY: device nodes need root")
    for name, minor, code in [("null", 3, 0), ("full", 7, 1)]:
        os.mknod(exported.path / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        exported.run("lake", "export", "candles", "--output", name, check=code)
        assert stat.S_ISCHR((exported.path / name).stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_export_to_standard_output_by_name(exported, name):
    done = exported.run("lake", "export", "candles", "--output", name)
    assert done.out == exported.lines
    out = exported.path / "out.csv"
    out.write_text("before\n")
    subprocess.run(
        f'"$S" lake export candles --output {name} >> out.csv', shell=True, check=True,
        cwd=exported.path, env={**os.environ, "S": str(BINARY)})
    assert out.read_text() == "before\n" + exported.lines


# MARK: lake verify

def verified(folder, *names):
    found = folder.run("lake", "verify", check=1)
    assert "whole;" not in found.out
    for name in names:
        assert name in found.err, found.err
    return found


@pytest.fixture
def candles(fault):
    folder = fault("05")
    folder.run("run", "job.json")
    assert "rows as published" in folder.run("lake", "verify").out
    return folder


@pytest.mark.parametrize("name", ["copy.parquet", "part-00000099-0000-{}.zstd.parquet",
                                  "part-00000001-0009-{}.zstd.parquet", "notes.txt", "sub/x.csv",
                                  "date=1/copy.parquet"])
def test_verify_names_a_file_that_nobody_published(candles, name):
    part = sorted((candles.path / "lake/candles").glob("part-*"))[-1]
    copy = candles.path / "lake/candles" / name.format(part.name.split("-")[3].split(".")[0])
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(part, copy)
    verified(candles, str(copy.relative_to(candles.path)))
    copy.unlink()
    assert "rows as published" in candles.run("lake", "verify").out


def test_verify_names_a_link_among_the_files(candles):
    part = sorted((candles.path / "lake/candles").glob("part-*"))[-1]
    (candles.path / "lake/candles/more.parquet").symlink_to(part)
    verified(candles, "lake/candles/more.parquet")


def test_verify_counts_rows_also_of_batches_whose_commits_are_gone(fault):
    folder = fault("05")
    job = json.loads((folder.path / "job.json").read_text())
    job["options"] = {"minBatchesToRetain": 2}
    job["source"]["maxOffsetsPerTrigger"] = 2_000
    folder.job(job)
    folder.run("run", "job.json")
    assert "rows as published" in folder.run("lake", "verify").out
    part = sorted((folder.path / "lake/candles").glob("part-*"))[0]
    copy = part.with_name(part.name.replace("-0000-", "-0001-"))
    shutil.copy(part, copy)
    verified(folder, "by the checkpoint's count")
    copy.unlink()
    part.unlink()
    verified(folder, "by the checkpoint's count")


def test_verify_names_a_table_without_its_owners_mark(candles):
    mark = next((candles.path / "lake/candles").glob("_streamer,*"))
    mark.unlink()
    verified(candles, "lake/candles: the mark that says whose table it is")
    # And where no checkpoint is at hand that tells it.
    (candles.path / "checkpoints").rename(candles.path / "away")
    verified(candles, "lake/candles: the mark that says whose table it is")


def test_verify_names_a_table_that_is_gone(candles):
    shutil.rmtree(candles.path / "lake/candles")
    verified(candles, "lake/candles: the table is missing")


@pytest.fixture
def delta(fault):
    folder = fault("05")
    folder.run("run", "delta.json")
    assert "whole;" in folder.run("lake", "verify").out
    folder.log = folder.path / "lake/candles/_delta_log"
    assert len(list(folder.log.glob("*.checkpoint.parquet"))) > 2
    return folder


def test_verify_names_a_damaged_checkpoint_of_a_delta_table(delta):
    deltalake = pytest.importorskip("deltalake")
    for path in delta.log.glob("*.checkpoint.parquet"):
        os.truncate(path, 100)
    names = [path.name for path in delta.log.glob("*.checkpoint.parquet")]
    found = verified(delta, *names)
    with pytest.raises(Exception):
        deltalake.DeltaTable(str(delta.path / "lake/candles")).to_pyarrow_table()
    # What it says helps.
    assert "remove it and _last_checkpoint" in found.err
    for name in [*names, "_last_checkpoint"]:
        (delta.log / name).unlink()
    assert "whole;" in delta.run("lake", "verify").out
    table = deltalake.DeltaTable(str(delta.path / "lake/candles")).to_pyarrow_table()
    assert len(table) == len(rows(delta, "candles"))


def test_verify_names_checkpoints_that_say_something_else(delta):
    first, second, *_ = sorted(delta.log.glob("*.checkpoint.parquet"))
    shutil.copy(first, second)
    verified(delta, second.name, "it has other batches")
    second.unlink()
    second.symlink_to(first)
    verified(delta, second.name)


@pytest.mark.parametrize("name", ["copy.json", "00000000000000000001.json.bak", "notes.txt", "1.json"])
def test_verify_names_a_file_in_the_log_that_is_no_version(delta, name):
    (delta.path / "lake/candles/_delta_log" / name).write_text("{}")
    found = delta.run("lake", "verify", check=1)
    assert f"lake/candles/_delta_log/{name}: no version of the table is called so" in found.err


def test_verify_says_where_there_is_nothing_to_compare_with(candles):
    """The words of a whole verdict are not left out in silence."""
    assert "as published" in candles.run("lake", "verify").out
    (candles.path / "checkpoints").rename(candles.path / "elsewhere")
    found = candles.run("lake", "verify").out
    assert "the checkpoint that published it is not here to compare with" in found


@pytest.mark.parametrize("text", ["", "{}", '{"version":7,"size":3}', '{"version":10,"size":1}'])
def test_verify_names_a_pointer_that_is_wrong(delta, text):
    (delta.log / "_last_checkpoint").write_text(text)
    verified(delta, "_delta_log/_last_checkpoint")


# MARK: Delta tables that were changed

@pytest.fixture
def two_batches(fault):
    folder = fault("h-04")
    folder.run("run", "job.json")
    (folder.path / "a2.csv").write_text("s,t,p\nB,2026-01-05 11:00:00,5\n")
    return folder


NEWEST = "lake/c/_delta_log/00000000000000000002.json"
BEFORE = "lake/c/_delta_log/00000000000000000001.json"


@pytest.mark.parametrize("damage", ["gone", "copy of another", "copy of the first", "link", "dead link",
                                    "pipe", "directory", "older one", "table gone"])
def test_run_refuses_a_delta_entry_that_is_not_the_committed_one(two_batches, damage, tmp_path):
    newest, before = two_batches.path / NEWEST, two_batches.path / BEFORE
    content = newest.read_bytes()
    if damage == "table gone":
        shutil.move(two_batches.path / "lake", tmp_path / "away")
    elif damage == "older one":
        # Two entries say the same: the second of them is the one that cannot be.
        shutil.copy(newest, before)
    else:
        newest.unlink()
    match damage:
        case "copy of another":
            shutil.copy(before, newest)
        case "copy of the first":
            shutil.copy(newest.with_name("00000000000000000000.json"), newest)
        case "link":
            (tmp_path / "entry").write_bytes(content)
            newest.symlink_to(tmp_path / "entry")
        case "dead link":
            newest.symlink_to(tmp_path / "nothing")
        case "pipe":
            os.mkfifo(newest)
        case "directory":
            newest.mkdir()
    refused = two_batches.run("run", "job.json", check=1, timeout=60)
    name = "lake/c" if damage == "table gone" else NEWEST
    assert name in refused.err, refused.err
    assert not newest.with_name("00000000000000000003.json").exists()
    if damage in ("gone", "copy of another", "copy of the first", "link", "dead link", "pipe"):
        newest.unlink(missing_ok=True)
        newest.write_bytes(content)
        two_batches.run("run", "job.json")
        assert len(rows(two_batches, "c")) == 5


def test_run_refuses_a_delta_entry_that_went_before_batches_without_rows(fault):
    folder = fault("h-04")
    job = json.loads((folder.path / "job.json").read_text())
    job["queries"][0]["where"] = "p > 0"
    folder.job(job)
    folder.run("run", "job.json")
    for number in range(3):
        (folder.path / f"a{number + 3}.csv").write_text("s,t,p\nB,2026-01-05 11:00:00,-5\n")
        folder.run("run", "job.json")
    entries = sorted((folder.path / "lake/c/_delta_log").glob("*.json"))
    entries[-1].unlink()
    assert entries[-1].name in folder.run("run", "job.json", check=1).err


@pytest.mark.parametrize("format", ["parquet", "table"])
@pytest.mark.parametrize("log", ["delta", "_spark_metadata", ".hoodie"])
def test_a_sink_refuses_the_table_of_another_format(fault, format, log):
    folder = fault("h-05")
    script = (folder.path / "run.sh").read_text()
    table = folder.path / "lake/t"
    if log == "delta":
        subprocess.run(script.split("$S run")[0], shell=True, check=True, cwd=folder.path)
    else:
        (table / log).mkdir(parents=True)
    job = json.loads((folder.path / "job.json").read_text())
    if format == "table":
        job["queries"][0].update(outputMode="complete", groupBy=["s"], select=["s", "count(*) AS n"])
        job["queries"][0]["sinks"][0] = {"format": "table", "path": "lake/t"}
    folder.job(job)
    before = sorted(table.rglob("*"))
    refused = folder.run("run", "job.json", check=1)
    assert "lake/t" in refused.err and ("Delta table" if log == "delta" else log) in refused.err
    assert sorted(table.rglob("*")) == before
    assert not list((folder.path / "checkpoints").glob("*"))


# MARK: Numbers from files

def test_ls_shows_sizes_that_add_up_to_more_than_there_are(fault):
    import pyarrow
    import pyarrow.parquet
    folder = fault("h-07")
    script = (folder.path / "run.sh").read_text()
    subprocess.run(script.split("${PY:")[0], shell=True, check=True, cwd=folder.path)
    for number in range(2):
        pyarrow.parquet.write_table(
            pyarrow.table({"a": [number]}), folder.path / f"lake/t/p{number}.parquet")
    listed = json.loads(folder.run("lake", "ls", "--format", "json").out)
    assert listed["bytes"] == 2**63 - 1 and listed["rows"] == 2
    assert folder.run("lake", "ls", "t").out and len(rows(folder, "t")) == 2


# MARK: Files of a checkpoint

def test_a_changed_job_of_a_checkpoint_is_named(fault):
    folder = fault("h-09")
    folder.run("run", "job.json")
    before = rows(folder, "c")
    kept = folder.path / "checkpoints/m/job.json"
    content = kept.read_text()
    assert json.loads(content)["name"] == "m"
    kept.write_text(content.replace("1 minute", "9 minute"))
    for words in [("checkpoint", "verify", "m"), ("replay", "--into", "rp"), ("run", "job.json")]:
        refused = folder.run(*words, check=1)
        assert "checkpoints/m/job.json" in refused.err and "damaged" in refused.err, refused.err
    assert not (folder.path / "rp").exists()
    kept.write_text(content)
    assert "whole" in folder.run("checkpoint", "verify", "m").out
    folder.run("replay", "--into", "rp")
    assert rows(Workspace(folder.path / "rp"), "c") == before


def changes(content, other):
    """Ways in which a file may be another than it was."""
    for index in range(0, len(content), 7):
        yield f"bit of {index}", content[:index] + bytes([content[index] ^ 1]) + content[index + 1:]
    for length in range(0, len(content), 23):
        yield f"cut to {length}", content[:length]
    yield "another checkpoint's", other
    yield "without checksum", b"{" + content[content.index(b",") + 1:]
    yield "tail", content + b"\n"


def test_every_change_of_a_checkpoints_job_is_named(fault):
    folder = fault("h-09")
    folder.run("run", "job.json")
    job = json.loads((folder.path / "job.json").read_text())
    job["queries"][0]["sinks"][0]["path"] = "lake/d"
    folder.job({**job, "checkpointLocation": "checkpoints/n"}, "other.json")
    folder.run("run", "other.json")
    kept = folder.path / "checkpoints/m/job.json"
    content = kept.read_bytes()
    for name, changed in changes(content, (folder.path / "checkpoints/n/job.json").read_bytes()):
        kept.write_bytes(changed)
        found = folder.run("checkpoint", "verify", "m", check=1)
        assert "checkpoints/m/job.json" in found.err, name
    kept.unlink()
    assert "checkpoints/m/job.json" in folder.run("checkpoint", "verify", "m", check=1).err
    assert "checkpoints/m/job.json" in folder.run("run", "job.json", check=1).err


# MARK: What is no file in a file's place

PLACES = ["log/t/log.json", "log/t/durable", "log/t/LOCK", "log/t/00000000000000000000.arrows",
          "checkpoints/m/metadata", "checkpoints/m/job.json", "checkpoints/m/LOCK",
          "checkpoints/m/offsets/0", "checkpoints/m/commits/0", "state", "lake/c/_last", "part"]
VERBS = [("run", "job.json"), ("log", "ls"), ("log", "verify"), ("checkpoint", "ls"),
         ("checkpoint", "verify", "m"), ("lake", "verify"), ("lake", "ls"), ("lake", "show", "c"),
         ("doctor", "job.json"), ("state", "show", "m", "c")]


def found_place(folder, place):
    match place:
        case "state":
            return next(path for path in (folder.path / "checkpoints/m/state").rglob("*")
                        if path.is_file())
        case "part":
            return next((folder.path / "lake/c").rglob("*.parquet"))
        case "lake/c/_last":
            return folder.path / "lake/c/_delta_log/_last_checkpoint"
        case _:
            return folder.path / place


@pytest.mark.parametrize("kind", ["pipe", "link", "endless device"])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_is_neither_waited_for_nor_followed(fault, tmp_path, place, kind):
    folder = fault("h-11")
    job = json.loads((folder.path / "job.json").read_text())
    job["queries"][0]["sinks"][0]["format"] = "delta"
    folder.job(job)
    folder.run("run", "job.json")
    path = found_place(folder, place)
    if path.exists():
        path.rename(tmp_path / "behind")
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(tmp_path / "behind")
        case "endless device":
            path.symlink_to("/dev/zero")
    answers = {}
    for words in VERBS:
        done = folder.run(*words, check=None, timeout=30)
        assert done.returncode in (0, 1, 2), (words, done.returncode)
        answers[words] = done
    refused = [done for done in answers.values() if done.returncode]
    assert refused, "nobody noticed"
    said = "".join(done.err for done in refused)
    assert path.name in said or "missing" in said, said
    assert path.is_symlink() or stat.S_ISFIFO(path.stat().st_mode)


def test_one_log_that_cannot_be_read_does_not_hide_the_others(fault):
    folder = fault("h-11")
    folder.run("run", "job.json")
    (folder.path / "log/other").mkdir()
    os.mkfifo(folder.path / "log/other/log.json")
    listed = folder.run("log", "ls", check=1, timeout=30)
    assert "log/t" in listed.out and "log/other/log.json" in listed.err


# MARK: Tables that are larger than a reader's limit

@pytest.fixture(scope="module")
def many_keys(tmp_path_factory):
    found = sorted(FAULTS.glob("h-01-*"))
    if not found:
        pytest.skip(f"SKIPPED LOUDLY: no inputs of fault h-01 at {FAULTS}")
    folder = tmp_path_factory.mktemp("keys") / "h-01"
    shutil.copytree(found[0], folder)
    with (folder / "k.csv").open("w") as out:
        out.writelines(f"key{number:012d},2026-01-05 10:00:00\n" for number in range(1_200_000))
    workspace = Workspace(folder)
    workspace.run("run", "append.json")
    return workspace


def test_a_table_of_many_strings_can_be_read(many_keys):
    assert "key000000000000" in many_keys.run("lake", "show", "a", "--limit", "1").out
    found = many_keys.run("lake", "show", "a", "--where", "s = 'key000001199999'", "--format", "csv")
    assert found.out.splitlines()[1:] == ["key000001199999,2026-01-05 10:00:00"]
    ordered = many_keys.run("lake", "show", "a", "--order-by", "s DESC", "--limit", "2", "--format", "csv")
    assert [line[:15] for line in ordered.out.splitlines()[1:]] == ["key000001199999", "key000001199998"]
    out = many_keys.run("lake", "export", "a").out
    assert out.count("\n") == 1_200_001 and out.rstrip().endswith("key000001199999,2026-01-05 10:00:00")
    assert "1,200,000 rows as published" in many_keys.run("lake", "verify", "a").out


@pytest.mark.parametrize("format", ["delta", "table"])
def test_an_update_of_many_strings_goes_on(many_keys, format):
    job = json.loads((many_keys.path / "update.json").read_text())
    job["name"] = f"u_{format}"
    job["queries"][0]["sinks"][0] = {"format": format, "path": f"lake/u_{format}"}
    many_keys.job(job, f"{format}.json")
    many_keys.run("run", f"{format}.json")
    listed = many_keys.run("lake", "ls", "--format", "json").out.splitlines()
    found = {row["table"]: row["rows"] for row in map(json.loads, listed)}
    assert found[f"lake/u_{format}"] == 1_200_000
    assert "whole;" in many_keys.run("lake", "verify", f"u_{format}").out


# MARK: Addresses, and how rows are shown

@pytest.mark.parametrize("address", ["hdfs://host/a", "s3://bucket/a", "gs://b/a", "s3a://b/a",
                                     "abfss://c@host/a", "file:///tmp/a", "http://host/a"])
def test_an_address_is_no_path(workspace, address):
    job = {"name": "m", "feed": {"format": "simulator", "ticks": 10}, "source": {"path": "log/t"},
           "trigger": {"availableNow": True},
           "queries": [{"name": "q", "select": ["*"],
                        "sinks": [{"format": "parquet", "path": "lake/t"}]}]}
    places = {
        "sink": {"queries": [{**job["queries"][0], "sinks": [{"format": "parquet", "path": address}]}]},
        "log": {"source": {"path": address}}, "checkpoint": {"checkpointLocation": address},
        "feed": {"feed": {"format": "csv", "paths": address, "eventTime": "t",
                          "columns": [{"name": "t", "type": "timestamp"}]}},
    }
    for name, change in places.items():
        workspace.job({**job, **change}, f"{name}.json")
        refused = workspace.run("run", f"{name}.json", check=2)
        assert "is an address" in refused.err, (name, refused.err)
    for words in [("log", "ls", address), ("lake", "show", address), ("lake", "verify", address),
                  ("checkpoint", "show", address), ("validate", address)]:
        refused = workspace.run(*words, check=None)
        assert refused.returncode in (1, 2) and "is an address" in refused.err, (words, refused.err)
    made = sorted(path.name for path in workspace.path.iterdir())
    assert made == sorted(f"{name}.json" for name in places)


def test_rows_are_as_wide_as_their_header(workspace):
    (workspace.path / "a.csv").write_text("s,t\nA,2026-01-05 10:00:00\n")
    (workspace.path / "b.csv").write_text("s,t\n" + "LONGER" * 5 + ",2026-01-05 10:00:01\n")
    workspace.job({
        "name": "m", "feed": {"format": "csv", "paths": "?.csv", "eventTime": "t", "columns": [
            {"name": "s", "type": "string"}, {"name": "t", "type": "timestamp"}]},
        "source": {"format": "log", "path": "log/t", "maxOffsetsPerTrigger": 1},
        "trigger": {"availableNow": True},
        "queries": [{"name": "q", "select": ["*"], "sinks": [{"format": "parquet", "path": "lake/t"}]}]})
    workspace.run("run", "job.json")
    for where in ["true", "s LIKE 'LONG%'"]:
        lines = workspace.run("lake", "show", "t", "--where", where).out.splitlines()
        columns = [match.start() for match in re.finditer("─+", lines[1])]
        assert all(line[columns[1] - 1] == " " and line[columns[1]] != " " for line in
                   [lines[0], *lines[2:]]), lines
