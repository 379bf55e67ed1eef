"""A `where` over Parquet files: what cannot have wanted rows is not read, and counts as read."""

import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

START = datetime.datetime(2026, 1, 5, 10, 0, tzinfo=datetime.timezone.utc)
ROWS, GROUP = 4_000, 1_000


def write(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({
        "t": pa.array([START + datetime.timedelta(seconds=row) for row in range(ROWS)],
                      pa.timestamp("us", "UTC")),
        "p": pa.array([float(row) for row in range(ROWS)]),
        "symbol": [f"S{row // GROUP}" for row in range(ROWS)], **columns})
    pq.write_table(table, path, row_group_size=GROUP, write_page_index=True, compression="none",
                   use_dictionary=False)
    return path


def spoil(path, *groups):
    """Makes the data of some row groups unreadable."""
    metadata = pq.ParquetFile(path).metadata
    bytes_ = bytearray(path.read_bytes())
    for group in groups:
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            start = chunk.data_page_offset
            bytes_[start:start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(bytes(bytes_))


def job(where, **source):
    return {"name": "m",
            "sources": [{"name": "files", "format": "parquet", "path": "in", "where": where, **source,
                         "watermark": {"eventTime": "t", "delayThreshold": "0 seconds"}}],
            "trigger": {"availableNow": True},
            "queries": [{"name": "q", "groupBy": ["symbol"],
                         "select": ["symbol", "count(*) AS n", "sum(p) AS s"], "outputMode": "complete",
                         "sinks": [{"format": "table", "path": "lake/q"}]}]}


def result(workspace):
    return workspace.query("SELECT symbol, n, s FROM '{lake}/q/*.parquet' ORDER BY 1")


@pytest.mark.parametrize("where, kept", [
    ("p >= 1500 AND p < 1600", [1]), ("symbol = 'S2'", [2]), ("symbol IN ('S0', 'S1')", [0, 1]),
    ("p BETWEEN 900 AND 950 OR p = 1005.5 OR p = 1000", [0, 1]), ("t >= TIMESTAMP '2026-01-05 10:50:00Z'", [3]), ("p > 9999 AND p < 99999", [])])
def test_what_cannot_fulfil_it_is_not_read(workspace, where, kept):
    path = write(workspace.path / "in/a.parquet")
    workspace.run("run", workspace.job(job(where)))
    right = result(workspace)
    workspace.run("clear", "job.json", "--yes")
    spoil(path, *[group for group in range(4) if group not in kept])
    [progress] = workspace.progress("job.json")
    assert result(workspace) == right
    # The rows count as read.
    assert progress["numInputRows"] == ROWS
    assert json.loads(str(progress["sources"][0]["endOffset"])) == ROWS
    workspace.run("clear", "job.json", "--yes")
    if len(kept) < 4:
        workspace.run("run", workspace.job(job("p + 0 >= 0")), check=1)


def test_limits_and_offsets_are_those_of_all_rows(workspace):
    for name in "abc":
        write(workspace.path / f"in/{name}.parquet")
    batches = workspace.progress(workspace.job(job("symbol = 'S1'", maxFilesPerTrigger=1)))
    assert [batch["numInputRows"] for batch in batches if batch["numInputRows"]] == [ROWS] * 3
    assert result(workspace) == [("S1", 3 * GROUP, 3.0 * sum(range(1_000, 2_000)))]
    workspace.run("replay", "job.json", "--from-checkpoint", "--verify")


def test_files_of_other_partitions_are_not_read(workspace):
    for day in ("2026-01-05", "2026-01-06"):
        path = write(workspace.path / f"in/day={day}/a.parquet")
    spoil(path, 0, 1, 2, 3)
    [progress] = workspace.progress(workspace.job(job("day = '2026-01-05'")))
    assert progress["numInputRows"] == 2 * ROWS
    assert [row[1] for row in result(workspace)] == [GROUP] * 4


def test_nulls_are_told_of_where_there_may_be_none(workspace):
    values = pa.array([None if row == 3_500 else row for row in range(ROWS)], pa.int64())
    write(workspace.path / "in/a.parquet", v=values)
    schema = [{"name": "t", "type": "timestamp"}, {"name": "p", "type": "double"},
              {"name": "symbol", "type": "string"}, {"name": "v", "type": "long", "nullable": False}]
    error = workspace.run(
        "run", workspace.job(job("symbol = 'S0'", schema=schema)), check=1).err
    assert "the column 'v' has nulls" in error


def test_nulls_and_nan_are_in_no_range_that_leaves_them_out(workspace):
    prices = pa.array([None if row % 3 == 0 else float("nan") if row % 5 == 0 else float(row)
                       for row in range(ROWS)])
    write(workspace.path / "in/a.parquet", v=prices)
    right = sum(1 for row in range(ROWS) if row % 3 and (row % 5 == 0 or row > 3_000))
    workspace.run("run", workspace.job(job("v > 3000")))
    assert sum(row[1] for row in result(workspace)) == right
