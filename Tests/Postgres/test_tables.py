"""What of a job's rows is in the table: modes, types, names, columns of others."""

import datetime
import decimal
import math
import os
import struct

import pytest

from support import NUMBERS, numbers

TICKS = int(os.environ.get("POSTGRES_TICKS", "200000"))

CANDLES = ["symbol", "window.start AS timestamp", "first(price) AS open", "max(price) AS high",
           "min(price) AS low", "last(price) AS close", "sum(volume) AS volume"]


def candle_job(market, database, sinks, mode, name, batch=20_000):
    return {
        "name": name, "source": {"format": "log", "path": "log/ticks", "startingOffsets": "earliest",
                                 "maxOffsetsPerTrigger": max(batch, TICKS // 10)},
        "watermark": {"eventTime": "event_time", "delayThreshold": "5 seconds", "closeAtEnd": True},
        "trigger": {"availableNow": True}, "checkpointLocation": f"checkpoints/{name}",
        "queries": [{"name": "candles", "groupBy": ["symbol", "window(event_time, '1 minute')"],
                     "select": CANDLES, "outputMode": mode, "sinks": sinks}]}


def test_candles_are_those_of_the_parquet_sink(market, database):
    """Check 1: value by value, doubles by their bits."""
    feed = {"format": "simulator", "symbols": ["IBM", "AAPL", "MSFT"], "ticks": TICKS, "seed": 7}
    lake = candle_job(market, database, [{"format": "parquet", "path": "lake/candles"}], "append",
                      "lake")
    lake["feed"] = feed
    market.workspace.job(lake, "lake.json")
    market.run("lake.json")
    for mode in ("update", "complete", "append"):
        table = f"bars_{mode}"
        sink = database.sink(table, keys=["symbol", "timestamp"])
        market.workspace.job(candle_job(market, database, [sink], mode, mode))
        market.run()
        expected = market.workspace.query(
            "SELECT symbol, epoch_us(timestamp), open, high, low, close, volume "
            "FROM '{lake}/candles/**/*.parquet' ORDER BY symbol, timestamp")
        found = database.rows(
            f"SELECT symbol, (extract(epoch FROM timestamp) * 1000000)::bigint, open, high, low, "
            f"close, volume FROM {table} ORDER BY symbol COLLATE \"C\", timestamp")
        assert len(found) > 10
        assert [bits(row) for row in found] == [bits(row) for row in expected], mode


def bits(row):
    return tuple(struct.pack("<d", value) if isinstance(value, float) else value for value in row)


def test_a_new_checkpoint_adds_and_upserts(market, database):
    """Check 9."""
    market.append(numbers(10), NUMBERS)
    market.job(database.sink("plain"), ["id", "price"])
    market.run()
    market.workspace.run("clear", "job.json", "--yes")
    market.run()
    assert database.value("SELECT count(*) FROM plain") == 20
    market.job(database.sink("keyed", keys=["id"]), ["id", "price"], name="keyed", file="k.json")
    for _ in range(2):
        market.run("k.json")
        market.workspace.run("clear", "k.json", "--yes")
    assert database.value("SELECT count(*) FROM keyed") == 10


def test_complete_deletes_only_what_it_may(market, database):
    """Check 9: rows that no commit row explains are not deleted unless the job says so."""
    market.append(numbers(70), NUMBERS)
    database.run("CREATE TABLE kpi (name text PRIMARY KEY, total double precision)",
                 "INSERT INTO kpi VALUES ('old', 1)")
    query = {"groupBy": ["name"], "outputMode": "complete"}
    market.job(database.sink("kpi"), ["name", "sum(price) AS total"], **query)
    refused = market.run(check=1)
    assert '"truncate"' in refused.err and "rows that this job did not write" in refused.err
    assert database.dump("kpi") == ["(old,1)"]
    for keys in ({}, {"keys": ["name"]}):
        market.workspace.run("clear", "job.json", "--yes", check=None)
        market.job(database.sink("kpi", truncate=True, **keys), ["name", "sum(price) AS total"],
                   batch=20, **query)
        market.run()
        assert database.rows("SELECT * FROM kpi ORDER BY name") == [
            (f"S{k}", sum(i / 8 for i in range(k, 70, 7))) for k in range(7)]


def test_the_last_row_of_a_key_stays(market, database):
    """A key twice in a batch would be SQLSTATE 21000; zeros of both signs are one key."""
    rows = [{"id": i, "at": i, "name": ["a", "b", "a"][i % 3], "price": [0.0, -0.0, 1.5][i % 3]}
            for i in range(30)]
    market.append(rows, NUMBERS)
    market.job(database.sink("latest", keys=["name"]), ["name", "id"], batch=10)
    market.run()
    assert database.rows("SELECT name, id FROM latest ORDER BY name") == [("a", 29), ("b", 28)]
    market.job(database.sink("zeros", keys=["price"]), ["price", "id"], name="z", file="z.json")
    market.run("z.json")
    assert database.rows("SELECT price, id FROM zeros ORDER BY price") == [(0.0, 28), (1.5, 29)]


# Types

DOUBLES = ["NaN", "Infinity", "-Infinity", "-0.0", "5e-324", "2.2250738585072014e-308",
           "0.30000000000000004", "1e308", "1.7976931348623157e308", "123456.78901234567", "100",
           "1e16", "1e-7", "0.1", "1.005", "-98765.4321", "9007199254740993", "0.00001234"]


def test_doubles(market, database):
    """Check 19: as they are in float8, as their shortest decimal in numeric."""
    rows = [{"id": i, "at": i, "name": v, "price": 0.0} for i, v in enumerate(DOUBLES)]
    market.append(rows, NUMBERS)
    database.run("CREATE TABLE d (id bigint, f double precision, n numeric)")
    market.job(database.sink("d"), ["id", "CAST(name AS double) AS f", "CAST(name AS double) AS n"])
    if database.server.version < 140_000:
        assert "22003" in market.run(check=1).err
        return
    market.run()
    found = database.rows("SELECT f, n::text FROM d ORDER BY id")
    for text, (f, n) in zip(DOUBLES, found):
        value = float(text)
        assert struct.pack("<d", f) == struct.pack("<d", value) or (math.isnan(f) and text == "NaN")
        if not math.isfinite(value):
            assert n == text
        else:
            expected = decimal.Decimal(repr(abs(value)).rstrip("0").rstrip(".") if "." in repr(value)
                                       and "e" not in repr(value) else repr(abs(value)))
            assert decimal.Decimal(n) == (expected if value > 0 else -expected)
            assert n == format(decimal.Decimal(n), "f") and not (
                "." in n and n.endswith("0")), (text, n)


def test_a_limited_numeric_never_rounds(market, database):
    """Check 19: numeric(10,2) takes what it can hold and refuses the rest, and NaN fits."""
    database.run("CREATE TABLE d (id bigint, n numeric(10,2))")
    values = ["1.25", "NaN", "99999999.99", "0.1", "-0.0", "0"]
    market.append([{"id": i, "at": i, "name": v, "price": 0.0} for i, v in enumerate(values)],
                  NUMBERS)
    market.job(database.sink("d"), ["id", "CAST(name AS double) AS n"])
    market.run()
    assert [row[0] for row in database.rows("SELECT n::text FROM d ORDER BY id")] == [
        "1.25", "NaN", "99999999.99", "0.10", "0.00", "0.00"]
    for value, word in [("1.005", "would round"), ("100000000", "too large"), ("Infinity", "infinity")]:
        market.append([{"id": 9, "at": 1, "name": value, "price": 0.0}], NUMBERS)
        assert word in market.run(check=1).err
        market.workspace.run("clear", "--yes", "--log", check=None)
        database.run("DELETE FROM d", "DELETE FROM streamer_commits")


DECIMALS = ["99999999999999999999.999999999999999999", "-99999999999999999999.999999999999999999",
            "0", "-1", "0.000000000000000001", "1.500000000000000000", "10000", "0.0001",
            "12345678901234567890.000100000000000000"]


def test_decimals(market, database):
    """Check 20: with all digits of their scale."""
    market.append([{"id": i, "at": i, "name": v, "price": 0.0} for i, v in enumerate(DECIMALS)],
                  NUMBERS)
    database.run("CREATE TABLE d (id bigint, a numeric(38,18), b numeric, c numeric(12,4))")
    market.job(database.sink("d"), [
        "id", "CAST(name AS decimal(38,18)) AS a", "CAST(name AS decimal(38,18)) AS b",
        "CAST(id AS decimal(12,4)) AS c"])
    market.run()
    exact = [str(decimal.Decimal(v).quantize(decimal.Decimal("1e-18"),
                                             context=decimal.Context(prec=60))) for v in DECIMALS]
    exact = [format(decimal.Decimal(v), "f") for v in exact]
    assert database.rows("SELECT a::text, b::text, c::text FROM d ORDER BY id") == [
        (v, v, f"{i}.0000") for i, v in enumerate(exact)]
    database.run("CREATE TABLE narrow (id bigint, a numeric(38,2))")
    market.job(database.sink("narrow"), ["id", "CAST(name AS decimal(38,18)) AS a"], name="n",
               file="n.json")
    assert "rounds without an error" in market.run("n.json", check=1).err


def test_times(market, database):
    """Check 21: exact to the microsecond, and never infinite."""
    def micros(*when):
        delta = datetime.datetime(*when) - datetime.datetime(1970, 1, 1)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    times = [micros(1, 1, 1), micros(1969, 12, 31, 23, 59, 59, 999_999), 0,
             micros(2038, 1, 19, 3, 14, 8), micros(9999, 12, 31, 23, 59, 59, 999_999)]
    schema = "id long, at timestamp(epoch_us), name string, price double"
    market.append([{"id": i, "at": t, "name": "", "price": 0.0} for i, t in enumerate(times)], schema)
    database.run("CREATE TABLE t (id bigint, at timestamptz, plain timestamp, day date)")
    market.job(database.sink("t"), ["id", "at", "at AS plain", "to_date(at) AS day"])
    market.run()
    found = database.rows(
        "SELECT (extract(epoch FROM at) * 1000000)::numeric(30,0)::bigint, at::timestamp = plain, "
        "day = (at AT TIME ZONE 'UTC')::date FROM t ORDER BY id")
    assert found == [(t, True, True) for t in times]
    seconds = "id long, at timestamp(epoch_us), x long"
    market.append([{"id": 9, "at": 0, "x": 9_223_372_036_854}], seconds, log="log/high")
    market.job(database.sink("t"), ["id", "CAST(x AS timestamp) AS at"], name="high", log="log/high",
               file="x.json")
    market.run("x.json")
    assert database.value("SELECT extract(epoch FROM at)::bigint FROM t WHERE id = 9") == \
        9_223_372_036_854
    for low in (-9_223_372_036_854, -210_866_803_201):
        market.append([{"id": 0, "at": 0, "x": low}], seconds, log=f"log/low{low}")
        market.job(database.sink("t"), ["id", "CAST(x AS timestamp) AS at"], name=f"low{low}",
                   log=f"log/low{low}", file="x.json")
        refused = market.run("x.json", check=1)
        assert "22008" in refused.err and 'column "at"' in refused.err, refused.err
        assert database.value("SELECT count(*) FROM t") == len(times) + 1


def test_every_type_in_a_made_table(market, database):
    market.append(numbers(3), NUMBERS)
    market.job(database.sink("made", keys=["id"], createTableColumnTypes="name varchar(12)"), [
        "id", "CAST(id AS int) AS i", "price", "name", "id > 0 AS flag", "at", "to_date(at) AS day",
        "CAST(price AS decimal(12,3)) AS d", "CAST(name AS binary) AS raw"])
    market.run()
    types = dict(database.rows(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = 'made'::regclass AND attnum > 0"))
    assert types == {
        "id": "bigint", "i": "integer", "price": "double precision",
        "name": "character varying(12)", "flag": "boolean", "at": "timestamp with time zone",
        "day": "date", "d": "numeric(12,3)", "raw": "bytea"}
    assert database.rows("SELECT i, flag, d::text, raw FROM made ORDER BY id")[1] == (
        1, True, "0.125", b"S1")


@pytest.mark.parametrize("column, expression, word", [
    ("v int2", "CAST(id AS int)", "smallint"), ("v int", "id", "bigint or numeric"),
    ("v char(4)", "name", "text or varchar"), ("v jsonb", "name", "jsonb"),
    ("v uuid", "name", "uuid"), ("v text", "id", "text"), ("v real", "price", "real"),
    ("v date", "at", "date")])
def test_types_that_do_not_fit(market, database, column, expression, word):
    market.append(numbers(1), NUMBERS)
    database.run(f"CREATE TABLE t ({column})")
    market.job(database.sink("t"), [f"{expression} AS v"])
    refused = market.run(check=1)
    assert word in refused.err and 'column "v"' in refused.err
    assert refused.err.count("\n") <= 3, refused.err


# Names

def test_names_are_exact(market, database):
    """Check 22."""
    names = ["timestamp", "index", "Order", 'a"b', "Ünï", "c" * 63, "select"]
    market.append(numbers(2), NUMBERS)
    market.job(database.sink("public.names", keys=["timestamp"]),
               [f"id AS `{name}`" for name in names])
    market.run()
    found = [row[0] for row in database.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'names'::regclass AND attnum > 0 "
        "ORDER BY attnum")]
    assert found == names
    market.job(database.sink("names"), [f"id AS `{'c' * 64}`"])
    assert "64 bytes" in market.run(check=2).err
    market.job(database.sink("names"), ["id AS `Timestamp`"], name="case", file="case.json")
    assert 'is called "timestamp" there' in market.run("case.json", check=1).err


@pytest.mark.parametrize("written, schema, table", [
    ("Public.T", "public", "t"), ('"Public"."T"', "Public", "T"), ('"a.b"', "public", "a.b"),
    ('"semi;colon"', "public", "semi;colon")])
def test_tables_are_named_as_in_sql(market, database, written, schema, table):
    """Check 23."""
    database.run('CREATE SCHEMA IF NOT EXISTS "Public"')
    market.append(numbers(2), NUMBERS)
    market.job(database.sink(written), ["id"])
    market.run()
    assert database.rows("SELECT schemaname, tablename FROM pg_tables WHERE tablename <> "
                         "'streamer_commits' AND schemaname NOT LIKE 'pg\\_%%' AND schemaname <> "
                         "'information_schema'") == [(schema, table)]


@pytest.mark.parametrize("written", ["a.b.c", "t; DROP TABLE x", "", "1t", '"open', "a..b"])
def test_what_is_no_table(market, database, written):
    """Check 23."""
    market.append(numbers(2), NUMBERS)
    market.job(database.sink(written), ["id"])
    assert "/sinks/0/dbtable" in market.run(check=2).err


# Keys and columns of others

@pytest.mark.parametrize("table, word", [
    ("(id bigint, price float8)", "no unique index"),
    ("(id bigint UNIQUE, price float8)", "may be null"),
    ("(id bigint NOT NULL, price float8, UNIQUE (id) DEFERRABLE)", "deferrable"),
    ("(id bigint NOT NULL, price float8 NOT NULL, UNIQUE (id, price))", "no unique index")])
def test_keys_need_their_index(market, database, table, word):
    """Check 24."""
    market.append(numbers(2), NUMBERS)
    database.run(f"CREATE TABLE t {table}")
    market.job(database.sink("t", keys=["id"]), ["id", "price"])
    refused = market.run(check=1).err
    assert word in refused and ("CREATE UNIQUE INDEX" in refused or "SET NOT NULL" in refused)
    assert database.rows("SELECT 1 FROM pg_tables WHERE tablename = 'streamer_commits'") == []


def test_partial_indexes_and_nulls(market, database):
    """Check 24."""
    market.append(numbers(2), NUMBERS)
    database.run("CREATE TABLE t (id bigint NOT NULL, price float8)",
                 "CREATE UNIQUE INDEX ON t (id) WHERE price > 0")
    market.job(database.sink("t", keys=["id"]), ["id", "price"])
    assert "partial" in market.run(check=1).err
    if database.server.version >= 150_000:
        database.run("CREATE TABLE n (id bigint, price float8, UNIQUE NULLS NOT DISTINCT (id))")
        market.job(database.sink("n", keys=["id"]), ["id", "price"], name="n", file="n.json")
        market.run("n.json")
        assert database.value("SELECT count(*) FROM n") == 2


def test_columns_of_others(market, database):
    """Check 25."""
    market.append(numbers(5), NUMBERS)
    database.run("""CREATE TABLE t (row_id bigint GENERATED ALWAYS AS IDENTITY, id bigint PRIMARY KEY,
        price float8, twice float8 GENERATED ALWAYS AS (price * 2) STORED,
        at timestamptz NOT NULL DEFAULT now(), note text)""")
    market.job(database.sink("t", keys=["id"]), ["id", "price"])
    market.run()
    assert database.value("SELECT sum(twice) FROM t") == sum(i / 4 for i in range(5))
    for column in ("row_id", "twice"):
        market.job(database.sink("t"), ["id", f"id AS {column}"], name=column, file="x.json")
        assert "filled by the database" in market.run("x.json", check=1).err
    database.run("ALTER TABLE t ADD COLUMN needed int NOT NULL DEFAULT 1",
                 "ALTER TABLE t ALTER COLUMN needed DROP DEFAULT")
    market.job(database.sink("t"), ["id", "price"], name="other", file="y.json")
    assert '"needed" takes no null' in market.run("y.json", check=1).err
    market.job(database.sink("t"), ["id", "price AS prise"], name="third", file="z.json")
    assert 'ADD COLUMN "prise" double precision' in market.run("z.json", check=1).err


def test_row_security(market, database):
    """Check 26: COPY is refused there (0A000), so rows are staged."""
    market.append(numbers(50), NUMBERS)
    database.run(
        "CREATE TABLE t (id bigint, price float8)", "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON t USING (true) WITH CHECK (id < 1000)",
        "DO $$ BEGIN CREATE ROLE writer LOGIN; EXCEPTION WHEN duplicate_object THEN END $$",
        "GRANT ALL ON t TO writer", "GRANT ALL ON SCHEMA public TO writer")
    market.job({**database.sink("t"), "user": "writer"}, ["id", "price"], batch=10)
    market.run()
    assert database.rows("SELECT count(*), sum(id) FROM t") == [(50, 1225)]
    market.append(numbers(1, start=2000), NUMBERS)
    assert "42501" in market.run(check=1).err
    market.job({**database.sink("t", onError="reject"), "user": "writer"}, ["id", "price"], batch=10)
    market.run()
    assert database.rows("SELECT row_no, sqlstate FROM t_rejects") == [(0, "42501")]


@pytest.mark.parametrize("keys", [{}, {"keys": ["id"]}])
def test_dropped_rows_are_noticed(market, database, keys):
    """Check 27: a trigger that returns NULL shows in the counts alone."""
    market.append(numbers(10), NUMBERS)
    database.run(
        "CREATE TABLE t (id bigint PRIMARY KEY, price float8)",
        "CREATE FUNCTION drop_odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF new.id % 2 = 1 THEN RETURN NULL; END IF; RETURN new; END $$",
        "CREATE TRIGGER drop_odd BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION drop_odd()")
    market.job(database.sink("t", **keys), ["id", "price"])
    assert "dropped 5 rows of 10" in market.run(check=1).err
    assert database.value("SELECT count(*) FROM t") == 0
    database.run("DROP TRIGGER drop_odd ON t")
    market.run()
    assert database.value("SELECT count(*) FROM t") == 10


def test_a_rule_that_does_nothing_is_noticed(market, database):
    """Check 27."""
    market.append(numbers(10), NUMBERS)
    database.run("CREATE TABLE t (id bigint PRIMARY KEY, price float8)",
                 "CREATE RULE nothing AS ON INSERT TO t WHERE new.id > 6 DO INSTEAD NOTHING")
    market.job(database.sink("t", keys=["id"]), ["id", "price"])
    refused = market.run(check=1)
    assert "dropped" in refused.err or "rules" in refused.err, refused.err
    assert database.value("SELECT count(*) FROM t") == 0


def test_partitions_and_views(market, database):
    market.append(numbers(20), NUMBERS)
    database.run(
        "CREATE TABLE p (id bigint PRIMARY KEY, price float8) PARTITION BY RANGE (id)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (100)",
        "CREATE VIEW v AS SELECT id, price FROM p")
    market.job(database.sink("p", keys=["id"]), ["id", "price"])
    market.run()
    assert database.rows("SELECT (SELECT count(*) FROM p1), (SELECT count(*) FROM p2)") == [(10, 10)]
    market.job(database.sink("v", keys=["id"]), ["id", "price"], name="v", file="v.json")
    assert "view" in market.run("v.json", check=1).err
    database.run("DELETE FROM p")
    market.job(database.sink("v"), ["id", "price"], name="w", file="w.json")
    market.run("w.json")
    assert database.value("SELECT count(*) FROM p") == 20
