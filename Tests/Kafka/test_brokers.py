"""Several brokers that fail: leaders move, one is down, answers are slow or errors (G33, G23)."""

import signal
import time

import pytest

from broker import copying, ticks
from mock import (COORDINATOR_NOT_AVAILABLE, END_TXN, FETCH, LIST_OFFSETS, NOT_LEADER,
                  REQUEST_TIMED_OUT, MockCluster)
from test_sink import writing

ROWS = 600


@pytest.fixture
def cluster():
    made = MockCluster()
    made.prefix = "m-"
    yield made
    made.close()


def produce(cluster, topic, messages):
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": cluster.servers, "log_level": 0})
    for message in messages:
        producer.produce(topic, **message)
    assert producer.flush(60) == 0


def leaders_move(cluster):
    for round in range(6):
        for partition in range(2):
            cluster.lead("ticks", partition, 1 + (round + partition) % 3)
        time.sleep(0.25)


def a_broker_is_down(cluster):
    cluster.lead("ticks", 0, 2)
    cluster.down(2)
    time.sleep(2)
    cluster.up(2)


def not_the_leader(cluster):
    cluster.fail(FETCH, *[NOT_LEADER] * 5)
    cluster.fail(LIST_OFFSETS, *[NOT_LEADER] * 5)
    time.sleep(0.5)


def answers_are_slow(cluster):
    for broker in (1, 2, 3):
        cluster.answers_after(broker, 500)
    time.sleep(1)


@pytest.mark.parametrize("happens", [leaders_move, a_broker_is_down, not_the_leader,
                                     answers_are_slow])
def test_the_same_rows_come(cluster, workspace, happens):  # G33
    """Everything is waited out: no row is lost or read twice, and the job does not stop."""
    cluster.topic("ticks", 2)
    messages = ticks(2 * ROWS, partitions=2)
    produce(cluster, "ticks", messages[:ROWS])
    job = copying(cluster, "ticks", maxOffsetsPerTrigger=50)
    job["trigger"] = {"processingTime": "10 ms"}
    workspace.job(job)
    running = workspace.start("run", "job.json")
    try:
        time.sleep(0.3)
        happens(cluster)
        produce(cluster, "ticks", messages[ROWS:])
        end = time.monotonic() + 60
        while time.monotonic() < end and running.poll() is None:
            if sum(rows for rows, in workspace.query(
                    "SELECT count(*) FROM '{lake}/copy/*.parquet'")) >= 2 * ROWS:
                break
            time.sleep(0.2)
        assert running.poll() is None, running.communicate()[1]
    finally:
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    found = workspace.query("SELECT n, part, place FROM '{lake}/copy/*.parquet' ORDER BY n")
    assert found == [(n, n % 2, n // 2) for n in range(2 * ROWS)]


@pytest.mark.parametrize("error", [COORDINATOR_NOT_AVAILABLE, REQUEST_TIMED_OUT])
def test_errors_of_a_commit_are_waited_out(cluster, workspace, error):  # G23
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
    for topic in ("in", "out"):
        cluster.topic(topic, 1)
    produce(cluster, "in", ticks(20))
    cluster.fail(END_TXN, error, error)
    workspace.job(writing(cluster, "in", "out", limit=20))
    workspace.run("run", "job.json", timeout=120)
    consumer = Consumer({"bootstrap.servers": cluster.servers, "group.id": "r", "log_level": 0})
    consumer.assign([TopicPartition("out", 0, OFFSET_BEGINNING)])
    found = [message for message in consumer.consume(100, 3) if not message.error()]
    consumer.close()
    # The mock writes no markers, so that a second attempt would show.
    assert len(found) == 20
