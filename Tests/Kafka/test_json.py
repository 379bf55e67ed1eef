"""Values are JSON as Spark's `to_json` writes it, byte for byte: Spark itself is asked."""  # G20

import json

import pytest

from broker import broker, source  # noqa: F401

FIELDS = [("b", "boolean"), ("i", "int"), ("l", "long"), ("d", "double"), ("small", "decimal(20,10)"),
          ("money", "decimal(10,2)"), ("s", "string"), ("day", "date"), ("t", "timestamp")]

TEXTS = ["", "a/b", "é", "🙂", "\u0001\b\t\n\f\r\"\\\u001f\u007f", "{}", "null"]
DOUBLES = ["1e7", "1e-5", "1.23e20", "-0.0", "0.1", "9999999.9", "0.001", "1e-3", "4.9e-324",
           "1.7976931348623157e308", "123456789.125", "2.0", "100"]
DECIMALS = ["1.5", "0.0000001", "0.0000010", "-0.0000001", "0", "1234567890.0123456789", "0.000001"]
TIMES = ["2026-01-05T14:30:00.123456Z", "1969-12-31T23:59:59.999Z", "2026-01-05T00:00:00Z"]


def documents():
    count = max(map(len, (TEXTS, DOUBLES, DECIMALS, TIMES)))
    for n in range(count):
        def pick(values):
            return values[n % len(values)]
        yield ('{"b":%s,"i":%d,"l":%d,"d":%s,"small":%s,"money":%s,"s":%s,"day":"2026-01-0%d",'
               '"t":"%s"}' % (
                   "true" if n % 2 else "false", n - 3, 2**62 + n, pick(DOUBLES), pick(DECIMALS),
                   f"{n}.5", json.dumps(pick(TEXTS)), n % 9 + 1, pick(TIMES)))
    # Nulls are left out, and a row of nulls is empty but for the time.
    yield '{"t":"2026-01-05T14:30:00Z"}'


@pytest.fixture(scope="module")
def spark():
    pytest.importorskip("pyspark", reason="SKIPPED LOUDLY: no Spark (make spark-deps)")
    from pyspark.sql import SparkSession
    session = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
               .config("spark.sql.session.timeZone", "UTC").getOrCreate())
    yield session
    session.stop()


def test_values_are_sparks_json(broker, workspace, spark):
    from pyspark.sql.functions import struct, to_json
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, [{"value": text.encode()} for text in documents()])
    value = {"format": "json", "fields": [{"name": name, "type": kind} for name, kind in FIELDS]}
    select = [name for name, _ in FIELDS] + [
        "CAST(s AS BINARY) AS bytes", "sqrt(-abs(d) - 1) AS nan"]
    workspace.job({
        "name": "json", "source": source(broker, origin, value=value, eventTime="t"),
        "trigger": {"availableNow": True}, "queries": [{
            "name": "json", "select": select, "outputMode": "append", "sinks": [
                {"format": "kafka", "kafka.bootstrap.servers": broker.servers, "topic": target},
                {"format": "parquet", "path": "lake/json"}]}]})
    workspace.run("run", "job.json")
    ours = [value.decode() for *_, value in broker.read(target)]
    rows = spark.read.parquet(str(workspace.path / "lake" / "json")).select(
        *[name for name, _ in FIELDS], "bytes", "nan")
    theirs = [row.text for row in rows.select(to_json(struct("*")).alias("text")).collect()]
    assert len(ours) == len(list(documents()))
    assert sorted(ours) == sorted(theirs)
