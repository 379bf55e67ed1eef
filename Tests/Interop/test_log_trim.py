"""`streamer log trim`: what retention removes, what a checkpoint holds on to, what compression keeps."""

from conftest import ohlcv


def rows(workspace, log="log/ticks"):
    return workspace.run("log", "cat", log, "--format", "csv", "--limit", "all").out


def test_compressed_segments_hold_the_same_rows(workspace):
    workspace.run("run", workspace.job(ohlcv(feed={"ticks": 50_000})))
    before = rows(workspace)
    size = sum(path.stat().st_size for path in workspace.path.glob("log/ticks/*.arrows"))
    workspace.run("log", "trim", "--seal", "--compress")
    assert rows(workspace) == before
    assert sum(path.stat().st_size for path in workspace.path.glob("log/ticks/*.arrows")) < size / 2
    workspace.run("log", "verify")
    # The feed still knows that it is through, and the job that it has read everything.
    again = workspace.run("run", "job.json")
    assert "nothing new" in again.err and "appended" not in again.err


def test_what_a_checkpoint_needs_stays(workspace):
    job = workspace.job(ohlcv(feed={"ticks": 50_000}, source={"maxOffsetsPerTrigger": 10_000}))
    workspace.run("run", job, "--max-batches", 2)
    before = rows(workspace)
    kept = workspace.run("log", "trim", "--seal", "--max-bytes", 1)
    assert "0 rows removed" in kept.out and "checkpoints/ohlcv" in kept.err
    assert rows(workspace) == before
    workspace.run("run", job)
    assert "50,000 rows removed" in workspace.run("log", "trim", "--max-bytes", 1).out


def test_forced_removal_is_refused_by_the_next_run(workspace):
    job = workspace.job(ohlcv(feed={"ticks": 50_000}, source={"maxOffsetsPerTrigger": 10_000}))
    workspace.run("run", job, "--max-batches", 2)
    before = workspace.files()
    workspace.run("log", "trim", "--seal", "--max-bytes", 1, "--force")
    refused = workspace.run("run", job, check=1)
    assert "needs offset 20000" in refused.err and "30000 rows are lost" in refused.err
    assert workspace.files() == before


def test_trim_wants_to_know_what(workspace):
    workspace.run("run", workspace.job(ohlcv(feed={"ticks": 1_000})))
    assert "--max-bytes" in workspace.run("log", "trim", check=2).err
