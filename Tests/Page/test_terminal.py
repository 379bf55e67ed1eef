"""What a person looks at in a terminal of 80 columns, and the page of a job that does not run here."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import BINARY
from serving import CANDLES, KPI, MINUTES, Follower, Served, finals, job


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


class Screen:
    """What a terminal of 80 × 24 shows of what is written to it: text, places, and what is cleared."""

    def __init__(self, columns=80, lines=24):
        self.size = (lines, columns)
        self.rows, self.at, self.wraps = [[" "] * columns for _ in range(lines)], [0, 0], True
        self.scrolled = self.cut = 0

    def write(self, text):
        for code, final, plain in re.findall("\x1b\\[([?0-9;]*)([A-Za-z])|([^\x1b])", text):
            if plain:
                self.put(plain)
            elif final == "H":
                self.at = [int(part or 1) - 1 for part in (code or "1;1").split(";")]
            elif final == "K":
                self.rows[self.at[0]][self.at[1]:] = [" "] * (self.size[1] - self.at[1])
            elif final == "J":
                self.rows = [[" "] * self.size[1] for _ in range(self.size[0])]
            elif code == "?7":
                self.wraps = final == "h"

    def put(self, character):
        if character == "\r":
            self.at[1] = 0
        elif character == "\n":
            self.at[0] += 1
        elif self.at[1] < self.size[1]:
            self.rows[self.at[0]][self.at[1]] = character
            self.at[1] += 1
        else:
            self.cut += 1
        if self.at[0] >= self.size[0]:
            self.scrolled, self.at[0] = self.scrolled + 1, self.size[0] - 1

    @property
    def lines(self):
        return ["".join(row).rstrip() for row in self.rows]


class Watched:
    """A run with a screen on a terminal, whose keys a test presses."""

    def __init__(self, workspace, *arguments):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.set_blocking(self.ours, False)
        self.before = termios.tcgetattr(theirs)
        self.terminal = theirs
        self.process = subprocess.Popen(
            [BINARY, *map(str, arguments)], cwd=workspace.path, stdin=theirs, stdout=theirs,
            stderr=theirs, env={**os.environ, "NO_COLOR": "1", "TERM": "xterm"})
        self.text = ""

    def press(self, key):
        os.write(self.ours, key.encode())

    def until(self, condition, seconds=60):
        """Reads until the screen fulfils a condition, and gives the screen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.text += os.read(self.ours, 1 << 20).decode(errors="replace")
            except OSError:
                time.sleep(0.02)
            screen = Screen()
            # The last whole picture: each begins at the first line.
            pictures = self.text.rpartition("\x1b[?1049h")[2].split("\x1b[1;1H")
            if len(pictures) > 2:
                screen.write("\x1b[1;1H" + pictures[-2])
                if condition(screen):
                    return screen
            assert self.process.poll() is None, self.text[-2000:]
        raise AssertionError("\n".join(screen.lines))

    def end(self):
        """The exit code, and how the terminal was left."""
        end, code = time.monotonic() + 20, None
        while code is None and time.monotonic() < end:
            try:
                self.text += os.read(self.ours, 1 << 20).decode(errors="replace")
            except OSError:
                time.sleep(0.02)
            code = self.process.poll()
        try:
            self.text += os.read(self.ours, 1 << 20).decode(errors="replace")
        except OSError:
            pass
        after = termios.tcgetattr(self.terminal)
        os.close(self.ours)
        os.close(self.terminal)
        self.process.kill()
        return code, after


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
        newest = max(row[1] for row in finals(ran))
        follower.until(lambda: any(key[2] == newest for key in follower.finals))
        follower.close()
        assert not follower.open
        rows = {("candles", *row[:2]): row for row in finals(ran)}
        new = [key for key in rows if rows[key][1] > before[-1][1]]
        assert new and all(follower.finals[key] == rows[key] for key in new)
    finally:
        served.stop()


def test_candles_that_move_in_the_terminal(workspace):
    """One screen of 80 × 24, live: symbols and queries by keys, and q ends the run as Ctrl-C does."""
    workspace.job(job([CANDLES, MINUTES]))
    watched = Watched(workspace, "run", "job.json", "--watch")
    first = watched.until(lambda s: "AAPL" in s.lines[0] and "1/5" in s.lines[23] and "open, closes at" in s.lines[0]
                          and any(set("┃█│") & set(line) for line in s.lines[2:20]))
    assert first.cut == first.scrolled == 0 and len(first.lines) == 24
    assert first.lines[23].startswith("q quits · ↑↓ symbol 1/5 · 1-2 query · batch ")
    assert re.match(r"\d\d:\d\d:\d\d  O \d+\.\d+  H .*  L .*  C .*  V ", first.lines[1])
    watched.until(lambda s: s.lines[1] != first.lines[1])
    watched.press("\x1b[B")
    watched.until(lambda s: "AMZN" in s.lines[0])
    watched.press("2")
    watched.until(lambda s: "minutes" in s.lines[0] and "open" in s.lines[0])
    watched.press("q")
    code, after = watched.end()
    assert code == 130 and after == watched.before
    # The screen before is there again, and the run's messages come behind it.
    behind = watched.text.rpartition("\x1b[?1049l")[2]
    assert "\x1b[?1049l" in watched.text and "batches" in behind and "page" not in behind


@pytest.mark.parametrize("arguments, message", [
    (["--watch", "--format", "json"], "where nothing else is written"),
    (["--watch"], "needs a terminal"), (["--watch", "job.json"], "one JOB")])
def test_mistakes_with_a_screen(workspace, arguments, message):
    workspace.job(job([CANDLES]))
    assert message in workspace.run("run", "job.json", *arguments, check=2).err


def test_a_screen_needs_candles(workspace):
    workspace.job(job([KPI]))
    watched = Watched(workspace, "run", "job.json", "--watch")
    code, after = watched.end()
    assert code == 2 and "open, high, low and close" in watched.text.replace("\r\n", " ")
    assert after == watched.before
