"""Random tables through our Parquet writer and reader and those of pyarrow, DuckDB, Polars and Spark.

    python Tests/Interop/roundtrip.py [--cases 500] [--rows 200000] [--seed 1] [--no-spark]

Written here and read by each of them; written by each of them, with varying codecs, encodings and
versions, and read here. Values, types and null positions must be the same. A failure prints the
seed of its table. Without Spark a slice of it runs with the tests.
"""

import argparse
import datetime
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import time

import duckdb
import numpy
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import exchange
import random_tables

ENCODINGS = {
    "integer": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
    "floating": ["PLAIN", "BYTE_STREAM_SPLIT"],
    "string": ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
    "boolean": ["PLAIN", "RLE"],
}


def pick(random, *choices):
    return choices[random.integers(0, len(choices))]


# MARK: Readers of what we wrote


def read_pyarrow(path):
    return pq.ParquetFile(path, page_checksum_verification=True).read()


def read_duckdb(path):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection.sql(f"FROM read_parquet('{path}')").to_arrow_table()


def read_polars(path):
    return polars.read_parquet(path, glob=False).to_arrow()


READERS = {"pyarrow": read_pyarrow, "duckdb": read_duckdb, "polars": read_polars}


# MARK: Writers of what we read


def write_pyarrow(table, path, random):
    options = {
        "compression": pick(random, "zstd", "snappy", "gzip", "brotli", "lz4", "none"),
        "data_page_version": pick(random, "1.0", "2.0"),
        "version": pick(random, "1.0", "2.4", "2.6"),
        "row_group_size": pick(random, 100, 5000, 1 << 20),
        "data_page_size": pick(random, 300, 20000, 1 << 20),
        "write_page_checksum": pick(random, True, False),
        "write_page_index": pick(random, True, False),
        "store_decimal_as_integer": pick(random, True, False),
        "use_dictionary": pick(random, True, False),
    }
    if options["version"] != "2.6":
        # Older versions of the format have no nanoseconds.
        options["version"] = pick(random, "2.6", "2.6", options["version"])
    if options["version"] == "1.0" and any(f.type == pa.uint32() for f in table.schema):
        options["version"] = "2.6"
    if options["version"] != "2.6":
        options.update(coerce_timestamps="us", allow_truncated_timestamps=True)
    if not options["use_dictionary"]:
        options["column_encoding"] = {
            field.name: pick(random, *encodings_of(field.type)) for field in table.schema}
    if options["use_dictionary"] and options["version"] == "2.6" and pick(random, True, False):
        options["use_deprecated_int96_timestamps"] = True
    pq.write_table(table, path, **options)
    return options


def encodings_of(kind):
    if pa.types.is_boolean(kind):
        return ENCODINGS["boolean"]
    if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        return ENCODINGS["integer"]
    if pa.types.is_floating(kind):
        return ENCODINGS["floating"]
    return ENCODINGS["string"] if pa.types.is_string(kind) or pa.types.is_binary(kind) else ["PLAIN"]


def write_duckdb(table, path, random):
    codec = pick(random, "zstd", "snappy", "gzip", "brotli", "lz4_raw", "uncompressed")
    version = pick(random, "v1", "v2")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
    connection.register("t", table)
    connection.execute(
        f"COPY t TO '{path}' (FORMAT parquet, CODEC {codec}, PARQUET_VERSION {version}, "
        f"ROW_GROUP_SIZE {pick(random, 2048, 122880)})")
    return {"codec": codec, "version": version}


def write_polars(table, path, random):
    codec = pick(random, "zstd", "snappy", "gzip", "brotli", "lz4", "uncompressed")
    polars.from_arrow(table).write_parquet(
        path, compression=codec, row_group_size=pick(random, 100, 1 << 18),
        data_page_size=pick(random, 500, 1 << 20))
    return {"codec": codec}


WRITERS = {"pyarrow": write_pyarrow, "duckdb": write_duckdb, "polars": write_polars}


class Spark:
    """A session in this process; tables go in and out as Parquet files of pyarrow and as Arrow."""

    def __init__(self, folder):
        from pyspark.sql import SparkSession
        self.folder = folder
        self.session = (
            SparkSession.builder.master("local[1]").appName("roundtrip")
            .config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false").config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.files.maxPartitionBytes", "1g")
            .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
            .config("spark.sql.execution.arrow.useLargeVarTypes", "true")
            .getOrCreate())
        self.session.sparkContext.setLogLevel("ERROR")

    def read(self, path):
        return self.session.read.parquet(str(path)).toArrow()

    def write(self, table, path, random):
        source = self.folder / "spark-source.parquet"
        pq.write_table(table, source, row_group_size=1 << 20)
        codec = pick(random, "zstd", "snappy", "gzip", "lz4", "lz4_raw", "none")
        version = pick(random, "PARQUET_1_0", "PARQUET_2_0")
        kinds = pick(random, "TIMESTAMP_MICROS", "TIMESTAMP_MILLIS", "INT96")
        legacy = pick(random, "true", "false")
        dictionary = pick(random, "true", "false")
        self.session.conf.set("spark.sql.parquet.outputTimestampType", kinds)
        self.session.conf.set("spark.sql.parquet.writeLegacyFormat", legacy)
        target = self.folder / "spark-target"
        (self.session.read.parquet(str(source)).coalesce(1).write.mode("overwrite")
         .option("compression", codec).option("parquet.writer.version", version)
         .option("parquet.enable.dictionary", dictionary).parquet(str(target)))
        [part] = target.glob("part-*.parquet")
        shutil.move(part, path)
        return {"codec": codec, "version": version, "timestamps": kinds, "legacy": legacy,
                "dictionary": dictionary}


