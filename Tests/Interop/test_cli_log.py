"""`streamer log`: what is appended comes out again, in every format, once."""

import io
import json
import signal
import subprocess
import time

import duckdb
import pyarrow as pa
import pyarrow.csv
import pytest

from conftest import BINARY

SCHEMA = "symbol string, event_time timestamp, price double, volume long"
ROWS = [
    ("IBM", "2026-01-05T14:30:00.250Z", "185.5", "100"),
    ("IBM", "2026-01-05 14:30:01", "1e-7", ""),
    ('A,"B\n', "2026-01-05 14:30:02", "12345678.25", "5"),
]


def csv_text(rows=ROWS, header=True):
    lines = ["symbol,event_time,price,volume"] if header else []
    for symbol, *rest in rows:
        quoted = symbol.replace('"', '""')
        lines.append(",".join([f'"{quoted}"', *rest]))
    return "\n".join(lines) + "\n"


@pytest.fixture
def log(workspace):
    (workspace.path / "a.csv").write_text(csv_text())
    done = workspace.run("log", "append", "log/t", "--schema", SCHEMA, "a.csv")
    assert "appended 3 rows to log/t, offsets 0 to 3" in done.out
    return workspace


def rows(workspace, *arguments):
    out = workspace.run("log", "cat", "log/t", "--format", "json", *arguments).out
    return [json.loads(line) for line in out.splitlines()]


def test_json_lines_are_the_rows(log):
    assert rows(log) == [
        {"symbol": "IBM", "event_time": "2026-01-05 14:30:00.25", "price": 185.5, "volume": 100},
        {"symbol": "IBM", "event_time": "2026-01-05 14:30:01", "price": 1e-7, "volume": None},
        {"symbol": 'A,"B\n', "event_time": "2026-01-05 14:30:02", "price": 12345678.25,
         "volume": 5}]


def test_numbers_are_written_as_spark_casts_them(log):
    out = log.run("log", "cat", "log/t", "--format", "csv", "--columns", "price").out
    assert out == "price\n185.5\n1.0E-7\n1.234567825E7\n"


def test_csv_is_read_back_by_others(log):
    out = log.run("log", "cat", "log/t", "--format", "csv").stdout
    (log.path / "out.csv").write_bytes(out)
    with duckdb.connect() as connection:
        read = connection.execute(
            f"SELECT symbol, price, volume FROM read_csv('{log.path}/out.csv', header = true)"
        ).fetchall()
    assert read == [("IBM", 185.5, 100), ("IBM", 1e-7, None), ('A,"B\n', 12345678.25, 5)]


def test_arrow_goes_out_and_comes_in(log):
    stream = log.run("log", "cat", "log/t", "--format", "arrow").stdout
    table = pa.ipc.open_stream(io.BytesIO(stream)).read_all()
    assert table.num_rows == 3
    assert table.schema.field("event_time").type == pa.timestamp("us", tz="UTC")
    (log.path / "t.arrows").write_bytes(stream)
    log.run("log", "append", "log/again", "t.arrows")
    copied = log.run("log", "cat", "log/again", "--format", "json").out
    assert copied == log.run("log", "cat", "log/t", "--format", "json").out
    # Through a pipe, without a place to go back to.
    log.run("log", "append", "log/again", "--format", "arrow", "-", stdin=stream)
    [listed] = [json.loads(line) for line in log.run(
        "log", "ls", "--format", "json").out.splitlines() if "log/again" in line]
    assert listed["rows"] == 6


