"""A broker for each test and a second client: neither is this project's.

The broker is noida-db, one process that speaks Kafka's protocol with transactions, compaction and
retention. `KAFKA_BOOTSTRAP=host:port` has the tests use a real cluster instead; what needs a broker
of its own (a kill, a proxy) is then skipped. The client is PyPI's confluent-kafka, which brings a
newer librdkafka than Debian's; `kcat` reads with Debian's.
"""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ROOT / ".venv" / "kafka"
sys.path.insert(0, str(PACKAGES))

OUTSIDE = os.environ.get("KAFKA_BOOTSTRAP")
# The newer library, which the whole suite runs with, too: STREAMER_LIBRDKAFKA.
NEWER = next(iter(sorted((PACKAGES / "confluent_kafka.libs").glob("librdkafka-*.so*"))), None)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Broker:
    """A broker; topics are named anew, so that tests can share a cluster."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.client = None
        self.prefix = f"t{random.randrange(10**9)}-"
        if OUTSIDE:
            self.servers = OUTSIDE
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self.port = free_port()
            self.servers = f"127.0.0.1:{self.port}"
            self.start()

    def start(self):
        self.process = subprocess.Popen(
            [PACKAGES / "noida_db" / "noida-db", "start", "--only", "kafka", "--kafka-port",
             str(self.port), "--host", "127.0.0.1", "--data-dir", self.folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, "no broker"
                time.sleep(0.01)

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    # Topics and messages

    def admin(self):
        from confluent_kafka.admin import AdminClient
        # Kept: what it was asked for ends with it.
        if self.client is None:
            self.client = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        return self.client

    def topic(self, partitions=1, name="t", **config):
        """A new topic; options have `_` for `.`."""
        from confluent_kafka.admin import NewTopic
        topic = self.prefix + name
        # Messages of a day long ago are kept.
        settings = {"retention.ms": "-1"} | {key.replace("_", "."): str(value) for key, value in config.items()}
        new = NewTopic(topic, partitions, 1, config=settings)
        self.admin().create_topics([new])[topic].result(20)
        return topic

    def remove(self, topic):
        self.admin().delete_topics([topic])[topic].result(20)

    def grow(self, topic, partitions):
        from confluent_kafka.admin import NewPartitions
        self.admin().create_partitions([NewPartitions(topic, partitions)])[topic].result(20)

    def delete_records(self, topic, before):
        """Deletes what is before an offset, by partition."""
        from confluent_kafka import TopicPartition
        wanted = [TopicPartition(topic, part, offset) for part, offset in before.items()]
        for future in self.admin().delete_records(wanted).values():
            future.result(20)

    def producer(self, **options):
        from confluent_kafka import Producer
        return Producer({"bootstrap.servers": self.servers, "log_level": 0, "linger.ms": 5,
                         **{key.replace("_", "."): value for key, value in options.items()}})

    def produce(self, topic, messages, producer=None):
        """Sends messages: dicts with value, key, partition, timestamp, headers."""
        own = producer or self.producer()
        for message in messages:
            while True:
                try:
                    own.produce(topic, **message)
                    break
                except BufferError:
                    own.poll(0.1)
        if producer is None:
            assert own.flush(30) == 0

    def read(self, topic, isolation="read_committed", seconds=10):
        """Every message of a topic by the second client: (partition, offset, key, value)."""
        from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
        consumer = Consumer({
            "bootstrap.servers": self.servers, "log_level": 0, "group.id": self.prefix + "reader",
            "enable.auto.commit": False, "enable.partition.eof": True,
            "isolation.level": isolation, "auto.offset.reset": "error"})
        parts = list(consumer.list_topics(topic, 10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in parts])
        found, ended = [], set()
        end = time.monotonic() + seconds
        while len(ended) < len(parts):
            assert time.monotonic() < end, "the topic does not end"
            message = consumer.poll(0.5)
            if message is None:
                continue
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                ended.add(message.partition())
                continue
            found.append((message.partition(), message.offset(), message.key(), message.value()))
        consumer.close()
        return sorted(found, key=lambda row: row[:2])

    def ends(self, topic, isolation="read_committed"):
        """Where each partition ends for a reader."""
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.servers, "log_level": 0, "group.id": "ends",
                             "isolation.level": isolation})
        parts = sorted(consumer.list_topics(topic, 10).topics[topic].partitions)
        found = [consumer.get_watermark_offsets(TopicPartition(topic, part), 10)[1]
                 for part in parts]
        consumer.close()
        return found

    def committed(self, group, topic, partitions):
        """A group's offsets, by a standard client."""
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.servers, "log_level": 0, "group.id": group})
        found = consumer.committed(
            [TopicPartition(topic, part) for part in range(partitions)], timeout=10)
        consumer.close()
        return {part.partition: part.offset for part in found if part.offset >= 0}


@pytest.fixture
def broker(tmp_path):
    made = Broker(tmp_path / "broker")
    yield made
    made.stop(signal.SIGKILL)


def values(rows):
    """Messages of JSON values."""
    return [{"value": json.dumps(row).encode()} for row in rows]


FIELDS = [{"name": "n", "type": "long"}, {"name": "x", "type": "double"},
          {"name": "event_time", "type": "timestamp", "format": "epoch_ms"}]


def source(broker, topic, **changes):
    """A source of JSON values with a number, a double and a time."""
    found = {"format": "kafka", "kafka.bootstrap.servers": broker.servers, "subscribe": topic,
             "value": {"format": "json", "fields": FIELDS}, "eventTime": "event_time", **changes}
    return {key: value for key, value in found.items() if value is not None}


# Where each row came from, beside the row.
PLACED = FIELDS + [{"name": "part", "type": "int", "fromKafka": "partition"},
                   {"name": "place", "type": "long", "fromKafka": "offset"}]


def copying(broker, topic, name="copy", **changes):
    """A job that writes every row to Parquet."""
    select = changes.pop("select", ["n", "x", "part", "place"])
    placed = {"value": {"format": "json", "fields": PLACED}}
    return {"name": name, "source": source(broker, topic, **{**placed, **changes}),
            "trigger": {"availableNow": True},
            "queries": [{"name": name, "select": select, "outputMode": "append",
                         "sinks": [{"format": "parquet", "path": f"lake/{name}"}]}]}


def ticks(count, start=0, partitions=None):
    """Messages with numbers from `start` on, a second of event time apart."""
    base = 1_767_623_400_000
    return [{"value": json.dumps(
                {"n": n, "x": n * 0.1, "event_time": base + n * 1000}).encode(),
             "key": str(n % 7).encode(), "timestamp": base + n * 1000,
             **({} if partitions is None else {"partition": n % partitions})}
            for n in range(start, start + count)]
