"""The walks of the architecture page: few rooms, none twice, each of them there and called."""

import re

import pytest

import test_docs
from swift_text import ROOT, code_of, swift

PAGE = ROOT / "docs/architecture.md"
SECTION = "## Four walks"
# The most rooms of each walk.
ROOMS_MAX = {"A tick": 12, "A batch": 12, "A job file": 14, "`streamer run`": 14}
LINE_MAX = 120

# `Engine/BatchStorage.swift:log`, `store` — Keeps the order.
ROOM = re.compile(r"`([\w/+]+\.swift)(?::(\w+))?`((?:, `\w+`)*) — (\S.*)$")
PASSED = "Passed without a stop:"
# What has code and declares no function of its own.
WITHOUT_FUNCTIONS = ["streamer/main.swift"]


def walks(text):
    """The walks of a page by their heading; a room is one line."""
    section = text.partition(f"{SECTION}\n")[2]
    section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
    _, *parts = re.split(r"^### (.*)\n", section, flags=re.MULTILINE)
    return {title: re.sub(r"\n +", " ", body) for title, body in zip(parts[::2], parts[1::2])}


def rooms(body):
    """The rooms of a walk: (path, functions, sentence), `None` for what cannot be read as one."""
    found = []
    for line in re.findall(r"^\d+\. (.*)$", body, flags=re.MULTILINE):
        match = ROOM.match(line)
        functions = re.findall(r"\w+", (match[2] or "") + match[3]) if match else []
        found.append((match[1], functions, match[4]) if match else None)
    return found


def passed(body):
    """The files that a walk passes without a stop."""
    return test_docs.PLACE.findall(body.partition(PASSED)[2])


def types_of(path):
    kinds = "struct|class|enum|actor|protocol|extension"
    return re.findall(rf"\b(?:{kinds})\s+(\w+)", code_of(ROOT / "Sources" / path))


def is_called(path, functions, others):
    """Whether one of the other files of a walk names a room's function, or makes its type."""
    names = [name for name in functions if name != "init"]
    if "init" in functions:
        names += [rf"{name}(?=\(|\.init|\.map)" for name in types_of(path)]
    return any(re.search(rf"\b(?:{'|'.join(names)})(?!\w)", code_of(ROOT / "Sources" / other))
               for other in others if other != path)


def faults(text, files):
    """What is wrong with the walks of a page."""
    found = [f"a line has {len(line)} columns: {line[:40]}…"
             for line in text.partition(SECTION)[2].splitlines() if len(line) > LINE_MAX]
    there = walks(text)
    if list(there) != list(ROOMS_MAX):
        return found + [f"the walks are {list(there)}, not {list(ROOMS_MAX)}"]
    for title, body in there.items():
        found += [f"{title}: {fault}" for fault in faults_of_walk(body, ROOMS_MAX[title], files)]
    return found


def faults_of_walk(body, rooms_max, files):
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", body, flags=re.MULTILINE)]
    if len(numbers) > rooms_max:
        return [f"{len(numbers)} rooms, at most {rooms_max}"]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        return [f"rooms are numbered {numbers}"]
    listed = rooms(body)
    if None in listed:
        return [f"room {listed.index(None) + 1} is not `File.swift:function` — sentence"]
    # A file may be passed beside the rooms once, and none that is a room.
    paths = [path for path, _, _ in listed] + [path for path, _ in passed(body)]
    found = [f"{path} is there twice" for path in sorted(set(paths)) if paths.count(path) > 1]
    for path in paths:
        if not (ROOT / "Sources" / path) in files:
            found.append(f"{path}: no such file below Sources")
    if found:
        return found
    for index, (path, functions, sentence) in enumerate(listed):
        if not functions and path not in WITHOUT_FUNCTIONS:
            found.append(f"{path}: no function is named")
        for name in functions:
            if fault := test_docs.fault(path, name, files):
                found.append(fault)
        if ".swift" in sentence or not sentence.endswith("."):
            found.append(f"{path}: the sentence names a file, or has no end")
        before = [room[0] for room in listed[:index]] + paths[len(listed):]
        if index and functions and not is_called(path, functions, before):
            found.append(f"{path}: nothing before it on the walk calls {', '.join(functions)}")
    return found


def test_walks_are_short_and_true():
    found = faults(PAGE.read_text(), swift("Sources"))
    assert not found, "\n".join(found)


def test_rooms_are_read_as_they_are_written():
    body = "1. `A/B+C.swift:f`, `g` — Does\n   this.\n2. `A/main.swift` — That.\n3. `A.swift` No.\n"
    page = f"{SECTION}\n\n### W\n\n{body}\n{PASSED} `A/D.swift`,\n`E.swift`.\n\n## Next\n"
    body = walks(page)["W"]
    assert rooms(body) == [
        ("A/B+C.swift", ["f", "g"], "Does this."), ("A/main.swift", [], "That."), None]
    assert [path for path, _ in passed(body)] == ["A/D.swift", "E.swift"]


# What is planted into the page: a pattern, what the first match becomes, what must be said of it.
PLANTED = [
    (r"### A batch\n", "", "the walks are"),
    (r"## Four", "## Three", "the walks are []"),
    (r"^2\. ", "3. ", "rooms are numbered [1, 3,"),
    (r"^(?=1\. )", "".join(f"{n}. `Any.swift:any` — Any.\n" for n in range(1, 13)),
     "rooms, at most 12"),
    (r"^1\. `[^`]*`((?:.|\n)*?\n2\. )(`[^`]*`)", r"1. \2\1\2", "is there twice"),
    (rf"{PASSED}\s(`[^`]*`)", rf"{PASSED} \1, \1", "is there twice"),
    (r"^1\. `[^`:]*", "1. `Engine/Gone.swift", "Engine/Gone.swift: no such file"),
    (r"^1\. `\w+/", "1. `", "no such file below Sources"),
    (r"^(1\. `[^`:]*):\w+", r"\1:gone", "nothing is declared as gone"),
    (r"^(\d+\. `[^`]*`, )`\w+`", r"\1`gone`", "nothing is declared as gone"),
    (r"^(1\. `[^`:]*):\w+`[^—]*—", r"\1` —", "no function is named"),
    (r"^(1\. `[^—]*)— ", r"\1", "room 1 is not"),
    (r"^(1\. `[^—]*— )", r"\1Calls `Lake/PartFiles.swift`. ", "the sentence names a file"),
    (r"^2\. `[^—]*—", "2. `SparkExport/PythonValue.swift:PythonValue` —",
     "nothing before it on the walk calls PythonValue"),
    (r"^(### A tick\n)", r"\1" + "long " * 30, "a line has 150 columns"),
]


@pytest.mark.parametrize("pattern, planted, fault", PLANTED)
def test_planted_faults_are_found(pattern, planted, fault):
    head, mark, walked = PAGE.read_text().partition(SECTION)
    changed, count = re.subn(pattern, planted, mark + walked, count=1, flags=re.MULTILINE)
    assert count == 1
    found = faults(head + changed, swift("Sources"))
    assert any(fault in line for line in found), found
