"""Runs a job batch by batch, on streamer and on Spark: rows, watermark and state of each batch."""

import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("STREAMER", ROOT / "streamer")).resolve()

from generate import table  # noqa: E402


class Batch:
    """What a batch did: its rows, and what its progress says.

    That is the watermark it ran with, the range of its event times; and of each stateful operator
    the rows in state after it, those that it wrote, and those that were late.
    """

    def __init__(self, rows, progress):
        self.rows = rows
        times = dict(progress["eventTime"])
        self.watermark = times.pop("watermark", None)
        self.times = times
        operators = progress["stateOperators"]
        self.state = sorted(operator["numRowsTotal"] for operator in operators)
        self.updated = sorted(operator["numRowsUpdated"] for operator in operators)
        self.dropped = sorted(operator["numRowsDroppedByWatermark"] for operator in operators)


class Failed(Exception):
    """An engine refused the job, or stopped on an error; the text says why."""


def streamer(folder, *arguments, stdin=None):
    done = subprocess.run([BINARY, *map(str, arguments)], cwd=folder, input=stdin,
                          capture_output=True, timeout=600)
    if done.returncode != 0:
        raise Failed(done.stderr.decode(errors="replace"))
    return done.stdout.decode()


def append(folder, rows):
    sink = pa.BufferOutputStream()
    data = table(rows)
    with pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)
    streamer(folder, "log", "append", "log", "--format", "arrow", "--event-time", "logged", "-",
             stdin=sink.getvalue().to_pybytes())


def on_streamer(case, folder):
    """Each batch of a case, and the program for Spark."""
    (folder / "job.json").write_text(json.dumps(case.job))
    found, program = [], None
    for number, phase in enumerate(case.phases):
        for rows in phase:
            append(folder, rows)
            if program is None:
                program = streamer(folder, "spark", "--any-duplicate", "job.json")
            found += run_batch(folder)
        while more := run_batch(folder):
            found += more
        if number in case.torn:
            tear(folder / "checkpoints" / case.job["name"], folder / "lake" / "rows")
            found += run_batch(folder)
    return found, program


def tear(checkpoint, lake=None):
    """Takes the last commit away, as if the run had been killed before it, and before its files."""
    last = max((checkpoint / "commits").glob("[0-9]*"), key=lambda path: int(path.name))
    (last.parent / f".{last.name}.crc").unlink(missing_ok=True)
    last.unlink()
    for path in lake.glob(f"part-{int(last.name):08}-*.parquet") if lake else ():
        path.unlink()


def run_batch(folder):
    """The next batch, if there is one; its rows are all that is in the table then."""
    lake = folder / "lake" / "rows"
    for path in lake.glob("*.parquet"):
        # What was published must be there for the next batch; a footer may say of which batch it is.
        pq.write_table(pq.read_table(path, partitioning=None).slice(0, 0), path)
    out = streamer(folder, "run", "job.json", "--max-batches", "1", "--format", "json")
    found = []
    for line in out.splitlines():
        progress = json.loads(line)
        rows = [row for path in sorted(lake.glob("*.parquet"))
                for row in rows_of(pq.ParquetFile(path).read())]
        found.append(Batch(rows, progress))
    return found


def rows_of(data):
    """Rows as tuples; timestamps as microseconds."""
    columns = []
    for column in data.columns:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        columns.append(column.to_pylist())
    return list(zip(*columns))


# Spark

def session():
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession
    settings = {
        "spark.driver.memory": "2g", "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false", "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true",
        "spark.default.parallelism": "1", "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        # Queries here see a few rows: compiling code for them is most of the time.
        "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.streaming.stateStore.maintenanceInterval": "1h",
        # Each file costs a process that changes its permissions: so none for checksums.
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.file.impl": "org.apache.hadoop.fs.local.RawLocalFs",
        "spark.sql.streaming.checkpoint.fileChecksum.enabled": "false",
        "spark.log.level": "OFF",
        # Nothing runs long enough to be worth the second compiler.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    builder = SparkSession.builder.master("local[2]").appName("differential")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    logging.getLogger("DataFrameQueryContextLogger").setLevel(logging.CRITICAL)
    return spark


def on_spark(spark, case, program, folder):
    """Each batch of a case, by the program that streamer wrote, over one file a batch."""
    names = {"__name__": "program"}
    exec(compile(program, "program.py", "exec"), names)
    for key, value in names["CONF"].items():
        spark.conf.set(key, value)
    inputs, offset = folder / "input", 0
    inputs.mkdir()
    rows_by_batch, found = {}, []
    stream = names["STREAMS"][-1]
    for number, phase in enumerate(case.phases):
        for index, rows in enumerate(phase):
            data = table(rows)
            data = data.append_column(
                "_offset", pa.array(range(offset, offset + len(rows)), pa.int64()))
            offset += len(rows)
            path = inputs / f"{number:03}-{index:03}.parquet"
            pq.write_table(data, path)
            os.utime(path, (1_700_000_000 + number * 100 + index,) * 2)
        ticks = (spark.readStream.schema(names["SOURCES"][0]["schema"]).option("maxFilesPerTrigger", "1")
                 .parquet(str(inputs)))
        names["define"](spark, [ticks])

        def collect(batch, batch_id):
            rows_by_batch[batch_id] = rows_of(batch.select(*stream["columns"]).toArrow())

        query = (spark.table(stream["view"]).writeStream.foreachBatch(collect)
                 .outputMode(stream["mode"]).option("checkpointLocation", str(folder / "checkpoint"))
                 .trigger(availableNow=True).start())
        try:
            query.awaitTermination()
        except Exception as error:
            raise Failed(str(error)) from None
        for progress in query.recentProgress:
            progress = json.loads(progress.json)
            if progress["batchId"] in rows_by_batch:
                found.append(Batch(rows_by_batch.pop(progress["batchId"]), progress))
        if number in case.torn:
            tear(folder / "checkpoint")
    return found


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
