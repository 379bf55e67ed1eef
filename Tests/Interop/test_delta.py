"""Delta tables as deltalake and Polars see them: every version, after kills, after replays."""

import functools
import json
import shutil
import time

import deltalake
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import duckdb_delta
from conftest import Workspace

TICKS, BATCH = 60_000, 4_000


def job(**changes):
    def sinks(*found):
        return [{"format": kind, "path": f"lake/{path}", **more} for kind, path, more in found]
    kpi = {"groupBy": ["symbol"], "select": ["symbol", "count(*) AS trades", "max(price) AS top"]}
    return {
        "name": "delta",
        "feed": {"format": "simulator", "symbols": ["IBM", "AAPL", "MSFT"], "ticks": TICKS, "seed": 7},
        "source": {"format": "log", "path": "log/ticks", "maxOffsetsPerTrigger": BATCH},
        "watermark": {"eventTime": "event_time", "delayThreshold": "5 seconds"},
        "trigger": {"availableNow": True},
        "queries": [
            {"name": "candles", "groupBy": ["symbol", "window(event_time, '10 seconds')"],
             "select": ["symbol", "window.start AS window_start", "last(price) AS close",
                        "sum(volume) AS volume", "to_date(window.start) AS date"],
             "sinks": sinks(("delta", "candles", {"partitionBy": ["date", "symbol"]}),
                            ("parquet", "plain", {"partitionBy": ["date"]}))},
            {"name": "kpi", **kpi, "outputMode": "complete", "sinks": sinks(("delta", "kpi", {}))},
            {"name": "top", **kpi, "outputMode": "update", "sinks": sinks(("delta", "top", {}))},
        ], **changes}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("delta"))
    workspace.run("run", workspace.job(job()))
    return workspace


def log_entries(table):
    """The entries of a table's log by version, each as a dictionary of lists of actions."""
    entries = {}
    for path in sorted((table / "_delta_log").glob("*.json")):
        actions = {}
        for line in path.read_text().splitlines():
            for kind, value in json.loads(line).items():
                actions.setdefault(kind, []).append(value)
        entries[int(path.stem)] = actions
    return entries


def batch_of_version(table):
    return {version: entry["txn"][0]["version"] if "txn" in entry else -1
            for version, entry in log_entries(table).items()}


def by_arrow(table, version=None):
    rows = deltalake.DeltaTable(table, version=version).to_pyarrow_table().to_pylist()
    return sorted(tuple(row[name] for name in sorted(row)) for row in rows)


def by_polars(table, version=None):
    frame = polars.read_delta(str(table), version=version)
    return sorted(frame.select(sorted(frame.columns)).rows())


@functools.cache
def all_by_duckdb(table):
    versions = list(log_entries(table))
    return dict(zip(versions, duckdb_delta.read(table, versions)))


def by_duckdb(table, version=None):
    tables = all_by_duckdb(table)
    rows = tables[max(tables) if version is None else version].to_pylist()
    return sorted(tuple(row[name] for name in sorted(row)) for row in rows)


def plain_rows(lake):
    """Of the plain table: the rows of each batch."""
    batches = {}
    for path in sorted((lake / "plain").rglob("*.parquet")):
        rows = pq.read_table(path, partitioning="hive").to_pylist()
        day = path.parent.name.removeprefix("date=")
        for row in rows:
            row["date"] = type(row["window_start"].date()).fromisoformat(day)
        batch = int(path.name.split("-")[1])
        batches.setdefault(batch, []).extend(
            tuple(row[name] for name in sorted(row)) for row in rows)
    return batches


def states(workspace):
    """What each table must hold after each batch, from the plain table and the log's ticks."""
    plain = plain_rows(workspace.path / "lake")
    ticks = polars.read_csv(
        workspace.run("log", "cat", "log/ticks", "--format", "csv").stdout, columns=["symbol", "price"])

    def candles(batch):
        return sorted(row for number, rows in plain.items() if number <= batch for row in rows)

    def kpi(batch):
        seen = ticks.head((batch + 1) * BATCH).group_by("symbol").agg(
            polars.len().cast(polars.Int64).alias("trades"), polars.col("price").max().alias("top"))
        return sorted(seen.select(sorted(seen.columns)).rows())
    return {"candles": candles, "kpi": kpi, "top": kpi}


