"""Windows of a tenth of a second and of a day, in a browser at the other side of the world."""

import datetime
import json

import pytest

from browser import Browser, ascending
from conftest import Workspace
from serving import CANDLES, Served, job

DAY = 86_400_000
START = int(datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC).timestamp()) * 1_000
SCHEMA = ("symbol string, event_time timestamp(epoch_us), price double, volume long, bid double, "
          "ask double")


def windows(name, length):
    return {**CANDLES, "name": name, "groupBy": ["symbol", f"window(event_time, '{length}')"],
            "sinks": [{"format": "parquet", "path": f"lake/{name}"}]}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Days with ticks at their first, middle and last moments, ten in some seconds; a last tick, whose
    own windows stay open, closes all of them."""
    workspace = Workspace(tmp_path_factory.mktemp("times"))
    moments = [START + day * DAY + at for day in range(4) for at in (0, DAY // 2, DAY - 1)]
    moments += [START + 4 * DAY + 100 * n for n in range(45)]
    rows = [{"symbol": "IBM", "event_time": at * 1_000, "price": 100 + n % 7, "volume": 10 + n,
             "bid": 99.0, "ask": 101.0} for n, at in enumerate(moments + [START + 9 * DAY])]
    (workspace.path / "ticks.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    workspace.run("log", "append", "log/live", "ticks.json", "--format", "json", "--schema", SCHEMA)
    text = job([windows("tenths", "100 milliseconds"), windows("seconds", "1 second"),
                windows("days", "1 day")])
    del text["feed"]
    workspace.job(text)
    served = Served(workspace, "run", "job.json", "--serve", 0)
    opened = Browser(zone="Pacific/Auckland")
    opened.open(served)
    opened.moments = moments
    yield opened
    opened.close()
    served.stop()


def look(page, name):
    page.choose("Candles", "IBM")
    page.js("window.__streamer.page.query.q === arguments[0] || [...document.querySelectorAll("
            "'#intervals button')][['tenths', 'seconds', 'days'].indexOf(arguments[0])].click()", name)
    page.wait("const p = window.__streamer.page; return p.query.q === arguments[0] && "
              "p.bars?.query.q === arguments[0] && p.bars.isLoaded && p.bars.times.length > 3 && "
              "p.chart?.bars === p.bars", name)
    page.frames()
    return page.js("return window.__streamer.page.bars.times")


def test_the_browser_is_where_it_is_said_to_be(page):
    assert page.js("return Intl.DateTimeFormat().resolvedOptions().timeZone") == "Pacific/Auckland"


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test_no_day_is_early(page, zone):
    times = look(page, "days")
    assert times == sorted({START + (at - START) // DAY * DAY for at in page.moments})
    assert [bar[0] * 1_000 for bar in page.bars()] == times
    labels = page.js(
        "const z = window.__streamer.zone, n = z.name, scale = window.__streamer.page.chart.chart"
        ".timeScale().options(); z.choose(arguments[0]); const found = arguments[1].map(t => "
        "scale.tickMarkFormatter(t / 1000, 2)); z.choose(n); return found", zone, times)
    assert labels == [f"{5 + day} Jan" for day in range(len(times))]


def test_windows_below_a_second(page):
    """The chart counts seconds: it draws the last window of each, and says so."""
    times = look(page, "tenths")
    assert times == sorted({at // 100 * 100 for at in page.moments})
    drawn = page.bars()
    assert ascending(drawn)
    last = {}
    for at in times:
        last[at // 1_000] = at
    assert [bar[0] for bar in drawn] == sorted(last)
    closes = page.js("return window.__streamer.page.bars.times.map(t => [t, "
                     "window.__streamer.page.bars.byTime.get(t).close])")
    by_time = dict(map(tuple, closes))
    assert [bar[4] for bar in drawn] == [by_time[last[bar[0]]] for bar in drawn]
    assert "the last window of each second is drawn" in page.js(
        "return document.getElementById('legend').textContent")


def test_two_queries_with_one_time_each_have_their_own_bars(page):
    """Both have a window that begins at each full second: a switch mixes nothing."""
    found = {name: look(page, name) for name in ("seconds", "tenths", "seconds", "days", "seconds")}
    assert set(found["seconds"]) & set(found["tenths"])
    assert found["seconds"] == sorted({at // 1_000 * 1_000 for at in page.moments})
    assert ascending(page.bars()) and len(page.bars()) == len(found["seconds"])
    assert page.logs() == []
