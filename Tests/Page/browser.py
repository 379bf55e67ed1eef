"""Headless Chromium, by selenium: nothing is looked for outside of this machine."""

import contextlib
import pathlib
import shutil
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from conftest import ROOT

SCREENSHOTS = ROOT / "screenshots"
VIEWS = ["Candles", "Order flow", "Compare", "KPIs"]


def ascending(bars):
    """Whether bars stand in the order of their times, which no two share."""
    times = [bar[0] for bar in bars]
    return times == sorted(set(times))


class Browser:
    """A window on a page, with what the page knows of itself."""

    def __init__(self, width=1280, height=800, theme="dark", zone=None, phone=False):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--no-first-run", "--disable-background-networking", "--disable-component-update",
                     "--hide-scrollbars", f"--window-size={max(width, 500)},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(30)
        self.driver.set_page_load_timeout(30)
        self.emulate(width, height, theme, phone)
        if zone:
            self.command("Emulation.setTimezoneOverride", timezoneId=zone)

    def emulate(self, width, height, theme="dark", phone=False):
        """A screen of this size, of somebody who likes it dark or light."""
        self.command("Emulation.setEmulatedMedia",
                     features=[{"name": "prefers-color-scheme", "value": theme}])
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=1, mobile=phone)

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def open(self, served, path="/?test=1"):
        self.driver.get(served.url + path)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.js(script, *arguments):
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {script}\n{self.logs()}")

    def press(self, place, text):
        """Presses the button of a place that reads so, as soon as there is one: what is pressed
        before may draw the place anew."""
        self.wait("const b = [...document.querySelectorAll(arguments[0] + ' button')].find(b => "
                  "b.textContent === arguments[1]); b?.click(); return Boolean(b)", place, text)

    def choose(self, view, symbol=None):
        """Looks at a view, and waits until there is something to see."""
        self.wait("return window.__streamer && window.__streamer.page.allowed")
        self.press("#views", view)
        if symbol:
            self.js("document.activeElement.blur()")
            self.wait("return window.__streamer.store.quotes.has(arguments[0])", symbol)
            self.js("[...document.querySelectorAll('#symbolList button')].find(b => "
                    "b.querySelector('.sym').textContent === arguments[0])?.click()", symbol)

    def drawn(self, view):
        """Waits until a view shows something: rows in its table, or bars in its chart and a frame."""
        if view == "KPIs":
            self.wait("const t = document.getElementById('tableView'); return t.dataset.query === 'kpi' "
                      "&& t.querySelectorAll('tbody tr').length === 5")
        else:
            self.wait("const v = window.__streamer.page.views[window.__streamer.page.view]; return "
                      "v?.host.offsetHeight > 100 && v.host.querySelector('canvas') && "
                      "(v.candles ?? v.lines[0]?.series)?.data().length > 2")
        self.frames()

    def frames(self, count=2):
        """Waits until the screen was painted so often."""
        self.driver.execute_async_script(
            "let left = arguments[0]; const done = arguments[arguments.length - 1];"
            "const next = () => left-- > 0 ? requestAnimationFrame(next) : done(); next();", count)

    def finals(self):
        """The rows of the final bars that are drawn."""
        return self.js("return [...window.__streamer.page.bars.byTime.values()].filter(b => b.final)"
                       ".map(b => b.row)")

    def bars(self):
        """What the chart itself holds of candles: times and closes."""
        return self.js("const c = window.__streamer.page.chart; return c ? c.candles.data().map("
                       "b => [b.time, b.open, b.high, b.low, b.close]) : []")

    def logs(self):
        return [entry for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]

    def picture(self, name):
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        path.write_bytes(__import__("base64").b64decode(
            self.command("Page.captureScreenshot", format="png")["data"]))
        return path

    def keys(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def axe(self):
        """Violations of accessibility, by axe-core."""
        import axe_playwright_python
        source = pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js"
        self.js(source.read_text())
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations.map(v => "
            "v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map(n => n.html).join(' '))))")

    def close(self):
        self.driver.quit()


@contextlib.contextmanager
def browser(**options):
    opened = Browser(**options)
    try:
        yield opened
    finally:
        opened.close()


