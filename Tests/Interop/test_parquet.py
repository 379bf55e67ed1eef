"""Parquet files and tables of ours in pyarrow, DuckDB and Polars, and files of theirs in ours.

The Swift suite InteropTests writes the files, and reads the foreign ones made here; the `.rows`
files next to them say what the values are (Tests/LakeTests/InteropTests.swift has the format).
"""

import decimal
import math
import os
import pathlib
import struct
import subprocess

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPES = {
    "boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "double": pa.float64(),
    "decimal9": pa.decimal128(9, 2), "decimal18": pa.decimal128(18, 4),
    "decimal38": pa.decimal128(38, 10), "string": pa.string(), "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"), "binary": pa.binary(),
}


def foreign_table(rows=3000):
    def column(make, every):
        return [None if every and i % every == 0 else make(i) for i in range(rows)]
    return pa.table({
        "boolean": pa.array(column(lambda i: i // 9 % 2 == 0, 5), TYPES["boolean"]),
        "int": pa.array(column(lambda i: i * 7 - 900, 6), TYPES["int"]),
        "long": pa.array(column(lambda i: (i * 2654435761) % (1 << 62) * (-1) ** i, 7), TYPES["long"]),
        "double": pa.array(column(lambda i: i / 8 if i % 11 else float("nan"), 8), TYPES["double"]),
        "decimal9": pa.array(column(lambda i: decimal.Decimal(i * 3 - 77).scaleb(-2), 9), TYPES["decimal9"]),
        "decimal18": pa.array(column(lambda i: decimal.Decimal(-i * 333).scaleb(-4), 4), TYPES["decimal18"]),
        "decimal38": pa.array(column(lambda i: decimal.Decimal((i - 9) << 80).scaleb(-10), 3), TYPES["decimal38"]),
        "string": pa.array(column(lambda i: f"symbol-{i % 50}" if i % 3 else f"é{i}", 10), TYPES["string"]),
        "date": pa.array(column(lambda i: i - 100, 11), TYPES["date"]),
        "timestamp": pa.array(column(lambda i: i * 1000003 - 7, 12), TYPES["timestamp"]),
        "binary": pa.array(column(lambda i: bytes([255, i % 40]) * (i % 3), 13), TYPES["binary"]),
    })


# Files whose row groups are written as one page; of the others a page has 97 rows.
ONE_PAGE = {"nullable", "no-nulls"}

FOREIGN_ENCODINGS = {
    "delta": {"int": "DELTA_BINARY_PACKED", "long": "DELTA_BINARY_PACKED", "date": "DELTA_BINARY_PACKED",
              "timestamp": "DELTA_BINARY_PACKED", "string": "DELTA_LENGTH_BYTE_ARRAY", "binary": "DELTA_BYTE_ARRAY", "boolean": "RLE",
              "double": "BYTE_STREAM_SPLIT"},
    "split": {"int": "BYTE_STREAM_SPLIT", "long": "BYTE_STREAM_SPLIT", "timestamp": "BYTE_STREAM_SPLIT",
              "string": "DELTA_BYTE_ARRAY"},
}


def write_foreign(folder):
    """Files of pyarrow, DuckDB and Polars; those that we must refuse, by the word the refusal has."""
    table = foreign_table()
    whole = {}
    for version in ("1.0", "2.0"):
        for codec in ("zstd", "none"):
            name = f"pyarrow-{version}-{codec}"
            pq.write_table(table, folder / f"{name}.parquet", compression=codec,
                           data_page_version=version, row_group_size=1100, data_page_size=2000,
                           write_page_checksum=version == "1.0", store_decimal_as_integer=True)
            whole[name] = table
    for name, encodings in FOREIGN_ENCODINGS.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", use_dictionary=False,
                       column_encoding=encodings, data_page_version="2.0")
        whole[name] = table
    required = pa.table(table.drop_columns([]).to_pydict(), schema=table.schema)
    required = required.filter(pa.compute.is_valid(required["int"])).select(["int"])
    pq.write_table(required.cast(pa.schema([pa.field("int", pa.int32(), nullable=False)])),
                   folder / "required.parquet", compression="zstd")
    whole["required"] = required
    floats = pa.table({"double": pa.array([1.5, None, -0.0], pa.float32())})
    pq.write_table(floats, folder / "float.parquet", compression="zstd")
    whole["float"] = floats.cast(pa.schema([("double", pa.float64())]))
    millis = pa.table({"timestamp": pa.array([1, None, -5], pa.timestamp("ms", "UTC"))})
    pq.write_table(millis, folder / "millis.parquet", compression="none")
    whole["millis"] = millis.cast(pa.schema([("timestamp", TYPES["timestamp"])]))
    duckdb.connect().from_arrow(table).write_parquet(str(folder / "duckdb.parquet"), compression="zstd")
    whole["duckdb"] = table
    polars.from_arrow(table).write_parquet(folder / "polars.parquet", compression="zstd")
    whole["polars"] = table
    for codec in ("snappy", "gzip", "brotli", "lz4"):
        pq.write_table(table, folder / f"{codec}.parquet", compression=codec,
                       data_page_version="2.0" if codec in ("gzip", "lz4") else "1.0")
        whole[codec] = table
    nanos = pa.table({"timestamp": pa.array([1, None, -1, 1999], pa.timestamp("ns", "UTC"))})
    pq.write_table(nanos, folder / "nanos.parquet", compression="zstd")
    # Rounded down, so that order is kept.
    whole["nanos"] = pa.table({"timestamp": pa.array([0, None, -1, 1], TYPES["timestamp"])})
    for kind in (pa.time32("ms"), pa.time64("us"), pa.time64("ns")):
        times = pa.table({"long": pa.array([1, None, 86_399_999], pa.int64()).cast(pa.int32()).cast(kind)
                          if kind.bit_width == 32 else pa.array([1, None, 86_399_999], kind)})
        pq.write_table(times, folder / f"{kind}.parquet", compression="zstd")
        micros = {"ms": [1000, None, 86_399_999_000], "us": [1, None, 86_399_999], "ns": [0, None, 86_399]}
        whole[str(kind)] = pa.table({"long": pa.array(micros[kind.unit], TYPES["long"])})
    refused = {"nested": "nested"}
    pq.write_table(pa.table({"nested": [[1], [2]]}), folder / "nested.parquet", compression="zstd")
    return whole, refused


@pytest.fixture(scope="session")
def produced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet")
    (folder / "foreign").mkdir()
    foreign = write_foreign(folder / "foreign")
    subprocess.run(
        ["swift", "test", "--filter", r"LakeTests\.InteropTests"], cwd=ROOT, check=True,
        env={**os.environ, "STREAMER_INTEROP_DIR": str(folder)}, stdout=subprocess.DEVNULL)
    return folder, foreign


def texts(column, kind):
    """A column's values as `.rows` files have them."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_date(column.type):
        column = column.cast(pa.date32()).cast(pa.int32())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us")).cast(pa.int64())

    def text(value):
        if value is None:
            return "-"
        if pa.types.is_floating(kind):
            return "nan" if value != value else struct.pack(">d", value).hex()
        if pa.types.is_decimal(kind):
            with decimal.localcontext(prec=60):
                return str(int(decimal.Decimal(value).scaleb(kind.scale)))
        if pa.types.is_string(kind):
            return "s" + value.encode().hex()
        if pa.types.is_binary(kind):
            return "s" + value.hex()
        return str(int(value))
    return [text(value) for value in column.to_pylist()]


def rows(table, schema):
    assert table.column_names == schema.names
    columns = [texts(table[field.name], field.type) for field in schema]
    return ["\t".join(row) for row in zip(*columns)]


def expected(path):
    return path.read_text().split("\n")[:-1]


def own_files(folder):
    return sorted(path for path in folder.glob("*.parquet"))


def through_duckdb(path):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection.sql(f"FROM read_parquet('{path}')").to_arrow_table()


READERS = {
    "pyarrow": lambda path: pq.ParquetFile(path, page_checksum_verification=True).read(),
    "duckdb": through_duckdb,
    "polars": lambda path: polars.read_parquet(path, glob=False).to_arrow(),
}


@pytest.mark.parametrize("reader", READERS)
def test_readers_see_our_values(produced, reader):
    folder, _ = produced
    files = own_files(folder)
    assert len(files) > 40
    for path in files:
        schema = pq.read_schema(path)
        table = READERS[reader](path)
        assert rows(table, schema) == expected(path.with_suffix(".rows")), path.name


def test_types_are_the_ones_meant(produced):
    folder, _ = produced
    schema = pq.read_schema(folder / "nullable.parquet")
    assert {field.name: field.type for field in schema} == TYPES
    assert all(field.nullable for field in schema)
    assert not any(field.nullable for field in pq.read_schema(folder / "required.parquet"))
    described = duckdb.sql(f"DESCRIBE FROM read_parquet('{folder}/nullable.parquet')").fetchall()
    assert [row[1] for row in described] == [
        "BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "DECIMAL(9,2)", "DECIMAL(18,4)", "DECIMAL(38,10)",
        "VARCHAR", "DATE", "TIMESTAMP WITH TIME ZONE", "BLOB"]
    frame = polars.read_parquet(folder / "nullable.parquet")
    assert frame.schema["timestamp"] == polars.Datetime("us", "UTC")
    assert frame.schema["decimal38"] == polars.Decimal(38, 10)


def test_statistics_bound_the_values(produced):
    folder, _ = produced
    checked = 0
    for path in own_files(folder):
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            values = file.read_row_group(group)
            for index in range(file.metadata.num_columns):
                chunk = file.metadata.row_group(group).column(index)
                column = values.column(index)
                statistics = chunk.statistics
                assert statistics.null_count == column.null_count
                present = [v for v in column.to_pylist() if v is not None and v == v]
                assert statistics.has_min_max == bool(present)
                # Where every chunk is one page, its statistics say what the index would.
                assert chunk.has_offset_index == (values.num_rows > 97 and path.stem not in ONE_PAGE)
                assert chunk.has_column_index == chunk.has_offset_index or path.stem == "nan"
                if not present or "timestamp" in chunk.path_in_schema:
                    continue
                low, high = statistics.min, statistics.max
                if isinstance(low, str):
                    assert low.encode() <= min(v.encode() for v in present)
                    assert high.encode() >= max(v.encode() for v in present)
                    assert len(low.encode()) <= 64
                else:
                    assert (low, high) == (min(present), max(present)), (path.name, chunk)
                checked += 1
    assert checked > 100


def test_zeros_are_bounded_by_both_signs(produced):
    folder, _ = produced
    for name in ("zeros-positive", "zeros-negative"):
        statistics = pq.ParquetFile(folder / f"{name}.parquet").metadata.row_group(0).column(0).statistics
        assert math.copysign(1, statistics.min) == -1 and math.copysign(1, statistics.max) == 1, name


def test_filters_use_our_statistics_rightly(produced):
    folder, _ = produced
    path = folder / "pages.parquet"
    everything = pq.read_table(path)
    middle = everything["int"].to_pylist()[500] or everything["int"].to_pylist()[501]
    wanted = sum(1 for v in everything["int"].to_pylist() if v is not None and v >= middle)
    counted = duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}') WHERE \"int\" >= {middle}")
    assert counted.fetchall() == [(wanted,)]
    assert polars.scan_parquet(path).filter(polars.col("int") >= middle).collect().height == wanted
    assert pq.read_table(path, filters=[("int", ">=", middle)]).num_rows == wanted


def test_encodings_are_as_forced(produced):
    folder, _ = produced
    names = {"plain": "PLAIN", "dictionary": "RLE_DICTIONARY", "rle": "RLE",
             "deltaBinaryPacked": "DELTA_BINARY_PACKED", "byteStreamSplit": "BYTE_STREAM_SPLIT",
             "deltaLengthByteArray": "DELTA_LENGTH_BYTE_ARRAY"}
    seen = set()
    for path in folder.glob("forced-*.parquet"):
        encoding = names[path.stem.split("-")[2]]
        chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
        assert chunk.encodings[0] == encoding, path.name
        assert chunk.compression == "ZSTD"
        seen.add(encoding)
    assert seen == set(names.values())


def test_created_by_is_parsed(produced):
    folder, _ = produced
    assert pq.ParquetFile(folder / "nullable.parquet").metadata.created_by.startswith("streamer version ")


def test_tables_are_hive_partitioned(produced):
    folder, _ = produced
    wanted = sorted(expected(folder / "table.rows"))
    schema = pa.schema([("price", pa.float64()), ("ts", TYPES["timestamp"]), ("date", pa.date32()),
                        ("symbol", pa.string())])
    hive = pa.dataset.partitioning(
        pa.schema([("date", pa.date32()), ("symbol", pa.string())]), flavor="hive")
    arrow = pa.dataset.dataset(folder / "table", format="parquet", partitioning=hive).to_table()
    assert sorted(rows(arrow.select(schema.names), schema)) == wanted
    duck = duckdb.connect().sql(
        f"SELECT price, ts, date, symbol FROM read_parquet('{folder}/table/**/*.parquet', "
        "hive_partitioning = true, hive_types = {'date': DATE, 'symbol': VARCHAR})").to_arrow_table()
    assert sorted(rows(duck, schema)) == wanted
    frame = polars.scan_parquet(
        folder / "table", hive_partitioning=True,
        hive_schema={"date": polars.Date, "symbol": polars.String}).collect()
    assert sorted(rows(frame.select(schema.names).to_arrow(), schema)) == wanted


def test_we_read_what_others_write(produced):
    folder, (whole, refused) = produced
    for name, table in whole.items():
        error = folder / "foreign" / f"{name}.error"
        assert not error.exists(), (name, error.read_text())
        schema = pa.schema([(field.name, TYPES[field.name]) for field in table.schema])
        assert rows(table, schema) == expected(folder / "foreign" / f"{name}.rows"), name
    for name, word in refused.items():
        code, message = (folder / "foreign" / f"{name}.error").read_text().split("\n")[:2]
        assert code == "unsupported" and word in message and name in message, message
