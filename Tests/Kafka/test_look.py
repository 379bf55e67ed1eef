"""`streamer source ls`, `cat` and `tail`: what is queued, parsed, without changing anything."""

import json
import signal
import subprocess
import time

from broker import broker, copying, ticks  # noqa: F401
from conftest import BINARY


def listed(workspace, *arguments):
    out = workspace.run("source", "ls", "job.json", "--format", "json", *arguments).out
    return {row["split"]: row for row in map(json.loads, out.splitlines())}


def rows(workspace, verb, *arguments):
    done = workspace.run("source", verb, "job.json", "--offsets", "--format", "json", *arguments)
    return [json.loads(line) for line in done.out.splitlines()], done.err


def places(found):
    return [(row["_split"], row["_offset"]) for row in found]


def test_what_is_queued_by_partition(broker, workspace):
    topic = broker.topic(3)
    broker.produce(topic, ticks(30, partitions=3))
    workspace.job(copying(broker, topic))
    one = {"source": "source", "split": f"{topic}[1]", "from": 0, "next": 0, "to": 10, "queued": 10}
    assert listed(workspace)[f"{topic}[1]"] == one
    workspace.run("run", "job.json")
    broker.produce(topic, [{**message, "partition": 1} for message in ticks(4, start=30)])
    broker.delete_records(topic, {1: 3})
    found = listed(workspace)
    assert found[f"{topic}[1]"] == {**one, "from": 3, "next": 10, "to": 14, "queued": 4}
    assert found[f"{topic}[0]"] == {**one, "split": f"{topic}[0]", "next": 10, "queued": 0}


def test_rows_are_parsed_as_the_job_does(broker, workspace):
    topic = broker.topic(2)
    broker.produce(topic, ticks(20, partitions=2))
    workspace.job(copying(broker, topic))
    workspace.run("run", "job.json")
    group = "streamer.copy.source"
    told = broker.committed(group, topic, 2)
    more = [{**message, "partition": 1} for message in ticks(3, start=20)]
    more.insert(1, {"value": b'{"n": "x\x07"}', "partition": 1})
    broker.produce(topic, more)
    found, err = rows(workspace, "cat")
    assert places(found) == [(f"{topic}[1]", offset) for offset in (10, 12, 13)]
    assert [row["n"] for row in found] == [20, 21, 22] and found[0]["part"] == 1
    assert f"{topic}[1] at 11: " in err and "1 record left out" in err and "\x07" not in err
    found, _ = rows(workspace, "cat", "--all", "--limit", 12, "--columns", "n")
    assert places(found) == [(f"{topic}[0]", n) for n in range(10)] + [(f"{topic}[1]", 0),
                                                                     (f"{topic}[1]", 1)]
    assert set(found[0]) == {"_split", "_offset", "n"}
    found, _ = rows(workspace, "tail", "--lines", 2)
    assert places(found) == [(f"{topic}[0]", 8), (f"{topic}[0]", 9), (f"{topic}[1]", 12),
                             (f"{topic}[1]", 13)]
    # Nothing was told to anybody, and the next run reads them all and keeps the reject.
    assert broker.committed(group, topic, 2) == told
    assert not (workspace.path / "lake/rejects").exists() or not workspace.files("lake/rejects")
    progress = workspace.progress("job.json")
    assert progress[0]["numInputRows"] == 3


def test_a_transaction_is_not_shown_before_it_is_committed(broker, workspace):
    topic = broker.topic(1)
    producer = broker.producer(transactional_id=topic)
    producer.init_transactions(10)
    workspace.job(copying(broker, topic))
    producer.begin_transaction()
    broker.produce(topic, ticks(3), producer)
    producer.flush(10)
    assert rows(workspace, "cat")[0] == []
    producer.commit_transaction(10)
    assert [row["n"] for row in rows(workspace, "cat")[0]] == [0, 1, 2]
    # The marker is an offset without a row.
    assert listed(workspace)[f"{topic}[0]"]["queued"] == 4


def test_tail_follows_new_partitions_too(broker, workspace):
    topic = broker.topic(1)
    broker.produce(topic, ticks(2))
    job = copying(broker, topic)
    job["source"]["kafka.topic.metadata.refresh.interval.ms"] = "200"
    workspace.job(job)
    process = subprocess.Popen(
        [BINARY, "source", "tail", "-f", "job.json", "--format", "json", "--columns", "n"],
        cwd=workspace.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert [json.loads(process.stdout.readline())["n"] for _ in range(2)] == [0, 1]
        broker.produce(topic, ticks(1, start=2))
        assert json.loads(process.stdout.readline())["n"] == 2
        broker.grow(topic, 2)
        time.sleep(0.5)
        broker.produce(topic, [{**message, "partition": 1} for message in ticks(1, start=3)])
        assert json.loads(process.stdout.readline())["n"] == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()


def test_a_topic_that_is_not_there(broker, workspace):
    workspace.job(copying(broker, broker.prefix + "none"))
    for verb in ("ls", "cat", "tail"):
        done = workspace.run("source", verb, "job.json", check=None)
        assert done.returncode in (1, 2) and broker.prefix + "none" in done.err
    done = workspace.run("source", "cat", "job.json", "--source", "ticks", check=2)
    assert "no source 'ticks'" in done.err
