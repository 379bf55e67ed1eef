"""Flat types of Parquet that no writer at hand makes, or makes whole: files of pyarrow and DuckDB,
some of them with another annotation in the footer.
"""

import decimal
import random
import re
import struct

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exchange

# Fields of a SchemaElement behind its name (number 4), in Thrift's compact form.
INTERVAL = b"\x25\x2a"


def zigzag(number):
    out = bytearray()
    number <<= 1
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def decimal_of(precision, scale):
    return b"\x25\x0a\x15" + zigzag(scale) + b"\x15" + zigzag(precision)


def logical(number):
    """The logical type with this number, which has no parameters."""
    return b"\x6c" + (bytes([number << 4 | 12]) if number < 16 else b"\x0c" + zigzag(number)) + b"\x00\x00"


@pytest.fixture(scope="module")
def program():
    program = exchange.Exchange()
    yield program
    program.close()


def with_footer(content, change):
    """A file with its footer changed."""
    [length] = struct.unpack("<I", content[-8:-4])
    footer = change(content[-8 - length:-8])
    return content[:-8 - length] + footer + struct.pack("<I", len(footer)) + b"PAR1"


def annotated(path, values, kind, annotation, **options):
    """Writes a column `v` of bytes with an annotation that pyarrow does not write."""
    table = pa.table({"v": pa.array(values, kind)})
    pq.write_table(table, path, store_schema=False, compression="none", **options)
    content = with_footer(path.read_bytes(), lambda footer: footer.replace(
        b"\x18\x01v\x00", b"\x18\x01v" + annotation + b"\x00", 1))
    path.write_bytes(content)
    return path


def read(program, path):
    table, refused = program.read(path)
    assert table is not None and not refused, refused
    return table["v"].cast(pa.string()).to_pylist() if exchange.is_text(exchange.as_ours(table["v"]).type) \
        else table["v"].to_pylist()


def test_intervals_of_duckdb(program, tmp_path):
    connection = duckdb.connect()
    path = tmp_path / "intervals.parquet"
    connection.execute(
        "CREATE TABLE t AS SELECT CASE WHEN i % 7 <> 3 THEN to_months(i % 40) + to_days(i * 31 % 1000) "
        "+ to_milliseconds(i * 12345) END AS v FROM range(5000) r(i)")
    connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    parts = connection.sql(
        "SELECT datepart('year', v) * 12 + datepart('month', v), datepart('day', v), "
        "datepart('hour', v) * 3600000 + datepart('minute', v) * 60000 + datepart('millisecond', v) "
        f"FROM '{path}'").fetchall()
    assert read(program, path) == [
        None if months is None else exchange.interval_text(months, days, millis * 1_000_000)
        for months, days, millis in parts]


@pytest.mark.parametrize("options", [
    {}, {"use_dictionary": False}, {"use_dictionary": False, "column_encoding": {"v": "DELTA_BYTE_ARRAY"}},
    {"use_dictionary": False, "column_encoding": {"v": "BYTE_STREAM_SPLIT"}, "data_page_version": "2.0"},
])
def test_intervals_of_every_size(program, tmp_path, options):
    most = 2**32 - 1
    parts = [(0, 0, 0), None, (1, 2, 3), (most, most, most), (0, 0, 1000), (14, 0, 0), (0, 1, 0), (0, 0, most)]
    values = [None if part is None else struct.pack("<III", *part) for part in parts]
    path = annotated(tmp_path / "intervals.parquet", values * 50, pa.binary(12), INTERVAL, **options)
    assert read(program, path) == [
        None if part is None else exchange.interval_text(part[0], part[1], part[2] * 1_000_000)
        for part in parts] * 50
    assert read(program, path)[:4] == [
        "PT0S", None, "P1M2DT0.003S", "P4294967295M4294967295DT4294967.295S"]
    # Bounds of intervals have no order that is defined: they hide no row.
    assert program.command("where", path, "v", "PT0S") == ["ok", "400"]


@pytest.mark.parametrize("precision, scale", [(39, 0), (40, 40), (76, 38), (77, 3), (200, 100), (1000, 999)])
@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_decimals_of_many_digits_in_byte_arrays(program, tmp_path, precision, scale, encoding):
    chance = random.Random(precision)
    limit = 10**precision - 1
    numbers = [0, 1, -1, 127, 128, -128, -129, limit, -limit, 10**38, -10**38, 2**64, -2**64, 2**127, -2**127]
    numbers += [chance.randrange(-limit, limit) >> chance.randrange(3 * precision) for _ in range(200)]
    values = []
    for number in numbers:
        # The fewest bytes, and now and then more than are needed.
        length = (number if number >= 0 else ~number).bit_length() // 8 + 1 + chance.choice([0, 0, 0, 1, 9])
        values.append(number.to_bytes(length, "big", signed=True))
    path = annotated(tmp_path / "decimals.parquet", [None, *values], pa.binary(), decimal_of(precision, scale),
                     use_dictionary=encoding == "PLAIN", write_statistics=False,
                     **({} if encoding == "PLAIN" else {"column_encoding": {"v": encoding}}))
    with decimal.localcontext(prec=2000):
        assert read(program, path) == [None] + [
            format(decimal.Decimal(number).scaleb(-scale), "f") for number in numbers]


