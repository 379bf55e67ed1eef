"""A page that is left open: over kills, restarts, another schema, an engine that is long away."""

import json
import os
import random
import signal

import pytest

from browser import ascending, browser
from serving import CANDLES, MINUTES, Served, finals, job

IS_LIVE = "return document.getElementById('connection').className.includes('live')"
IS_GONE = ("return document.getElementById('connection').className.includes('gone') && "
           "document.getElementById('connectionText').textContent")


def looking_at(opened, served, symbol="IBM"):
    opened.open(served)
    opened.choose("Candles", symbol)
    opened.wait("return window.__streamer.page.bars?.times.length > 3")


def no_gap(known, workspace, symbol="IBM"):
    """What a page knows as final is the lake's, row for row, and between the first and the last none
    is missing."""
    rows = {row[1]: row for row in finals(workspace, symbol=symbol)}
    assert all(rows[row[1]] == row for row in known)
    times = sorted(row[1] for row in known)
    assert [at for at in sorted(rows) if times[0] <= at <= times[-1]] == times


@pytest.mark.parametrize(
    "kills", [int(os.environ.get("PAGE_KILLS", 2))])
def test_a_page_left_open_over_kills(workspace, kills):
    """Whatever was killed when, the page comes back by itself, every final is on it once, and what was
    open is hatched until it is confirmed."""
    chance = random.Random(20260105)
    workspace.job(job([CANDLES]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    port, known = served.port, {}
    with browser() as opened:
        looking_at(opened, served)
        for kill in range(kills):
            opened.wait("return window.__streamer.page.bars.times.length > arguments[0]",
                        opened.js("return window.__streamer.page.bars.times.length")
                        + chance.randrange(3))
            opened.driver.execute_async_script(
                "setTimeout(arguments[arguments.length - 1], arguments[0])", chance.uniform(0, 900))
            served.stop(signal.SIGKILL)
            assert "retrying in" in opened.wait(IS_GONE)
            assert opened.js("return window.__streamer.page.chart.candles.data().length") > 3
            if kill == 0:
                # What was open is there, and is said not to be sure.
                opened.wait("return [...window.__streamer.page.bars.byTime.values()]"
                            ".some(b => !b.final)")
            served = Served(workspace, "run", "job.json", "--serve", port)
            opened.wait(IS_LIVE)
            opened.wait("return ![...window.__streamer.page.bars.byTime.values()]"
                        ".some(b => b.unconfirmed)")
            assert ascending(opened.bars())
            for row in opened.finals():
                assert known.setdefault(row[1], row) == row, "a final changed"
        count = len(opened.finals())
        opened.wait("return [...window.__streamer.page.bars.byTime.values()]"
                    ".filter(b => b.final).length > arguments[0] + 1", count)
        last = opened.finals()
        assert [entry for entry in opened.logs() if "WebSocket" not in entry["message"]
                and "ERR_CONNECTION" not in entry["message"]] == []
        served.stop()
        no_gap(last, workspace)


def test_an_engine_that_is_long_away(workspace):
    """Two hours by the page's clock: its age is shown, tries are at most 10 s apart, history that fails
    to load ends none of them, and no reload is needed."""
    workspace.job(job([CANDLES]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    port = served.port
    with browser() as opened:
        looking_at(opened, served)
        served.stop(signal.SIGKILL)
        opened.wait(IS_GONE)
        # Not before: what still came would be of the later hour.
        opened.js("""
            const [timer, now] = [window.setTimeout, Date.now];
            window.pauses = [];
            // Time goes a hundred times as fast for whoever waits, and the clock is two hours ahead.
            window.setTimeout = (work, ms) => { window.pauses.push(ms); return timer(work, ms / 100); };
            Date.now = () => now() + 7200000;
            const load = window.fetch;
            window.failures = 3;
            window.fetch = (...of) => String(of[0]).includes('/api/queries/') && window.failures-- > 0 ?
                Promise.reject(new TypeError('away')) : load(...of);""")
        opened.wait(IS_GONE + ".includes('data of 2.0 h ago')")
        # With random parts the pauses double up to their most.
        opened.wait("return window.pauses.filter(ms => ms > 5000).length > 12")
        assert max(opened.js("return window.pauses")) <= 10_000
        served = Served(workspace, "run", "job.json", "--serve", port)
        opened.wait(IS_LIVE)
        opened.wait("return window.failures < 0 && window.__streamer.page.bars.isLoaded")
        opened.wait("return [...window.__streamer.page.bars.byTime.values()]"
                    ".filter(b => b.final).length > 4")
        last = opened.finals()
        served.stop()
        no_gap(last, workspace)


def test_another_schema(workspace):
    """A query gets another column, and one more comes: the page left open takes both."""
    workspace.job(job([CANDLES]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    port = served.port
    with browser() as opened:
        looking_at(opened, served)
        served.stop()
        workspace.run("clear", "job.json", "--yes")
        select = CANDLES["select"][:2] + ["count(*) AS trades"] + CANDLES["select"][2:]
        workspace.job(job([{**CANDLES, "select": select}, MINUTES]))
        served = Served(workspace, "run", "job.json", "--serve", port)
        opened.wait("return window.__streamer.page.query?.cols.includes('trades')")
        opened.wait("return window.__streamer.page.bars?.times.length > 2")
        row = opened.js("return window.__streamer.page.bars.last().row")
        assert len(row) == len(select)
        assert opened.js("return document.querySelectorAll('#intervals button').length") == 2
        assert ascending(opened.bars())
        assert [entry for entry in opened.logs() if "WebSocket" not in entry["message"]
                and "ERR_CONNECTION" not in entry["message"]] == []
        served.stop()


HOSTILE = ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "__proto__", "constructor",
           "\u202eEDOC", "x" * 10_000, "a/b?c#d", "=HYPERLINK(1)", "Ω"]


def test_hostile_symbols_stay_text(workspace):
    """Symbols of strangers: their own rows, nothing run, no address broken."""
    rows = "".join(json.dumps({"symbol": symbol, "event_time": 1_796_039_417_000_000 + 1_000_000 * n,
                               "price": 100.0 + n, "volume": 5, "bid": 99.0, "ask": 101.0}) + "\n"
                   for n in range(4) for symbol in HOSTILE)
    (workspace.path / "ticks.json").write_text(rows)
    schema = ("symbol string, event_time timestamp(epoch_us), price double, volume long, bid double, "
              "ask double")
    workspace.run("log", "append", "log/live", "ticks.json", "--format", "json", "--schema", schema)
    text = job([CANDLES])
    del text["feed"]
    workspace.job(text)
    served = Served(workspace, "run", "job.json", "--serve", 0)
    try:
        with browser() as opened:
            opened.open(served)
            opened.wait("return window.__streamer?.store.quotes.size === arguments[0]", len(HOSTILE))
            assert sorted(opened.js("return [...window.__streamer.store.quotes.keys()]")) == sorted(HOSTILE)
            for symbol in HOSTILE:
                opened.js("location.hash = ''; document.getElementById('search').value = arguments[0]; "
                          "document.getElementById('search').dispatchEvent(new KeyboardEvent("
                          "'keydown', {key: 'Enter'}))", symbol)
                opened.wait("return window.__streamer.page.symbol === arguments[0] && "
                            "window.__streamer.page.bars.isLoaded", symbol)
            assert opened.js("return document.querySelectorAll('#symbolList img, #symbolList script, "
                             "#legend img').length") == 0
            # A symbol of 10 kB has no place in an address: its history is refused, and nothing else.
            assert [entry for entry in opened.logs() if "431" not in entry["message"]] == []
        text = served.get("/api/queries/candles?symbol==HYPERLINK(1)&format=csv").content.decode()
        assert "\n'=HYPERLINK(1)," in text
    finally:
        served.stop()
