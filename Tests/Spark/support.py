"""What tests against a real Spark share: running jobs on it, comparing tables."""

import math
import os
import sys

# Small: a driver of 2 GB and two threads, no web page, nothing on standard output but results; and
# patient, for machines with other work to do.
SUBMIT = ("--driver-memory 2g --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=2 "
          "--conf spark.ui.showConsoleProgress=false --conf spark.driver.bindAddress=127.0.0.1 "
          "--conf spark.network.timeout=1200s --conf spark.executor.heartbeatInterval=60s "
          "--conf spark.python.authenticate.socketTimeout=600s")


def run_on_spark(workspace, job, master="local[2]", into="spark", submit="", **environment):
    """`streamer spark JOB --run` with this Python, which has pyspark."""
    for _ in range(5):
        done = workspace.run(
            "spark", job, "--run", "--master", master, "--into", into, "--python", sys.executable,
            check=None, timeout=1800, PYSPARK_SUBMIT_ARGS=f"{SUBMIT} {submit} pyspark-shell",
            SPARK_LOCAL_IP="127.0.0.1", **environment)
        # Spark gives a Python worker 10 seconds to start, whatever its settings; a busy machine may
        # need more. The program goes on from its checkpoint.
        if done.returncode == 0 or "Python worker failed to connect back" not in done.err:
            break
    assert done.returncode == 0, f"{done.out[-2000:]}\n{done.err[-6000:]}"
    return done


def table(folder):
    """A table's columns and its rows, sorted by what is not a double."""
    import duckdb
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.sql(
            f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true, "
            f"hive_types_autocast = true)")
        names = sorted(rows.columns)
        exact = [name for name, kind in zip(rows.columns, rows.types) if str(kind) != "DOUBLE"]
        rows = rows.project(", ".join(f'"{name}"' for name in names))
        return names, rows.order(", ".join(f'"{name}"' for name in sorted(exact))).fetchall()


def close(a, b, tolerance=1e-12):
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        return a == b or abs(a - b) <= tolerance * max(abs(a), abs(b))
    return a == b


def assert_equal_tables(ours, sparks):
    """Asserts that two tables have the same rows, doubles within 1e-12; gives their number."""
    (names, left), (spark_names, right) = table(ours), table(sparks)
    assert names == spark_names
    assert len(left) == len(right), f"{ours}: {len(left)} rows, Spark has {len(right)}"
    for one, two in zip(left, right):
        assert all(map(close, one, two)), f"{ours}:\n{dict(zip(names, one))}\nSpark:\n{two}"
    return len(left)


def spark_home():
    import pyspark
    return os.path.dirname(pyspark.__file__)