def test_pyarrow_file_format_is_read(workspace):
    table = pa.table({
        "t": pa.array([1_000_000, 2_000_000], pa.timestamp("us", tz="UTC")),
        "p": pa.array([1.5, None])})
    with pa.ipc.new_file(workspace.path / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    workspace.run("log", "append", "log/t", "t.arrow")
    assert rows(workspace) == [
        {"t": "1970-01-01 00:00:01", "p": 1.5}, {"t": "1970-01-01 00:00:02", "p": None}]


def test_the_same_files_are_appended_once(log):
    again = log.run("log", "append", "log/t", "--schema", SCHEMA, "a.csv")
    assert "nothing new" in again.out and len(rows(log)) == 3
    log.run("log", "append", "log/t", "--schema", SCHEMA, "a.csv", "--again")
    assert len(rows(log)) == 6


def test_standard_input_takes_the_columns_of_the_log(log):
    log.run("log", "append", "log/t", "--format", "csv", "-", stdin=csv_text().encode())
    assert len(rows(log)) == 6


def test_files_without_header_and_with_epochs(workspace):
    (workspace.path / "b.csv").write_text("1767623400000;185.5;junk;7\n")
    workspace.run(
        "log", "append", "log/t", "--no-header", "--delimiter", ";", "--schema",
        "event_time timestamp(epoch_ms), price decimal(18,4) NOT NULL, _, n int", "b.csv")
    out = workspace.run("log", "cat", "log/t", "--format", "csv").out
    assert out == "event_time,price,n\n2026-01-05 14:30:00,185.5000,7\n"


def test_rows_that_do_not_parse_are_counted_and_kept(workspace):
    (workspace.path / "a.csv").write_text(csv_text() + "broken\nIBM,2026-01-05,x,1\n")
    done = workspace.run("log", "append", "log/t", "--schema", SCHEMA, "a.csv")
    assert "rejected 2 rows; they are in lake/rejects" in done.out
    assert len(rows(workspace)) == 3
    shown = workspace.run("lake", "show", "rejects", "--format", "json").out.splitlines()
    assert [json.loads(line)["line"] for line in shown] == [6, 7]


def test_rejects_of_several_feeds_share_a_table(workspace):
    for name in ("a", "b"):
        (workspace.path / f"{name}.csv").write_text(csv_text() + f"broken {name}\n")
        workspace.run("log", "append", f"log/{name}", "--schema", SCHEMA, f"{name}.csv")
    workspace.run(
        "log", "append", "log/a", "--format", "csv", "-", stdin=(csv_text() + "no\n").encode())
    shown = workspace.run("lake", "show", "rejects", "--format", "json").out.splitlines()
    assert sorted(json.loads(line)["text"] for line in shown) == ["broken a", "broken b", "no"]


def test_ranges_by_offset_and_by_time(log):
    assert len(rows(log, "--from", "1")) == 2
    assert len(rows(log, "--from", "1", "--to", "2")) == 1
    assert len(rows(log, "--from", "2026-01-05T14:30:01Z")) == 2
    assert len(rows(log, "--to", "2026-01-05 14:30:01")) == 1
    assert len(rows(log, "--from", "2027-01-01")) == 0
    assert len(rows(log, "--limit", "2")) == 2
    assert [row["offset"] for row in rows(log, "--offsets")] == [0, 1, 2]
    assert "expected an offset or a time" in log.run(
        "log", "cat", "--from", "tuesday", check=2).err


def test_columns_come_in_the_order_asked_for(log):
    assert list(rows(log, "--columns", "volume, symbol")[0]) == ["volume", "symbol"]
    assert "did you mean 'price'?" in log.run("log", "cat", "--columns", "pirce", check=2).err


def test_a_table_is_aligned_and_harmless(log):
    out = log.run("log", "cat", "log/t").out
    header, rule, *lines = out.splitlines()
    assert len(lines) == 3 and 'A,"B\\n' in lines[2] and "NULL" in lines[1]
    assert len({line.index("2026") for line in lines}) == 1
    ends = {line.index(value) + len(value) for line, value in zip(
        lines, ["185.5", "1.0E-7", "1.234567825E7"])}
    assert len(ends) == 1, "numbers stand on the right"


def test_the_only_log_need_not_be_named(log):
    assert log.run("log", "cat").out == log.run("log", "cat", "log/t").out
    (log.path / "a.csv").rename(log.path / "b.csv")
    log.run("log", "append", "log/u", "--schema", SCHEMA, "b.csv")
    assert "say which log: there are log/t, log/u" in log.run("log", "cat", check=2).err
    assert "there is no tick log in log/v" in log.run("log", "cat", "log/v", check=2).err


def test_a_reader_that_goes_away_is_no_error(log):
    big = "".join(csv_text(header=index == 0) for index in range(20_000))
    (log.path / "big.csv").write_text(big)
    log.run("log", "append", "log/big", "--schema", SCHEMA, "big.csv")
    process = subprocess.Popen(
        [BINARY, "log", "cat", "log/big", "--format", "csv"], cwd=log.path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"symbol,event_time,price,volume\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0


def test_listing_and_verification(log):
    [segment] = [json.loads(line) for line in log.run(
        "log", "ls", "log/t", "--format", "json").out.splitlines()]
    assert (segment["from"], segment["to"], segment["rows"]) == (0, 3, 3)
    assert segment["state"] == "active"
    assert segment["time_max"] == "2026-01-05 14:30:02"
    assert "whole; 3 rows" in log.run("log", "verify", "log/t").out
    path = log.path / "log" / "t" / segment["segment"]
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    damaged = log.run("log", "verify", "log/t", check=1)
    assert segment["segment"] in damaged.err


def test_tail_follows_until_told_to_stop(log):
    assert len(log.run("log", "tail", "--lines", "2", "--format", "json").out.splitlines()) == 2
    process = log.start("log", "tail", "-f", "--lines", "1", "--format", "json")
    try:
        assert json.loads(process.stdout.readline())["volume"] == 5
        log.run("log", "append", "log/t", "--format", "csv", "-", stdin=csv_text().encode())
        for price in (185.5, 1e-7, 12345678.25):
            assert json.loads(process.stdout.readline())["price"] == price
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.communicate()


def test_tail_ends_when_its_reader_is_gone(log):
    process = log.start("log", "tail", "-f", "--format", "json")
    process.stdout.readline()
    process.stdout.close()
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        log.run("log", "append", "log/t", "--format", "csv", "-", stdin=csv_text().encode())
    assert process.returncode == 0


@pytest.mark.parametrize("words, complaint", [
    (["log/n", "a.csv"], "say its columns with --schema"),
    (["log/n", "a.csv", "--schema", "t timestmp"], "did you mean 'timestamp'?"),
    (["log/n", "a.csv", "--schema", "t string"], "one must be the event time"),
    (["log/n", "a.csv", "--schema", "a timestamp, b timestamp"], "--event-time a or b"),
    (["log/n", "a.csv", "--schema", "a timestamp, a int"], "twice"),
    (["log/n", "a.csv", "--schema", "t timestamp(epoch_mss)"], "epoch_ms"),
    (["log/n", "a.what", "--schema", "t timestamp"], "add --format csv, json or arrow"),
    (["log/n"], "say which files to append"),
    (["log/n", "--job", "none.json"], "none.json"),
    (["log/n", "--job", "x", "--feed", "y"], "exclude each other"),
])
def test_mistakes_are_named(log, words, complaint):
    done = log.run("log", "append", *words, check=None)
    assert done.returncode in (1, 2) and complaint in done.err
    assert not (log.path / "log" / "n").exists()


def test_arrow_of_other_columns_is_refused(log):
    table = pa.table({"event_time": pa.array([0], pa.timestamp("us", tz="UTC"))})
    with pa.ipc.new_stream(log.path / "o.arrows", table.schema) as writer:
        writer.write_table(table)
    done = log.run("log", "append", "log/t", "o.arrows", check=1)
    assert "'symbol' of the log is missing" in done.err
    (log.path / "no.arrows").write_bytes(b"not arrow at all")
    assert "no Arrow stream" in log.run("log", "append", "log/t", "no.arrows", check=1).err


@pytest.mark.parametrize("symbol, rows_expected", [("bac", 573_620), ("ibm", 126_395)])
def test_real_trades_need_one_command(workspace, real_ticks, symbol, rows_expected):
    workspace.path.joinpath("feed.json").write_text(json.dumps({
        "format": "csv", "header": False, "paths": "to be told",
        "columns": [
            {"name": "symbol", "fromPath": "directory", "case": "upper", "type": "string",
             "nullable": False},
            {"name": "event_time", "from": 0, "type": "timestamp",
             "format": "ms_since_midnight", "timeZone": "America/New_York"},
            {"name": "price", "from": 1, "type": "decimal(18,4)", "scale": 10000},
            {"name": "volume", "from": 2, "type": "long"}],
        "eventTime": "event_time"}))
    command = ["log", "append", "log/t", "--feed", "feed.json",
               f"{real_ticks}/us_equity_2013/{symbol}/*_trade.zip"]
    done = workspace.run(*command)
    assert f"appended {rows_expected:,} rows" in done.out
    assert "2013-10-07 0" in done.out and "to 2013-10-11 " in done.out
    assert "nothing new" in workspace.run(*command).out
    stream = workspace.run("log", "cat", "log/t", "--format", "arrow").stdout
    table = pa.ipc.open_stream(io.BytesIO(stream)).read_all()
    assert table.num_rows == rows_expected
    assert table["symbol"].unique().to_pylist() == [symbol.upper()]


def test_values_are_written_as_spark_casts_them(workspace):
    doubles = {
        "0.0": 0.0, "-0.0": -0.0, "0.001": 1e-3, "9.9E-4": 9.9e-4, "9999999.0": 9999999.0,
        "1.0E7": 1e7, "-1.0E7": -1e7, "1.7976931348623157E308": 1.7976931348623157e308,
        "2.2250738585072014E-308": 2.2250738585072014e-308, "1.0E22": 1e22,
        "123456.789": 123456.789, "NaN": float("nan"),
        "Infinity": float("inf"), "-Infinity": float("-inf")}
    times = {
        "1970-01-01 00:00:00": 0, "1969-12-31 23:59:59.999999": -1, "1970-01-01 00:00:00.1": 10**5,
        "2000-02-29 23:59:59.00012": 951868799000120, "0001-01-01 00:00:00": -62135596800000000,
        "9999-12-31 23:59:59": 253402300799000000}
    size = len(doubles)
    instants = (list(times.values()) * 3)[:size]
    table = pa.table({
        "t": pa.array(instants, pa.timestamp("us", tz="UTC")),
        "d": pa.array(list(doubles.values())),
        "day": pa.array([value // 86_400_000_000 for value in instants], pa.int32()).cast(
            pa.date32()),
        "b": pa.array([True, None] * (size // 2)),
        "n": pa.array([-(2**63), 2**63 - 1] * (size // 2)),
        "s": pa.array(["", '"q" \\ é\t', " x", None, "a\rb", "plain", "1,5"] * (size // 7))})
    with pa.ipc.new_stream(workspace.path / "v.arrows", table.schema) as writer:
        writer.write_table(table)
    workspace.run("log", "append", "log/t", "v.arrows")
    found = rows(workspace)
    expected_times = (list(times) * 3)[:size]
    assert [row["t"] for row in found] == expected_times
    assert [row["day"] for row in found] == [text[:10] for text in expected_times]
    for name in ("b", "n", "s"):
        assert [row[name] for row in found] == table[name].to_pylist(), name
    out = workspace.run("log", "cat", "log/t", "--format", "csv", "--columns", "d").out
    assert out.splitlines()[1:] == list(doubles)
    for row, (text, value) in zip(found, doubles.items()):
        assert row["d"] == (text if text[-1] in "Ny" else value)
    read = pa.csv.read_csv(
        io.BytesIO(workspace.run("log", "cat", "log/t", "--format", "csv").stdout),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            strings_can_be_null=True, quoted_strings_can_be_null=False))
    assert read["s"].to_pylist() == table["s"].to_pylist()
