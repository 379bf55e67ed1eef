"""Topics as a feed: the log has each message once, and a replay needs no broker."""

import json
import os
import random
import signal
import subprocess

import pytest

from broker import FIELDS, OUTSIDE, broker, source, ticks  # noqa: F401

alone = pytest.mark.skipif(OUTSIDE is not None, reason="needs a broker of its own")


def feeding(broker, topic, **changes):
    """A job whose log is filled from a topic."""
    feed = source(broker, topic, endingOffsets="latest", **changes)
    return {"name": "feed", "feed": feed, "source": {"format": "log", "path": "log/ticks"},
            "trigger": {"availableNow": True},
            "queries": [{"name": "copy", "select": ["n", "x"], "outputMode": "append",
                         "sinks": [{"format": "parquet", "path": "lake/copy"}]}]}


def numbers(workspace):
    return [n for n, in workspace.query("SELECT n FROM '{lake}/copy/*.parquet' ORDER BY n")]


def test_the_log_has_each_message_once(broker, workspace):
    topic = broker.topic(3)
    broker.produce(topic, ticks(300, partitions=3))
    workspace.job(feeding(broker, topic))
    workspace.run("run", "job.json")
    assert numbers(workspace) == list(range(300))
    broker.produce(topic, ticks(30, start=300, partitions=3))
    workspace.run("run", "job.json")
    assert numbers(workspace) == list(range(330))


@alone
def test_kills_and_a_replay_without_the_broker(broker, workspace):  # G35
    topic = broker.topic(3)
    broker.produce(topic, ticks(3000, partitions=3))
    workspace.job(feeding(broker, topic))
    chance = random.Random(7)
    kills, sent = 0, 3000
    while kills < int(os.environ.get("KAFKA_KILLS", "25")):
        process = workspace.start("run", "job.json")
        try:
            _, err = process.communicate(timeout=chance.uniform(0.02, 0.4))
            assert process.returncode == 0, err
            broker.produce(topic, ticks(3000, start=sent, partitions=3))
            sent += 3000
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
    workspace.run("run", "job.json")
    assert numbers(workspace) == list(range(sent))
    broker.stop(signal.SIGKILL)
    before = numbers(workspace)
    workspace.run("clear", "job.json", "--yes")
    replayed = {key: value for key, value in
                json.loads((workspace.path / "job.json").read_text()).items() if key != "feed"}
    workspace.job(replayed)
    workspace.run("run", "job.json")
    assert numbers(workspace) == before


def test_rejects(broker, workspace):
    topic = broker.topic(1)
    broker.produce(topic, [{"value": b"{"}, *ticks(2), {"value": b""}])
    workspace.job(feeding(broker, topic))
    workspace.run("run", "job.json")
    assert numbers(workspace) == [0, 1]
    found = workspace.query(
        "SELECT source, byte_offset FROM '{lake}/rejects/*.parquet' ORDER BY byte_offset")
    assert found == [(f"{topic}[0]", 0), (f"{topic}[0]", 3)]


@alone
def test_a_topic_made_anew_is_refused(broker, workspace):
    topic = broker.topic(1)
    broker.produce(topic, ticks(10))
    workspace.job(feeding(broker, topic))
    workspace.run("run", "job.json")
    broker.remove(topic)
    assert broker.topic(1) == topic
    broker.produce(topic, ticks(30, start=1000))
    assert "another message" in workspace.run("run", "job.json", check=1).err