# Reading

@pytest.mark.parametrize("read", [by_arrow, by_polars, by_duckdb])
@pytest.mark.parametrize("name", ["candles", "kpi", "top"])
def test_every_version_is_the_state_after_its_batch(done, name, read):
    table = done.path / "lake" / name
    state = states(done)[name]
    versions = batch_of_version(table)
    assert len(versions) > 11
    assert list(versions.values()) == sorted(set(versions.values()))
    for version, batch in versions.items():
        assert read(table, version) == (state(batch) if batch >= 0 else []), version
    assert read(table) == state(10 ** 6)


def test_the_types_are_those_of_the_plain_table(done):
    import pyarrow as pa
    found = pa.schema(deltalake.DeltaTable(done.path / "lake" / "candles").schema().to_arrow())
    assert {field.name: str(field.type) for field in found} == {
        "symbol": "string", "window_start": "timestamp[us, tz=UTC]", "close": "double",
        "volume": "int64", "date": "date32[day]"}


def test_a_checkpoint_stands_for_the_entries_before_it(done, tmp_path):
    for name in ["candles", "kpi"]:
        table = shutil.copytree(done.path / "lake" / name, tmp_path / name)
        expected = by_arrow(table)
        for version in range(10):
            (table / "_delta_log" / f"{version:020}.json").unlink()
        assert by_arrow(table) == expected
        assert by_polars(table) == expected
        app = deltalake.DeltaTable(table).metadata().configuration["streamer.checkpoint"]
        assert deltalake.DeltaTable(table).transaction_version(app) == max(
            batch_of_version(table).values())


def test_statistics_let_readers_pass_over_files(done):
    table = done.path / "lake" / "candles"
    for entry in log_entries(table).values():
        for add in entry.get("add", []):
            stats = json.loads(add["stats"])
            rows = pq.read_table(table / add["path"], partitioning=None)
            assert stats["numRecords"] == rows.num_rows
            assert add["size"] == (table / add["path"]).stat().st_size
            volumes = rows["volume"].to_pylist()
            assert stats["minValues"]["volume"] == min(volumes)
            assert stats["maxValues"]["volume"] == max(volumes)
    frame = polars.scan_delta(str(table))
    volume = frame.select(polars.col("volume").median()).collect().item()
    filtered = frame.filter(polars.col("volume") > volume).collect()
    assert filtered.height == frame.collect().filter(polars.col("volume") > volume).height > 0


def test_our_own_verbs_read_them(done):
    listed = {row["table"]: row for row in map(
        json.loads, done.run("lake", "ls", "--format", "json").out.splitlines())}
    assert listed["lake/candles"]["rows"] == listed["lake/plain"]["rows"]
    for name in ["kpi", "top"]:
        shown = done.run("lake", "show", name, "--format", "csv", "--order-by", "symbol").out
        table = polars.read_delta(str(done.path / "lake" / name)).sort("symbol")
        assert shown.splitlines()[1:] == [f"{s},{n},{t}" for s, n, t in table.rows()]
    old = done.run("lake", "show", "kpi", "--version", "3", "--format", "csv").out
    assert len(old.splitlines()) == 4
    checked = done.run("lake", "verify").out
    assert checked.count("whole") == 4 and "rows as published" in checked


def test_a_change_of_a_file_or_of_the_log_is_found(done, tmp_path):
    workspace = Workspace(shutil.copytree(done.path, tmp_path / "copy"))
    victim = sorted((workspace.path / "lake" / "candles").rglob("*.zstd.parquet"))[5]
    content = victim.read_bytes()
    victim.write_bytes(content[:-9] + b"x" + content[-8:])
    assert victim.name in workspace.run("lake", "verify", "candles", check=1).err
    victim.write_bytes(content)
    entry = workspace.path / "lake" / "candles" / "_delta_log" / f"{4:020}.json"
    text = entry.read_bytes()
    for damaged in [b"", text[:100], text.replace(b'"size":', b'"size":1', 1)]:
        entry.write_bytes(damaged)
        for words in [["lake", "verify", "candles"], ["lake", "show", "candles"], ["run", "job.json"]]:
            assert entry.name in workspace.run(*words, check=1).err
    entry.unlink()
    assert entry.name in workspace.run("run", "job.json", check=1).err


