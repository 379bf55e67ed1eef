"""Every table of the jobs that ship, seen by pyarrow, DuckDB, Polars and `lake show`: one truth."""

import csv
import datetime
import decimal
import io
import json

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from conftest import ROOT, Workspace, ohlcv

UTC = datetime.timezone.utc
TIMESTAMP, PRICE = pa.timestamp("us", "UTC"), pa.decimal128(18, 4)
BOUNDS = [("symbol", pa.string()), ("window_start", TIMESTAMP), ("window_end", TIMESTAMP)]
NUMBERS = [("volume", pa.int64()), ("vwap", pa.float64()), ("trades", pa.int64()), ("date", pa.date32())]


def candles(price):
    return pa.schema(BOUNDS + [(n, price) for n in ("open", "high", "low", "close")] + NUMBERS)


def rolling(price, average):
    return pa.schema(BOUNDS + [("avg_price", average), ("max_price", price),
                               ("volatility", pa.float64()), ("date", pa.date32())])


def kpi(price, average):
    return pa.schema([
        ("symbol", pa.string()), ("as_of", TIMESTAMP), ("rolling_avg_price", average),
        ("max_price", price), ("max_volatility", pa.float64()), ("max_volatility_at", TIMESTAMP)])


DOUBLE, AVERAGE = pa.float64(), pa.decimal128(22, 8)
TABLES = {
    "ohlcv": {"ohlcv": candles(DOUBLE), "rolling": rolling(DOUBLE, DOUBLE), "kpi": kpi(DOUBLE, DOUBLE)},
    "equity": {
        "equity_1m_ibm": candles(PRICE), "equity_5m_ibm": candles(PRICE),
        "equity_rolling_ibm": rolling(PRICE, AVERAGE), "equity_kpi_ibm": kpi(PRICE, AVERAGE)},
}
CASES = [(job, table) for job, tables in TABLES.items() for table in tables]


@pytest.fixture(scope="module")
def lakes(tmp_path_factory):
    """A function that runs a job, once, and gives the folder it ran in."""
    done = {}

    def run(name, request):
        if name not in done:
            workspace = done[name] = Workspace(tmp_path_factory.mktemp(name))
            if name == "ohlcv":
                workspace.run("run", workspace.job(ohlcv(
                    feed={"ticks": 200_000}, source={"maxOffsetsPerTrigger": 60_000})))
            else:
                ticks = request.getfixturevalue("real_ticks") / "us_equity_2013"
                workspace.run("run", ROOT / "jobs" / "equity.json", SYMBOL="ibm", TICKS=str(ticks))
        return done[name]
    return run


def rows_of(table):
    """A table's rows as sorted tuples of Python's own values."""
    return sorted(tuple(row.values()) for row in table.to_pylist())


def parsed(text, kind):
    """A value from the text that `lake show` prints: Spark's cast to string."""
    if pa.types.is_timestamp(kind):
        return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)
    if pa.types.is_date(kind):
        return datetime.date.fromisoformat(text)
    if pa.types.is_decimal(kind):
        assert len(text.split(".")[1]) == kind.scale, text
        return decimal.Decimal(text)
    if pa.types.is_floating(kind):
        return float(text)
    return int(text) if pa.types.is_integer(kind) else text


def through_pyarrow(folder, schema):
    dates = pa.dataset.partitioning(pa.schema([("date", pa.date32())]), flavor="hive")
    found = pa.dataset.dataset(
        folder, format="parquet", partitioning=dates if "date" in schema.names else None)
    return found.to_table().select(schema.names)


def through_duckdb(folder, schema):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(
            f"SELECT {', '.join(schema.names)} FROM read_parquet('{folder}/**/*.parquet')"
        ).to_arrow_table()


def through_polars(folder, schema):
    found = polars.scan_parquet(folder, hive_partitioning=True).collect()
    return found.select(schema.names).to_arrow()


def plain_types(table):
    """A table's columns with the types that differ between readers in name only made one."""
    names = {pa.large_string(): pa.string(), pa.string_view(): pa.string()}
    return pa.schema([(field.name, names.get(field.type, field.type)) for field in table.schema])


@pytest.mark.parametrize("job, table", CASES)
def test_readers_and_show_see_the_same(lakes, request, job, table):
    workspace, schema = lakes(job, request), TABLES[job][table]
    shown = workspace.run("lake", "show", table, "--format", "json").out
    objects = [json.loads(line, parse_float=str, parse_int=str) for line in shown.splitlines()]
    assert all(list(row) == schema.names for row in objects)
    rows = sorted(tuple(parsed(row[f.name], f.type) for f in schema) for row in objects)
    assert len(rows) >= (1 if "kpi" in table else 100)
    head, *lines = csv.reader(io.StringIO(workspace.run("lake", "show", table, "--format", "csv").out))
    assert head == schema.names
    assert sorted(tuple(parsed(text, f.type) for text, f in zip(line, schema)) for line in lines) == rows
    for reader in (through_pyarrow, through_duckdb, through_polars):
        found = reader(workspace.path / "lake" / table, schema)
        assert plain_types(found) == schema, reader.__name__
        assert rows_of(found) == rows, reader.__name__


