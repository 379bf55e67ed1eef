"""A log, a checkpoint and a table have their folders to themselves: nothing is made in one, and
`clear` takes nothing with it that users have put there."""

import json

import pytest

COLUMNS = [{"name": "t", "type": "timestamp"}, {"name": "p", "type": "long", "nullable": False}]
ROWS = "t,p\n2026-01-05 10:00:00,1\n2026-01-05 10:00:01,2\n"


def job(workspace, name="m", sink="parquet", path="lake/q", source=None, file=None, **keys):
    source = source or {"format": "csv", "path": "in", "eventTime": "t", "columns": COLUMNS}
    return workspace.job({
        "name": name, "source": source, "trigger": {"availableNow": True}, **keys, "queries": [
            {"name": "q", "select": ["p"], "sinks": [{"format": sink, "path": path}]}]},
        file or f"{name}.json")


@pytest.fixture
def places(workspace):
    """A log, a checkpoint and a table."""
    (workspace.path / "in").mkdir()
    (workspace.path / "in/a.csv").write_text(ROWS)
    workspace.run("run", job(workspace, source={"format": "log", "path": "log/z"}, feed={
        "format": "csv", "paths": "in/*.csv", "eventTime": "t", "columns": COLUMNS}))
    return workspace


def everything(workspace):
    return sorted(str(path.relative_to(workspace.path)) for path in workspace.path.rglob("*"))


FOLDERS = ["lake/q", "log/z", "checkpoints/m"]


