"""A batch that cannot be computed: the job can be changed so that it goes on, and loses nothing."""

import datetime

START = datetime.datetime(2026, 1, 5, 10, 0, tzinfo=datetime.timezone.utc)


def job(vwap, **more):
    return {
        "name": "m",
        "source": {"format": "csv", "path": "in", "eventTime": "t",
                   "columns": [{"name": "t", "type": "timestamp"}, {"name": "p", "type": "double"},
                               {"name": "z", "type": "long"}]},
        "watermark": {"eventTime": "t", "delayThreshold": "0 seconds", "closeAtEnd": True},
        "trigger": {"availableNow": True},
        "queries": [{
            "name": "candles", "groupBy": ["window(t, '1 minute')"],
            "select": ["unix_seconds(window.start) AS start", vwap, "count(*) AS n"],
            "outputMode": "append", "sinks": [{"format": "parquet", "path": "lake/candles"}],
            **more}],
    }


def rows(workspace):
    return workspace.query(
        f"SELECT start - {int(START.timestamp())}, vwap, n FROM '{{lake}}/candles/*.parquet' ORDER BY 1")


def ticks(workspace):
    (workspace.path / "in").mkdir()
    (workspace.path / "in/a.csv").write_text(
        "t,p,z\n2026-01-05 10:00:00,4,1\n2026-01-05 10:00:01,6,1\n2026-01-05 10:01:00,7,0\n")


DIVISION = "CAST(sum(p * z) AS DOUBLE) / sum(z) AS vwap"


def test_an_expression_over_the_same_aggregates_may_change(workspace):
    ticks(workspace)
    done = workspace.run("run", workspace.job(job(DIVISION)), check=1)
    assert "DIVIDE_BY_ZERO" in done.err
    again = workspace.run("run", "job.json", check=1)
    assert "DIVIDE_BY_ZERO" in again.err
    workspace.run("run", workspace.job(job("try_divide(CAST(sum(p * z) AS DOUBLE), sum(z)) AS vwap")))
    assert rows(workspace) == [(0, 5.0, 2), (60, None, 1)]
    workspace.run("checkpoint", "verify", "m")
    workspace.run("lake", "verify")


def test_having_may_change_over_the_same_aggregates(workspace):
    ticks(workspace)
    workspace.run("run", workspace.job(job(DIVISION)), check=1)
    workspace.run("run", workspace.job(job(DIVISION, having="sum(z) > 0")))
    assert rows(workspace) == [(0, 5.0, 2)]


def test_other_aggregates_and_other_columns_may_not(workspace):
    ticks(workspace)
    workspace.run("run", workspace.job(job(DIVISION, where="z > 0")))
    more = workspace.run("run", workspace.job(job("max(p) AS vwap", where="z > 0")), check=2)
    assert "the state has the old aggregates" in more.err
    named = workspace.run(
        "run", workspace.job(job(DIVISION.replace("vwap", "mean"), where="z > 0")), check=2)
    assert "the rows so far have the old columns" in named.err
    assert "the state has the old aggregates" not in named.err