@pytest.mark.parametrize("job, table", CASES)
def test_show_gives_arrow_the_same(lakes, request, job, table):
    workspace, schema = lakes(job, request), TABLES[job][table]
    stream = workspace.run("lake", "show", table, "--format", "arrow").stdout
    found = pa.ipc.open_stream(stream).read_all()
    plain = pa.schema([
        (f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in found.schema])
    assert plain == schema
    assert rows_of(found) == rows_of(through_pyarrow(workspace.path / "lake" / table, schema))


@pytest.mark.parametrize("job, table", CASES)
def test_readers_find_the_types_without_help(lakes, request, job, table):
    """Nothing but the folder's name is given; only pyarrow takes the partitions for strings."""
    workspace, schema = lakes(job, request), TABLES[job][table]
    folder = workspace.path / "lake" / table
    described = duckdb.sql(f"DESCRIBE FROM read_parquet('{folder}/**/*.parquet')").fetchall()
    names = {TIMESTAMP: "TIMESTAMP WITH TIME ZONE", PRICE: "DECIMAL(18,4)", AVERAGE: "DECIMAL(22,8)",
             pa.string(): "VARCHAR", pa.int64(): "BIGINT", DOUBLE: "DOUBLE", pa.date32(): "DATE"}
    assert {name: kind for name, kind, *_ in described} == {f.name: names[f.type] for f in schema}
    kinds = {TIMESTAMP: polars.Datetime("us", "UTC"), PRICE: polars.Decimal(18, 4),
             AVERAGE: polars.Decimal(22, 8), pa.string(): polars.String, pa.int64(): polars.Int64,
             DOUBLE: polars.Float64, pa.date32(): polars.Date}
    assert dict(polars.read_parquet(folder).schema) == {f.name: kinds[f.type] for f in schema}
    found = pq.read_table(folder).schema
    assert all(found.field(f.name).type == f.type for f in schema if f.name != "date")


def final_state(folder):
    """Groups after the last batch: the newest snapshot, then each batch's changes."""
    files = sorted(folder.iterdir(), key=lambda path: (int(path.stem), path.suffix == ".snapshot"))
    groups = {}
    for path in files:
        table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
        table.validate(full=True)
        metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
        assert metadata["streamer.state.batch"] == path.stem
        assert metadata["streamer.state.kind"] == path.suffix[1:]
        if path.suffix == ".snapshot":
            whole = {}
            apply(whole, table)
            # A snapshot is what the changes before it come to, also where these are still there.
            assert not groups or whole == groups, path
            groups = whole
        else:
            apply(groups, table)
    return groups


def apply(groups, table):
    """Keys that are removed come first, then those that a time stands for go, then others come."""
    keys = [name for name in table.column_names if name.startswith("key.")]
    rows = table.to_pylist()
    gone = [row for row in rows if row.pop("removed", False)]
    for row in gone:
        groups.pop(tuple(row[name] for name in keys))
    bound = table.schema.metadata.get(b"streamer.state.removedUpTo")
    if bound is not None:
        time = pa.scalar(int(bound), pa.timestamp("us", "UTC")).as_py()
        ended = [key for key, row in groups.items() if row["window.end"] <= time]
        assert ended
        for key in ended:
            del groups[key]
    for row in rows[len(gone):]:
        groups[tuple(row[name] for name in keys)] = row


def text_of(value):
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    return value


@pytest.mark.parametrize("steps", [1, 12])
def test_state_files_say_what_state_show_says(workspace, steps):
    workspace.run("run", workspace.job(ohlcv(
        feed={"ticks": 40_000}, source={"maxOffsetsPerTrigger": 3_000})), "--max-batches", steps)
    for query, results in {
            "ohlcv": ["agg0.value", "agg1.value", "agg2.value", "agg3.value", "agg4.sum", "agg5.sum",
                      "agg6.count"],
            "kpi": ["agg0.value", "agg1.value", "agg2.value", "agg3.value", "agg4.value"]}.items():
        folder = workspace.path / "checkpoints" / "ohlcv" / "state" / query
        groups = final_state(folder)
        shown = [json.loads(line) for line in workspace.run(
            "state", "show", "ohlcv", query, "--format", "json", "--limit", "all").out.splitlines()]
        expected = {}
        for key, row in groups.items():
            expected[tuple(map(text_of, key))] = [text_of(row[name]) for name in results]
        keys = ["symbol", "window.start"] if query == "ohlcv" else ["symbol"]
        assert {tuple(row[k] for k in keys): list(row.values())[-len(results):] for row in shown} \
            == expected
        assert len(expected) == len(shown) >= (5 if query == "ohlcv" or steps > 1 else 0)
    assert steps < 10 or list(folder.glob("*.snapshot"))
