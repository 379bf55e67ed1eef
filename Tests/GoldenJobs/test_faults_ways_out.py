"""A batch that cannot be computed: the job can be changed so that it goes on, and loses nothing."""

import datetime
import json

import pytest

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


def test_other_aggregates_may_not(workspace):
    ticks(workspace)
    workspace.run("run", workspace.job(job(DIVISION, where="z > 0")))
    more = workspace.run("run", workspace.job(job("max(p) AS vwap", where="z > 0")), check=2)
    assert "the state has the old aggregates" in more.err


LINES = ["2026-01-05 10:{:02}:{:02},{},{}".format(n // 6, n % 6 * 10, n % 7, n % 3 + 1) for n in range(60)]


@pytest.mark.parametrize("format", ["parquet", "delta"])
@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("mode", ["append", "update"])
def test_aggregates_may_be_used_in_another_order(workspace, order, format, mode):
    """The state of every batch is found whichever order it was written in: deltas and snapshots."""
    aggregates = ["sum(p * z) AS s", "max(p) AS high", "count(*) AS n"]
    (workspace.path / "in").mkdir()
    made = job(DIVISION, outputMode=mode)
    made["options"] = {"stateSnapshotIntervalBatches": 4}
    made["watermark"] |= {"delayThreshold": "1 minute", "closeAtEnd": False}
    query = made["queries"][0]
    query["groupBy"] = ["window(t, '5 minutes')"]
    query["sinks"] = [{"format": "table", "keys": ["start"]} if mode == "update" else {"format": format}]
    query["sinks"][0]["path"] = "lake/candles"
    for batch in range(10):
        (workspace.path / f"in/{batch}.csv").write_text(
            "\n".join(["t,p,z", *LINES[batch * 6:batch * 6 + 6]]) + "\n")
        chosen = order if batch % 4 in (1, 2) else (0, 1, 2)
        query["select"] = ["unix_seconds(window.start) - 1767607200 AS start",
                           *(aggregates[index] for index in chosen)]
        workspace.run("run", workspace.job(made))
    out = workspace.run("lake", "show", "lake/candles", "--columns", "start,s,high,n", "--order-by",
                        "start", "--limit", "all", "--format", "csv").out
    right = []
    for start in range(0, 600, 300):
        values = [(n % 7, n % 3 + 1) for n in range(60) if start <= n * 10 < start + 300]
        right.append([start, sum(p * z for p, z in values), max(p for p, _ in values), len(values)])
    found = [[int(line[0]), float(line[1]), float(line[2]), int(line[3])]
             for line in (text.split(",") for text in out.splitlines()[1:])]
    assert found == right[:len(found)] and len(found) == (2 if mode == "update" else 1)
    workspace.run("checkpoint", "verify", "m")
    workspace.run("lake", "verify")
    workspace.run("state", "show", "m")


COUNTS = [("count(*)", "count(1)"), ("count(1)", "count(*)"), ("count(1)", "count('x')"), ("count(2, 3)", "count(*)"),
          ("count_if(z > 1)", "count(*) FILTER (WHERE z > 1)"), ("count(1) FILTER (WHERE z > 1)", "count_if(z > 1)")]


@pytest.mark.parametrize("before,after", COUNTS)
@pytest.mark.parametrize("others", [[], ["sum(z) AS s"]])
def test_a_count_of_all_rows_may_be_spelled_otherwise(workspace, before, after, others):
    """A count of a constant that is not null counts every row, and goes on as such."""
    ticks(workspace)
    made = job("count(*) AS n", outputMode="complete")
    made["queries"][0] |= {"groupBy": ["p > 5"], "sinks": [{"format": "table", "path": "lake/candles"}]}
    for number, spelling in enumerate((before, after, before)):
        made["queries"][0]["select"] = ["p > 5 AS k", f"{spelling} AS n", *others]
        workspace.run("run", workspace.job(made))
        workspace.run("checkpoint", "verify", "m")
        (workspace.path / f"in/b{number}.csv").write_text("t,p,z\n2026-01-05 10:02:00,3,1\n2026-01-05 10:02:30,7,5\n")
    workspace.run("run", "job.json")
    found = [line[1] for line in sorted(shown(workspace, "--columns", "k,n")[1:])]
    assert found == (["0", "3"] if "z > 1" in before else ["4", "5"])
    workspace.run("replay", "job.json", "--from-checkpoint", "--verify")


def test_a_count_of_a_constant_null_is_another(workspace):
    ticks(workspace)
    made = job("count(*) AS vwap")
    workspace.run("run", workspace.job(made))
    made["queries"][0]["select"][1] = "count(CAST(NULL AS INT)) AS vwap"
    made["queries"][0]["select"].pop()
    assert "the state has the old aggregates" in workspace.run("run", workspace.job(made), check=2).err


def test_an_aggregate_stays_in_use(workspace):
    """One that is taken away is named, and any expression that has it is a way on."""
    ticks(workspace)
    workspace.run("run", workspace.job(job("max(p) AS vwap")))
    (workspace.path / "in/b.csv").write_text("t,p,z\n2026-01-05 10:03:00,3,1\n")
    fewer = workspace.run("run", workspace.job(job("'x' AS venue")), check=2).err
    assert "the state has the old aggregates: max(p) must stay in use)" in fewer
    more = workspace.run("run", workspace.job(job("max(p) - min(p) AS vwap")), check=2).err
    assert "the state has the old aggregates: min(p) cannot be added)" in more
    other = workspace.run("run", workspace.job(job("min(p) AS vwap")), check=2).err
    assert "max(p) must stay in use, and min(p) cannot be added)" in other
    workspace.run("run", workspace.job(job("'x' AS venue", having="max(p) IS NULL OR true")))
    assert shown(workspace)[-1][-1] == "x"
    workspace.run("checkpoint", "verify", "m")


def test_a_column_keeps_its_type(workspace):
    ticks(workspace)
    workspace.run("run", workspace.job(job(DIVISION, where="z > 0")))
    text = job(f"CAST({DIVISION.removesuffix(' AS vwap')} AS STRING) AS vwap", where="z > 0")
    error = workspace.run("run", workspace.job(text), check=2).err
    assert "a column of that name and another type" in error
    assert "the state has the old aggregates" not in error


# Columns that come and go, and what tables that exist have then.

def two_runs(workspace, before, after, **sink):
    """A run with some columns beside `start`, more ticks, and a run with others."""
    ticks(workspace)
    for select in (before, after):
        made = job(DIVISION, where="z > 0")
        query = made["queries"][0]
        query["select"] = ["unix_seconds(window.start) - 1767607200 AS start", *select,
                           # What the state keeps stays the same.
                           "sum(p * z) + sum(z) + count(*) > 0 AS any"]
        query["sinks"] = [{"format": "parquet", "path": "lake/candles", **sink}]
        workspace.run("run", workspace.job(made))
        (workspace.path / "in/b.csv").write_text(
            "t,p,z\n2026-01-05 10:02:00,3,1\n2026-01-05 10:02:30,5,1\n")
    workspace.run("lake", "verify")
    workspace.run("checkpoint", "verify", "m")


def shown(workspace, *options):
    out = workspace.run("lake", "show", "lake/candles", "--format", "csv", *options).out
    return [line.split(",") for line in out.splitlines()]


RENAMED = (["sum(z) AS zs", "count(*) AS n"], ["sum(z) AS size", "count(*) AS n", "'x' AS venue"])
BOTH = [["start", "zs", "n", "any", "size", "venue"],
        ["0", "2", "2", "true", "", ""], ["120", "", "2", "true", "2", "x"]]


def test_columns_of_parquet_files_come_and_go(workspace):
    two_runs(workspace, *RENAMED)
    assert shown(workspace) == BOTH
    assert shown(workspace, "--where", "venue = 'x'")[1:] == BOTH[2:]
    assert shown(workspace, "--where", "zs = 2")[1:] == BOTH[1:2]
    found = workspace.query(
        "SELECT start, zs, n, size, venue FROM read_parquet('{lake}/candles/*.parquet', "
        "union_by_name = true) ORDER BY 1")
    assert found == [(0, 2, 2, None, None), (120, None, 2, 2, "x")]
    # Files of the same columns become one, others stay apart.
    workspace.run("lake", "compact", "candles")
    assert shown(workspace) == BOTH


def test_columns_of_partitions_come_and_go(workspace):
    two_runs(workspace, *RENAMED, partitionBy=["n"])
    assert shown(workspace, "--columns", "start,zs,size,venue,n")[1:] \
        == [["0", "2", "", "", "2"], ["120", "", "2", "x", "2"]]
    error = workspace.run("run", workspace.job(
        {**(made := json.loads((workspace.path / "job.json").read_text())),
         "queries": [{**made["queries"][0], "sinks": [
             {**made["queries"][0]["sinks"][0], "partitionBy": ["venue"]}]}]}), check=2).err
    assert "partitionBy" in error


def test_columns_of_a_delta_table_come_and_go(workspace):
    deltalake = pytest.importorskip("deltalake")
    two_runs(workspace, *RENAMED, format="delta")
    assert shown(workspace) == BOTH
    path = str(workspace.path / "lake/candles")
    table = deltalake.DeltaTable(path)
    found = table.to_pyarrow_table().sort_by("start").to_pydict()
    assert found["zs"] == [2, None] and found["size"] == [None, 2] and found["venue"] == [None, "x"]
    # A commit of its own says the columns; earlier versions have theirs.
    entries = sorted((workspace.path / "lake/candles/_delta_log").glob("*.json"))
    changes = [entry for entry in entries[1:] if "metaData" in entry.read_text()]
    assert len(changes) == 1 and "ADD COLUMNS" in changes[0].read_text()
    before = deltalake.DeltaTable(path, version=int(changes[0].stem) - 1)
    assert [field.name for field in before.schema().fields] == ["start", "zs", "n", "any"]
    workspace.run("lake", "compact", "candles")
    assert deltalake.DeltaTable(path).to_pyarrow_table().sort_by("start").to_pydict() == found
    workspace.run("run", "job.json")
    workspace.run("lake", "verify")


@pytest.mark.parametrize("format", ["table", "delta"])
@pytest.mark.parametrize("mode", ["complete", "update"])
def test_columns_of_a_replaced_table_come_and_go(workspace, format, mode):
    """Rows of other keys keep what they had."""
    ticks(workspace)
    for number, select in enumerate(RENAMED):
        made = job(DIVISION, where="z > 0", outputMode=mode)
        query = made["queries"][0]
        query["groupBy"] = ["p"]
        query["select"] = ["p", *select]
        query["sinks"] = [{"format": format, "path": "lake/candles"}]
        workspace.run("run", workspace.job(made))
        (workspace.path / "in/b.csv").write_text("t,p,z\n2026-01-05 10:02:00,6,3\n")
    kept = mode == "update"
    rows = {line[0]: dict(zip(shown(workspace)[0], line)) for line in shown(workspace)[1:]}
    assert rows["6.0"]["size"] == "4" and rows["6.0"]["venue"] == "x"
    assert rows["4.0"].get("zs") == ("1" if kept else rows["6.0"].get("zs"))
    assert rows["4.0"]["size"] == ("" if kept else "1")
    workspace.run("lake", "verify")
    workspace.run("run", "job.json")


def test_the_key_of_a_replaced_table_stays(workspace):
    ticks(workspace)
    for select, code in ((["p", "count(*) AS n"], 0), (["p AS price", "count(*) AS n"], 1)):
        made = job(DIVISION, where="z > 0", outputMode="update")
        query = made["queries"][0]
        query |= {"groupBy": ["p"], "select": select,
                  "sinks": [{"format": "table", "path": "lake/candles"}]}
        done = workspace.run("run", workspace.job(made), check=code)
        (workspace.path / "in/b.csv").write_text("t,p,z\n2026-01-05 10:02:00,6,3\n")
    assert "the key 'price' is not a column of the table" in done.err


def test_columns_of_a_projection_come_and_go(workspace):
    ticks(workspace)
    for select in (["t", "p"], ["t", "z", "p * 2 AS double"]):
        made = job(DIVISION)
        made["queries"] = [{"name": "candles", "select": select, "outputMode": "append",
                            "sinks": [{"format": "parquet", "path": "lake/candles"}]}]
        workspace.run("run", workspace.job(made))
        (workspace.path / "in/b.csv").write_text("t,p,z\n2026-01-05 10:02:00,6,3\n")
    assert [line[1:] for line in shown(workspace)] == [
        ["p", "z", "double"], ["4.0", "", ""], ["6.0", "", ""], ["7.0", "", ""], ["", "3", "12.0"]]
    # Another type under an old name: nothing of the batch is there.
    made["queries"][0]["select"] = ["t", "CAST(z AS STRING) AS z"]
    (workspace.path / "in/c.csv").write_text("t,p,z\n2026-01-05 10:03:00,6,3\n")
    error = workspace.run("run", workspace.job(made), check=1).err
    assert "it has z long, now z string" in error and "another name" in error
    assert len(shown(workspace)) == 5


def test_a_run_that_dies_while_columns_change_goes_on(workspace):
    """The table's mark of the new columns is there, that of the old ones too."""
    two_runs(workspace, *RENAMED)
    table = workspace.path / "lake/candles"
    [mark] = table.glob("_streamer,*")
    parts = mark.name.split(",")
    (table / ",".join([*parts[:2], "0123456789abcdef", *parts[3:]])).write_bytes(b"")
    workspace.run("run", "job.json")
    assert list(table.glob("_streamer,*")) == [mark]
    assert shown(workspace) == BOTH


# What may still change while nothing is committed.

@pytest.mark.parametrize("format", ["parquet", "delta"])
def test_columns_may_change_before_the_first_commit(workspace, format):
    (workspace.path / "in").mkdir()
    (workspace.path / "in/a.csv").write_text("t,p,z\n2026-01-05 10:00:00,4,1.5\n2026-01-05 10:01:00,6,2\n")
    made = job("sum(z) AS vwap")
    made["queries"][0]["sinks"][0]["format"] = format
    error = workspace.run("run", workspace.job(made), check=1).err
    assert "z is not an integer" in error
    made["source"]["columns"][2]["type"] = "double"
    made["queries"][0]["select"] = ["unix_seconds(window.start) - 1767607200 AS start",
                                    "sum(z) + max(p) AS vwap", "count(*) AS n"]
    workspace.run("run", workspace.job(made))
    assert shown(workspace) == [["start", "vwap", "n"], ["0", "5.5", "1"], ["60", "8.0", "1"]]
    workspace.run("lake", "verify")
    # From here on they stay.
    made["source"]["columns"][2]["type"] = "string"
    made["queries"][0]["select"][1] = "max(z) AS vwap"
    error = workspace.run("run", workspace.job(made), check=2).err
    assert "source.columns[z].type" in error and "the state has the old aggregates" in error


def test_what_is_read_may_not_change_before_the_first_commit(workspace):
    """The batch that was planned has offsets of the old files."""
    (workspace.path / "in").mkdir()
    (workspace.path / "in/a.csv").write_text("t,p,z\n2026-01-05 10:00:00,4,1.5\n")
    made = job("sum(z) AS vwap")
    workspace.run("run", workspace.job(made), check=1)
    made["source"]["path"] = "other"
    assert "source.path" in workspace.run("run", workspace.job(made), check=2).err