TYPES = {"pyarrow": random_tables.anyones, "duckdb": random_tables.duckdbs,
         "polars": random_tables.polarses, "spark": random_tables.sparks}

# MARK: Cases


def compare(found, wanted, what):
    assert found.column_names == wanted.column_names, f"{what}: other columns"
    assert found.num_rows == wanted.num_rows, f"{what}: {found.num_rows} rows"
    for name in wanted.column_names:
        different = exchange.difference(found[name], wanted[name])
        assert different is None, f"{what}, column {name} ({wanted[name].type}): {different}"


def write_here(program, seed, rows_max, folder, readers):
    """A table written by us and read by others."""
    table = random_tables.table(seed, random_tables.ours, rows_max)
    random = numpy.random.default_rng(seed + 1)
    options = {"codec": pick(random, "zstd", "none"),
               "page_rows": int(pick(random, 7, 1000, 20000)) if table.num_rows < 5000 else 20000,
               "group_rows": int(pick(random, 500, 30000, 1 << 20)) if table.num_rows < 5000
               else 1 << 20}
    path = folder / "ours.parquet"
    program.write(table, path, **options)
    for name, read in readers.items():
        found = read(path)
        compare(found, table, f"seed {seed}, {options}, read by {name}")
    fields = pq.read_schema(path)
    assert [f.nullable for f in fields] == [f.nullable for f in table.schema], f"seed {seed}"
    back, refused = program.read(path, rows=int(pick(random, 0, 3, 999)) if table.num_rows < 5000 else 0)
    assert back is not None and not refused, f"seed {seed}, read by us: {refused}"
    compare(back, table, f"seed {seed}, {options}, read by us")
    return table.num_rows


def read_here(program, seed, rows_max, folder, writers):
    """A table written by others and read by us."""
    for name, write in writers.items():
        types = TYPES[name]
        table = random_tables.table(seed, types, rows_max)
        random = numpy.random.default_rng(seed + 2)
        path = folder / f"{name}.parquet"
        options = write(table, path, random)
        what = f"seed {seed}, written by {name} with {options}"
        found, refused = program.read(path)
        assert found is not None and not refused, f"{what}: {refused}"
        compare(found, expected(table, name, options), what)


def expected(table, writer, options):
    """What a writer makes of a table, where it cannot write it as it is."""
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_timestamp(kind) and options.get("timestamps") == "TIMESTAMP_MILLIS":
            # Only those with a time zone: others are always written in microseconds.
            if kind.tz is not None and kind.unit == "us":
                micros = column.cast(pa.int64()).combine_chunks()
                values = numpy.floor_divide(micros.fill_null(0).to_numpy(), 1000) * 1000
                column = pa.array(values, kind, mask=micros.is_null().to_numpy(zero_copy_only=False))
        if pa.types.is_timestamp(kind) and kind.unit == "ns" and options.get("coerce_timestamps"):
            # pyarrow rounds towards zero.
            column = pc.divide(column.cast(pa.int64()), 1000).cast(pa.timestamp("us", kind.tz))
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def run(program, folder, seeds, rows_max, readers, writers):
    rows = 0
    for seed in seeds:
        rows += write_here(program, seed * 1000, rows_max, folder, readers)
        read_here(program, seed * 1000 + 500, rows_max, folder, writers)
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-spark", action="store_true")
    parser.add_argument("--write", action="store_true", help="record into Benchmarks/results")
    options = parser.parse_args()
    program = exchange.Exchange()
    readers, writers = dict(READERS), dict(WRITERS)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        versions = f"pyarrow {pa.__version__}, DuckDB {duckdb.__version__}, Polars {polars.__version__}"
        if not options.no_spark:
            spark = Spark(folder)
            readers["spark"], writers["spark"] = spark.read, spark.write
            versions += f", Spark {spark.session.version}"
        begun = time.perf_counter()
        rows, failures = 0, []
        for case in range(options.cases):
            if case % 25 == 0:
                print(f"{case} of {options.cases} cases, {len(failures)} differences", flush=True)
            for attempt in (write_here, read_here):
                seed = (options.seed * 1_000_000 + case) * 10 + (attempt is read_here)
                try:
                    peers = readers if attempt is write_here else writers
                    rows += attempt(program, seed, options.rows, folder, peers) or 0
                except Exception as error:
                    failures.append(f"{type(error).__name__}: {error}")
                    print(failures[-1], flush=True)
                    if program.process.poll() is not None:
                        program = exchange.Exchange()
        program.close()
        text = (
            f"{datetime.date.today()}  {versions}\n"
            f"{options.cases} random tables written here and read by {', '.join(readers)} and by us; "
            f"{options.cases} written by each of {', '.join(writers)} and read here.\n"
            f"Seed {options.seed}, up to {options.rows:,} rows ({rows:,} written here): "
            f"{len(failures)} differences. {time.perf_counter() - begun:.0f} s.\n")
        print(text)
        if options.write:
            path = exchange.ROOT / f"Benchmarks/results/parquet-roundtrip-{datetime.date.today()}.txt"
            path.write_text(text)
        sys.exit(bool(failures))


if __name__ == "__main__":
    main()
