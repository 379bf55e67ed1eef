"""The page in a real browser: what it draws, says and does."""

import os
import shutil
import signal
import time

import pytest
from selenium.webdriver.common.keys import Keys

from browser import Browser, browser
from conftest import ROOT
from serving import CANDLES, KPI, Served, finals, job, served  # noqa: F401

VIEWS = ["Candles", "Order flow", "Compare", "KPIs"]


@pytest.fixture(scope="module")
def page(served):  # noqa: F811
    opened = Browser()
    opened.open(served)
    yield opened
    opened.close()


def ascending(bars):
    times = [bar[0] for bar in bars]
    return times == sorted(set(times))


def test_candles_are_the_lake_and_the_last_one_moves(page, served):  # noqa: F811
    page.choose("Candles", "IBM")
    page.wait("return window.__streamer.page.symbol === 'IBM' && "
              "window.__streamer.page.chart?.candles.data().length > 3")
    first = page.js("return window.__streamer.page.bars.last().row")
    page.wait("const last = window.__streamer.page.bars.last(); return !last.final && "
              "JSON.stringify(last.row) !== arguments[0]", __import__("json").dumps(first))
    page.wait("return [...window.__streamer.page.bars.byTime.values()]"
              ".filter(b => b.final).length >= 4")
    assert ascending(page.bars())
    known = page.js("return [...window.__streamer.page.bars.byTime.values()].filter(b => b.final)"
                    ".map(b => b.row)")
    rows = {row[1]: row for row in finals(served.workspace, symbol="IBM")}
    assert len(known) >= 4 and all(rows[row[1]] == row for row in known)
    # From the first bar to the last final none is missing.
    times = sorted(row[1] for row in known)
    assert [at for at in sorted(rows) if times[0] <= at <= times[-1]] == times
    assert "open, closes at" in page.js("return document.getElementById('legend').textContent")
    assert page.logs() == []


def test_the_strip_says_how_old_the_news_is(page):
    page.wait("return document.getElementById('connection').className.includes('live')")
    text = page.js("return document.getElementById('status').textContent")
    assert "watermark" in text and "rows/s" in text and "batch" in text


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_draws(page, view):
    page.choose(view)
    if view == "KPIs":
        page.wait("return document.querySelectorAll('#tableView tbody tr').length === 5")
    else:
        page.wait("return document.querySelector('#charts canvas') && "
                  "document.querySelector('#charts').offsetHeight > 200")
        page.wait("const v = window.__streamer.page.views[window.__streamer.page.view]; return "
                  "(v.candles ?? v.lines[0]?.series)?.data().length > 2")
    assert page.logs() == []


def test_order_flow_has_three_panes_whose_colours_follow_the_side(page):
    page.choose("Order flow")
    page.wait("return window.__streamer.page.chart?.delta?.data().length > 3")
    assert page.js("return window.__streamer.page.chart.chart.panes().length") == 3
    bars = page.js("const c = window.__streamer.page.chart, b = window.__streamer.page.bars; return "
                   "c.delta.data().filter(d => d.value !== undefined).map(d => [d.value, d.color])")
    up, down = page.js("const s = getComputedStyle(document.documentElement); return "
                       "[s.getPropertyValue('--up'), s.getPropertyValue('--down')]")
    for value, colour in bars:
        assert colour.startswith((up if value >= 0 else down).strip())


def test_compare_modes(page):
    page.choose("Compare")
    page.wait("return window.__streamer.page.compared.length === 5")
    for button, mode in (("Close", 0), ("%", 2), ("100", 3)):
        page.press("#modes", button)
        assert page.wait("return [window.__streamer.page.views.compare.chart.priceScale('right')"
                         ".options().mode]")[0] == mode
    page.press("#modes", "Volume")
    page.wait("return document.querySelectorAll('#tableView tbody tr').length === 5")
    shares = page.js("return [...document.querySelectorAll('#tableView tbody tr')].map(r => "
                     "parseFloat(r.children[2].textContent))")
    assert shares == sorted(shares, reverse=True) and abs(sum(shares) - 100) < 0.5
    page.press("#modes", "%")


