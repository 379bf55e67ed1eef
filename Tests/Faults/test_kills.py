"""Real processes and SIGKILL, at random times and before every call to the kernel."""

import concurrent.futures
import os
import random
import shutil
import signal
import subprocess

import pytest

from story import Story, expected_of_a_quiet_run, workers_at_a_time  # noqa: F401

KILLS = int(os.environ.get("FAULT_KILLS", 1000))
SEED = int(os.environ.get("FAULT_SEED", 1))


def killed_until_done(seed, kills, expected, seconds):
    """Kills runs of the job at random times until there were so many kills that hit."""
    chosen = random.Random(seed)
    story = Story()
    hit = lives = 0
    try:
        while hit < kills:
            story.reset()
            done = False
            while not done and hit < kills:
                # With two threads a batch is stored while the next one runs.
                process = story.start(more=chosen.choice([(), ("--threads", "2")]))
                try:
                    process.communicate(timeout=chosen.uniform(0, seconds))
                    done = True
                    assert process.returncode == 0, f"seed {seed}: exit {process.returncode}"
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    hit += process.returncode == -signal.SIGKILL
            story.finish(expected, f"seed {seed}, after {hit} kills")
            lives += 1
        return hit, lives
    finally:
        story.remove()


def test_kills_at_random_times(expected, workers, record_property):
    tables, seconds = expected
    share = -(-KILLS // workers)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(
            lambda worker: killed_until_done(SEED * 1000 + worker, share, tables, seconds),
            range(workers)))
    kills = sum(hit for hit, _ in results)
    print(f"\nkills {kills}, finished stories {sum(lives for _, lives in results)}, seed {SEED}")
    record_property("kills", kills)
    assert kills >= KILLS


CALLS = ["openat", "pwrite64", "fsync", "fdatasync", "rename", "renameat2", "unlink", "mkdir",
         "flock", "ftruncate", "close", "newfstatat", "getdents64", "pread64", "fadvise64", "mmap"]

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="make fault-deps installs strace")


def strace(call, what):
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
            "-e", f"inject={call}:{what}"]


def sweep(story, call, step):
    """The k for which the k-th such call of an undisturbed run is tried."""
    story.reset()
    out = story.folder / "trace"
    code, text = story.run("strace", "-f", "-qq", "-o", str(out), "-e", f"trace={call}")
    assert code == 0, text
    count = sum(f" {call}(" in line for line in out.read_text(errors="replace").splitlines())
    out.unlink()
    return range(1, count + 1, step)


@needs_strace
@pytest.mark.parametrize("call", CALLS)
def test_kill_before_every_call(call, expected):
    tables, _ = expected
    step = int(os.environ.get("FAULT_STEP", 3))
    story = Story()
    kills = 0
    try:
        for k in sweep(story, call, step):
            story.reset()
            code, text = story.run(*strace(call, f"signal=KILL:when={k}"))
            kills += code in (-signal.SIGKILL, 128 + signal.SIGKILL)
            story.finish(tables, f"SIGKILL before {call} number {k}")
    finally:
        story.remove()
    print(f"\n{call}: kills {kills}")
