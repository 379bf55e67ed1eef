"""The four event-time sequences that tell a modern Spark from an older one, on a real Spark."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import differential  # noqa: E402
import engines  # noqa: E402
from generate import START, SECOND, Case  # noqa: E402


@pytest.fixture(scope="module")
def spark():
    session = engines.session()
    yield session
    session.stop()


def row(seconds):
    return {name: None for name in (
        "symbol", "price", "volume", "venue", "amount", "flag", "day")} | {
        "event_time": round(seconds * SECOND), "logged": START}


def job(delay, group="window(event_time, '5 seconds')", time="window.start"):
    return {
        "name": "sequence", "source": {"format": "log", "path": "log"},
        "watermark": {"eventTime": "event_time", "delayThreshold": delay},
        "trigger": {"availableNow": True},
        "queries": [{"name": "q", "groupBy": [group], "select": [f"{time} AS t", "count(*) AS n"],
                     "sinks": [{"format": "parquet", "path": "lake/rows"}]}]}


def run(spark, folder, job, phases):
    """Each batch's rows as (seconds, count), the same from both engines."""
    case = Case(job, [[[row(time) for time in batch] for batch in phase] for phase in phases])
    home = engines.fresh(folder / "case")
    ours, program = engines.on_streamer(case, home)
    sparks = engines.on_spark(spark, case, program, engines.fresh(home / "spark"))
    assert not differential.compare(ours, sparks)
    return [sorted((time // SECOND, n) for time, n in batch.rows) for batch in sparks]


def test_d1_without_an_idle_step_the_late_row_is_accepted(spark, tmp_path):
    # The third batch judges lateness by the watermark that the second one ran with.
    rows = run(spark, tmp_path, job("10 seconds"), [[[15], [25], [10]]])
    assert rows[2] == [(10, 1)]


def test_d1_with_an_idle_step_the_late_row_is_dropped(spark, tmp_path):
    rows = run(spark, tmp_path, job("10 seconds"), [[[15], [25]], [[10]]])
    assert (10, 1) not in sum(rows, [])


def test_d2_without_delay_a_row_at_the_maximum_is_late(spark, tmp_path):
    rows = run(spark, tmp_path, job("0 seconds", "event_time", "event_time"), [[[100]], [[100]]])
    assert sum(rows, []) == [(100, 1)]


def test_d3_a_row_at_the_epoch_is_late_in_the_first_batch(spark, tmp_path):
    rows = run(spark, tmp_path, job("0 seconds", "event_time", "event_time"),
               [[[0, -1, 1]], [[50]]])
    assert sum(rows, []) == [(1, 1), (50, 1)]


def test_d4_a_row_of_the_future_makes_every_other_late(spark, tmp_path):
    rows = run(spark, tmp_path, job("10 seconds"), [[[15]], [[86_415]], [[20], [30]]])
    assert sum(rows, []) == [(15, 1)]