# Checkpoints of other writers

def others_table(path, partition_by):
    """A table of deltalake's with 24 versions: rows added, replaced and deleted; newest checkpoint at 20."""
    for version in range(24):
        rows = pa.table({
            "n": pa.array([version, None, -version], pa.int64()), "part": [f"p {version % 3}/ä", None, "x"],
            "text": [f"v{version}", "", None], "bytes": pa.array([b"\xff", None, b""], pa.binary())})
        mode = "overwrite" if version == 9 else "append"
        deltalake.write_deltalake(path, rows, mode=mode, partition_by=partition_by)
        if version == 20:
            deltalake.DeltaTable(path).create_checkpoint()
    deltalake.DeltaTable(path).delete("n = 22")
    return path


def by_content(rows):
    return sorted(rows, key=repr)


@pytest.fixture
def other(workspace):
    (workspace.path / "lake").mkdir()
    return workspace


@pytest.mark.parametrize("partition_by", [None, ["part"]])
def test_tables_of_others_are_read_from_their_checkpoint(other, partition_by):
    path = others_table(other.path / "lake/other", partition_by)
    def wanted(version=None):
        table = deltalake.DeltaTable(path, version=version).to_pyarrow_table()
        return by_content((row["n"], row["part"], row["text"]) for row in table.to_pylist())
    def found(*words):
        rows = [json.loads(line) for line in other.run(
            "lake", "show", "other", "--format", "json", *words).out.splitlines()]
        return by_content((row["n"], row["part"], row["text"]) for row in rows)
    assert found() == wanted()
    log = path / "_delta_log"
    older = {version: found("--version", version) for version in (3, 12, 20, 22)}
    assert older == {version: wanted(version) for version in older}
    # The entries that the checkpoint stands for may be gone, as after a clean-up.
    for version in range(20):
        (log / f"{version:020}.json").unlink()
    assert found() == wanted() and found("--version", 22) == older[22]
    assert f"{0:020}.json" in other.run("lake", "show", "other", "--version", "3", check=1).err
    # A checkpoint that cannot be trusted is none.
    pointer, checkpoint = log / "_last_checkpoint", log / f"{20:020}.checkpoint.parquet"
    bytes_of = {file: file.read_bytes() for file in (pointer, checkpoint)}
    for file, content in [
            (pointer, b""), (pointer, b"{}"), (pointer, b'{"version":20,"size":1}'), (checkpoint, b""),
            (checkpoint, bytes_of[checkpoint][:-1]), (checkpoint, bytes_of[checkpoint].replace(b"path", b"pash"))]:
        file.write_bytes(content)
        assert "missing" in other.run("lake", "show", "other", check=1).err
        file.write_bytes(bytes_of[file])
    assert found() == wanted()


def test_a_damaged_checkpoint_of_others_does_not_hide_the_entries(other):
    path = others_table(other.path / "lake/other", None)
    rows = other.run("lake", "show", "other", "--format", "csv").out
    (path / "_delta_log" / f"{20:020}.checkpoint.parquet").write_bytes(b"PAR1")
    assert sorted(other.run("lake", "show", "other", "--format", "csv").out.split()) == sorted(rows.split())


# Exactly once

