"""What takes minutes: many tabs, a day's bars, a tab that is hidden, a market that is silent."""

import os
import socket
import threading
import time

import pytest

from browser import ascending, browser
from serving import CANDLES, Follower, Served, job, served  # noqa: F401

IS_LIVE = "return document.getElementById('connection').className.includes('live')"


@pytest.mark.whole
def test_eight_tabs_are_all_live(served):  # noqa: F811
    with browser() as opened:
        opened.open(served)
        for _ in range(7):
            opened.driver.switch_to.new_window("tab")
            opened.open(served)
        for handle in opened.driver.window_handles:
            opened.driver.switch_to.window(handle)
            opened.wait(IS_LIVE)


HIDDEN_SECONDS = int(os.environ.get("PAGE_HIDDEN_SECONDS", 3))


def test_a_hidden_tab_costs_nothing_and_is_right_at_once(served):  # noqa: F811
    """A tab in the background is sent two frames, however long it is hidden; shown again it is at the
    newest with the next one."""
    with browser() as opened:
        opened.open(served)
        opened.choose("Candles", "IBM")
        opened.wait("return window.__streamer.page.bars?.times.length > 3")
        opened.js("window.came = 0; document.addEventListener('visibilitychange', () => {"
                  "window.wasHidden ||= document.hidden; }); const c = window.__streamer.connection, take = c.socket.onmessage;"
                  "c.socket.onmessage = (event) => { if (document.hidden) window.came += 1; take(event); }")
        first = opened.driver.current_window_handle
        opened.driver.switch_to.new_window("tab")
        time.sleep(HIDDEN_SECONDS)
        opened.driver.switch_to.window(first)
        # Reading it does not show it yet where it was hidden.
        opened.command("Page.bringToFront")
        opened.wait("return !document.hidden")
        assert opened.js("return window.wasHidden"), "the tab was never hidden"
        assert opened.js("return window.came") <= 4
        opened.wait("return window.__streamer.store.status.max - window.__streamer.page.bars.last().time "
                    "<= 2000")
        known = opened.js("return window.__streamer.page.bars.times")
        opened.wait("return window.__streamer.page.bars.times.length >= arguments[0] + 2", len(known))
        times = opened.js("return window.__streamer.page.bars.times")
        assert times == list(range(times[0], times[-1] + 1, 1_000)), "a bar is missing"
        assert ascending(opened.bars())


def proxy(port, idle_seconds):
    """A TCP proxy that closes a connection on which nothing is said for so long; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source, target):
        source.settimeout(idle_seconds)
        try:
            while chunk := source.recv(65_536):
                target.sendall(chunk)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve():
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", port))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


@pytest.mark.whole
def test_a_silent_market_behind_a_proxy(workspace):
    """No row for five minutes, through a proxy that gives up after one without a byte either way: also
    a client that says nothing stays connected, by pings."""
    text = job([CANDLES])
    text["feed"].update(ticks=100)
    workspace.job(text)
    # The port that a request names is the proxy's.
    served = Served(workspace, "run", "job.json", "--serve", 0,  # noqa: F811
                    "--allow-host", "127.0.0.1")
    try:
        served.port = proxy(served.port, 60)
        served.url = f"http://127.0.0.1:{served.port}"
        silent = Follower(served, [{"q": "candles"}], acknowledges=False)
        silent.socket.send('{"a":1}')
        follower = Follower(served, [{"q": "candles"}])
        end = time.monotonic() + 300
        while time.monotonic() < end:
            follower.run_for(5)
        silent.socket.send('{"a":9000000000000000}')
        silent.run_for(3)
        assert silent.status and follower.status
        assert follower.status["state"] == "waiting"
    finally:
        served.stop()


@pytest.mark.whole
def test_paging_to_the_left(workspace):
    """Over 20,000 bars: the view does not jump, the chart keeps at most so many, in order."""
    text = job([CANDLES], trigger={"availableNow": True}, ticks=230_000, rate="max",
               start="2026-01-05T14:30:00Z", symbols=["IBM"], interval="100 ms")
    workspace.job(text)
    workspace.run("run", "job.json")
    text["feed"].update(ticks=None, rate=10)
    text["trigger"] = {"processingTime": "100 milliseconds"}
    workspace.job(text)
    served = Served(workspace, "run", "job.json", "--serve", 0)  # noqa: F811
    try:
        with browser() as opened:
            opened.open(served)
            opened.choose("Candles", "IBM")
            opened.wait("return window.__streamer.page.bars?.isLoaded")
            scale = "window.__streamer.page.chart.chart.timeScale()"
            for _ in range(14):
                before = opened.js("return window.__streamer.page.bars.times.length")
                if before >= 20_000:
                    break
                opened.js(f"{scale}.setVisibleLogicalRange({{from: 10, to: 110}})")
                opened.frames()
                seen = opened.js(f"return {scale}.getVisibleRange()")
                opened.wait("return window.__streamer.page.bars.times.length > arguments[0]", before)
                opened.frames()
                # What was in view stays where it was.
                assert opened.js(f"return {scale}.getVisibleRange()") == seen
                assert ascending(opened.bars())
            assert opened.js("return window.__streamer.page.chart.candles.data().length") <= 20_500
    finally:
        served.stop()
