"""The C library is opened by jobs that need it, and by no others."""

from broker import broker, copying, ticks  # noqa: F401

MAIN = {"name": "plain", "feed": {"format": "simulator", "symbols": ["A"], "ticks": 100, "seed": 1},
        "source": {"format": "log", "path": "log/ticks"}, "trigger": {"availableNow": True},
        "queries": [{"name": "plain", "select": ["*"], "outputMode": "append",
                     "sinks": [{"format": "parquet", "path": "lake/plain"}]}]}


def test_a_machine_without_the_library(broker, workspace):  # G36
    missing = str(workspace.path / "none.so")
    workspace.job(MAIN)
    workspace.run("run", "job.json", STREAMER_LIBRDKAFKA=missing)
    topic = broker.topic(1)
    broker.produce(topic, ticks(1))
    workspace.job(copying(broker, topic))
    # Settings are checked without it.
    workspace.run("validate", "job.json", STREAMER_LIBRDKAFKA=missing)
    done = workspace.run("run", "job.json", check=1, STREAMER_LIBRDKAFKA=missing)
    assert "librdkafka" in done.err and "apt-get install librdkafka1" in done.err


def test_it_is_not_loaded_by_other_jobs(workspace):  # G36
    import shutil
    import subprocess
    import pytest
    from conftest import BINARY
    linked = subprocess.run(["ldd", BINARY], capture_output=True, text=True).stdout
    assert "rdkafka" not in linked
    if not shutil.which("strace"):
        pytest.skip("SKIPPED LOUDLY: no strace")
    workspace.job(MAIN)
    traced = subprocess.run(
        ["strace", "-f", "-e", "trace=openat", BINARY, "run", "job.json"], cwd=workspace.path,
        capture_output=True, text=True)
    assert traced.returncode == 0 and "rdkafka" not in traced.stderr
