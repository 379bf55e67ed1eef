"""A watermark by partition: who holds windows open, who is let go, and when rows are late."""

import json
import time

import pytest

from broker import broker, source  # noqa: F401

HOUR = 3_600_000
OLD = 1_767_623_400_000


def candles(broker, topic, by, **changes):
    """Rows by minute of a topic whose watermark is 10 s behind."""
    return {
        "name": "minutes", "source": source(broker, topic, **changes),
        "watermark": {"eventTime": "event_time", "delayThreshold": "10 seconds", "by": by},
        "trigger": {"availableNow": True},
        "queries": [{
            "name": "minutes", "groupBy": ["window(event_time, '1 minute')"],
            "select": ["unix_seconds(window.start) AS start", "count(*) AS rows"],
            "outputMode": "append",
            "sinks": [{"format": "parquet", "path": "lake/minutes"}]}]}


def rows(count, partition, first, received=None, step=1000):
    """Messages of a partition, by event time `step` ms apart; received by then, or just now."""
    now = int(time.time() * 1000)
    return [{"value": json.dumps({"n": n, "x": 1.0, "event_time": first + n * step}).encode(),
             "partition": partition,
             "timestamp": now if received is None else received + n * step} for n in range(count)]


def late(workspace):
    shown = json.loads(workspace.run("checkpoint", "show", "job.json", "--format", "json").out)
    return shown["counters"]["rowsLate.minutes"]


def windows(workspace):
    return workspace.query("SELECT start, rows FROM '{lake}/minutes/*.parquet' ORDER BY start")


def watermark(progress):
    return progress[-1]["eventTime"]["watermark"]


@pytest.mark.parametrize("by", ["split", "source"])
def test_an_empty_partition_pins_nothing(broker, workspace, by):  # G28
    topic = broker.topic(2)
    broker.produce(topic, rows(150, 0, OLD))
    workspace.job(candles(broker, topic, by))
    workspace.run("run", "job.json")
    assert windows(workspace) == [(OLD // 1000, 60), (OLD // 1000 + 60, 60)]


@pytest.mark.parametrize("by", ["split", "source"])
def test_a_partition_that_lies_behind_is_not_late(broker, workspace, by):  # G29
    topic = broker.topic(2)
    broker.produce(topic, rows(300, 0, OLD + 3 * HOUR) + rows(300, 1, OLD))
    workspace.job(candles(broker, topic, by, maxOffsetsPerTrigger=100))
    workspace.run("run", "job.json")
    # By source the first batch takes 50 of each and moves the watermark three hours ahead; the
    # rows of the second are compared with what the first ran with, all later ones are late.
    assert late(workspace) == (0 if by == "split" else 200)
    if by == "split":
        # What of partition 1 is still open was received just now: it is slow, not dead.
        assert windows(workspace) == [(OLD // 1000 + 60 * n, 60) for n in range(4)]


def test_old_partitions_end_where_spark_does(broker, workspace):  # G30
    topic = broker.topic(3)
    messages = rows(300, 0, OLD + 3 * HOUR, received=OLD + 3 * HOUR)
    messages += rows(200, 1, OLD, received=OLD) + rows(10, 2, OLD + HOUR, received=OLD + HOUR)
    broker.produce(topic, messages)
    found = {}
    for by in ("split", "source"):
        workspace.job(candles(broker, topic, by))
        progress = workspace.progress("job.json")
        found[by] = (watermark(progress), windows(workspace), late(workspace))
        workspace.run("clear", "job.json", "--yes")
    assert found["split"] == found["source"]
    assert found["split"][1][-1] == ((OLD + 3 * HOUR) // 1000 + 180, 60) and found["split"][2] == 0


def test_a_restart_knows_who_is_dead(broker, workspace):
    """What each partition has shown is in the commit, and when it was received."""
    topic = broker.topic(2)
    now = int(time.time() * 1000)
    broker.produce(topic, rows(70, 0, OLD + HOUR) + rows(70, 1, OLD, received=now - HOUR))
    # Partition 1 got its last row an hour ago: partition 0 decides.
    workspace.job(candles(broker, topic, "split"))
    workspace.run("run", "job.json")
    assert windows(workspace) == [(OLD // 1000, 60), (OLD // 1000 + 60, 10)]
    shown = json.loads(workspace.run("checkpoint", "show", "job.json", "--format", "json").out)
    maxima = shown["watermarkMaximaMs"]
    assert maxima[f"source/{topic}/0"] == OLD + HOUR + 59_000
    assert maxima[f"source/{topic}/1"] == OLD + 59_000
    broker.produce(topic, rows(70, 0, OLD + HOUR + 70_000))
    workspace.run("run", "job.json")
    assert windows(workspace)[2:] == [((OLD + HOUR) // 1000, 60), ((OLD + HOUR) // 1000 + 60, 60)]
    # It lives: what comes next of partition 0 closes nothing.
    broker.produce(topic, rows(1, 1, OLD + HOUR + 135_000) + rows(200, 0, OLD + HOUR + 140_000))
    workspace.run("run", "job.json")
    assert len(windows(workspace)) == 4 and late(workspace) == 0