@pytest.mark.parametrize("number", [10**39, -10**39, 2**255 - 1, -2**255, 1 << 80_000, -1 << 80_000, None],
                         ids=lambda number: f"{number and number.bit_length()} bits")
def test_decimals_with_more_digits_than_their_type_are_refused(program, tmp_path, number):
    content = b"" if number is None else number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)
    path = annotated(tmp_path / "decimals.parquet", [b"\1", content], pa.binary(), decimal_of(39, 2))
    table, refused = program.read(path)
    assert table.num_columns == 0 and list(refused) == ["v"]
    assert "more than the 39 digits of its type (column v)" in refused["v"]


@pytest.mark.parametrize("precision, scale", [(0, 0), (1001, 0), (2**31 - 1, 5), (40, 41)])
def test_decimals_that_cannot_be_are_refused(program, tmp_path, precision, scale):
    path = annotated(tmp_path / "decimals.parquet", [b"\1"], pa.binary(), decimal_of(precision, scale))
    table, refused = program.read(path)
    assert table.num_columns == 0
    assert f"decimal({precision},{scale}) as BYTE_ARRAY cannot be read" in refused["v"]


@pytest.mark.parametrize("number", [17, 18])
def test_shapes_are_bytes(program, tmp_path, number):
    # GEOMETRY and GEOGRAPHY hold well-known binary, whose bounds have no order.
    points = [struct.pack("<BIdd", 1, 1, x, -x) for x in range(9)]
    path = annotated(tmp_path / "shapes.parquet", [*points, None], pa.binary(), logical(number))
    table, refused = program.read(path)
    assert not refused and table["v"].cast(pa.binary()).to_pylist() == [*points, None]
    assert program.command("where", path, "v", b"\0".hex()) == ["ok", "10"]


@pytest.mark.parametrize("kind, annotation", [
    (pa.binary(11), INTERVAL), (pa.binary(13), INTERVAL), (pa.binary(), INTERVAL), (pa.binary(), logical(16)),
    (pa.binary(15), logical(14)), (pa.binary(3), logical(15)), (pa.int32(), logical(1)), (pa.int64(), b"\x25\x0e"),
    (pa.int32(), b"\x25\x10"), (pa.float64(), decimal_of(40, 2)), (pa.float64(), logical(6)),
])
def test_annotations_that_contradict_the_type_are_refused(program, tmp_path, kind, annotation):
    path = annotated(tmp_path / "contradicts.parquet", [None], kind, annotation)
    table, refused = program.read(path)
    assert table.num_columns == 0 and list(refused) == ["v"]
    assert re.search(r"these two do not go together|as DOUBLE cannot be read", refused["v"]), refused


@pytest.mark.parametrize("length, annotation, values", [
    (2, logical(15), [b"\0", b"\0\0"]), (16, logical(14), [b"\0" * 16, b"\0" * 17]),
    (12, INTERVAL, [b"\0" * 12, b""]), (3, b"", [b"abc", b"ab"]),
])
def test_a_value_of_another_length_than_its_column_is_refused(program, tmp_path, length, annotation, values):
    # Of the encodings of a fixed length, shared prefixes alone can say another one.
    path = annotated(tmp_path / "lengths.parquet", values, pa.binary(), b"", use_dictionary=False,
                     column_encoding={"v": "DELTA_BYTE_ARRAY"}, write_statistics=False)

    def change(footer):
        leaf = b"\x15\x0c\x25\x02\x18\x01v\x00"
        chunk = b"\x15\x0c\x19"
        assert footer.count(leaf) == 1 and footer.count(chunk) == 1
        footer = footer.replace(
            leaf, b"\x15\x0e\x15" + zigzag(length) + b"\x15\x02\x18\x01v" + annotation + b"\x00")
        return footer.replace(chunk, b"\x15\x0e\x19")

    path.write_bytes(with_footer(path.read_bytes(), change))
    table, refused = program.read(path)
    assert table.num_columns == 0 and "another length than its column's" in refused["v"], refused
