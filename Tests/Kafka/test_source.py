"""Topics as a source: which messages a batch has, in what order, and what is refused."""

import json
import os
import signal
import struct
import subprocess
import time

import pytest

from broker import FIELDS, OUTSIDE, broker, copying, source, ticks, values  # noqa: F401

# A broker of the test's own is killed, or its records are deleted at will.
alone = pytest.mark.skipif(OUTSIDE is not None, reason="needs a broker of its own")


def offsets(workspace, job, batch, which="end"):
    """What `offsets/N` says of the only source."""
    shown = workspace.run("checkpoint", "show", job, "--batch", str(batch), "--format", "json").out
    return shown


def rows(workspace, name="copy"):
    return workspace.query(
        f"SELECT n, x, part, place FROM '{{lake}}/{name}/*.parquet' ORDER BY part, place")


def end_of(progress):
    end = progress["sources"][0]["endOffset"]
    return json.loads(end) if isinstance(end, str) else end


def test_rows_come_by_partition_and_offset(broker, workspace):  # G1
    topic = broker.topic(3)
    broker.produce(topic, ticks(30, partitions=3))
    workspace.job(copying(broker, topic))
    progress = workspace.progress("job.json")
    assert end_of(progress[0]) == {topic: {"0": 10, "1": 10, "2": 10}}
    found = workspace.query("SELECT part, place, n FROM '{lake}/copy/*.parquet'")
    assert found == [(n % 3, n // 3, n) for n in sorted(range(30), key=lambda n: (n % 3, n))]


def test_partitions_are_ordered_as_numbers(broker, workspace):  # G1
    topic = broker.topic(12)
    broker.produce(topic, ticks(24, partitions=12))
    workspace.job(copying(broker, topic))
    progress = workspace.progress("job.json")
    assert list(end_of(progress[0])[topic]) == [str(part) for part in range(12)]
    found = workspace.query("SELECT part FROM '{lake}/copy/*.parquet'")
    assert [part for part, in found] == sorted(2 * list(range(12)))


@pytest.mark.parametrize("limit", [1, 7, 31])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_any_cut_gives_the_same_rows_and_sums(broker, workspace, limit, threads):  # G2
    topic = broker.topic(3)
    broker.produce(topic, ticks(60, partitions=3))
    base = copying(broker, topic)
    base["queries"].append({
        "name": "sums", "groupBy": [], "select": ["sum(x) AS total", "count(*) AS rows",
                                                  "first(n) AS one", "last(n) AS other"],
        "outputMode": "complete", "sinks": [{"format": "table", "path": "lake/sums"}]})
    whole = json.loads(json.dumps(base))
    workspace.job(whole)
    workspace.run("run", "job.json")
    expected = (rows(workspace), workspace.query("SELECT * FROM '{lake}/sums/*.parquet'"))
    workspace.run("clear", "job.json", "--yes")
    base["source"]["maxOffsetsPerTrigger"] = limit
    workspace.job(base)
    workspace.run("run", "job.json", "--threads", threads)
    assert (rows(workspace), workspace.query("SELECT * FROM '{lake}/sums/*.parquet'")) == expected
    assert len(expected[0]) == 60


@pytest.mark.parametrize("counts, limit, taken", [
    ([900, 90, 10], 100, {"0": 90, "1": 9, "2": 1}),
    ([1000, 1, 1], 10, {"0": 9, "1": 1, "2": 1})])
def test_a_limit_is_shared_out_as_spark_does(broker, workspace, counts, limit, taken):  # G4
    topic = broker.topic(3)
    for part, count in enumerate(counts):
        broker.produce(topic, [{**message, "partition": part} for message in ticks(count)])
    workspace.job(copying(broker, topic, maxOffsetsPerTrigger=limit))
    progress = workspace.progress("job.json", "--max-batches", 1)
    assert end_of(progress[0]) == {topic: taken}


def test_every_partition_is_listed(broker, workspace):  # G5
    topic = broker.topic(3)
    broker.produce(topic, ticks(30, partitions=3))
    workspace.job(copying(broker, topic, startingOffsets={topic: {"0": 5, "1": -2}}))
    err = workspace.run("run", "job.json", check=None)
    assert err.returncode in (1, 2) and f"{topic}[2] is missing" in err.err
    workspace.job(copying(broker, topic, startingOffsets={
        topic: {"0": 5, "1": -2, "2": -1, "3": 0}}))
    assert f"{topic}[3] is not there" in workspace.run("run", "job.json", check=None).err
    workspace.job(copying(broker, topic, startingOffsets={topic: {"0": 5, "1": -2, "2": -1}}))
    workspace.run("run", "job.json")
    assert [(part, place) for _, _, part, place in rows(workspace)] == \
        [(0, place) for place in range(5, 10)] + [(1, place) for place in range(10)]


@pytest.mark.parametrize("seconds, firsts", [(10, [4, 3, 3]), (10.5, [4, 4, 3])])
def test_starts_at_a_time(broker, workspace, seconds, firsts):  # G6
    topic = broker.topic(3)
    broker.produce(topic, ticks(30, partitions=3))
    at = 1_767_623_400_000 + int(seconds * 1000)
    workspace.job(copying(broker, topic, startingTimestamp=at))
    workspace.run("run", "job.json")
    found = rows(workspace)
    assert [min(place for _, _, own, place in found if own == part) for part in range(3)] == firsts


def test_a_time_past_the_end(broker, workspace):  # G6
    topic = broker.topic(3)
    broker.produce(topic, ticks(30, partitions=3))
    past = {"startingTimestamp": 1_767_623_400_000 + 3_600_000}
    workspace.job(copying(broker, topic, **past))
    assert "without a message that late" in workspace.run("run", "job.json", check=None).err
    workspace.job(copying(broker, topic, startingOffsetsByTimestampStrategy="latest", **past))
    progress = workspace.progress("job.json")
    assert sum(batch["numInputRows"] for batch in progress) == 0


def test_an_open_transaction_is_not_read(broker, workspace):  # G7
    topic = broker.topic(2)
    producer = broker.producer(transactional_id=broker.prefix + "x")
    producer.init_transactions(10)
    producer.begin_transaction()
    broker.produce(topic, ticks(10, partitions=2), producer)
    producer.flush(10)
    workspace.job(copying(broker, topic))
    workspace.run("run", "job.json")
    assert not list((workspace.path / "lake").rglob("*.parquet"))
    producer.commit_transaction(10)
    progress = workspace.progress("job.json")
    assert end_of(progress[-1]) == {topic: {"0": 6, "1": 6}}
    assert len(rows(workspace)) == 10


def test_aborted_messages_are_left_out(broker, workspace):  # G8, G9
    topic = broker.topic(1)
    producer = broker.producer(transactional_id=broker.prefix + "x")
    producer.init_transactions(10)
    producer.begin_transaction()
    broker.produce(topic, ticks(10), producer)
    producer.flush(10)
    producer.abort_transaction(10)
    producer.begin_transaction()
    broker.produce(topic, ticks(1, start=100), producer)
    producer.commit_transaction(10)
    workspace.job(copying(broker, topic))
    progress = workspace.progress("job.json")
    assert end_of(progress[-1]) == {topic: {"0": 13}}
    assert [(n, place) for n, _, _, place in rows(workspace)] == [(100, 11)]
    # The last offset is a marker, behind which nothing comes: the next run ends at once, too.
    workspace.run("run", "job.json", timeout=20)


def test_what_is_not_committed_is_read_if_asked(broker, workspace):
    topic = broker.topic(1)
    producer = broker.producer(transactional_id=broker.prefix + "x")
    producer.init_transactions(10)
    producer.begin_transaction()
    broker.produce(topic, ticks(3), producer)
    producer.flush(10)
    workspace.job(copying(broker, topic, **{"kafka.isolation.level": "read_uncommitted"}))
    workspace.run("run", "job.json")
    assert len(rows(workspace)) == 3
    producer.abort_transaction(10)


@alone
def test_retention_is_noticed(broker, workspace):  # G11
    topic = broker.topic(1)
    broker.produce(topic, ticks(500))
    workspace.job(copying(broker, topic, maxOffsetsPerTrigger=120))
    workspace.run("run", "job.json", "--max-batches", 1)
    broker.delete_records(topic, {0: 400})
    err = workspace.run("run", "job.json", check=1).err
    assert all(text in err for text in ("120", "400", "280")), err
    before = workspace.files()
    workspace.job(copying(broker, topic, failOnDataLoss=False))
    progress = workspace.progress("job.json")
    assert sum(batch["numInputRows"] for batch in progress) == 100
    assert [place for *_, place in rows(workspace)] == [*range(120), *range(400, 500)]
    assert before.items() <= workspace.files().items()
    assert progress[-1]["sources"][0]["metrics"]["rowsLost"] == "280" \
        if "metrics" in progress[-1]["sources"][0] else True


def test_partitions_that_come_later_are_read_from_their_start(broker, workspace):  # G12
    topic = broker.topic(1)
    broker.produce(topic, ticks(5))
    job = copying(broker, topic, startingOffsets="latest",
                  **{"kafka.topic.metadata.refresh.interval.ms": "200"})
    job["trigger"] = {"processingTime": "50 ms"}
    workspace.job(job)
    running = workspace.start("run", "job.json")
    try:
        time.sleep(1.5)
        broker.grow(topic, 3)
        time.sleep(0.3)
        broker.produce(topic, ticks(30, start=100, partitions=3))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if list((workspace.path / "lake").rglob("*.parquet")) and len(rows(workspace)) == 30:
                break
            time.sleep(0.2)
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
    found = rows(workspace)
    assert len(found) == 30
    assert [place for _, _, part, place in found if part == 2] == list(range(10))


@alone
@pytest.mark.parametrize("count", [3, 30])
def test_a_topic_made_anew_is_refused(broker, workspace, count):  # G13
    topic = broker.topic(1)
    broker.produce(topic, ticks(10))
    workspace.job(copying(broker, topic))
    workspace.run("run", "job.json")
    broker.remove(topic)
    assert broker.topic(1) == topic
    broker.produce(topic, ticks(count, start=1000))
    err = workspace.run("run", "job.json", check=1).err
    expected = "ends at 3, and the job has read up to 10" if count == 3 else \
        "another message than the job has read"
    assert expected in err, err


def test_malformed_values(broker, workspace):  # G15
    topic = broker.topic(1)
    good = ticks(1)[0]["value"]
    broker.produce(topic, [{"value": value} for value in
                           (b"{", b"", b'{"n":1}{"n":2}', b"\xff", good)])
    workspace.job(copying(broker, topic, name="strict", malformed="FAILFAST"))
    err = workspace.run("run", "job.json", check=1).err
    assert f"{topic}[0] offset 0" in err, err
    workspace.job(copying(broker, topic, name="copy"))
    workspace.run("run", "job.json")
    assert [(n, place) for n, _, _, place in rows(workspace)] == [(0, 4)]
    found = workspace.query(
        "SELECT split, \"offset\", reason, text, batch FROM '{lake}/rejects/*.parquet' ORDER BY 2")
    assert [row[:2] for row in found] == [(f"{topic}[0]", place) for place in range(4)]
    assert [row[3:] for row in found] == [("{", 0), ("", 0), ('{"n":1}{"n":2}', 0), ("\\xff", 0)]
    assert found[1][2] == "the value is empty"
    files = workspace.files()
    workspace.run("replay", "job.json", "--from-checkpoint", "--batch", 0, "--verify")
    assert workspace.files() == files


def test_too_many_rejects_stop_the_job(broker, workspace):
    topic = broker.topic(1)
    broker.produce(topic, [*ticks(900), *[{"value": b"x"}] * 200])
    workspace.job(copying(broker, topic))
    assert "200 of 1100 messages do not parse" in workspace.run("run", "job.json", check=1).err
    workspace.job(copying(broker, topic, rejects={"maxShare": 0.5}))
    workspace.run("run", "job.json")
    assert len(rows(workspace)) == 900


def test_values_on_several_lines(broker, workspace):
    topic = broker.topic(1)
    pretty = json.dumps(json.loads(ticks(1)[0]["value"]), indent=2).encode() + b"\n"
    broker.produce(topic, [{"value": pretty}, {"value": b'{"n":\n1}'},
                           {"value": b'{"n":1,"s":"a\nb","event_time":1}'}, *ticks(1, start=7)])
    workspace.job(copying(broker, topic, malformed="DROPMALFORMED"))
    workspace.run("run", "job.json")
    assert [(n, place) for n, _, _, place in rows(workspace)] == [(0, 0), (7, 3)]


@pytest.mark.parametrize("tombstones, count", [("skip", 2), ("reject", 2)])
def test_tombstones(broker, workspace, tombstones, count):  # G16
    topic = broker.topic(1)
    broker.produce(topic, [*ticks(1), {"value": None, "key": b"k"}, *ticks(1, start=1)])
    workspace.job(copying(broker, topic, tombstones=tombstones, malformed="FAILFAST"))
    done = workspace.run("run", "job.json", check=None)
    if tombstones == "reject":
        assert done.returncode == 1 and "the value is null" in done.err
    else:
        assert done.returncode == 0 and len(rows(workspace)) == count


def test_schema_registry_framing(broker, workspace):  # G17
    topic = broker.topic(1)
    value = ticks(1)[0]["value"]
    broker.produce(topic, [{"value": b"\0" + struct.pack(">I", 57) + value}])
    workspace.job(copying(broker, topic, name="plain", malformed="FAILFAST"))
    err = workspace.run("run", "job.json", check=1).err
    assert "registry" in err and "id 57" in err, err
    job = copying(broker, topic)
    job["source"]["value"]["framing"] = "confluent"
    workspace.job(job)
    workspace.run("run", "job.json")
    assert len(rows(workspace)) == 1


def test_headers_and_the_message_itself(broker, workspace):  # G18
    topic = broker.topic(1)
    message = ticks(1)[0]
    broker.produce(topic, [
        {**message, "headers": [("h", b"one"), ("h", b"two"), ("gone", None)]},
        {**message, "key": None}])
    fields = FIELDS + [
        {"name": "h", "type": "string", "fromKafka": "header:h"},
        {"name": "gone", "type": "string", "fromKafka": "header:gone"},
        {"name": "k", "type": "string", "fromKafka": "key"},
        {"name": "bytes", "type": "binary", "fromKafka": "value"},
        {"name": "at", "type": "timestamp", "fromKafka": "timestamp"},
        {"name": "topic", "type": "string", "fromKafka": "topic"},
        {"name": "kind", "type": "int", "fromKafka": "timestampType"}]
    job = copying(broker, topic, value={"format": "json", "fields": fields},
                  select=["h", "gone", "k", "bytes", "at", "topic", "kind"])
    workspace.job(job)
    workspace.run("run", "job.json")
    found = workspace.query(
        'SELECT h, gone, k, bytes, epoch_ms("at"), topic, kind '
        "FROM '{lake}/copy/*.parquet'")
    assert found == [
        ("two", None, "0", message["value"], message["timestamp"], topic, 0),
        (None, None, None, message["value"], message["timestamp"], topic, 0)]


def test_raw_has_sparks_columns(broker, workspace):
    topic = broker.topic(1)
    broker.produce(topic, [{"key": b"\xff", "value": b"\x00\x01", "timestamp": 1000},
                           {"key": None, "value": None, "timestamp": 2000}])
    job = copying(broker, topic, value=None, eventTime=None, select=[
        "key", "value", "topic", "partition", "offset", "timestamp", "timestampType"])
    workspace.job(job)
    workspace.run("run", "job.json")
    found = workspace.query(
        "SELECT key, value, topic, partition, \"offset\", epoch_ms(timestamp), timestampType "
        "FROM '{lake}/copy/*.parquet'")
    assert found == [(b"\xff", b"\x00\x01", topic, 0, 0, 1000, 0),
                     (None, None, topic, 0, 1, 2000, 0)]


def test_csv_values(broker, workspace):
    topic = broker.topic(1)
    broker.produce(topic, [{"value": value} for value in (
        b"1;0.5;1767623400000", b"2;;1767623400001\r\n", b'3;"0.5";1767623400002', b"4;1\n5;2;3",
        b"6;1;2;3")])
    columns = [{"name": "n", "type": "long"}, {"name": "x", "type": "double"},
               {"name": "event_time", "type": "timestamp", "format": "epoch_ms"},
               {"name": "part", "type": "int", "fromKafka": "partition"},
               {"name": "place", "type": "long", "fromKafka": "offset"}]
    workspace.job(copying(
        broker, topic, malformed="DROPMALFORMED",
        value={"format": "csv", "delimiter": ";", "columns": columns}))
    workspace.run("run", "job.json")
    assert rows(workspace) == [(1, 0.5, 0, 0), (2, None, 0, 1), (3, 0.5, 0, 2)]


def test_lag_is_told(broker, workspace):  # G31
    topic = broker.topic(2)
    producer = broker.producer(transactional_id=broker.prefix + "x")
    producer.init_transactions(10)
    producer.begin_transaction()
    broker.produce(topic, ticks(20, partitions=2), producer)
    producer.commit_transaction(10)
    workspace.job(copying(broker, topic, maxOffsetsPerTrigger=4, groupIdPrefix=broker.prefix + "g"))
    workspace.run("run", "job.json")
    found = broker.committed(f"{broker.prefix}g.copy.source", topic, 2)
    # The last offset of each is a marker: the lag of who stands behind it is 0.
    assert found == dict(enumerate(broker.ends(topic))) == {0: 11, 1: 11}


def test_large_messages(broker, workspace):  # G32
    topic = broker.topic(1, max_message_bytes=10_000_000)
    producer = broker.producer(message_max_bytes=10_000_000)
    value = json.dumps({"n": 1, "x": 1.5, "pad": "x" * 3_000_000, "event_time": 1}).encode()
    broker.produce(topic, [{"value": value}], producer)
    assert producer.flush(20) == 0
    workspace.job(copying(broker, topic))
    workspace.run("run", "job.json")
    assert len(rows(workspace)) == 1
    workspace.job(copying(broker, topic, name="small", malformed="FAILFAST", **{
        "kafka.receive.message.max.bytes": "1000512", "kafka.fetch.max.bytes": "1000000",
        "kafka.max.partition.fetch.bytes": "500000", "kafka.message.max.bytes": "1000000"}))
    done = workspace.run("run", "job.json", check=None, timeout=60)
    if done.returncode:
        assert "kafka.receive.message.max.bytes" in done.err, done.err


@alone
def test_patterns(broker, workspace):
    one, two, other = (broker.topic(1, name) for name in ("ticks-a", "ticks-b", "quotes"))
    for count, topic in enumerate((one, two, other), 1):
        broker.produce(topic, ticks(count))
    workspace.job(copying(broker, one, subscribe=None, subscribePattern=f"{broker.prefix}ticks-.*"))
    progress = workspace.progress("job.json")
    assert end_of(progress[-1]) == {one: {"0": 1}, two: {"0": 2}}


def test_assigned_partitions(broker, workspace):
    topic = broker.topic(3)
    broker.produce(topic, ticks(30, partitions=3))
    workspace.job(copying(broker, topic, subscribe=None, assign={topic: [0, 2]}))
    workspace.run("run", "job.json")
    assert {part for _, _, part, _ in rows(workspace)} == {0, 2}
    workspace.job(copying(broker, topic, subscribe=None, assign={topic: [0, 5]}, name="other"))
    assert "has no partition 5" in workspace.run("run", "job.json", check=2).err


def test_settings_that_are_refused(broker, workspace):
    topic = broker.topic(1)
    for changes, text in [
            ({"kafka.auto.offset.reset": "latest"}, "startingOffsets"),
            ({"kafka.enable.auto.commit": "true"}, "checkpoint"),
            ({"kafka.sasl.password": "hunter2"}, "${NAME}"),
            ({"subscribe": "no such"}, "no name of a topic"),
            ({"kafka.fetch.max.byte": "1"}, "kafka.fetch.max.bytes"),
            ({"subscribe": broker.prefix + "missing"}, "create the topic"),
            ({"kafka.sasl.mechanism": "${NOT_SET}"}, "NOT_SET")]:
        workspace.job(copying(broker, topic, **changes))
        done = workspace.run("run", "job.json", check=2)
        assert text in done.err and "hunter2" not in done.err + done.out, done.err


def test_batches_run_again_with_the_same_rows(broker, workspace):
    topic = broker.topic(3)
    broker.produce(topic, ticks(90, partitions=3))
    workspace.job(copying(broker, topic, maxOffsetsPerTrigger=20))
    workspace.run("run", "job.json")
    before = workspace.files()
    workspace.run("replay", "job.json", "--from-checkpoint", "--batch", 2, "--verify")
    assert workspace.files() == before


def test_a_tombstone_may_be_a_row(broker, workspace):
    topic = broker.topic(1)
    broker.produce(topic, [*ticks(1), {"value": None, "key": b"k", "timestamp": 5000}])
    fields = [{"name": "n", "type": "long"},
              {"name": "at", "type": "timestamp", "fromKafka": "timestamp"},
              {"name": "k", "type": "string", "fromKafka": "key"}]
    workspace.job(copying(broker, topic, tombstones="row", eventTime="at", select=["n", "k"],
                          value={"format": "json", "fields": fields}))
    workspace.run("run", "job.json")
    assert workspace.query("SELECT n, k FROM '{lake}/copy/*.parquet'") == [(0, "0"), (None, "k")]
