"""Topics as a sink: each batch once for readers of committed messages, whatever was killed."""

import json
import os
import random
import signal
import subprocess

import pytest

from broker import FIELDS, OUTSIDE, broker, copying, source, ticks  # noqa: F401

alone = pytest.mark.skipif(OUTSIDE is not None, reason="needs a broker of its own")


def writing(broker, origin, target, name="write", limit=5, select=("n", "x"), **sink):
    """A job from a topic to a topic."""
    return {"name": name,
            "source": source(broker, origin, maxOffsetsPerTrigger=limit),
            "trigger": {"availableNow": True},
            "queries": [{"name": name, "select": list(select), "outputMode": "append",
                         "sinks": [{"format": "kafka", "kafka.bootstrap.servers": broker.servers,
                                    "topic": target,
                                    "transactionalIdPrefix": broker.prefix + "s", **sink}]}]}


def numbers(broker, topic):
    return sorted(json.loads(value)["n"] for *_, value in broker.read(topic))


def group(broker, target, name="write"):
    return f"{broker.prefix}s.{name}.{name}.{target}"


def test_every_row_is_written_once(broker, workspace):
    origin, target = broker.topic(1, "in"), broker.topic(3, "out")
    broker.produce(origin, ticks(20))
    workspace.job(writing(broker, origin, target, key="n"))
    workspace.run("run", "job.json")
    found = broker.read(target)
    assert sorted(json.loads(value)["n"] for *_, value in found) == list(range(20))
    # One column that is no text makes a JSON key; its partition is Java's.
    assert {key for *_, key, _ in found} == {b'{"n":%d}' % n for n in range(20)}
    assert broker.committed(group(broker, target), target, 1) == {0: 4}
    # And by a client of Debian's library.
    read = subprocess.run(
        ["kcat", "-b", broker.servers, "-C", "-t", target, "-e", "-q", "-X",
         "isolation.level=read_committed"], capture_output=True, text=True, timeout=30)
    assert sorted(json.loads(line)["n"] for line in read.stdout.splitlines()) == list(range(20))
    # Nothing new: nothing is written.
    ends = broker.ends(target)
    workspace.run("run", "job.json")
    assert broker.ends(target) == ends


def test_keys_and_partitions_are_javas(broker, workspace):  # G19
    origin, target = broker.topic(1, "in"), broker.topic(16, "out")
    keys = ["AAPL", "MSFT", "IBM", "TSLA", "AMZN", "", "a", "ab", "abc", "kafka", "é中",
            "0123456789"]
    expected = [1, 2, 3, 15, 9, 9, 12, 10, 11, 4, 12, 8]
    broker.produce(origin, [
        {"value": json.dumps({"n": n, "k": key, "event_time": n}).encode()}
        for n, key in enumerate(keys)])
    job = writing(broker, origin, target, key="k", select=("n", "k"))
    job["source"]["value"]["fields"] = FIELDS + [{"name": "k", "type": "string"}]
    workspace.job(job)
    workspace.run("run", "job.json")
    found = {key.decode(): part for part, _, key, _ in broker.read(target)}
    assert found == dict(zip(keys, expected))


def test_parts_of_a_message(broker, workspace):
    from confluent_kafka import Consumer, TopicPartition
    origin, target = broker.topic(1, "in"), broker.topic(2, "out")
    broker.produce(origin, ticks(3))
    job = writing(broker, origin, target, headers={"h": "h", "gone": "none"},
                  timestamp="event_time", value={"format": "raw"}, select=(
                      "CAST(n AS STRING) AS key", "CASE WHEN n < 2 THEN 'v' END AS value",
                      "CAST(n % 2 AS INT) AS partition", "'x' AS h",
                      "CAST(NULL AS STRING) AS none", "event_time"))
    workspace.job(job)
    workspace.run("run", "job.json")
    consumer = Consumer({"bootstrap.servers": broker.servers, "group.id": "r"})
    consumer.assign([TopicPartition(target, part, 0) for part in range(2)])
    found = [consumer.poll(10) for _ in range(3)]
    consumer.close()
    assert sorted((m.key(), m.value(), m.partition(), m.headers(), m.timestamp()[1])
                  for m in found) == [
        (b"0", b"v", 0, [("h", b"x")], 1_767_623_400_000),
        (b"1", b"v", 1, [("h", b"x")], 1_767_623_401_000),
        (b"2", None, 0, [("h", b"x")], 1_767_623_402_000)]


def test_upserts_are_keyed_by_group(broker, workspace):
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, ticks(20))
    job = writing(broker, origin, target)
    job["queries"][0].update(groupBy=["n % 3"], outputMode="update",
                             select=["n % 3 AS m", "count(*) AS rows"])
    workspace.job(job)
    workspace.run("run", "job.json")
    newest = {key: json.loads(value)["rows"] for *_, key, value in broker.read(target)}
    assert newest == {b'{"m":0}': 7, b'{"m":1}': 7, b'{"m":2}': 6}


