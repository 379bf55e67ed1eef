"""`streamer clear` empties lake and checkpoints and nothing else."""

import time

from conftest import ohlcv


def prepared(workspace, **changes):
    for folder in ("lake", "checkpoints"):
        (workspace.path / folder).mkdir()
        (workspace.path / folder / ".gitkeep").touch()
    return workspace.job({**ohlcv(feed={"ticks": 20_000}), **changes})


def left(workspace, folder):
    return sorted(path.name for path in (workspace.path / folder).iterdir())


def segments(workspace):
    return sorted((workspace.path / "log").rglob("*.arrows"))


def test_clear_keeps_gitkeep_and_log(workspace):
    job = prepared(workspace)
    workspace.run("run", job)
    before = segments(workspace)
    assert before and left(workspace, "lake") != [".gitkeep"]
    workspace.run("clear", "--yes")
    assert left(workspace, "lake") == [".gitkeep"]
    assert left(workspace, "checkpoints") == [".gitkeep"]
    assert segments(workspace) == before
    workspace.run("clear", "--yes", "--log")
    assert not segments(workspace)


def test_clear_needs_a_yes(workspace):
    job = prepared(workspace)
    workspace.run("run", job)
    refused = workspace.run("clear", check=2)
    assert "--yes" in refused.err
    assert left(workspace, "lake") != [".gitkeep"]


def test_clear_refuses_while_an_engine_runs(workspace):
    job = prepared(workspace, trigger={"processingTime": "1 second"})
    engine = workspace.start("run", job)
    try:
        for _ in range(200):
            if list((workspace.path / "checkpoints").rglob("commits/0")):
                break
            time.sleep(0.05)
        refused = workspace.run("clear", "--yes", check=1)
        assert "running" in refused.err
    finally:
        engine.terminate()
        engine.communicate(timeout=30)
    assert engine.returncode == 0
    workspace.run("clear", "--yes")
    assert left(workspace, "lake") == [".gitkeep"]