def test_replaying_batches_adds_nothing(done, tmp_path):
    workspace = Workspace(shutil.copytree(done.path, tmp_path / "copy"))
    logs = {name: log_entries(workspace.path / "lake" / name) for name in ["candles", "kpi", "top"]}
    done = workspace.run("replay", "job.json", "--from-checkpoint", "--batch", 0, "--verify")
    assert "identical" in done.out
    commits = workspace.path / "checkpoints" / "delta" / "commits"
    last = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
    (commits / str(last)).unlink()
    workspace.run("run", "job.json")
    assert (commits / str(last)).exists()
    for name, entries in logs.items():
        assert log_entries(workspace.path / "lake" / name) == entries
    assert workspace.run("lake", "verify").out.count("whole") == 4


def test_a_kill_at_any_point_leaves_a_table_that_they_read(done, tmp_path):
    workspace = Workspace(tmp_path)
    workspace.job(job())
    workspace.run("log", "append", "log/ticks", "--job", "job.json")
    begun = time.monotonic()
    workspace.run("run", "job.json")
    seconds = time.monotonic() - begun
    workspace.run("clear", "--yes")
    state = states(done)
    for _ in workspace.kills("run", "job.json", count=12, seconds=seconds, seed=7):
        for name in ["candles", "kpi", "top"]:
            table = workspace.path / "lake" / name
            if not (table / "_delta_log" / f"{0:020}.json").exists():
                continue
            newest = max(batch_of_version(table).values())
            expected = state[name](newest) if newest >= 0 else []
            assert by_arrow(table) == expected
            assert by_polars(table) == expected
    workspace.run("run", "job.json")
    for name in ["candles", "kpi", "top"]:
        table = workspace.path / "lake" / name
        assert by_arrow(table) == by_arrow(done.path / "lake" / name)
        assert batch_of_version(table) == batch_of_version(done.path / "lake" / name)
    assert workspace.run("lake", "verify").out.count("whole") == 4


def test_other_writers_are_refused(done, tmp_path):
    workspace = Workspace(shutil.copytree(done.path, tmp_path / "copy"))
    kpi = workspace.path / "lake" / "kpi"
    deltalake.write_deltalake(
        kpi, deltalake.DeltaTable(kpi).to_pyarrow_table(), mode="append",
        writer_properties=deltalake.WriterProperties(compression="ZSTD"))
    shown = workspace.run("lake", "show", "kpi", "--format", "csv").out
    assert len(shown.splitlines()) == 7
    refused = workspace.run("run", "job.json", check=1).err
    assert "delta-rs" in refused and "changed its rows" in refused
    # A job on a new checkpoint does not take over the tables of the old one.
    shutil.rmtree(workspace.path / "checkpoints")
    assert "belongs to query 'candles'" in workspace.run("run", "job.json", check=1).err
    workspace.run("clear", "job.json", "--yes")
    workspace.run("run", "job.json")
    assert by_arrow(workspace.path / "lake" / "kpi") == by_arrow(done.path / "lake" / "kpi")


def test_moving_rows_and_vacuum_by_others_are_followed(done, tmp_path):
    workspace = Workspace(tmp_path)
    workspace.job(job())
    workspace.run("run", "job.json", "--max-batches", 5)
    table = workspace.path / "lake" / "candles"
    rows = by_arrow(table)
    deltalake.DeltaTable(table).optimize.compact(
        writer_properties=deltalake.WriterProperties(compression="ZSTD"))
    kpi = deltalake.DeltaTable(workspace.path / "lake" / "kpi")
    kpi.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert by_arrow(table) == rows
    workspace.run("run", "job.json")
    for name in ["candles", "kpi", "top"]:
        assert by_arrow(workspace.path / "lake" / name) == by_arrow(done.path / "lake" / name)
    assert "rows as published" in workspace.run("lake", "verify", "candles").out


# Compaction

