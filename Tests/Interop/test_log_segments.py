"""The segments of a tick log, opened by pyarrow and Polars while the log is in use.

The log is written by the Swift test `aLogIsWritten`: one segment rewritten in compressed groups,
one sealed, one live.
"""

import os
import pathlib
import subprocess

import polars
import pyarrow as pa
import pyarrow.ipc
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    subprocess.run(
        ["swift", "test", "--filter", "aLogIsWritten"],
        cwd=ROOT, check=True, env=os.environ | {"STREAMER_TEST_LOG": str(folder)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    return folder


def plain(table):
    """Rows with dictionaries as the strings they stand for."""
    return table.to_pylist()


def segments(log):
    return sorted((log / "ticks").glob("*.arrows"))


def test_pyarrow_reads_every_kind_of_segment(log):
    rows = pa.ipc.open_stream((log / "rows.arrows").read_bytes()).read_all()
    found = [pa.ipc.open_stream(pa.memory_map(str(path))).read_all() for path in segments(log)]
    assert [int(path.stem) for path in segments(log)] == [0, 500, 1000]
    assert [table.num_rows for table in found] == [500, 500, 500]
    for table in found:
        assert table.schema.remove_metadata() == rows.schema.remove_metadata()
        table.validate(full=True)
    assert sum((plain(table) for table in found), []) == plain(rows)
    assert rows.schema.field("event_time").type == pa.timestamp("us", "UTC")
    assert rows.schema.field("amount").type == pa.decimal128(18, 4)
    assert rows.schema.field("symbol").nullable is False


def test_batches_say_where_they_belong(log):
    offset = 0
    for path in segments(log):
        reader = pa.ipc.open_stream(path.read_bytes())
        head = {k.decode(): v.decode() for k, v in reader.schema.metadata.items()}
        assert int(head["base_offset"]) == offset == int(path.stem)
        assert head["time_column"] == "event_time"
        while True:
            try:
                item = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                break
            metadata = {k.decode(): v.decode() for k, v in item.custom_metadata.items()}
            assert int(metadata["base_offset"]) == offset
            assert int(metadata["rows"]) == item.batch.num_rows
            times = [t for t in item.batch["event_time"].cast(pa.int64()).to_pylist() if t is not None]
            assert int(metadata["time_min"]) == min(times)
            assert int(metadata["time_max"]) == max(times)
            assert len(metadata["checksum"]) == 16
            offset += item.batch.num_rows
    assert offset == 1500


def test_polars_reads_every_kind_of_segment(log):
    rows = polars.read_ipc_stream(log / "rows.arrows")
    found = polars.concat([polars.read_ipc_stream(path) for path in segments(log)])
    assert found.rows() == rows.rows()
