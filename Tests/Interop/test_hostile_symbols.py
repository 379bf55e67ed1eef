"""Ten thousand symbols that are made to break paths, as partition values of plain and Delta tables."""

import datetime
import json
import os
import pathlib
import random
import shutil
import tempfile
import unicodedata

import deltalake
import polars
import pyarrow as pa
import pyarrow.dataset
import pytest

import duckdb_delta
from conftest import Workspace

COUNT = 10_000
NAME_BYTES = 255
# The text that Hive's directories have for null, which readers of directories take for null.
NULL_TEXT = {"__HIVE_DEFAULT_PARTITION__": None}

TRICKS = [
    "..", ".", "../..", "../../../../tmp/x", "/etc/passwd", "a/b", "a//b", "/", "//", "\\", "..\\..\\x",
    "C:\\x", "\\\\host\\share", "~", "~root", "$HOME", "`id`", "$(id)", "a;b", "|", "&", "*", "?", "[a]",
    "{a,b}", "!", "#", "%", "%%", "%2F", "%2f", "%2E%2E", "%00", "%252F", "%25", "a%", "%4", "%zz",
    "CON", "NUL", "aux.txt", "COM1", "a.", "a ", " a", " ", "   ", "a\tb", "a\nb", "a\r\nb", "\0", "a\0b",
    "\x01", "\x1f", "\x7f", "\x80", "\x9f", "=", "a=b", "symbol=x", "date=2026-01-05", "_a", ".a", "_",
    "__HIVE_DEFAULT_PARTITION__", "__hive_default_partition__", "null", "NULL", "None", "NaN", "true",
    "0", "-0", "007", "1e5", "2026-01-05", "'", "''", '"', '""', "a'b", 'a"b', "a,b", "a:b", "<a>",
    "é", "e\u0301", "ﬁ", "fi", "Å", "Å", "A\u030a", "ß", "ẞ", "İ", "ı", "K", "\u200b", "\u200d", "\u202e",
    "\ufeff", "\ufffd", "\ufffe", "\u2028", "\u2029", "\u00a0", "\u3000", "日本", "😀", "👩‍👩‍👧", "🇩🇪", "\U0010ffff",
    "part-00000000-0000-00000000.zstd.parquet", "_delta_log", "_delta_log/00000000000000000000.json",
    "_streamer,1,0,0", ".tmp-1", "~0123456789abcdef",
]
ALPHABET = "abAB019 .-_~=/\\%:;*?\"'<>|&{}[]^#+,\t\n\r\0\x01\x7fé\u0301\u0308日\u202e😀\ufeff"


def symbols(seed, fits):
    """Different symbols, none of them empty; with `fits`, of those that a directory can be named by."""
    randomness = random.Random(seed)
    found = dict.fromkeys(TRICKS)
    if not fits:
        found.update(dict.fromkeys(["x" * 300, "é" * 150, "/" * 100, "😀" * 75, "a" * 249, "a" * 4_000]))
    while len(found) < COUNT:
        length = randomness.choice([1, 2, 3, 4, 6, 10, 20, 60] + ([] if fits else [150, 300]))
        text = "".join(randomness.choice(ALPHABET) for _ in range(length))
        found[randomness.choice([text, unicodedata.normalize("NFC", text), "../" + text, text + "."])] = None
    return [text for text in found if not fits or len(directory(text).encode()) <= NAME_BYTES][:COUNT]


def directory(symbol):
    special = set("\"#%'*/:=?\\{[]^\x7f")
    return "symbol=" + "".join(
        f"%{ord(c):02X}" if ord(c) < 32 or c in special else c for c in symbol)


