"""Replay: from a checkpoint, from a batch with verification, from the start of the log."""

import pytest

from conftest import ohlcv

SMALL = {"feed": {"ticks": 400_000}, "source": {"maxOffsetsPerTrigger": 40_000}}


@pytest.fixture(scope="module")
def undisturbed(shared_workspace):
    shared_workspace.job(ohlcv(**SMALL))
    shared_workspace.run("run", "job.json")
    return shared_workspace


def test_from_checkpoint_goes_on_to_the_end(undisturbed, workspace):
    job = workspace.job(ohlcv(**SMALL))
    workspace.run("run", job, "--max-batches", 4)
    assert len(workspace.files("lake/ohlcv")) < len(undisturbed.files("lake/ohlcv"))
    workspace.run("replay", "--from-checkpoint")
    assert workspace.files() == undisturbed.files()


@pytest.mark.parametrize("batch", [0, 3, 7])
def test_verify_reports_every_file_identical(undisturbed, batch):
    before = undisturbed.files()
    done = undisturbed.run("replay", "job.json", "--from-checkpoint", "--batch", batch, "--verify")
    assert "identical" in done.out
    assert undisturbed.files() == before


def test_damage_to_one_file_is_found_and_named(workspace):
    job = workspace.job(ohlcv(**SMALL))
    workspace.run("run", job)
    victim = sorted((workspace.path / "lake" / "ohlcv").rglob("*.parquet"))[3]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    done = workspace.run("replay", job, "--from-checkpoint", "--batch", 0, "--verify", check=1)
    assert victim.name in done.out + done.err
    checked = workspace.run("lake", "verify", check=1)
    assert victim.name in checked.out + checked.err


def test_replay_into_another_folder_gives_the_same_lake(undisturbed):
    undisturbed.run("replay", "job.json", "--into", "again")
    again = {name.removeprefix("again/"): digest
             for name, digest in undisturbed.files("again").items()}
    assert again == undisturbed.files()


@pytest.mark.parametrize("options", [[], ["--verify"], ["--batch", "0"]])
def test_replay_of_a_job_that_has_not_run_makes_nothing(workspace, options):
    job = workspace.job(ohlcv(**SMALL))
    done = workspace.run("replay", job, "--from-checkpoint", *options, check=2)
    assert "no checkpoint in checkpoints/ohlcv: the job has not run yet" in done.err
    assert [path.name for path in workspace.path.iterdir()] == [job]
