"""Compares the sizes of the same rows as Parquet: ours, and those of pyarrow, DuckDB, Polars and
Spark with zstd at their defaults.

    python Benchmarks/parquet_sizes.py [--ticks 10000000] [--trades FOLDER] [--no-spark] [--write]

The rows are 10 million simulated ticks, and the candles that the equity job makes of real trades
(FOLDER has <symbol>/<yyyymmdd>_trade.zip). Each writer gets the same columns, types and order, and
writes one file. Prints a table, and what each encoding makes of each column; with --write also
into Benchmarks/results/.
"""

import argparse
import datetime
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import duckdb
import polars
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("STREAMER", ROOT / "streamer")).resolve()
sys.path.insert(0, str(ROOT / "Tests/Interop"))

import exchange  # noqa: E402

FILL = {
    "name": "fill",
    "feed": {"format": "simulator", "symbols": ["IBM", "AAPL", "MSFT", "TSLA", "AMZN"], "seed": 7},
    "source": {"format": "log", "path": "log/ticks", "maxOffsetsPerTrigger": 1000},
    "watermark": {"eventTime": "event_time", "delayThreshold": "5 seconds"},
    "trigger": {"availableNow": True},
    "queries": [{"name": "kpi", "groupBy": ["symbol"], "select": ["symbol", "count(*) AS n"],
                 "outputMode": "complete", "sinks": [{"format": "table", "path": "lake/kpi"}]}]}
ENCODINGS = ["plain", "dictionary", "deltaBinaryPacked", "byteStreamSplit", "deltaLengthByteArray", "rle"]


def run(arguments, folder, **environment):
    done = subprocess.run([BINARY, *arguments], cwd=folder, capture_output=True, text=True,
                          env=os.environ | environment)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stderr}")


def simulated_ticks(folder, count):
    job = {**FILL, "feed": {**FILL["feed"], "ticks": count}}
    (folder / "fill.json").write_text(json.dumps(job))
    run(["run", "fill.json", "--max-batches", "1"], folder)
    tables = []
    for path in sorted(glob.glob(f"{folder}/log/ticks/*.arrows")):
        with pa.ipc.open_stream(path) as stream:
            for batch in stream:
                tables.append(pa.table({
                    name: batch[name].cast(pa.string()) if pa.types.is_dictionary(batch[name].type)
                    else batch[name] for name in batch.schema.names}))
    return pa.concat_tables(tables)


def real_candles(folder, trades):
    """The candles of all symbols in one table, by the query that made them."""
    symbols = sorted(path.name for path in trades.iterdir())
    for symbol in symbols:
        run(["run", ROOT / "jobs/equity.json"], folder, SYMBOL=symbol, TICKS=str(trades))
    for kind in ("1m", "5m"):
        files = [path for symbol in symbols
                 for path in sorted(glob.glob(f"{folder}/lake/equity_{kind}_{symbol}/**/*.parquet",
                                              recursive=True))]
        yield f"candles {kind}, {'+'.join(symbols).upper()}", pa.concat_tables(
            [pq.ParquetFile(path).read() for path in files])