def test_the_kpi_table_sorts(page):
    page.choose("KPIs")
    # The table of shares, shown before, has five rows too, and no such column.
    page.press("#tableView th", "volume")
    page.wait("return document.querySelector('th[aria-sort=ascending]')?.textContent === 'volume' "
              "&& document.querySelectorAll('#tableView tbody tr').length === 5")
    volumes = page.js("return [...document.querySelectorAll('#tableView tbody tr')].map(r => "
                      "Number(r.children[2].textContent.replaceAll(',', '')))")
    assert volumes == sorted(volumes)


def test_why_is_nothing_closed(page):
    page.js("document.getElementById('why').click()")
    text = page.wait("const t = document.getElementById('doctorSentence').textContent; return "
                     "t.length > 10 && t")
    assert "window" in text or "watermark" in text or "open" in text.lower()
    page.keys(Keys.ESCAPE)
    page.wait("return !document.getElementById('doctor').open")


def test_keys(page):
    page.js("document.activeElement.blur()")
    page.keys("c")
    page.wait("return window.__streamer.page.view === 'candles'")
    symbol = page.js("return window.__streamer.page.symbol")
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ARROW_UP)
    page.wait("return window.__streamer.page.symbol !== ''")
    page.keys("/")
    page.keys("TSLA", Keys.ENTER)
    page.wait("return window.__streamer.page.symbol === 'TSLA'")
    assert symbol
    page.keys("2")
    page.wait("return window.__streamer.page.query.q === 'minutes'")
    page.keys("1")
    page.wait("return window.__streamer.page.query.q === 'candles'")
    zone = page.js("return window.__streamer.zone.name")
    page.keys("t")
    page.wait("return window.__streamer.zone.name !== arguments[0]", zone)
    page.keys("?")
    page.wait("return document.getElementById('settings').open")
    page.keys(Keys.ESCAPE)
    page.wait("return !document.getElementById('settings').open")
    page.js("document.activeElement.blur()")
    for key, view in (("o", "flow"), ("m", "compare"), ("k", "kpis"), ("c", "candles")):
        page.keys(key)
        page.wait("return window.__streamer.page.view === arguments[0]", view)
    spacing = "return window.__streamer.page.views.candles.chart.timeScale().options().barSpacing"
    before = page.js(spacing)
    page.keys("+")
    page.wait(f"{spacing} > arguments[0]", before)


