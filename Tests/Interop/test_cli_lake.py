"""The verbs that look at what a run leaves, and the one that removes it."""

import json
import os
import pty
import subprocess

import pytest

from conftest import BINARY, ohlcv

TICKS = 60_000


@pytest.fixture(scope="module")
def done(shared_workspace):
    """A finished run of the main job in three batches and those that close windows."""
    shared_workspace.job(ohlcv(
        feed={"ticks": TICKS}, source={"maxOffsetsPerTrigger": TICKS // 3}), "ohlcv.json")
    shared_workspace.run("run", "ohlcv.json")
    return shared_workspace


def objects(workspace, *words):
    out = workspace.run(*words, "--format", "json").out
    return [json.loads(line) for line in out.splitlines()]


def test_the_lake_is_listed_as_duckdb_counts_it(done):
    for table in objects(done, "lake", "ls"):
        [(rows, files)] = done.query(
            "SELECT count(*), count(DISTINCT filename) FROM "
            f"read_parquet('{done.path}/{table['table']}/**/*.parquet', filename = true)")
        assert (table["rows"], table["files"]) == (rows, files)
        assert table["table"] == f"lake/{table['query']}"
        parts = objects(done, "lake", "ls", table["query"])
        assert sum(part["rows"] for part in parts) == rows
        assert sum(part["bytes"] for part in parts) == table["bytes"]


@pytest.mark.parametrize("options, sql", [
    ([], "ORDER BY filename, file_row_number"),
    (["--where", "symbol = 'IBM' AND high > 100.01"],
     "WHERE symbol = 'IBM' AND high > 100.01 ORDER BY filename, file_row_number"),
    (["--order-by", "volume DESC, symbol, window_start"],
     "ORDER BY volume DESC, symbol, window_start"),
    (["--order-by", "close", "--limit", "3"], "ORDER BY close LIMIT 3"),
])
def test_show_gives_the_rows_of_duckdb(done, options, sql):
    mine = objects(done, "lake", "show", "ohlcv", "--columns", "symbol,close,volume", *options)
    theirs = done.query(
        "SELECT symbol, close, volume FROM read_parquet('{lake}/ohlcv/**/*.parquet', "
        "hive_partitioning = true, filename = true, file_row_number = true) " + sql)
    assert theirs and [tuple(row.values()) for row in mine] == theirs


def test_a_table_says_when_there_is_more(done):
    shown = done.run("lake", "show", "ohlcv")
    assert len(shown.out.splitlines()) == 22 and "the first 20 rows" in shown.err
    assert "the first" not in done.run("lake", "show", "ohlcv", "--limit", "all").err
    assert "the first" not in done.run("lake", "show", "kpi").err


@pytest.mark.parametrize("words, complaint", [
    (["ohlvc"], "did you mean 'ohlcv'?"),
    (["ohlcv", "--where", "volum > 1"], "Did you mean 'volume'?"),
    (["ohlcv", "--where", "volume >"], "--where"),
    (["ohlcv", "--where", "volume"], "--where"),
    (["ohlcv", "--columns", "clos"], "did you mean 'close'?"),
    (["ohlcv", "--columns", "close,close"], "twice"),
    (["ohlcv", "--order-by", "close downwards"], "ASC or DESC"),
])
def test_mistakes_about_tables_are_named(done, words, complaint):
    assert complaint in done.run("lake", "show", *words, check=2).err


def test_verify_finds_all_whole(done):
    out = done.run("lake", "verify").out
    assert [line.split(": whole; ")[0] for line in out.splitlines()] == [
        "lake/kpi", "lake/ohlcv", "lake/rolling"]


def test_verify_misses_a_file_and_finds_a_changed_one(workspace):
    workspace.job(ohlcv(feed={"ticks": 20_000}), "ohlcv.json")
    workspace.run("run", "ohlcv.json")
    workspace.run("lake", "verify")
    first, *_, last = sorted((workspace.path / "lake" / "rolling").rglob("*.parquet"))
    kept = first.read_bytes()
    first.unlink()
    gone = workspace.run("lake", "verify", "rolling", check=1)
    assert f"{first.name}: the file is missing" in gone.err
    first.write_bytes(kept)
    workspace.run("lake", "verify", "rolling")
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    damaged = workspace.run("lake", "verify", check=1)
    assert last.name in damaged.err and "rolling: 1 damaged" in damaged.err
    # A whole file of other rows where the KPI table was.
    kpi, = (workspace.path / "lake" / "kpi").glob("*.parquet")
    kpi.write_bytes(kept)
    assert kpi.name in workspace.run("lake", "verify", "kpi", check=1).err


def test_the_checkpoint_by_job_name_and_folder(done):
    shown = [done.run("checkpoint", "show", name, "--format", "json").out
             for name in ("ohlcv.json", "ohlcv", "checkpoints/ohlcv")]
    assert shown[0] == shown[1] == shown[2]
    checkpoint = json.loads(shown[0])
    assert checkpoint["counters"]["rowsIn"] == TICKS
    data = [batch for batch in checkpoint["batches"] if batch["endOffset"] > batch["startOffset"]]
    assert [(batch["startOffset"], batch["endOffset"]) for batch in data] == [
        (0, 20_000), (20_000, 40_000), (40_000, 60_000)]
    [listed] = objects(done, "checkpoint", "ls")
    assert listed["next_offset"] == TICKS and listed["state"] == "committed"
    assert listed["watermark"] == checkpoint["watermark"]
    table = done.run("checkpoint", "show", "ohlcv").out
    assert checkpoint["id"] in table and "rowsLate.ohlcv" in table


def test_receipts_name_the_files_of_a_batch(done):
    named = 0
    for batch in objects(done, "checkpoint", "show", "ohlcv")[0]["batches"]:
        [shown] = objects(done, "checkpoint", "show", "ohlcv", "--batch", str(batch["batch"]))
        for file in shown["receipts"]["sinks"]:
            folder = file["owner"].split("[")[1].rstrip("]")
            path = done.path / folder / file["path"]
            if folder != "lake/kpi":
                assert path.stat().st_size == file["bytes"]
                named += 1
    assert named == len(done.files("lake/ohlcv", "lake/rolling"))
    assert "not among the committed ones" in done.run(
        "checkpoint", "show", "ohlcv", "--batch", "99", check=2).err


def test_state_is_what_the_next_batch_would_close(done):
    groups = objects(done, "state", "show", "ohlcv", "ohlcv", "--batch", "0")
    assert groups and {"symbol", "window.start", "window.end", "count(*)"} <= set(groups[0])
    # A window that batch 1 published was open after batch 0, or began in batch 1.
    published = set(done.query(
        "SELECT symbol, strftime(window_start AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S') FROM "
        "read_parquet('{lake}/ohlcv/**/part-00000001-*.parquet')"))
    open_then = {(row["symbol"], row["window.start"]) for row in groups}
    assert published and open_then & published
    assert "say which query: ohlcv, rolling, kpi" in done.run(
        "state", "show", "ohlcv", check=2).err
    assert "did you mean 'rolling'?" in done.run(
        "state", "show", "ohlcv", "roling", check=2).err


def test_state_of_complete_queries_is_the_table(done):
    [(rows,)] = done.query("SELECT count(*) FROM read_parquet('{lake}/kpi/*.parquet')")
    assert len(objects(done, "state", "show", "ohlcv", "kpi")) == rows


def test_doctor_says_what_closes_the_next_window(done):
    out = done.run("doctor").out
    assert "not running" in out
    groups = objects(done, "state", "show", "ohlcv", "ohlcv")
    if groups:
        first = min(row["window.end"] for row in groups)
        assert f"ohlcv: the first open window ends at {first}" in out
    else:
        assert "Nothing is open" in out or "rolling:" in out


def test_a_recorded_job_is_read_in_its_own_environment(workspace):
    job = ohlcv(feed={"ticks": 2_000})
    job["name"] = "of_${WHO:-nobody}"
    workspace.job(job)
    workspace.run("run", "job.json", WHO="me")
    assert "largest event time" in workspace.run("doctor", WHO="me").out
    refused = workspace.run("doctor", check=2)
    assert "checkpoints/of_nobody in this environment" in refused.err


def test_explain_and_validate(done):
    tree = done.run("explain", "ohlcv.json").out
    assert tree.startswith("job ohlcv\n") and "query kpi" in tree
    assert "avg_price double" in tree and "parquet lake/ohlcv, by date" in tree
    assert done.run("validate", "ohlcv.json").out.startswith("ohlcv.json: valid; ")
    (done.path / "bad.json").write_text(
        (done.path / "ohlcv.json").read_text().replace('"price > 0', '"pirce > 0')
        .replace('"watermark"', '"watermrak"'))
    bad = done.run("validate", "ohlcv.json", "bad.json", check=2)
    assert "bad.json:" in bad.err and 'Did you mean "watermark"?' in bad.err
    assert "'pirce'" in bad.err and "errors" in bad.err
    assert "there is no job file" in done.run("validate", "none.json", check=2).err


# --- clear


@pytest.fixture
def small(workspace):
    workspace.job(ohlcv(feed={"ticks": 2_000}), "ohlcv.json")
    for folder in ("lake", "checkpoints"):
        (workspace.path / folder).mkdir()
        (workspace.path / folder / ".gitkeep").touch()
    workspace.run("run", "ohlcv.json")
    return workspace


def tree(workspace, *folders):
    return sorted(
        str(path.relative_to(workspace.path))
        for folder in folders for path in (workspace.path / folder).iterdir())


def answered(workspace, answer, *words):
    """What `streamer` prints on a terminal where somebody answers."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [BINARY, *words], cwd=workspace.path, stdin=side, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    os.write(main, answer)
    out, err = process.communicate(timeout=60)
    os.close(side)
    os.close(main)
    return process.returncode, out.decode(), err.decode()


def test_clear_asks_on_a_terminal(small):
    before = tree(small, "lake", "checkpoints")
    code, _, err = answered(small, b"n\n", "clear")
    assert code == 0 and "Remove 1 checkpoint" in err and "nothing was removed" in err
    assert tree(small, "lake", "checkpoints") == before
    code, _, err = answered(small, b"y\n", "clear")
    assert code == 0
    assert tree(small, "lake", "checkpoints") == ["checkpoints/.gitkeep", "lake/.gitkeep"]
    assert tree(small, "log") == ["log/ticks"]
    assert "nothing to clear" in small.run("clear").err


def test_clear_leaves_what_is_not_ours(small, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "metadata").write_text("precious")
    (small.path / "checkpoints" / "link").symlink_to(elsewhere)
    (small.path / "lake" / "notes.txt").write_text("mine")
    (small.path / "lake" / "mine").mkdir()
    (small.path / "lake" / "mine" / "data.parquet").write_text("mine")
    (small.path / "lake" / "ohlcv" / "out").symlink_to(elsewhere)
    done = small.run("clear", "--yes")
    assert "notes.txt is not streamer's" in done.err
    assert tree(small, "lake", "checkpoints") == [
        "checkpoints/.gitkeep", "checkpoints/link", "lake/.gitkeep", "lake/mine",
        "lake/notes.txt"]
    assert (elsewhere / "metadata").read_text() == "precious"
    assert (small.path / "lake" / "mine" / "data.parquet").exists()


def test_clear_does_not_follow_a_linked_lake(small, tmp_path_factory):
    moved = tmp_path_factory.mktemp("moved") / "lake"
    (small.path / "lake").rename(moved)
    (small.path / "lake").symlink_to(moved)
    # All that a job owns goes, or nothing.
    assert "is a link" in small.run("clear", "ohlcv.json", "--yes", check=1).err
    assert (moved / "ohlcv").exists()
    assert (small.path / "checkpoints" / "ohlcv" / "metadata").exists()


def test_clear_of_one_job_leaves_the_others(small):
    other = ohlcv(feed={"ticks": 2_000})
    other["name"] = "other"
    other["queries"] = [{**other["queries"][0], "sinks": [
        {"format": "parquet", "path": "lake/other"}]}]
    small.job(other, "other.json")
    small.run("run", "other.json")
    small.run("clear", "other.json", "--yes")
    assert not (small.path / "lake" / "other").exists()
    assert not (small.path / "checkpoints" / "other").exists()
    assert (small.path / "lake" / "ohlcv").exists()
    assert (small.path / "checkpoints" / "ohlcv" / "metadata").exists()
    small.run("clear", "ohlcv.json", "--yes", "--log")
    assert tree(small, "lake", "checkpoints") == ["checkpoints/.gitkeep", "lake/.gitkeep"]
    assert tree(small, "log") == []
    # And everything can begin anew.
    small.run("run", "ohlcv.json")
