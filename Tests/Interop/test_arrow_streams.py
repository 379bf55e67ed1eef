"""Arrow IPC streams of other writers, read and written again by us, judged by pyarrow.

Each stream is written here, read by the Swift test `streamsAreReadAndWrittenAgain`, written again
by it without and with compression, and compared value by value. The golden streams of the Arrow
project go the same way.
"""

import datetime
import decimal
import os
import pathlib
import subprocess

import duckdb
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pytest

import exchange

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "../shared/data/conformance/arrow-ipc-stream"
UTC = datetime.timezone.utc


def tables():
    """Tables by name; each goes out through every writer below."""
    n = 1000
    nulls = lambda values: [None if i % 7 == 3 else v for i, v in enumerate(values)]
    integers = {
        f"{sign}int{bits}": pa.array(
            nulls([(i * 37) % (1 << (bits - 1)) - (0 if sign else 1 << (bits - 2)) for i in range(n)]),
            type=getattr(pa, f"{sign}int{bits}")(),
        )
        for bits in (8, 16, 32, 64)
        for sign in ("", "u")
    }
    words = ["", "IBM", "caf\u00e9", "a string longer than twelve bytes \U0001f600", "AAPL"]
    text = nulls([words[i % 5] for i in range(n)])
    yield "integers", pa.table(integers)
    yield "floats", pa.table(
        {
            "float16": pa.array(nulls([i / 8 for i in range(n)]), pa.float16()),
            "float32": pa.array(nulls([i / 8 for i in range(n)]), pa.float32()),
            "float64": pa.array(nulls([i / 3 for i in range(n)]), pa.float64()),
        }
    )
    yield "text", pa.table(
        {
            "utf8": pa.array(text, pa.utf8()),
            "large": pa.array(text, pa.large_utf8()),
            "view": pa.array(text, pa.string_view()),
        }
    )
    blobs = nulls([[b"", b"\xff\x00", b"\xc3", b"more than twelve bytes \xff"][i % 4] for i in range(n)])
    yield "bytes", pa.table(
        {
            "binary": pa.array(blobs, pa.binary()),
            "large": pa.array(blobs, pa.large_binary()),
            "view": pa.array(blobs, pa.binary_view()),
            "fixed": pa.array(nulls([bytes([i % 256, 255]) for i in range(n)]), pa.binary(2)),
            "dictionary": pa.array(blobs, pa.binary()).dictionary_encode(),
        }
    )
    yield "dictionaries of values", pa.table(
        {
            str(kind): pa.array(nulls([i % 5 for i in range(n)])).cast(kind).dictionary_encode()
            for kind in (pa.int8(), pa.int64(), pa.float32(), pa.timestamp("ms"))
        }
        | {"null in dictionary": pa.DictionaryArray.from_arrays(
            pa.array([i % 3 for i in range(n)]), pa.array([1.5, None, -2.5]))}
    )
    yield "dictionaries", pa.table(
        {
            str(t): pa.array(text, pa.utf8()).dictionary_encode().cast(pa.dictionary(t, pa.utf8()))
            for t in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(),
                      pa.int64(), pa.uint64())
        }
        | {"large": pa.array(text, pa.large_utf8()).dictionary_encode()}
    )
    yield "null in dictionary", pa.table(
        {"d": pa.DictionaryArray.from_arrays([0, 1, None, 2, 1], ["a", None, "b"])}
    )
    yield "times", pa.table(
        {
            f"{unit} {zone}": pa.array(
                nulls([(i - 500) * 1_234_567 for i in range(n)]), pa.timestamp(unit, tz=zone)
            )
            for unit in ("s", "ms", "us", "ns")
            for zone in (None, "UTC", "Europe/Berlin")
        }
        | {
            "date32": pa.array(nulls(range(n)), pa.int32()).cast(pa.date32()),
            "date64": pa.array(nulls([(i - 500) * 86_400_000 for i in range(n)])).cast(pa.date64()),
        }
    )
    yield "decimals", pa.table(
        {
            f"d{p}_{s}": pa.array(
                nulls([decimal.Decimal((-1) ** i * i).scaleb(-s) for i in range(n)]),
                pa.decimal128(p, s),
            )
            for p, s in ((3, 0), (18, 4), (19, 4), (38, 10))
        }
        | {
            f"d{bits}_{p}_{s}": pa.array(
                nulls([decimal.Decimal((-1) ** i * i).scaleb(-s) for i in range(n)]),
                getattr(pa, f"decimal{bits}")(p, s))
            for bits, p, s in ((32, 9, 2), (64, 18, 6), (256, 10, 0), (256, 38, 20))
        }
    )
    clock = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
    yield "times of day", pa.table(
        {
            str(kind): pa.array(nulls([clock[kind.unit] * i // n for i in range(n)]), kind)
            for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))
        }
    )
    yield "durations", pa.table(
        {
            unit: pa.array(nulls([(i - 500) * 1_234_567_891 for i in range(n)]), pa.duration(unit))
            for unit in ("s", "ms", "us", "ns")
        }
        | {"runs": pa.RunEndEncodedArray.from_arrays(
            pa.array(range(10, n + 10, 10), pa.int32()), pa.array(range(n // 10), pa.duration("ms")))}
    )
    parts = [(0, 0, 0), (-3, 5, -7), (1, 0, 0), (0, -1, 0), (0, 0, 10**9), (0, 0, -1), (13, 40, 86_400_500_000_000),
             (2**31 - 1, 2**31 - 1, 2**63 - 1), (-2**31, -2**31, -2**63)]
    intervals = pa.array(nulls([parts[i % 9] for i in range(n)]), pa.month_day_nano_interval())
    yield "intervals", pa.table(
        {
            "plain": intervals,
            "dictionary": pa.DictionaryArray.from_arrays(
                pa.array([i % 3 for i in range(n)]),
                pa.array([parts[1], None, parts[8]], pa.month_day_nano_interval())),
        }
    )
    with decimal.localcontext(prec=80):
        wide = {
            (p, s): [decimal.Decimal((-1) ** i * (10**p - 1 if i % 9 == 0 else (i << 3 * (i % 70)) % 10**p)).scaleb(-s)
                     for i in range(n)]
            for p, s in ((39, 0), (39, 39), (50, 7), (76, 0), (76, 38), (76, 76))
        }
    yield "wide decimals", pa.table(
        {f"d{p}_{s}": pa.array(nulls(values), pa.decimal256(p, s)) for (p, s), values in wide.items()}
        | {"dictionary": pa.array(wide[50, 7][:40] * 25, pa.decimal256(50, 7)).dictionary_encode()}
    )
    yield "dictionary of nulls", pa.table(
        {"d": pa.DictionaryArray.from_arrays(pa.array(nulls([i % 2 for i in range(n)]), pa.int8()), pa.nulls(2))}
    )
    yield "booleans and nulls", pa.table(
        {
            "bool": pa.array(nulls([i % 3 == 0 for i in range(n)])),
            "null": pa.nulls(n),
            "all null": pa.array([None] * n, pa.utf8()),
        }
    )
    yield "sliced", pa.table({"b": pa.array([True, None, False] * 50), "s": text[:150]}).slice(13, 99)
    yield "runs", pa.table(
        {
            str(kind): pa.RunEndEncodedArray.from_arrays(
                pa.array(range(10, n + 10, 10), kind),
                pa.array([None if i % 5 == 2 else i for i in range(n // 10)], pa.int64()))
            for kind in (pa.int16(), pa.int32(), pa.int64())
        }
    )
    yield "no rows", pa.table({"a": pa.array([], pa.int32()), "s": pa.array([], pa.utf8())})


def pyarrow_stream(table, rows=None, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)
    ) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue().to_pybytes()


WRITERS = {
    "plain": lambda t: pyarrow_stream(t),
    "batches": lambda t: pyarrow_stream(t, rows=77),
    "zstd": lambda t: pyarrow_stream(t, compression="zstd"),
    "lz4": lambda t: pyarrow_stream(t, compression="lz4"),
    "legacy": lambda t: pyarrow_stream(t, use_legacy_format=True),
    "version 4": lambda t: pyarrow_stream(t, metadata_version=pa.ipc.MetadataVersion.V4),
}


def polars_stream(table, compression):
    import io

    sink = io.BytesIO()
    polars.from_arrow(table).write_ipc_stream(sink, compression=compression)
    return sink.getvalue()


def delta_stream():
    """Batches whose dictionary grows by delta messages."""
    sink = pa.BufferOutputStream()
    schema = pa.schema([("d", pa.dictionary(pa.int32(), pa.utf8()))])
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        words = []
        for word in ("a", "b", "caf\u00e9", "d"):
            words.append(word)
            array = pa.DictionaryArray.from_arrays(
                pa.array([*range(len(words)), None], pa.int32()), words)
            writer.write_batch(pa.record_batch([array], schema=schema))
    return sink.getvalue().to_pybytes()


def canonical(column):
    """The values as we must give them back, in plain Python."""
    kind = column.type
    if isinstance(kind, pa.RunEndEncodedType):
        return canonical(pc.run_end_decode(column))
    if isinstance(kind, pa.BaseExtensionType):
        return canonical(column.cast(kind.storage_type))
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_interval(kind):
        return [v if v is None else exchange.interval_text(*v) for v in column.to_pylist()]
    if pa.types.is_decimal(kind) and kind.precision > 38:
        return [v if v is None else format(v, "f") for v in column.to_pylist()]
    if pa.types.is_time32(kind):
        column = column.cast(pa.int32())
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        numbers = column.cast(pa.int64())
        factor = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": None}[kind.unit]
        return [
            v if v is None else (v // 1000 if factor is None else v * factor)
            for v in numbers.to_pylist()
        ]
    if pa.types.is_date64(kind):
        return [v if v is None else v // 86_400_000 for v in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_date32(kind):
        return column.cast(pa.int32()).to_pylist()
    return column.to_pylist()


def expected_type(kind):
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind):
        small = kind.bit_width < 32 or kind == pa.int32()
        return pa.int32() if small else pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC")
    if pa.types.is_date(kind):
        return pa.date32()
    if isinstance(kind, pa.RunEndEncodedType):
        return expected_type(kind.value_type)
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        return pa.decimal128(kind.precision, kind.scale)
    if pa.types.is_boolean(kind):
        return kind
    text = exchange.is_text(kind) or pa.types.is_null(kind) or pa.types.is_interval(kind) or \
        pa.types.is_decimal(kind)
    return pa.dictionary(pa.int32(), pa.utf8() if text else pa.binary())


def same(left, right):
    return repr(left) == repr(right)


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    """The directory with every stream, read and written again by the Swift test."""
    folder = tmp_path_factory.mktemp("arrow")
    for name, table in tables():
        for writer, write in WRITERS.items():
            (folder / f"{name}, {writer}.in").write_bytes(write(table))
        if name in ("integers", "floats", "text", "times", "sliced"):
            for compression in ("uncompressed", "lz4", "zstd"):
                stream = polars_stream(table, compression)
                (folder / f"{name}, polars {compression}.in").write_bytes(stream)
    (folder / "delta dictionaries.in").write_bytes(delta_stream())
    for path in sorted(GOLDEN.glob("*/*.stream")):
        name = f"golden {path.parent.name} {path.stem}"
        (folder / f"{name}.in").write_bytes(path.read_bytes())
    refused = {
        "uint64 too large": pa.table({"n": pa.array([1 << 63], pa.uint64())}),
        "list": pa.table({"l": pa.array([[1]])}),
        "duration overflow": pa.table({"d": pa.array([1 << 62], pa.duration("ms"))}),
        "negative scale": pa.table({"d": pa.array([decimal.Decimal(100)], pa.decimal256(40, -2))}),
        "too many digits": pa.table({"d": pa.Array.from_buffers(
            pa.decimal256(39, 2), 1, [None, pa.py_buffer((10**39).to_bytes(32, "little"))])}),
        "second overflow": pa.table({"t": pa.array([1 << 62], pa.timestamp("s"))}),
        "dictionary of lists": pa.table({"i": pa.DictionaryArray.from_arrays([0, 0], pa.array([[1]]))}),
    }
    for name, table in refused.items():
        (folder / f"refused {name}.in").write_bytes(pyarrow_stream(table))
    subprocess.run(
        ["swift", "test", "--filter", "streamsAreReadAndWrittenAgain"],
        cwd=ROOT, check=True, env=os.environ | {"STREAMER_TEST_ARROW": str(folder)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    return folder


def compare(source, path):
    table = pa.ipc.open_stream(source.read_bytes()).read_all()
    for suffix in (".plain", ".zstd"):
        back = pa.ipc.open_stream(path.with_name(path.name + suffix).read_bytes())
        ours = back.read_all()
        assert ours.column_names == table.column_names
        for name in table.column_names:
            if str(table.schema.field(name).type) in ("month_interval", "day_time_interval"):
                # pyarrow cannot hold them: test_conformance.py compares them with their JSON.
                continue
            assert ours.schema.field(name).type == expected_type(table.schema.field(name).type)
            assert same(canonical(ours[name]), canonical(table[name])), name
            ours[name].validate(full=True)


def test_streams_of_other_writers_come_back_unchanged(rewritten):
    sources = [p for p in rewritten.glob("*.in") if not p.name.startswith(("golden", "refused"))]
    assert len(sources) > 70
    for source in sources:
        base = source.with_name(source.name.removesuffix(".in"))
        error = base.with_name(base.name + ".error")
        assert not error.exists(), f"{source.name}: {error.read_text()}"
        compare(source, base)


def test_what_cannot_be_read_is_refused_by_name(rewritten):
    for source in rewritten.glob("refused *.in"):
        error = source.with_name(source.name.removesuffix(".in") + ".error").read_text()
        assert error.startswith(("unsupported", "valueOutOfRange")), error
        assert "column '" in error


@pytest.mark.skipif(not GOLDEN.exists(), reason="../shared/data/conformance is absent")
def test_golden_streams_come_back_or_are_refused_by_name(rewritten):
    read, refused = 0, 0
    for source in sorted(rewritten.glob("golden *.in")):
        base = source.with_name(source.name.removesuffix(".in"))
        error = base.with_name(base.name + ".error")
        if error.exists():
            text = error.read_text()
            assert text.startswith(("unsupported", "valueOutOfRange")), f"{source.name}: {text}"
            refused += 1
            continue
        compare(source, base)
        read += 1
    assert read >= 10 and refused >= 10


def test_polars_and_duckdb_read_ours(rewritten):
    for name in ("integers, plain", "text, plain", "times, plain", "sliced, batches"):
        for suffix in (".plain", ".zstd"):
            path = rewritten / (name + suffix)
            table = pa.ipc.open_stream(path.read_bytes()).read_all()
            frame = polars.read_ipc_stream(path)
            assert frame.height == table.num_rows
            for column in table.column_names:
                plain = table[column]
                if pa.types.is_dictionary(plain.type):
                    plain = plain.cast(pa.utf8())
                assert frame[column].to_list() == plain.to_pylist(), (name, column)
            if name.startswith(("integers", "text")):
                found = duckdb.from_arrow(table).fetchall()
                assert found == [tuple(row.values()) for row in table.to_pylist()]
