"""A project's folder made by commit 838881c: looked at, moved, and gone on with by today's build."""

import importlib.util
import json
import pathlib
import tarfile

import pytest

from conftest import ROOT, Workspace

FIXTURE = ROOT / "Tests" / "Fixtures" / "project-838881c"
EXPECTED = json.loads((FIXTURE / "lake.json").read_text())
JOBS = ["states", "union"]

spec = importlib.util.spec_from_file_location("make_project", FIXTURE / "make.py")
maker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(maker)


def unpacked(folder):
    with tarfile.open(FIXTURE / "project.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return Workspace(folder)


def resumed(project):
    """Goes on with the jobs after more records came."""
    for own, more in [("ticks.csv", "more.csv"), ("quotes.csv", "quotes_more.csv")]:
        with (project.path / own).open("a") as out:
            out.write((FIXTURE / more).read_text())
    for job in JOBS:
        project.run("run", f"jobs/{job}.json")
    return project


def tables(folder):
    return sorted(path for path in (folder / "lake").iterdir())


def verify(project, elsewhere):
    """Everything that can be checked is whole, asked in the project's folder and elsewhere."""
    said = [project.run("checkpoint", "verify", name).out for name in JOBS + ["replay/checkpoints/union"]]
    for place in [project.path / "checkpoints" / name for name in JOBS] + [
            project.path / "replay" / "checkpoints" / "union"]:
        out = elsewhere.run("checkpoint", "verify", place).out
        assert out.split(": ", 1)[1] == said.pop(0).split(": ", 1)[1]
        assert " 0 files of tables" not in out
    lines = project.run("lake", "verify").out.splitlines()
    assert len(lines) == len(tables(project.path))
    for path, line in zip(tables(project.path), lines):
        out = elsewhere.run("lake", "verify", path).out
        assert out.strip().split(": ", 1)[1] == line.split(": ", 1)[1]
    for path in tables(project.path / "replay"):
        assert ": whole; " in elsewhere.run("lake", "verify", path).out


def replayed(project, elsewhere):
    """Every batch that is kept gives the bytes that it published, asked here and elsewhere."""
    for name in JOBS:
        job = project.path / "jobs" / f"{name}.json"
        said = project.run("replay", f"jobs/{name}.json", "--from-checkpoint", "--verify").out
        assert " identical" in said and "not as published" not in said
        assert elsewhere.run("replay", job, "--from-checkpoint", "--verify").out == said
        folder = project.path / "checkpoints" / name
        assert elsewhere.run("replay", folder, "--from-checkpoint", "--verify").out == said


@pytest.fixture
def elsewhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    return Workspace(tmp_path / "elsewhere")


def test_it_is_whole_here_and_from_elsewhere(tmp_path, elsewhere):
    project = unpacked(tmp_path / "project")
    verify(project, elsewhere)
    # A batch that was planned and not committed is run again by the job's next run, not by looking.
    assert not (project.path / "checkpoints/union/commits/3").exists()


def test_a_resume_leaves_the_files_and_rows_of_the_old_build(tmp_path, elsewhere):
    project = resumed(unpacked(tmp_path / "project"))
    assert maker.data_files(project.path) == EXPECTED["files"]
    for table, digest in EXPECTED["rows"].items():
        shown = project.run("lake", "show", table, "--limit", "all", "--format", "json").stdout
        assert maker.hashlib.sha256(shown).hexdigest() == digest, table
    verify(project, elsewhere)
    replayed(project, elsewhere)


def test_it_can_be_moved_before_and_after_a_resume(tmp_path, elsewhere):
    project = unpacked(tmp_path / "project")
    project.path.rename(tmp_path / "moved")
    project = Workspace(tmp_path / "moved")
    verify(project, elsewhere)
    resumed(project)
    assert maker.data_files(project.path) == EXPECTED["files"]
    (tmp_path / "far" / "away").mkdir(parents=True)
    project.path.rename(tmp_path / "far" / "away" / "project")
    project = Workspace(tmp_path / "far" / "away" / "project")
    verify(project, elsewhere)
    replayed(project, elsewhere)


def test_damage_is_found_from_elsewhere(tmp_path, elsewhere):
    project = unpacked(tmp_path / "project")
    part = next((project.path / "lake" / "candles").rglob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    next((project.path / "lake" / "fresh").rglob("*.parquet")).unlink()
    found = elsewhere.run("checkpoint", "verify", project.path / "checkpoints" / "states", check=1)
    assert str(part) in found.err and "the file is missing" in found.err
    for table in ["candles", "fresh"]:
        elsewhere.run("lake", "verify", project.path / "lake" / table, check=1)


def test_commits_hold_no_text_of_display(tmp_path):
    project = resumed(unpacked(tmp_path / "project"))
    newest = max((project.path / "checkpoints/states/commits").iterdir(), key=lambda path: int(path.name))
    commit = json.loads(newest.read_text().splitlines()[1])
    assert commit["sinks"] and all(len(sink["owner"]) == 32 for sink in commit["sinks"])
    shown = json.loads(project.run("checkpoint", "show", "states", "--format", "json").out)
    owners = {sink["owner"] for sink in shown["receipts"]["sinks"]}
    assert "table[lake/top]" in owners and not any(len(owner) == 32 for owner in owners)
    assert pathlib.Path(project.path / "lake/top").exists()