def run(path, values, *sinks):
    """A table of a row a symbol, in two batches; `n` is the symbol's number."""
    workspace = Workspace(path)
    moment = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
    table = pa.table({
        "t": pa.array([moment] * len(values), pa.timestamp("us", "UTC")),
        "n": pa.array(range(len(values)), pa.int64()), "symbol": pa.array(values, pa.string())})
    with pa.ipc.new_stream(path / "symbols.arrows", table.schema) as stream:
        stream.write_table(table)
    workspace.run("log", "append", "log/t", "symbols.arrows")
    workspace.job({
        "name": "hostile",
        "source": {"format": "log", "path": "log/t", "maxOffsetsPerTrigger": len(values) // 2},
        "trigger": {"availableNow": True},
        "queries": [{"name": "q", "select": ["n", "symbol"], "sinks": [
            {"format": sink, "path": f"lake/{sink}", "partitionBy": ["symbol"]} for sink in sinks]}]})
    done = workspace.run("run", "job.json", check=None)
    return workspace, done


def stays_inside(workspace, table):
    """Nothing is outside of the table's directory, and nothing in it leads there."""
    assert sorted(os.listdir(workspace.path)) == [
        "checkpoints", "job.json", "lake", "log", "symbols.arrows"]
    root = os.path.realpath(workspace.path / "lake" / table)
    files = 0
    for folder, _, names in os.walk(root):
        assert os.path.realpath(folder).startswith(root)
        files += sum(name.endswith(".zstd.parquet") for name in names)
    return files


def objects(done):
    # Not splitlines(), which also splits at characters that stand inside of strings.
    return [json.loads(line) for line in done.out.split("\n") if line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A function that makes a folder, in memory if that is possible: twenty thousand files are synced."""
    memory = pathlib.Path("/dev/shm")
    made = []

    def make(name):
        if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30:
            made.append(pathlib.Path(tempfile.mkdtemp(prefix=f"streamer-{name}-", dir=memory)))
            return made[-1]
        return tmp_path_factory.mktemp(name)
    yield make
    for path in made:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
def plain(folder):
    values = symbols(1, fits=True)
    assert len(values) == COUNT
    workspace, done = run(folder("plain"), values, "parquet")
    assert done.returncode == 0, done.err
    return workspace, values


@pytest.fixture(scope="module")
def delta(folder):
    values = symbols(2, fits=False)
    assert len(values) == COUNT
    # Those that no directory can be named by come last, so that version 1 has none.
    values.sort(key=lambda text: len(directory(text).encode()) > NAME_BYTES)
    workspace, done = run(folder("delta"), values, "delta")
    assert done.returncode == 0, done.err
    return workspace, values


def differences(values, found):
    """The symbols that a reader gives wrongly: {right: read}."""
    assert len(found) == len(values)
    return {values[n]: read for n, read in found.items() if values[n] != read}


# Plain tables


def test_plain_files_stay_inside(plain):
    workspace, values = plain
    assert stays_inside(workspace, "parquet") == COUNT
    assert "whole" in workspace.run("lake", "verify").out


def test_plain_by_pyarrow(plain):
    workspace, values = plain
    partitioning = pa.dataset.HivePartitioning(
        pa.schema([("symbol", pa.string())]), segment_encoding="uri")
    table = pa.dataset.dataset(
        workspace.path / "lake" / "parquet", partitioning=partitioning).to_table().to_pylist()
    assert differences(values, {row["n"]: row["symbol"] for row in table}) \
        == NULL_TEXT


def test_plain_by_duckdb(plain):
    workspace, values = plain
    rows = workspace.query(
        "SELECT n, symbol FROM read_parquet('{lake}/parquet/*/*.parquet', hive_partitioning = true, "
        "hive_types_autocast = false)")
    wrong = differences(values, dict(rows))
    assert wrong == NULL_TEXT


def test_plain_by_polars(plain):
    workspace, values = plain
    frame = polars.scan_parquet(
        workspace.path / "lake" / "parquet", hive_partitioning=True,
        hive_schema={"symbol": polars.String}).select("n", "symbol").collect()
    assert differences(values, dict(frame.rows())) == NULL_TEXT


def test_plain_by_our_own_reader(plain):
    workspace, values = plain
    rows = objects(workspace.run("lake", "show", "parquet", "--format", "json"))
    assert differences(values, {row["n"]: row["symbol"] for row in rows}) \
        == NULL_TEXT


@pytest.mark.parametrize("symbol", ["x" * 249, "/" * 83, "é" * 125, "a" * 4_000])
def test_a_value_too_long_for_a_directory_stops_the_batch(tmp_path, symbol):
    workspace, done = run(tmp_path, ["ok", symbol], "parquet")
    assert done.returncode == 1
    assert "at most 255 are possible" in done.err
    assert stays_inside(workspace, "parquet") == 1


# Delta tables


def test_delta_files_stay_inside(delta):
    workspace, values = delta
    assert stays_inside(workspace, "delta") == COUNT
    assert "10,000 rows as published" in workspace.run("lake", "verify").out


def test_delta_by_deltalake(delta):
    workspace, values = delta
    table = deltalake.DeltaTable(workspace.path / "lake" / "delta")
    assert differences(
        values, {row["n"]: row["symbol"] for row in table.to_pyarrow_table().to_pylist()}) == {}
    reader = deltalake.QueryBuilder().register("t", table).execute("SELECT n, symbol FROM t")
    rows = pa.table(reader.read_all()).to_pylist()
    assert differences(values, {row["n"]: row["symbol"] for row in rows}) == {}


def test_delta_by_polars(delta):
    workspace, values = delta
    table = str(workspace.path / "lake" / "delta")
    everything = polars.read_delta(table, use_pyarrow=True).select("n", "symbol")
    assert differences(values, dict(everything.rows())) == {}
    # By itself Polars takes values from the directories: it refuses those that say none.
    short = polars.read_delta(table, version=1).select("n", "symbol")
    assert differences(values[:COUNT // 2], dict(short.rows())) == NULL_TEXT
    with pytest.raises(polars.exceptions.PolarsError):
        polars.read_delta(table).select("n", "symbol")


def test_delta_by_duckdb(delta):
    workspace, values = delta
    [table] = duckdb_delta.read(workspace.path / "lake" / "delta", [2])
    assert differences(values, {row["n"]: row["symbol"] for row in table.to_pylist()}) == {}


def test_delta_by_our_own_reader(delta):
    workspace, values = delta
    rows = objects(workspace.run("lake", "show", "delta", "--format", "json"))
    assert differences(values, {row["n"]: row["symbol"] for row in rows}) == {}


def test_the_empty_string_is_null_in_both(tmp_path):
    workspace, done = run(tmp_path, ["", "a"], "parquet", "delta")
    assert done.returncode == 0, done.err
    for table in ["parquet", "delta"]:
        shown = workspace.run("lake", "show", table, "--format", "csv", "--order-by", "n").out
        assert shown.splitlines()[1:] == ["0,", "1,a"]
    table = deltalake.DeltaTable(workspace.path / "lake" / "delta").to_pyarrow_table()
    assert sorted(table["symbol"].to_pylist(), key=str) == [None, "a"]