class Writers:
    def __init__(self, folder, with_spark):
        self.folder = folder
        self.program = exchange.Exchange()
        self.spark = None
        if with_spark:
            from pyspark.sql import SparkSession
            self.spark = (
                SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
                .config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "3g")
                .config("spark.ui.showConsoleProgress", "false")
                .config("spark.sql.files.maxPartitionBytes", "4g").getOrCreate())
            self.spark.sparkContext.setLogLevel("ERROR")

    def sizes(self, table):
        """Bytes and seconds by writer."""
        path = self.folder / "x.parquet"
        took = self.program.write(table, path) / 1e9
        found = {"streamer": (path.stat().st_size, took)}
        for name in ("pyarrow", "DuckDB", "Polars") + (("Spark",) if self.spark else ()):
            begun = time.perf_counter()
            getattr(self, name)(table, self.folder / "peer.parquet")
            found[name] = ((self.folder / "peer.parquet").stat().st_size, time.perf_counter() - begun)
        return found

    def pyarrow(self, table, path):
        pq.write_table(table, path, compression="zstd")

    def DuckDB(self, table, path):
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("t", table)
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet, COMPRESSION zstd)")

    def Polars(self, table, path):
        polars.from_arrow(table).write_parquet(path, compression="zstd")

    def Spark(self, table, path):
        source, target = self.folder / "source.parquet", self.folder / "target"
        pq.write_table(table, source, compression="none", row_group_size=len(table))
        (self.spark.read.parquet(str(source)).coalesce(1).write.mode("overwrite")
         .option("compression", "zstd").parquet(str(target)))
        [part] = target.glob("part-*.parquet")
        shutil.move(part, path)

    def encodings(self, table):
        """Bytes of each column by encoding, and which one was chosen."""
        path = self.folder / "x.parquet"
        self.program.write(table, path)
        chosen = {name: encoding for name, (_, encoding) in column_bytes(path).items()}
        rows = []
        for name in table.column_names:
            found = {}
            for encoding in ENCODINGS:
                part = self.folder / "part.arrow"
                with pa.ipc.new_stream(str(part), table.select([name]).schema) as stream:
                    stream.write_table(table.select([name]))
                answer = self.program.command("write", part, path, f"encoding={name}:{encoding}")
                if answer[0] == "ok":
                    found[encoding] = column_bytes(path)[name][0]
            rows.append((name, str(table.schema.field(name).type), chosen[name], found))
        return rows


def column_bytes(path):
    metadata = pq.read_metadata(path)
    found = {}
    for index in range(metadata.num_columns):
        chunks = [metadata.row_group(group).column(index) for group in range(metadata.num_row_groups)]
        found[chunks[0].path_in_schema] = (
            sum(chunk.total_compressed_size for chunk in chunks), chunks[0].encodings[0])
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ticks", type=int, default=10_000_000)
    parser.add_argument("--trades", type=pathlib.Path,
                        default=ROOT / "../shared/data/ticks/us_equity_2013")
    parser.add_argument("--no-spark", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = [f"{datetime.date.today()}  pyarrow {pa.__version__}  DuckDB {duckdb.__version__}  "
             f"Polars {polars.__version__}, zstd at their defaults", ""]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        writers = Writers(folder, not options.no_spark)
        if writers.spark:
            lines[0] += f"  Spark {writers.spark.version}"
        tables = []
        if options.trades.exists():
            tables += real_candles(folder, options.trades.resolve())
        tables.append((f"{options.ticks:,} simulated ticks", simulated_ticks(folder, options.ticks)))
        lines.append(f"{'':28} {'writer':10} {'bytes':>12} {'a row':>7} {'ours, of it':>12} {'seconds':>8}")
        for title, table in tables:
            found = writers.sizes(table)
            ours = found["streamer"][0]
            for writer, (size, seconds) in found.items():
                share = "" if writer == "streamer" else f"{100 * ours / size:.1f} %"
                lines.append(f"{title:28} {writer:10} {size:12,} {size / len(table):7.2f} "
                             f"{share:>12} {seconds:8.2f}")
        lines += ["", "What each encoding makes of each column, in bytes after zstd; * is the one chosen."]
        for title, table in tables:
            lines += ["", title]
            for column, kind, chosen, sizes in writers.encodings(table):
                short = {"plain": "PLAIN", "dictionary": "RLE_DICTIONARY", "rle": "RLE",
                         "deltaBinaryPacked": "DELTA_BINARY_PACKED", "byteStreamSplit": "BYTE_STREAM_SPLIT",
                         "deltaLengthByteArray": "DELTA_LENGTH_BYTE_ARRAY"}
                texts = [f"{short[e]}{'*' if short[e] == chosen else ''} {size:,}"
                         for e, size in sizes.items()]
                lines.append(f"  {column:14} {kind:22} " + "  ".join(texts))
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        path = ROOT / "Benchmarks/results" / f"parquet-sizes-{datetime.date.today()}.txt"
        path.write_text(text)


if __name__ == "__main__":
    main()
