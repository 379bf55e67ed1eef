extension SparkProgram {
    /// What imports everything that the program needs.
    static let importCode = #"""
        import argparse
        import contextlib
        import glob
        import io
        import json
        import math
        import os
        import struct
        import sys
        import time

        import pyarrow
        import pyarrow.parquet
        from pyspark.sql import SparkSession
        from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
        from pyspark.sql.functions import count, expr, lit
        from pyspark.sql.streaming.datasource import (
            ReadAllAvailable, ReadMaxRows, SupportsTriggerAvailableNow)
        """#

    /// The queries as views, and their streams.
    static let runningCode = #"""
        def union(logs):
            """The rows of all sources by the names of their columns; their offsets tell them apart."""
            parts = []
            for number, (source, rows) in enumerate(zip(SOURCES, logs)):
                if source["where"] is not None:
                    rows = rows.where(source["where"])
                if source["select"] is not None:
                    rows = rows.selectExpr(*source["select"], "_offset")
                if number > 0:
                    # At equal event times the rows of the earlier source come first.
                    rows = rows.withColumn("_offset", expr(f"_offset + {number << 58}L"))
                if source["watermark"] is not None:
                    # The aggregate keeps filters of the queries behind the watermark.
                    rows = rows.withWatermark(*source["watermark"]).observe(
                        source["name"], count(lit(1)).alias("rows"))
                parts.append((source["watermark"] is None, number, rows))
            # Spark looks at the first part alone for the watermark of the whole.
            rows, *others = [rows for _, _, rows in sorted(parts, key=lambda part: part[:2])]
            for other in others:
                rows = rows.unionByName(other)
            return rows


        def define(spark, logs, table=None):
            """Makes a view of each query over the rows of the logs.

            `table(path)` is the stream of the rows of a table that a query here writes.
            """
            ticks = union(logs)
            if WATERMARK is not None:
                # The aggregate stands between the watermark and the filters, so that rows which a
                # query leaves out count for the watermark.
                ticks = ticks.withWatermark(*WATERMARK).observe("ticks", count(lit(1)).alias("rows"))
            ticks = ticks.where("_offset IS NOT NULL") if IDLE else ticks
            ticks.createOrReplaceTempView(TICKS)
            for query in QUERIES:
                if query["rows"] is not None:
                    if table is None:
                        raise ValueError(f"{query['name']} reads a table")
                    table(query["rows"]).createOrReplaceTempView(query["reads"])
                if query["distinct"] is not None:
                    drop_duplicates(spark, **query["distinct"])
                spark.sql(query["sql"]).createOrReplaceTempView(query["view"])


        def drop_duplicates(spark, view, sql, columns, within):
            rows = spark.sql(sql)
            drop = rows.dropDuplicatesWithinWatermark if within else rows.dropDuplicates
            drop(columns).createOrReplaceTempView(view)


        def main():
            options = argparse.ArgumentParser(description=f"The job {JOB} on Apache Spark.")
            options.add_argument("--master", help="where Spark runs: local[2], spark://HOST:7077")
            options.add_argument("--into", default=".", help="the folder for tables and checkpoints")
            arguments = options.parse_args()
            into = os.path.abspath(arguments.into)
            refuse_foreign_tables(into)
            spark = session(arguments.master)
            spark.dataSource.register(TickLog)
            logs = [log(spark, source) for source in SOURCES]

            def table(written):
                path = os.path.join(into, written["path"])
                os.makedirs(path, exist_ok=True)
                return (spark.readStream.format(written["format"]).schema(written["schema"])
                        .load(path))

            define(spark, logs, table)
            last = {}
            for depth in sorted({stream["depth"] for stream in STREAMS}):
                running = [start(spark, stream, into, last)
                           for stream in STREAMS if stream["depth"] == depth]
                # What reads a table of this run reads all of it, when the run has an end.
                for query in running if BOUNDED else []:
                    query.awaitTermination()
            while not BOUNDED and all(query.isActive for query in spark.streams.active):
                spark.streams.awaitAnyTermination(1)
            for text in last.values():
                print(text)
            failed = [query.exception() for query in spark.streams.active if query.exception()]
            spark.stop()
            if failed:
                raise failed[0]


        def log(spark, source):
            options = {**source["options"], "path": os.path.abspath(source["options"]["path"])}
            rows = (spark.readStream.format(source["format"]).schema(source["schema"])
                    .options(**options).load())
            if source["format"] == "ticklog":
                return rows
            # Files come in the order of their times of change, rows in that of their file.
            return rows.select("*", expr(
                "shiftleft(unix_millis(_metadata.file_modification_time) - 1600000000000L, 19)"
                " + _metadata.row_index").alias("_offset"))


        def session(master):
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
            builder = SparkSession.builder.appName(JOB)
            if master is not None:
                builder = builder.master(master)
            for key, value in CONF.items():
                builder = builder.config(key, value)
            spark = builder.getOrCreate()
            partitions = "spark.sql.shuffle.partitions"
            if spark.sparkContext.getConf().get(partitions) is None:
                spark.conf.set(partitions, spark.sparkContext.defaultParallelism)
            return spark


        def refuse_foreign_tables(into):
            for stream in STREAMS:
                for sink in stream["sinks"]:
                    folder = os.path.join(into, sink.get("path", ""))
                    if "path" in sink and os.path.isdir(folder) and any(
                            name.startswith("_streamer,") for name in os.listdir(folder)):
                        sys.exit(f"{folder} belongs to a run of streamer; choose another folder "
                                 "with --into, or empty it with `streamer clear`")


        def start(spark, stream, into, last):
            """Starts one stream: a query and the sinks that it writes together."""
            rows = spark.table(stream["view"])
            checkpoint = os.path.join(into, CHECKPOINT, stream["name"])
            if stream["sinks"][0]["kind"] == "files":
                sink = stream["sinks"][0]
                writer = (rows.select(*stream["columns"]).writeStream.format(sink["format"])
                          .option("path", os.path.join(into, sink["path"]))
                          .options(**sink["options"]).partitionBy(*sink["partitionBy"]))
            else:
                writer = rows.writeStream.foreachBatch(
                    lambda batch, number: write(stream, batch, number, into, last))
            return (writer.queryName(stream["name"]).outputMode(stream["mode"])
                    .option("checkpointLocation", checkpoint).trigger(**TRIGGER).start())


        def write(stream, batch, number, into, last):
            """Gives the rows of a batch to the sinks of a stream, in the order of their groups."""
            batch = batch.sort("_order") if "_order" in batch.columns else batch
            batch = batch.select(*stream["columns"]).persist()
            for sink in stream["sinks"]:
                if sink["kind"] == "file":
                    replace_table(os.path.join(into, sink["path"]), sink["keys"], batch)
                else:
                    text = shown(batch, sink, f"{stream['query']}, batch {number}")
                    if BOUNDED and stream["mode"] == "complete":
                        last[stream["name"]] = text
                    elif not batch.isEmpty():
                        print(text, flush=True)
            batch.unpersist()


        def shown(batch, sink, title):
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                print(title)
                batch.show(sink["numRows"], sink["truncate"])
            return output.getvalue()


        def replace_table(folder, keys, batch):
            """Replaces a table of one file; with keys its rows stay but for those of the same key."""
            rows = batch.toArrow()
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, f"{os.path.basename(folder)}.zstd.parquet")
            if keys:
                old = [pyarrow.parquet.ParquetFile(path).read()] if os.path.exists(path) else []
                everything = pyarrow.concat_tables(old + [rows])
                columns = [everything.column(name).to_pylist() for name in keys]
                place = {tuple(map(same, key)): row for row, key in enumerate(zip(*columns))}
                rows = everything.take(pyarrow.array(sorted(place.values()), pyarrow.int64()))
            temporary = os.path.join(folder, f".tmp-{os.getpid()}.parquet")
            pyarrow.parquet.write_table(rows, temporary, compression="zstd")
            os.replace(temporary, path)


        def same(value):
            """A value as it is compared in a key: NaN is equal to itself."""
            return "NaN" if isinstance(value, float) and math.isnan(value) else value


        if __name__ == "__main__":
            main()
        """#
}
