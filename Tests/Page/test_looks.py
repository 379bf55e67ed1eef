"""The page for eyes and for those who use none: axe on each view, in both themes, on both sizes."""

import os
import shutil

import pytest

from browser import VIEWS, Browser
from conftest import ROOT
from serving import served  # noqa: F401


@pytest.fixture(scope="module")
def window():
    opened = Browser()
    yield opened
    opened.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width, height", [(1280, 800), (390, 844)])
def test_nothing_is_in_the_way_of_anybody(window, served, theme, width, height):  # noqa: F811
    """axe finds nothing on any view; the pictures are for eyes."""
    window.emulate(width, height, theme, phone=width < 500)
    window.open(served)
    # Pictures that are kept show more.
    bars = 60 if os.environ.get("STREAMER_UPDATE_FILES") else 4
    served.wait(lambda: len(served.json("/api/queries/candles?symbol=IBM")["rows"]) > bars, seconds=120)
    for view in VIEWS:
        window.choose(view)
        window.drawn(view)
        name = view.lower().replace(" ", "-")
        picture = window.picture(f"{name}-{theme}-{width}")
        if os.environ.get("STREAMER_UPDATE_FILES") and picture.name == "order-flow-dark-1280.png":
            shutil.copy(picture, ROOT / "docs/page.png")
        assert window.axe() == [], view
        overflow = window.js("return document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{view} is {overflow} px too wide"
    assert window.logs() == []
