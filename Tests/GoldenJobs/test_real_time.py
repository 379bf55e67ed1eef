"""Real time: rows are shown as they come, and nothing is durable before the commit.

The batches last an hour, so that they end when the test says so, however slow the machine is.
"""

import collections
import json
import signal

import pyarrow as pa

from journal import newest_rows

JOB = {
    "name": "live",
    "feed": {"format": "simulator", "symbols": ["A", "B", "C"], "ticks": None, "rate": 2_000,
             "start": "2026-01-05T14:30:00Z", "interval": "1 ms", "seed": 3},
    "source": {"format": "log", "path": "log/live"},
    "watermark": {"eventTime": "event_time", "delayThreshold": "1 second"},
    "trigger": {"realTime": "1 hour"},
    "queries": [
        {"name": "totals", "groupBy": ["symbol"],
         "select": ["symbol", "sum(volume) AS volume", "count(*) AS trades"],
         "outputMode": "update",
         "sinks": [{"format": "table", "path": "lake/totals", "keys": ["symbol"]},
                   {"format": "console"}]}],
}


def shown(process, tables):
    """The rows of the next so many tables on standard output, each as its words."""
    rows, count = [], 0
    while count < tables:
        words = process.stdout.readline().decode().split()
        assert words or process.poll() is None, process.stderr.read().decode()
        if words[:1] in (["A"], ["B"], ["C"]):
            rows.append(words)
        elif words[:2] == ["totals,", "batch"]:
            count += 1
    return rows


def rows_shown(output):
    return [words for words in map(str.split, output.decode().splitlines())
            if words[:1] in (["A"], ["B"], ["C"])]


def number(text):
    return int(text.replace(",", ""))


def committed(workspace):
    """The numbers of the committed batches."""
    folder = workspace.path / "checkpoints" / "live" / "commits"
    return sorted(int(path.name) for path in folder.glob("[0-9]*"))


def totals(workspace, end):
    """Volume and trades of each symbol in the first rows of the log."""
    counts = collections.defaultdict(lambda: [0, 0])
    rows = 0
    for segment in sorted((workspace.path / "log" / "live").glob("*.arrows")):
        for batch in pa.ipc.open_stream(segment.read_bytes()):
            for symbol, volume in zip(batch["symbol"].to_pylist(), batch["volume"].to_pylist()):
                if rows < end:
                    counts[symbol][0] += volume
                    counts[symbol][1] += 1
                rows += 1
    for row in newest_rows(workspace.path / "log" / "live", rows):
        if rows < end:
            counts[row["symbol"]][0] += row["volume"]
            counts[row["symbol"]][1] += 1
        rows += 1
    return sorted((symbol, *values) for symbol, values in counts.items())


def stop(process, with_signal):
    process.send_signal(with_signal)
    # Not `communicate`, which passes over what `readline` has read ahead.
    out = process.stdout.read()
    return process.wait(60), out


def test_rows_are_shown_before_they_are_durable(workspace):
    workspace.job(JOB)
    engine = workspace.start("run", "job.json")
    try:
        shown(engine, 3)
        assert committed(workspace) == []
        assert not list((workspace.path / "checkpoints" / "live" / "offsets").glob("[0-9]*"))
        assert stop(engine, signal.SIGKILL)[0] == -signal.SIGKILL
        assert committed(workspace) == []

        # What was not committed is read again; a stop commits it.
        for batch in range(3):
            engine = workspace.start("run", "job.json")
            first = shown(engine, 3)
            code, rest = stop(engine, signal.SIGINT)
            assert code == 130
            out = workspace.run("checkpoint", "show", "live", "--format", "json").out
            batches = json.loads(out)["batches"]
            assert [each["batch"] for each in batches] == committed(workspace)
            # A start that finds no row yet runs a batch without any, since the watermark has moved.
            with_rows = [each for each in batches if each["endOffset"] > each["startOffset"]]
            assert len(with_rows) == batch + 1
            end = batches[-1]["endOffset"]
            expected = totals(workspace, end)
            assert len(expected) == 3
            assert workspace.query(
                "SELECT * FROM read_parquet('{lake}/totals/*.parquet') ORDER BY 1") == expected
            last = {}
            for symbol, volume, trades in first + rows_shown(rest):
                assert number(trades) > last.get(symbol, (0, 0))[1]
                last[symbol] = (number(volume), number(trades))
            assert sorted((key, *value) for key, value in last.items()) == expected
    finally:
        engine.kill()
        engine.wait()
    # Fails when a file differs.
    workspace.run("replay", "job.json", "--from-checkpoint", "--batch", "0", "--verify")