def test_compacting_keeps_every_row_and_every_version(done, tmp_path):
    workspace = Workspace(shutil.copytree(done.path, tmp_path / "copy"))
    rows = {version: by_arrow(workspace.path / "lake" / "candles", version)
            for version in batch_of_version(workspace.path / "lake" / "candles")}
    for name in ["candles", "plain"]:
        table = workspace.path / "lake" / name
        before = workspace.files(f"lake/{name}")
        planned = workspace.run("lake", "compact", name, "--dry-run").out
        assert "would become" in planned and workspace.files(f"lake/{name}") == before
        shown = sorted(workspace.run("lake", "show", name, "--format", "csv").out.splitlines())
        assert "became" in workspace.run("lake", "compact", name).out
        assert sorted(workspace.run("lake", "show", name, "--format", "csv").out.splitlines()) == shown
        for version in rows if name == "candles" else []:
            assert by_arrow(table, version) == rows[version]
        assert "rows as published" in workspace.run("lake", "verify", name).out
        assert "no small files" in workspace.run("lake", "compact", name).err
    assert by_arrow(workspace.path / "lake" / "candles") == rows[max(rows)]
    assert by_polars(workspace.path / "lake" / "candles") == rows[max(rows)]
    plain = polars.read_parquet(workspace.path / "lake" / "plain" / "**" / "*.parquet")
    assert plain.height == len(rows[max(rows)])
    # What the checkpoint recorded can still be run again and compared, and adds nothing.
    replayed = workspace.run("replay", "job.json", "--from-checkpoint", "--batch", 0, "--verify")
    assert "identical" in replayed.out
    commits = workspace.path / "checkpoints" / "delta" / "commits"
    last = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
    files = workspace.files()
    (commits / str(last)).unlink()
    refused = workspace.run("lake", "compact", "plain", check=1).err
    assert f"batch {last} was begun and not committed" in refused
    workspace.run("run", "job.json")
    assert workspace.files() == files


def test_plain_tables_are_not_compacted_while_a_job_runs_on_them(done, tmp_path):
    workspace = Workspace(shutil.copytree(done.path, tmp_path / "copy"))
    workspace.job(job(trigger={"processingTime": "1 second"}))
    running = workspace.start("run", "job.json")
    try:
        for _ in range(200):
            if "engine     not running" not in workspace.run("checkpoint", "show", "delta").out:
                break
        assert "lock" in workspace.run("lake", "compact", "plain", check=1).err
        # A sink that gets ready sweeps up what a crash left, and takes a file in the making for such.
        time.sleep(1)
        assert "became" in workspace.run("lake", "compact", "candles").out
    finally:
        running.terminate()
        running.communicate()
    (workspace.path / "checkpoints").rename(workspace.path / "elsewhere")
    assert "not below ./checkpoints" in workspace.run("lake", "compact", "plain", check=1).err


@pytest.mark.parametrize("words, complaint", [
    (["compact", "plain", "--target-size", "5 apples"], "is no size"),
    (["compact", "plain", "--target-size", "0"], "is no size"),
    (["compact", "nothing"], "there is no table 'nothing'"),
    (["show", "candles", "--version", "1000"], "there is no version 1000"),
    (["show", "plain", "--version", "1"], "only Delta tables have versions"),
    (["export", "candles", "--format", "xlsx"], "csv"),
    (["export", "candles", "--where", "volum > 1"], "Did you mean 'volume'"),
])
def test_mistakes_are_named(done, words, complaint):
    failed = done.run("lake", *words, check=None)
    assert failed.returncode in (1, 2) and complaint in failed.err


# Export

def test_export_gives_the_rows_to_other_tools(done, tmp_path):
    import pyarrow as pa
    expected = polars.read_delta(str(done.path / "lake" / "candles")).sort("symbol", "window_start")
    order = ["--order-by", "symbol,window_start"]
    target = tmp_path / "candles.csv"
    done.run("lake", "export", "candles", *order, "--output", target)
    assert polars.read_csv(target, try_parse_dates=True).select("symbol", "close", "volume").equals(
        expected.select("symbol", "close", "volume"))
    stream = done.run("lake", "export", "candles", *order, "--format", "arrow").stdout
    found = polars.from_arrow(pa.ipc.open_stream(stream).read_all())
    assert found.select(expected.columns).cast(expected.schema).equals(expected)
    some = done.run("lake", "export", "candles", "--columns", "symbol", "--where", "symbol = 'IBM'",
                    "--limit", 2).out
    assert some.split() == ["symbol", "IBM", "IBM"]