@alone
@pytest.mark.parametrize("seed", range(int(os.environ.get("KAFKA_SEEDS", "2"))))
def test_kills(broker, workspace, seed):  # G3, G21
    kills = int(os.environ.get("KAFKA_KILLS", "25"))
    origin, target = broker.topic(2, "in"), broker.topic(3, "out")
    broker.produce(origin, ticks(400, partitions=2))
    job = writing(broker, origin, target, limit=10, key="n", select=("n", "x"))
    job["queries"][0]["sinks"].append({"format": "parquet", "path": "lake/copy"})
    workspace.job(job)
    chance = random.Random(seed)
    done = 0
    while done < kills:
        process = workspace.start("run", "job.json")
        try:
            _, err = process.communicate(timeout=chance.uniform(0.02, 0.6))
            assert process.returncode == 0, err
            # Through before the kill: more to do.
            start = 400 + 100 * done
            broker.produce(origin, ticks(100, start=start, partitions=2))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            done += 1
    workspace.run("run", "job.json")
    expected = sorted(json.loads(value)["n"] for *_, value in broker.read(origin))
    assert numbers(broker, target) == expected
    lake = [n for n, in workspace.query("SELECT n FROM '{lake}/copy/*.parquet' ORDER BY n")]
    assert lake == expected


def test_a_second_streamer_fences_the_first(broker, workspace, tmp_path_factory):  # G22
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, ticks(5))
    job = writing(broker, origin, target, limit=1)
    job["trigger"] = {"processingTime": "100 ms"}
    workspace.job(job)
    first = workspace.start("run", "job.json")
    try:
        import time
        end = time.monotonic() + 20
        while len(broker.read(target)) < 5 and time.monotonic() < end:
            time.sleep(0.1)
        from conftest import Workspace
        other = Workspace(tmp_path_factory.mktemp("other"))
        other.job({**job, "trigger": {"availableNow": True}})
        other.run("run", "job.json")
        broker.produce(origin, ticks(5, start=5))
        _, err = first.communicate(timeout=30)
    finally:
        first.kill()
    assert first.returncode == 1 and b"another streamer with this job's name" in err, err


def test_a_lost_marker_is_refused_with_two_ways_out(broker, workspace):  # G25
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, ticks(10))
    workspace.job(writing(broker, origin, target))
    workspace.run("run", "job.json")
    broker.admin().delete_consumer_groups([group(broker, target)])[
        group(broker, target)].result(10)
    # Without an open batch the marker is set anew.
    broker.produce(origin, ticks(5, start=10))
    workspace.run("run", "job.json")
    assert numbers(broker, target) == list(range(15))
    # A checkpoint that was cleared begins again, and skips nothing.
    workspace.run("clear", "job.json", "--yes")
    workspace.run("run", "job.json")
    assert numbers(broker, target) == sorted(2 * list(range(15)))


def test_at_least_once_has_no_transactions(broker, workspace):  # G27
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, ticks(20))
    workspace.job(writing(broker, origin, target, delivery="atLeastOnce"))
    workspace.run("run", "job.json")
    assert numbers(broker, target) == list(range(20))
    # No marker takes an offset.
    assert broker.ends(target) == [20]


def test_a_batch_without_rows_begins_no_transaction(broker, workspace):  # G27
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, ticks(20))
    job = writing(broker, origin, target)
    job["queries"][0]["where"] = "n < 0"
    workspace.job(job)
    workspace.run("run", "job.json")
    assert broker.ends(target) == [0]


def test_settings_that_are_refused(broker, workspace):
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, ticks(1))
    for sink, text in [({"topic": None}, "topic"), ({"key": "m"}, "m"),
                       ({"headers": {"h": "n"}}, "n"), ({"value": {"format": "raw"}}, "value"),
                       ({"topic": origin}, origin)]:
        job = writing(broker, origin, target, **sink)
        made = job["queries"][0]["sinks"][0]
        job["queries"][0]["sinks"] = [{k: v for k, v in made.items() if v is not None}]
        workspace.job(job)
        assert text in workspace.run("run", "job.json", check=2).err
    workspace.job(writing(broker, origin, broker.prefix + "missing"))
    err = workspace.run("run", "job.json", check=None).err
    assert "create the topic" in err
    assert not (workspace.path / "checkpoints" / "write").exists()


@alone
def test_a_message_that_is_too_large(broker, workspace):
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    # A megabyte and more out of a message that is not so large.
    long = "concat(s, s, s)"
    broker.produce(origin, [{"value": json.dumps(
        {"n": 1, "event_time": 1, "s": "x" * 500_000}).encode()}])
    job = writing(broker, origin, target, select=(f"{long} AS s",))
    job["source"]["value"]["fields"] = FIELDS + [{"name": "s", "type": "string"}]
    job["source"]["malformed"] = "FAILFAST"
    workspace.job(job)
    err = workspace.run("run", "job.json", check=1).err
    assert "kafka.message.max.bytes" in err, err
    # Now it is the topic that does not take it.
    job["queries"][0]["sinks"][0]["kafka.message.max.bytes"] = "4000000"
    workspace.job(job)
    assert "max.message.bytes" in workspace.run("run", "job.json", check=1).err
    job["queries"][0]["sinks"][0]["topic"] = target = broker.topic(
        1, "large", max_message_bytes=4_000_000)
    job["name"] = "large"
    workspace.job(job)
    workspace.run("run", "job.json")
    assert len(broker.read(target)) == 1
