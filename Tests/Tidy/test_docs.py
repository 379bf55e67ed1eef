"""What the pages say of the code exists: files, and the functions in them."""

import re

import pytest

from swift_text import ROOT, code_of, swift

PAGES = ["docs/architecture.md", "docs/invariants.md"]

# `Engine/BatchRunner.swift:run`, `Engine/BatchRunner.swift:BatchRunner.run(_:)`, or the file alone.
PLACE = re.compile(r"`((?:\w+/)*[\w+]+\.swift)(?::([\w.]+)(?:\([\w:]*\))?)?`")


def places(text):
    return [(match.group(1), match.group(2)) for match in PLACE.finditer(text)]


def fault(path, name, files):
    """What is wrong with a place; nil when it is there."""
    found = [file for file in files if file.as_posix().endswith("/" + path)]
    if len(found) != 1:
        return f"{path}: {len(found)} such files" if found else f"{path}: no such file"
    for word in (name or "").split("."):
        declared = rf"\b(?:func|var|let|struct|class|enum|protocol|case|typealias|actor)\s+{word}\b"
        if word in ("init", "deinit", "subscript"):
            declared = rf"\b{word}\b"
        # A member's type may stand in another file, of which this one is a part.
        extended = rf"\bextension\s+(?:\w+\.)*{word}\b"
        if word and not re.search(f"{declared}|{extended}", code_of(found[0])):
            return f"{path}: nothing is declared as {word}"
    return None


@pytest.mark.parametrize("page", PAGES)
def test_what_pages_name_exists(page):
    if not (ROOT / page).exists():
        pytest.skip(f"{page} is not written yet")
    files = swift("Package.swift", "Sources", "Tests")
    faults = [found for path, name in places((ROOT / page).read_text())
              if (found := fault(path, name, files))]
    assert not faults, "\n".join(faults)


def test_places_are_found():
    files = swift("Sources")
    text = ("`Columnar/Column.swift:Column.slice`, `Columnar/Column.swift:slice(_:)` and "
            "`Column.swift`, not Column.swift:gone")
    assert places(text) == [("Columnar/Column.swift", "Column.slice"),
                            ("Columnar/Column.swift", "slice"), ("Column.swift", None)]
    assert all(fault(path, name, files) is None for path, name in places(text))
    assert fault("Columnar/Column.swift", "gone", files) == (
        "Columnar/Column.swift: nothing is declared as gone")
    assert fault("Columnar/Gone.swift", None, files) == "Columnar/Gone.swift: no such file"
