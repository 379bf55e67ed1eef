"""`log append` from standard input: the Arrow streams that pyarrow and Polars write, as they write them."""

import datetime
import decimal
import io
import struct

import polars
import pyarrow as pa
import pyarrow.compute
import pytest

UTC = datetime.timezone.utc
TIMES = [datetime.datetime(2026, 1, 5, 0, 0, second, 250_000, tzinfo=UTC) for second in range(3)]
SYMBOLS, PRICES = ["IBM", "é", None], [1.5, None, -3.25]
BASE = {"event_time": pa.array(TIMES, pa.timestamp("us", "UTC")), "symbol": pa.array(SYMBOLS),
        "price": pa.array(PRICES)}
FRAME = polars.DataFrame({"event_time": TIMES, "symbol": SYMBOLS, "price": PRICES})


def by_pyarrow(options=None, batches=1, **columns):
    table = pa.table({**BASE, **columns})
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=options) as stream:
        stream.write_table(table, max_chunksize=-(-table.num_rows // batches))
    return out.getvalue()


def by_polars(*changes, file=False, **options):
    out = io.BytesIO()
    frame = FRAME.with_columns(*changes)
    (frame.write_ipc if file else frame.write_ipc_stream)(out, **options)
    return out.getvalue()


def file_by_pyarrow(options=None, batches=1, **columns):
    table = pa.table({**BASE, **columns})
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema, options=options) as file:
        file.write_table(table, max_chunksize=-(-table.num_rows // batches))
    return out.getvalue()


def with_a_batch_twice():
    """A file whose footer has the place of the first of its batches for the second, too."""
    content = bytearray(file_by_pyarrow(batches=3))
    footer = len(content) - 10 - int.from_bytes(content[-10:-6], "little")
    batches = [place for place in range(8, footer, 8)
               if content[place:place + 4] == b"\xff" * 4 and content[place + 4:place + 8] != bytes(4)][-3:]
    first, second = (place.to_bytes(8, "little") for place in batches[:2])
    place = content.index(second, footer)
    content[place:place + 8] = first
    return bytes(content)


def times(unit, zone="UTC"):
    return BASE["event_time"].cast(pa.timestamp(unit, zone))


symbol, event_time = polars.col("symbol"), polars.col("event_time")
STREAMS = {
    "pyarrow": by_pyarrow(),
    "pyarrow, a batch a row": by_pyarrow(batches=3),
    "pyarrow, lz4": by_pyarrow(pa.ipc.IpcWriteOptions(compression="lz4")),
    "pyarrow, zstd": by_pyarrow(pa.ipc.IpcWriteOptions(compression="zstd")),
    "pyarrow, dictionary": by_pyarrow(symbol=BASE["symbol"].dictionary_encode()),
    "pyarrow, large_string": by_pyarrow(symbol=BASE["symbol"].cast(pa.large_string())),
    "pyarrow, string_view": by_pyarrow(symbol=BASE["symbol"].cast(pa.string_view())),
    "pyarrow, ms": by_pyarrow(event_time=times("ms")),
    "pyarrow, ns": by_pyarrow(event_time=times("ns")),
    "pyarrow, no zone": by_pyarrow(event_time=times("us", None)),
    "pyarrow, another zone": by_pyarrow(event_time=times("us", "America/New_York")),
    "pyarrow, float": by_pyarrow(price=BASE["price"].cast(pa.float32())),
    "pyarrow, runs": by_pyarrow(price=pa.compute.run_end_encode(BASE["price"])),
    "pyarrow, half": by_pyarrow(price=BASE["price"].cast(pa.float16())),
    "pyarrow, dictionary of prices": by_pyarrow(price=BASE["price"].dictionary_encode()),
    "pyarrow, file": file_by_pyarrow(batches=3),
    "pyarrow, file, dictionary": file_by_pyarrow(symbol=BASE["symbol"].dictionary_encode()),
    "polars, file": by_polars(file=True),
    "polars, file, zstd": by_polars(file=True, compression="zstd"),
    "polars, file, categorical": by_polars(symbol.cast(polars.Categorical), file=True),
    "polars": by_polars(),
    "polars, lz4": by_polars(compression="lz4"),
    "polars, zstd": by_polars(compression="zstd"),
    "polars, oldest": by_polars(compat_level=polars.CompatLevel.oldest()),
    "polars, categorical": by_polars(symbol.cast(polars.Categorical)),
    "polars, enum": by_polars(symbol.cast(polars.Enum(["é", "IBM"]))),
    "polars, ms": by_polars(event_time.dt.cast_time_unit("ms")),
    "polars, ns": by_polars(event_time.dt.cast_time_unit("ns")),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_what_they_write_is_appended_and_comes_back(workspace, stream):
    workspace.run("log", "append", "log/t", "-", "--format", "arrow", stdin=stream)
    workspace.run("log", "append", "log/t", "-", "--format", "arrow", "--again", stdin=stream)
    out = workspace.run("log", "cat", "log/t", "--format", "arrow").stdout
    rows = pa.ipc.open_stream(out).read_all().to_pylist()
    assert [row["event_time"] for row in rows] == TIMES * 2
    assert [row["symbol"] for row in rows] == SYMBOLS * 2
    assert [row["price"] for row in rows] == PRICES * 2
    assert polars.read_ipc_stream(out).height == 6


@pytest.mark.parametrize("kind, values", [
    (pa.int8(), [1, None, -3]), (pa.uint16(), [1, None, 3]), (pa.uint32(), [1, None, 2 ** 32 - 1]),
    (pa.int64(), [1, None, -2 ** 63]),
    (pa.decimal128(10, 2), [decimal.Decimal("1.50"), None, decimal.Decimal("-3.25")]),
    (pa.decimal32(9, 2), [decimal.Decimal("1.50"), None, decimal.Decimal("-3.25")]),
    (pa.decimal256(38, 2), [decimal.Decimal("1.50"), None, decimal.Decimal("-3.25")]),
    (pa.binary(), [b"\xff\x00", None, b""]), (pa.binary(2), [b"\xff\x00", None, b"ab"]),
    (pa.binary_view(), [b"\xff" * 20, None, b""]),
])
def test_values_of_every_width_come_back(workspace, kind, values):
    stream = by_pyarrow(price=pa.array(values, kind))
    workspace.run("log", "append", "log/t", "-", "--format", "arrow", stdin=stream)
    out = workspace.run("log", "cat", "log/t", "--format", "arrow").stdout
    assert pa.ipc.open_stream(out).read_all()["price"].to_pylist() == values


def dictionary_of_shared_bytes():
    """A dictionary whose 20,000 entries are one MiB in the file, and would be 20 GB one behind the other."""
    view = struct.pack("<i4sii", 1 << 20, b"xxxx", 0, 0)
    entries = pa.Array.from_buffers(
        pa.string_view(), 20_000, [None, pa.py_buffer(view * 20_000), pa.py_buffer(b"x" * (1 << 20))])
    return by_pyarrow(price=pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int32()), entries))


@pytest.mark.parametrize("kind, values, texts", [
    (pa.time32("s"), [1, None, 86_399], ["1000000", "", "86399000000"]),
    (pa.time64("ns"), [999, None, 86_399_999_999_999], ["0", "", "86399999999"]),
    (pa.duration("ms"), [-1, None, 2], ["-1000", "", "2000"]),
    (pa.duration("ns"), [-1, None, 1], ["-1", "", "0"]),
    (pa.month_day_nano_interval(), [(-3, 5, -7), None, (0, 0, 0)], ["P-3M5DT-0.000000007S", "", "PT0S"]),
    (pa.decimal256(76, 2), [decimal.Decimal("-0.05"), None, decimal.Decimal("9" * 74 + ".99")],
     ["-0.05", "", "9" * 74 + ".99"]),
])
def test_types_without_one_of_ours_come_back_as_numbers_and_texts(workspace, kind, values, texts):
    stream = by_pyarrow(price=pa.array(values, kind))
    workspace.run("log", "append", "log/t", "-", "--format", "arrow", stdin=stream)
    workspace.run("log", "append", "log/t", "-", "--format", "arrow", "--again", stdin=stream)
    lines = workspace.run("log", "cat", "log/t", "--format", "csv").out.splitlines()
    place = lines[0].split(",").index("price")
    assert [line.split(",")[place] for line in lines[1:]] == texts * 2
    out = workspace.run("log", "cat", "log/t", "--format", "arrow").stdout
    prices = pa.ipc.open_stream(out).read_all()["price"].to_pylist()
    assert [("" if value is None else str(value)) for value in prices] == texts * 2


@pytest.mark.parametrize("stream, complaint", [
    (by_pyarrow(price=pa.array([{"a": 1}] * 3)), "price"),
    (by_pyarrow()[:200], "Arrow"), (b"", "Arrow"), (b"symbol,price\nA,1\n", "expected an Arrow stream or file"),
    (file_by_pyarrow()[:-9], "the file has no footer: its writer has not finished, or it was cut"),
    (b"ARROW1\0\0", "the file has no footer"),
    (file_by_pyarrow()[:-10] + (1 << 20).to_bytes(4, "little") + b"ARROW1", "the footer's length is wrong"),
    (b"PAR1" + bytes(40), "expected an Arrow stream or file"),
    (with_a_batch_twice(), "the footer has a message twice"),
    (dictionary_of_shared_bytes(), "column 'price': a dictionary of more than 2 GiB of strings"),
    (by_pyarrow(price=pa.array([1, 2 ** 62, 3], pa.duration("s"))),
     "column 'price': the value of row 1 (4611686018427387904) does not fit"),
])
def test_what_cannot_be_appended_is_named(workspace, stream, complaint):
    failed = workspace.run("log", "append", "log/t", "-", "--format", "arrow", stdin=stream, check=None)
    assert failed.returncode in (1, 2) and complaint in failed.err
