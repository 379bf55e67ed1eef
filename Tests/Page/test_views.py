"""The page in a real browser: what it draws, says and does."""

import json

import pytest
from selenium.webdriver.common.keys import Keys

from browser import VIEWS, Browser, ascending
from serving import finals, served  # noqa: F401


@pytest.fixture(scope="module")
def page(served):  # noqa: F811
    opened = Browser()
    opened.open(served)
    yield opened
    opened.close()


def test_candles_are_the_lake_and_the_last_one_moves(page, served):  # noqa: F811
    page.choose("Candles", "IBM")
    page.wait("return window.__streamer.page.symbol === 'IBM' && "
              "window.__streamer.page.chart?.candles.data().length > 3")
    first = page.js("return window.__streamer.page.bars.last().row")
    page.wait("const last = window.__streamer.page.bars.last(); return !last.final && "
              "JSON.stringify(last.row) !== arguments[0]", json.dumps(first))
    page.wait("return [...window.__streamer.page.bars.byTime.values()]"
              ".filter(b => b.final).length >= 4")
    assert ascending(page.bars())
    known = page.finals()
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
    page.drawn(view)
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
