"""The command line itself: help, mistakes, exit codes, terminals and pipes."""

import os
import pty
import re
import signal
import subprocess

import pytest

from conftest import BINARY, ohlcv


def streamer(*arguments, stdin=b"", **environment):
    done = subprocess.run(
        [BINARY, *arguments], input=stdin, capture_output=True, timeout=60,
        env={**os.environ, **environment})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def on_a_terminal(*arguments, cwd=None, **environment):
    """Exit code and everything printed when standard output and error are a terminal."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=side, stderr=side, cwd=cwd,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment})
    os.close(side)
    shown = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(main)
    return process.wait(timeout=60), shown.decode()


def verbs():
    page = subprocess.run([BINARY, "help"], capture_output=True, text=True).stdout
    listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", page.split("Verbs:")[1], re.MULTILINE)
    return [name for name in listed if name != "help"]


ALL = verbs()


def test_the_verbs_of_the_design_are_there():
    assert set(ALL) >= {
        "run", "replay", "clear", "validate", "explain", "log append", "log cat", "log ls",
        "log verify", "log tail", "source ls", "source cat", "source tail", "lake ls", "lake show", "lake verify", "checkpoint ls",
        "checkpoint show", "state show", "doctor"}


@pytest.mark.parametrize("verb", ALL)
def test_every_verb_has_a_help_page(verb):
    code, page, talk = streamer(*verb.split(), "--help")
    assert (code, talk) == (0, "")
    assert page.startswith(f"streamer {verb}")
    assert "Options:" in page and "Examples:" in page
    assert streamer("help", *verb.split()) == (0, page, "")
    assert streamer(*verb.split(), "-h") == (0, page, "")
    assert max(map(len, page.splitlines())) <= 100


@pytest.mark.parametrize("verb", ALL)
def test_examples_use_options_that_exist(verb):
    page = streamer("help", *verb.split())[1]
    options = set(re.findall(r"--[a-z-]+", page.split("Options:")[1].split("Examples:")[0]))
    examples = page.split("Examples:")[1].strip().splitlines()
    assert examples
    for example in examples:
        assert f"streamer {verb}" in example
        own = example[example.index(f"streamer {verb}"):].split("|")[0]
        assert set(re.findall(r"(?<= )--[a-z-]+", own)) <= options, example


@pytest.mark.parametrize("verb", ALL)
def test_an_unknown_option_is_the_callers_mistake(verb):
    code, out, talk = streamer(*verb.split(), "--no-such-thing")
    assert (code, out) == (2, "")
    assert f"'{verb}' has no option '--no-such-thing'" in talk
    assert f"streamer help {verb}" in talk


@pytest.mark.parametrize("words, suggestion", [
    (["rnu"], "'run'"), (["relpay"], "'replay'"), (["vaildate", "x"], "'validate'"),
    (["log", "apend"], "'log append'"), (["lake", "veryfy"], "'lake verify'"),
    (["chekpoint", "ls"], "'checkpoint'"), (["run", "x", "--formt", "json"], "'--format'"),
    (["run", "x", "--avaliable-now"], "'--available-now'"), (["clear", "--ye"], "'--yes'"),
    (["run", "x", "--format", "jsn"], "'json'"),
    (["log", "cat", "x", "--format=cvs"], "'csv'"),
])
def test_misspelt_words_get_the_nearest_name(words, suggestion):
    code, out, talk = streamer(*words)
    assert (code, out) == (2, "")
    assert f"did you mean {suggestion}?" in talk


@pytest.mark.parametrize("words, complaint", [
    ([], "say what to do"),
    (["log"], "'log' needs one of: append"),
    (["run"], "JOB is missing"),
    (["explain", "a", "b"], "'b' is one word too many"),
    (["explain", "--", "a", "--once"], "'--once' is one word too many"),
    (["--format", "json", "run"], "the first word is a verb"),
    (["run", "x", "--trigger"], "--trigger needs a value"),
    (["run", "x", "--trigger", "--once"], "--trigger needs a value before '--once'"),
    (["run", "x", "--once=yes"], "--once takes no value"),
    (["run", "x", "--once", "--once"], "given twice"),
    (["run", "x", "--max-batches", "0"], "expected 1 or more"),
    (["run", "x", "--max-batches", "-1"], "expected 1 or more"),
    (["run", "x", "--max-batches", "99999999999999999999"], "expected a whole number"),
    (["run", "x", "--max-batches=two"], "expected a whole number"),
    (["run", "x", "--once", "--available-now"], "exclude each other"),
    (["explode\x1b[31m"], "explode\\u{1b}"),
    (["x" * 10_000], "there is no verb"),
])
def test_a_wrong_command_line_is_told_why(words, complaint):
    code, out, talk = streamer(*words)
    assert (code, out) == (2, "")
    assert complaint in talk
    assert talk.startswith("error: ") and len(talk) < 1_000


def test_the_environment_stands_in_for_options():
    code, _, talk = streamer("run", "nowhere.json", STREAMER_FORMAT="yaml")
    assert code == 2 and "STREAMER_FORMAT=yaml" in talk
    # What the command line says comes first.
    code, _, talk = streamer("run", "nowhere.json", "--format", "json", STREAMER_FORMAT="yaml")
    assert "STREAMER_FORMAT" not in talk


def test_version():
    code, out, talk = streamer("--version")
    assert (code, talk) == (0, "")
    assert re.fullmatch(r"streamer \d+\.\d+\.\d+\n", out)


def test_colours_are_for_terminals_that_want_them():
    code, shown = on_a_terminal("rnu")
    assert code == 2 and "\x1b[" in shown
    assert "\x1b" not in on_a_terminal("rnu", NO_COLOR="1")[1]
    assert "\x1b" not in on_a_terminal("rnu", TERM="dumb")[1]
    assert "\x1b" not in streamer("rnu")[2]


def test_a_full_disk_is_an_error():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [BINARY, "help"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert b"cannot write to standard output" in done.stderr


def test_progress_is_for_terminals(workspace):
    workspace.job(ohlcv(feed={"ticks": 300_000}, source={"maxOffsetsPerTrigger": 50_000}))
    code, shown = on_a_terminal("run", "job.json", cwd=workspace.path)
    assert code == 0
    lines = [part for part in shown.split("\r") if "rows/s" in part and "lag" in part]
    assert lines and all(part.endswith("\x1b[K\x1b[?7h") for part in lines)
    assert "watermark 2026-01-05" in lines[-1]
    # The line is gone when the results come.
    assert "lag" not in shown.split("\r\x1b[K")[-1]
    workspace.run("clear", "--yes")
    assert "lag" not in workspace.run("run", "job.json").err


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_a_run_after_a_commit(workspace, number, code):
    workspace.job(ohlcv(feed={"ticks": 20_000}))
    process = workspace.start("run", "job.json", "--format", "json", "--trigger", "100ms")
    assert b'"batchId":0' in process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    [listed] = workspace.run("checkpoint", "ls", "--format", "json").out.splitlines()
    assert '"state":"committed"' in listed and '"engine":null' in listed


def test_a_second_signal_ends_a_run_at_once(workspace):
    workspace.job(ohlcv(feed={"ticks": 20_000}))
    # The process is stopped while the signals come, so that no batch ends between them.
    process = workspace.start("run", "job.json", "--format", "json", "--trigger", "1s")
    assert b'"batchId":0' in process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    workspace.run("run", "job.json")