def test_everything_is_reached_by_tab(page):
    page.keys("c")
    page.js("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached = set()
    for _ in range(60):
        page.keys(Keys.TAB)
        reached.add(page.js("const e = document.activeElement; return e.id || e.textContent || "
                            "e.tagName"))
    for name in ("Candles", "Order flow", "Compare", "KPIs", "search", "openSettings", "why"):
        assert name in reached, (name, reached)
    assert any("TSLA" in name for name in reached)


@pytest.mark.parametrize("zone, at, expected", [
    ("UTC", 1793509200000, "05:00:00"), ("Asia/Kolkata", 1793509200000, "10:30:00"),
    ("America/New_York", 1793509800000, "01:10:00"), ("America/New_York", 1793513400000, "01:10:00")])
def test_time_zones(page, zone, at, expected):
    """2026-11-01, when New York's clocks go back: 01:10 comes twice, the times stay in order."""
    assert page.js("const z = window.__streamer.zone, n = z.name; z.choose(arguments[0]); const t = "
                   "z.clock(arguments[1]); z.choose(n); return t", zone, at) == expected


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width, height", [(1280, 800), (390, 844)])
def test_nothing_is_in_the_way_of_anybody(served, theme, width, height):  # noqa: F811
    """axe finds nothing on any view; the pictures are for eyes."""
    with browser(width=width, height=height, theme=theme, phone=width < 500) as opened:
        opened.open(served)
        for view in VIEWS:
            opened.choose(view)
            opened.wait("return document.querySelector('#charts canvas') || "
                        "document.querySelector('#tableView tr')")
            time.sleep(1.5)
            name = view.lower().replace(" ", "-")
            picture = opened.picture(f"{name}-{theme}-{width}")
            if os.environ.get("STREAMER_UPDATE_FILES") and picture.name == "order-flow-dark-1280.png":
                shutil.copy(picture, ROOT / "docs/page.png")
            assert opened.axe() == [], view
            overflow = opened.js("return document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{view} is {overflow} px too wide"
        assert opened.logs() == []


def test_a_page_left_open_over_a_restart(workspace):
    workspace.job(job([CANDLES]))
    served = Served(workspace, "run", "job.json", "--serve", 0)  # noqa: F811
    port = served.port
    with browser() as opened:
        opened.open(served)
        opened.choose("Candles", "IBM")
        opened.wait("return window.__streamer.page.bars?.times.length > 3")
        served.stop(signal.SIGKILL)
        opened.wait("return document.getElementById('connection').className.includes('gone') && "
                    "document.getElementById('connectionText').textContent.includes('retrying in')")
        assert opened.js("return window.__streamer.page.chart.candles.data().length") > 3
        served = Served(workspace, "run", "job.json", "--serve", port)
        opened.wait("return document.getElementById('connection').className.includes('live')")
        count = opened.js("return window.__streamer.page.bars.times.length")
        opened.wait("return window.__streamer.page.bars.times.length > arguments[0] + 2", count)
        opened.wait("return ![...window.__streamer.page.bars.byTime.values()].some(b => b.unconfirmed)")
        assert ascending(opened.bars())
        known = opened.js("return [...window.__streamer.page.bars.byTime.values()].filter(b => b.final)"
                          ".map(b => b.row)")
        served.stop()
        rows = {row[1]: row for row in finals(workspace, symbol="IBM")}
        assert all(rows[row[1]] == row for row in known)
        times = sorted(row[1] for row in known)
        assert [at for at in sorted(rows) if times[0] <= at <= times[-1]] == times


HOSTILE = ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "__proto__", "constructor",
           "\u202eEDOC", "x" * 10_000, "a/b?c#d", "=HYPERLINK(1)", "Ω"]


def test_hostile_symbols_stay_text(workspace):
    """Symbols of strangers: their own rows, nothing run, no address broken."""
    import json
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
    served = Served(workspace, "run", "job.json", "--serve", 0)  # noqa: F811
    try:
        with browser() as opened:
            opened.open(served)
            opened.wait("return window.__streamer.store.quotes.size === arguments[0]", len(HOSTILE))
            assert sorted(opened.js("return [...window.__streamer.store.quotes.keys()]")) == sorted(HOSTILE)
            for symbol in HOSTILE:
                opened.js("window.__streamer.page.symbol = null; "
                          "[...document.querySelectorAll('#symbolList button')].forEach(() => {});")
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


@pytest.mark.whole
def test_eight_tabs_are_all_live(served):  # noqa: F811
    with browser() as opened:
        opened.open(served)
        for _ in range(7):
            opened.driver.switch_to.new_window("tab")
            opened.open(served)
        for handle in opened.driver.window_handles:
            opened.driver.switch_to.window(handle)
            opened.wait("return document.getElementById('connection').className.includes('live')")


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
                before = opened.js(f"return window.__streamer.page.bars.times.length")
                if before >= 20_000:
                    break
                opened.js(f"{scale}.setVisibleLogicalRange({{from: 10, to: 110}})")
                opened.wait("return window.__streamer.page.bars.times.length > arguments[0]", before)
                assert ascending(opened.bars())
            assert opened.js("return window.__streamer.page.chart.candles.data().length") <= 20_500
    finally:
        served.stop()
