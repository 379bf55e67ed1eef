"""Real processes whose calls to the kernel fail: EIO, ENOSPC, EINTR, EMFILE, short writes, full disks."""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BINARY
from story import Story, expected_of_a_quiet_run, is_refusal  # noqa: F401
from test_kills import needs_strace, strace, sweep

STEP = int(os.environ.get("FAULT_STEP", 3))
FAULTS = [(call, error) for call, errors in {
    "pwrite64": "EIO ENOSPC EINTR", "fsync": "EIO ENOSPC EINTR", "fdatasync": "EIO ENOSPC EINTR",
    "openat": "EIO EMFILE ENOSPC EINTR", "renameat2": "EIO ENOSPC", "rename": "EIO ENOSPC",
    "mkdir": "EIO ENOSPC", "unlink": "EIO", "flock": "EINTR EIO", "pread64": "EIO EINTR",
    "ftruncate": "EIO EINTR", "getdents64": "EIO", "newfstatat": "EIO", "mmap": "ENOMEM",
}.items() for error in errors.split()]


# A call that is interrupted for ever is tried for ever.
LASTING = [(*fault, "from there on") for fault in FAULTS if fault[1] != "EINTR"]


@needs_strace
@pytest.mark.parametrize("call, error, when", [(*fault, "once") for fault in FAULTS] + LASTING)
def test_failing_calls(call, error, when, expected):
    tables, _ = expected
    story = Story()
    refused = tried = 0
    try:
        for k in sweep(story, call, STEP if when == "once" else 3 * STEP):
            story.reset()
            plus = "" if when == "once" else "+"
            what = f"{error} at {call} number {k} {when}"
            code, text = story.run(*strace(call, f"error={error}:when={k}{plus}"))
            tried += 1
            if code == 0:
                # The run coped: then it is done, and nothing is missing.
                assert story.tables() == tables, what
            else:
                # Before main, the loader and the runtime fail in their own ways.
                loading = call in ("openat", "mmap", "newfstatat", "pread64") and (
                    "error: " not in text or "loading shared" in text)
                assert loading or is_refusal(code, text), f"{what}: exit {code}: {text[-600:]}"
                refused += 1
            story.finish(tables, what)
    finally:
        story.remove()
    print(f"\n{call} {error} {when}: tried {tried}, refused {refused}")


def test_short_writes_at_any_byte(expected):
    """A limit of the file size cuts the write that reaches it, at any byte; the next one fails."""
    tables, _ = expected
    chosen = random.Random(11)
    story = Story()
    try:
        for _ in range(int(os.environ.get("FAULT_LIMITS", 60))):
            limit = chosen.choice([chosen.randint(0, 400), chosen.randint(0, 12_000)])
            story.reset()
            code, text = story.run(limit=limit)
            if code == 0:
                assert story.tables() == tables, f"files of at most {limit} bytes"
            else:
                assert is_refusal(code, text), f"limit {limit}: exit {code}: {text[-600:]}"
            story.finish(tables, f"files of at most {limit} bytes")
    finally:
        story.remove()


def can_unshare():
    return shutil.which("unshare") and subprocess.run(
        ["unshare", "-rm", "true"], capture_output=True).returncode == 0


FULL_DISK = """
set -e
mount -t tmpfs -o size=8m tmpfs "$1/disk"
cp "$1/job.json" "$1/ticks.csv" "$1/disk"
cd "$1/disk"
mount -o remount,size="$2"k tmpfs "$1/disk"
set +e
"$3" run job.json > "$1/out" 2>&1
echo $? > "$1/code"
mount -o remount,size=64m tmpfs "$1/disk"
"$3" run job.json > "$1/out2" 2>&1
echo $? > "$1/code2"
cp -r lake "$1/lake"
"""


