"""What a person looks at in a terminal of 80 columns, and the page of a job that does not run here."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import BINARY
from serving import CANDLES, Follower, Served, finals, job


def terminal(workspace, *arguments, columns=80, lines=24, stop_after=None):
    """What a program writes to a terminal, line by line, as the screen has it in the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [BINARY, *map(str, arguments)], cwd=workspace.path, stdin=theirs, stdout=theirs,
        stderr=theirs, env={**os.environ, "NO_COLOR": "1", "TERM": "xterm"})
    os.close(theirs)
    begun, out = time.monotonic(), b""
    while True:
        try:
            chunk = os.read(ours, 65_536)
        except OSError:
            break
        if not chunk:
            break
        out += chunk
        if stop_after and time.monotonic() - begun > stop_after:
            process.send_signal(signal.SIGINT)
            stop_after = None
    os.close(ours)
    assert process.wait(20) in (0, 130)
    return out.decode()


def screen(text):
    """Lines as they stand: a carriage return goes back, and `ESC [K` clears what follows."""
    rows = []
    for line in text.replace("\r\n", "\n").split("\n"):
        shown = ""
        for part in line.split("\r"):
            for mark in ("\x1b[?7l", "\x1b[?7h"):
                part = part.replace(mark, "")
            shown = part.replace("\x1b[K", "") if "\x1b[K" in part else part + shown[len(part):]
        rows.append(shown)
    return rows


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    from conftest import Workspace
    workspace = Workspace(tmp_path_factory.mktemp("terminal"))
    console = {**CANDLES, "sinks": CANDLES["sinks"] + [{"format": "console"}]}
    workspace.job(job([console]))
    workspace.text = terminal(workspace, "run", "job.json", "--max-batches", 40)
    return workspace


def test_tables_and_progress_do_not_share_a_line(ran):
    rows = screen(ran.text)
    titles = [row for row in rows if "candles, batch" in row]
    assert titles and all(row.startswith("candles, batch") for row in titles)
    assert [row for row in rows if "·" in row and "batch" in row] == []
    # The progress line was there, and went before each table.
    assert "rows/s" in ran.text


def test_a_wide_table_fits(ran):
    for verb in (["lake", "show", "lake/candles"], ["log", "cat", "log/live"]):
        rows = screen(terminal(ran, *verb, "--limit", 5, columns=60))
        assert max(map(len, rows)) <= 60
        if verb[0] == "lake":
            assert any("columns; --width 0 shows all" in row for row in rows)


def test_a_pipe_has_any_width(ran):
    out = ran.run("lake", "show", "lake/candles", "--limit", 2).out
    assert "…" not in out and "sell_volume" in out
    assert "columns;" in ran.run("lake", "show", "lake/candles", "--width", 40).out


def test_candles_in_the_terminal(ran):
    rows = screen(terminal(ran, "lake", "show", "lake/candles", "--where", "symbol = 'IBM'", "--plot",
                           "close"))
    assert max(map(len, rows)) <= 80 and len(rows) <= 25
    assert any(set("┃█") & set(row) for row in rows) and any("volume" in row for row in rows)
    several = ran.run("lake", "show", "lake/candles", "--plot", "close", check=2)
    assert "AAPL, AMZN, IBM, MSFT, TSLA" in several.err
    assert "there is no such column" in ran.run(
        "lake", "show", "lake/candles", "--plot", "clsoe", check=2).err


def test_a_page_without_an_engine(ran):
    served = Served(ran, "serve", "--port", 0)
    try:
        before = served.json("/api/queries/candles?symbol=IBM")["rows"]
        assert before == finals(ran, symbol="IBM")[-len(before):] and before
        assert served.json("/api/jobs")["engine"] is False
        follower = Follower(served, [{"q": "candles"}])
        ran.run("run", "job.json", "--max-batches", 30)
        follower.run_for(2)
        follower.close()
        assert not follower.open
        rows = {("candles", *row[:2]): row for row in finals(ran)}
        new = [key for key in rows if rows[key][1] > before[-1][1]]
        assert new and all(follower.finals[key] == rows[key] for key in new)
    finally:
        served.stop()