@pytest.mark.parametrize("sink", ["parquet", "delta"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_no_table_is_made_in_another_thing(places, folder, sink):
    before = everything(places)
    refused = places.run("run", job(places, "n", sink, f"{folder}/deep/sub"), check=1)
    assert f"lies in {folder}, which is a" in refused.err, refused.err
    assert everything(places) == sorted([*before, "n.json"])
    places.run("lake", "verify")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_table_is_made_in_another_thing_behind_a_link(places, folder):
    (places.path / "alias").symlink_to(folder)
    refused = places.run("run", job(places, "n", path="alias/sub"), check=1)
    assert "lies in alias, which is a" in refused.err


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("folder", FOLDERS)
def test_no_checkpoint_is_made_in_another_thing(places, folder, inside):
    if folder == "checkpoints/m" and not inside:
        return
    before = everything(places)
    place = f"{folder}/sub" if inside else folder
    refused = places.run("run", job(places, "n", path="lake/n", checkpointLocation=place), check=1)
    assert "checkpointLocation" in refused.err
    assert ("lies in" if inside else "which no checkpoint put there") in refused.err
    assert everything(places) == sorted([*before, "n.json"])


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("folder", FOLDERS)
def test_no_log_is_made_in_another_thing(places, folder, inside):
    if folder == "log/z" and not inside:
        return
    before = everything(places)
    place = f"{folder}/sub" if inside else folder
    refused = places.run(
        "log", "append", place, "in/a.csv", "--schema", "t timestamp, p long", check=1)
    assert ("lies in" if inside else "which no tick log put there") in refused.err
    assert everything(places) == before


def test_nothing_is_made_among_files_of_users(workspace):
    (workspace.path / "in").mkdir()
    (workspace.path / "in/a.csv").write_text(ROWS)
    (workspace.path / "mine").mkdir()
    (workspace.path / "mine/a.txt").write_text("mine")
    before = everything(workspace)
    append = ["log", "append", "mine", "in/a.csv", "--schema", "t timestamp, p long"]
    assert "'a.txt'" in workspace.run(*append, check=1).err
    for keys in ({"checkpointLocation": "mine"}, {"path": "mine"}):
        refused = workspace.run("run", job(workspace, **keys), check=1)
        assert "'a.txt'" in refused.err and "mine" in refused.err
    assert everything(workspace) == sorted([*before, "m.json"])
    # What systems put beside files is nobody's.
    (workspace.path / "mine/a.txt").rename(workspace.path / "mine/.hidden")
    workspace.run(*append)


def test_a_creation_that_was_cut_off_is_finished(workspace):
    (workspace.path / "in").mkdir()
    (workspace.path / "in/a.csv").write_text(ROWS)
    for folder in ("offsets", "commits"):
        (workspace.path / "checkpoints/m" / folder).mkdir(parents=True)
    for place in ("checkpoints/m", "log/z"):
        (workspace.path / place).mkdir(exist_ok=True, parents=True)
        (workspace.path / place / "LOCK").touch()
        (workspace.path / place / ".tmp-1").touch()
    workspace.run("log", "append", "log/z", "in/a.csv", "--schema", "t timestamp, p long")
    workspace.run("run", job(workspace))


FOREIGN = ["lake/q/notes.txt", "lake/q/mine.parquet", "lake/q/sub/a", "log/z/notes.txt",
           "checkpoints/m/notes.txt"]


@pytest.mark.parametrize("words", [["m.json"], []])
@pytest.mark.parametrize("file", FOREIGN)
def test_clear_leaves_files_of_users(places, file, words):
    path = places.path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    before = everything(places)
    refused = places.run("clear", *words, "--log", "--yes", check=1)
    shown = file.removesuffix("/a")
    assert f"{shown} is not streamer's" in refused.err and "Nothing was removed" in refused.err
    assert everything(places) == before
    # Each of the ways on that it names.
    path.rename(places.path / "kept")
    places.run("clear", *words, "--log", "--yes")
    assert not (places.path / "lake/q/_streamer").exists() and not (places.path / "log/z").exists()
    assert (places.path / "kept").read_text() == "mine"


def test_clear_by_force_takes_files_of_users_too(places):
    (places.path / "lake/q/notes.txt").write_text("mine")
    places.run("clear", "m.json", "--force", "--yes")
    assert not (places.path / "lake/q").exists()


@pytest.mark.parametrize("sink", ["parquet", "delta", "table"])
def test_clear_takes_what_its_own_verbs_have_made(workspace, sink):
    """Batches, compacted files, partitions, journals, checkpoints of tables."""
    query = {"select": ["p", "p % 2 AS k"]} if sink != "table" else {
        "groupBy": ["p"], "select": ["p", "count(*) AS n"], "outputMode": "complete"}
    out = {"format": sink, "path": "lake/q", **({"partitionBy": ["k"]} if sink != "table" else {})}
    made = {"name": "m", "source": {"format": "log", "path": "log/z"}, "trigger": {"availableNow": True},
            "queries": [{"name": "q", **query, "sinks": [out]}]}
    for number in range(4):
        line = f"2026-01-05 10:00:0{number},{number}\n"
        workspace.run("log", "append", "log/z", "-", "--format", "csv", "--no-header", "--schema",
                      "t timestamp, p long", stdin=line.encode())
        workspace.run("run", workspace.job(made))
    if sink != "table":
        workspace.run("lake", "compact", "q")
    (workspace.path / "lake/q").rename(workspace.path / "lake/moved")
    made["queries"][0]["sinks"][0]["path"] = "lake/moved"
    workspace.run("clear", "--log", "--yes")
    assert not list((workspace.path / "lake").iterdir()) and not list((workspace.path / "log").iterdir())


def test_a_clear_tells_of_rows_that_lie_elsewhere(workspace):
    """A database keeps its rows: nobody has to be reached to say so."""
    (workspace.path / "in").mkdir()
    (workspace.path / "in/a.csv").write_text(ROWS)
    workspace.run("run", job(workspace))
    made = json.loads((workspace.path / "m.json").read_text())
    made["queries"][0]["sinks"] += [
        {"format": "postgres", "url": "jdbc:postgresql://db:5432/market", "dbtable": "bars"}]
    done = workspace.run("clear", workspace.job(made, "m.json"), "--yes")
    assert "postgres:market.bars" in done.err and "keeps its rows" in done.err
    assert "again" in done.err


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_export_is_not_put_into_another_thing(places, folder):
    inside = sorted(path for path in (places.path / folder).iterdir() if path.is_file())
    (places.path / "link").symlink_to(inside[0])
    (places.path / "alias").symlink_to(folder)
    before = {path: path.read_bytes() for path in (places.path / folder).rglob("*") if path.is_file()}
    for target in [f"{folder}/export.csv", f"./{folder}/../{folder.split('/')[1]}/x", "link", "alias/x",
                   str(inside[-1])]:
        refused = places.run("lake", "export", "q", "--output", target, check=2)
        assert "name a file elsewhere" in refused.err, target
    assert {path: path.read_bytes()
            for path in (places.path / folder).rglob("*") if path.is_file()} == before
    places.run("lake", "export", "q", "--output", "lake/export.csv")
