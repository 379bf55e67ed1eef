"""Our Parquet reader and writer, for tests in Python: through Arrow streams, which lose nothing."""

import decimal
import os
import pathlib
import subprocess

import numpy
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Exchange:
    """The program of Tests/ParquetExchange, running."""

    def __init__(self):
        path = os.environ.get("PARQUET_EXCHANGE")
        if not path:
            subprocess.run(["swift", "build", "--product", "ParquetExchange"], cwd=ROOT, check=True,
                           stdout=subprocess.DEVNULL)
            path = ROOT / ".build/debug/ParquetExchange"
        self.process = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0

    def command(self, *words):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        answer = self.process.stdout.readline()
        assert answer, f"the program died of {words}"
        return answer.rstrip("\n").split("\t")

    def read(self, path, rows=None):
        """(table, {column: why it was refused}), or (None, message) for the whole file."""
        out = pathlib.Path(f"{path}.arrow")
        answer = self.command("read", path, out, *([rows] if rows else []))
        if answer[0] == "error":
            return None, answer[2]
        with pa.memory_map(str(out)) as source:
            table = pa.ipc.open_stream(source).read_all()
        out.unlink()
        return table, dict(text.split(": ", 1) for text in answer[3:])

    def write(self, table, path, **options):
        """Writes a table with our writer; strings must fit in our types."""
        source = pathlib.Path(f"{path}.in.arrow")
        with pa.ipc.new_stream(str(source), table.schema) as stream:
            stream.write_table(table)
        answer = self.command("write", source, path, *(f"{k}={v}" for k, v in options.items()))
        source.unlink()
        assert answer[0] == "ok", answer
        return int(answer[2])


def interval_text(months, days, nanos):
    """The text of an interval by the rules of docs/conformance.md."""
    parts = [f"{count}{unit}" for count, unit in ((months, "M"), (days, "D")) if count]
    if nanos or not parts:
        seconds = format(decimal.Decimal(abs(nanos)).scaleb(-9), "f")
        if "." in seconds:
            seconds = seconds.rstrip("0").rstrip(".")
        parts.append(f"T{'-' if nanos < 0 else ''}{seconds}S")
    return "P" + "".join(parts)


def micros(column, unit):
    """Ticks of a unit as microseconds; nanoseconds are rounded down."""
    ticks = column.cast(pa.int64())
    if unit == "ns":
        # The integer division of pyarrow rounds towards zero.
        values = numpy.floor_divide(ticks.fill_null(0).to_numpy(), 1000)
        return pa.array(values, mask=column.is_null().to_numpy(zero_copy_only=False))
    return pc.multiply_checked(ticks, {"s": 1_000_000, "ms": 1000, "us": 1}[unit])


def is_text(kind):
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


def as_ours(column):
    """A column of pyarrow's as our reader should give it, by the rules of docs/conformance.md."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    kind = column.type
    if isinstance(kind, pa.RunEndEncodedType):
        return as_ours(pc.run_end_decode(column))
    if isinstance(kind, pa.UuidType):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.array(texts, pa.string())
    if isinstance(column, pa.ExtensionArray):
        column, kind = column.storage, column.storage.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if is_text(kind):
        return column.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or \
            pa.types.is_fixed_size_binary(kind) or kind == pa.binary_view():
        return column.cast(pa.binary())
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_integer(kind):
        if kind == pa.uint64():
            return column.cast(pa.decimal128(20, 0))
        wide = kind in (pa.int64(), pa.uint32())
        return column.cast(pa.int64() if wide else pa.int32())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_date64(kind):
        # Old writers had times of day in them.
        ticks = column.cast(pa.int64())
        days = numpy.floor_divide(ticks.fill_null(0).to_numpy(), 86_400_000)
        return pa.array(days, pa.int32(), mask=column.is_null().to_numpy(zero_copy_only=False)).cast(pa.date32())
    if pa.types.is_date(kind):
        return column.cast(pa.date32())
    if pa.types.is_decimal(kind):
        if kind.precision > 38:
            return pa.array([None if value is None else format(value, "f") for value in column.to_pylist()],
                            pa.string())
        return column.cast(pa.decimal128(kind.precision, kind.scale))
    if pa.types.is_timestamp(kind):
        return micros(column, kind.unit).cast(pa.timestamp("us", "UTC"))
    if pa.types.is_time(kind):
        # pyarrow casts times of 32 bits to integers of 32 bits only.
        return micros(column.cast(pa.int32()) if pa.types.is_time32(kind) else column, kind.unit)
    if pa.types.is_duration(kind):
        return micros(column, kind.unit)
    if pa.types.is_interval(kind):
        return pa.array([None if value is None else interval_text(*value) for value in column.to_pylist()],
                        pa.string())
    return column


def difference(ours, theirs):
    """What differs between a column of ours and one of pyarrow's, or None."""
    ours, theirs = as_ours(ours), as_ours(theirs)
    if ours.type != theirs.type:
        return f"the type is {ours.type}, not {theirs.type}"
    if len(ours) != len(theirs):
        return f"{len(ours)} rows, not {len(theirs)}"
    if pa.types.is_floating(ours.type):
        # Bit for bit, but for the many forms of NaN.
        bits = []
        for column in (ours, theirs):
            values = column.fill_null(0).to_numpy().copy()
            values[numpy.isnan(values)] = numpy.nan
            bits.append(values.view("int64"))
        if ours.is_null().equals(theirs.is_null()) and numpy.array_equal(*bits):
            return None
    elif ours.equals(theirs):
        return None
    for row, (left, right) in enumerate(zip(ours.to_pylist(), theirs.to_pylist())):
        if repr(left) != repr(right):
            return f"row {row} is {left!r}, not {right!r}"
    return None