@pytest.mark.skipif(not can_unshare(), reason="no user namespaces here")
def test_full_disk_and_space_again(expected):
    tables, _ = expected
    refused = 0
    sizes = range(32, 400, int(os.environ.get("FAULT_DISK_STEP", 16)))
    for kilobytes in sizes:
        story = Story()
        try:
            (story.folder / "disk").mkdir()
            subprocess.run(
                ["unshare", "-rm", "bash", "-c", FULL_DISK, "-", str(story.folder),
                 str(kilobytes), str(BINARY)], check=True, timeout=300)
            code = int((story.folder / "code").read_text())
            text = (story.folder / "out").read_text(errors="replace")
            what = f"a disk of {kilobytes} KiB"
            assert code == 0 or is_refusal(code, text), f"{what}: exit {code}: {text[-600:]}"
            refused += code != 0
            after = (story.folder / "out2").read_text(errors="replace")
            assert int((story.folder / "code2").read_text()) == 0, f"{what}: {after[-600:]}"
            assert story.tables() == tables, what
        finally:
            story.remove()
    assert refused, "no disk was small enough"
    print(f"\nfull disks: {len(sizes)} sizes, {refused} refused, then finished")


@needs_strace
@pytest.mark.parametrize("call", ["fsync", "fdatasync", "renameat2", "pwrite64"])
def test_sigterm_at_every_step(call, expected):
    tables, _ = expected
    story = Story()
    try:
        for k in sweep(story, call, STEP):
            story.reset()
            code, text = story.run(*strace(call, f"signal=TERM:when={k}"))
            # Before the signal is handled it ends the process, as it does any other.
            assert 0 <= code < 128 or code in (130, 143, -signal.SIGTERM), f"SIGTERM at {call} {k}: {code} {text[-400:]}"
            story.finish(tables, f"SIGTERM at {call} number {k}")
    finally:
        story.remove()


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.002)


def stopped_in_the_middle(story, batch):
    """A run that is stopped (SIGSTOP) once it has planned a batch."""
    process = story.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e",
                          "inject=fsync:delay_enter=20000")
    wait_for(lambda: (story.folder / f"checkpoints/story/offsets/{batch}").exists())
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    for child in children:
        os.kill(int(child), signal.SIGSTOP)
    return process, [int(child) for child in children]


@needs_strace
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_two_engines_on_one_checkpoint(batch, expected):
    tables, _ = expected
    story = Story()
    try:
        process, children = stopped_in_the_middle(story, batch)
        # The one that is stopped holds the lock: the second exits at once.
        code, text = story.run(timeout=30)
        assert is_refusal(code, text) and "held by" in text, f"exit {code}: {text}"
        for child in children:
            os.kill(child, signal.SIGCONT)
        process.communicate(timeout=120)
        assert process.returncode == 0
        story.finish(tables, "after a second engine was refused")
    finally:
        story.remove()


@needs_strace
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_zombie_is_fenced(batch, expected):
    tables, _ = expected
    story = Story()
    try:
        process, children = stopped_in_the_middle(story, batch)
        # Somebody takes the locks for stale and removes them.
        (story.folder / "checkpoints/story/LOCK").unlink()
        (story.folder / "log/ticks/LOCK").unlink()
        story.finish(tables, "the second engine")
        for child in children:
            os.kill(child, signal.SIGCONT)
        out, err = process.communicate(timeout=120)
        text = (out + err).decode(errors="replace")
        assert process.returncode != 0 and "error: " in text, text
        assert story.tables() == tables, "what the zombie did after it was resumed"
        story.finish(tables, "after the zombie")
    finally:
        story.remove()


def verify(story):
    done = subprocess.run([BINARY, "checkpoint", "verify", "story"], cwd=story.folder,
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_checkpoint_verify_names_what_is_damaged():
    story = Story()
    try:
        assert story.run()[0] == 0
        code, text = verify(story)
        assert code == 0 and "checkpoints/story: whole; 12 entries, 18 state files" in text, text
        for pattern in ("checkpoints/story/state/totals/*.delta", "checkpoints/story/commits/3",
                        "checkpoints/story/offsets/4", "checkpoints/story/metadata",
                        "lake/candles/*/*.parquet", "lake/totals/*.parquet"):
            path = sorted(story.folder.glob(pattern))[-1]
            whole = path.read_bytes()
            name = str(path.relative_to(story.folder))
            path.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
            code, text = verify(story)
            assert code == 1 and "error: " in text, f"{name} damaged: {text}"
            assert name in text or pattern.endswith("metadata"), text
            path.unlink()
            code, text = verify(story)
            assert code in (1, 2), f"{name} missing: {text}"
            path.write_bytes(whole)
        assert verify(story)[0] == 0
    finally:
        story.remove()
