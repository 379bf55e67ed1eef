"""House rules that neither the compiler nor swift-format checks."""

import re

import pytest

from swift_text import ROOT, swift, tracked


def offenders(files, pattern, allowed=lambda path: False):
    found = []
    for path in files:
        if allowed(path.relative_to(ROOT)):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = line.split("//")[0]
            if re.search(pattern, code):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return found


def test_only_storage_touches_files():
    # Every durable byte goes through Storage, where the protocols live and a simulator can stand in.
    calls = r"\b(open|openat|fopen|creat|rename|renameat2?|unlink|unlinkat|fsync|fdatasync|pwrite|" \
            r"pwritev|mkdir|rmdir|ftruncate|link|symlink|opendir|mmap)\("
    # Only a file that imports the C library can make the calls.
    able = [path for path in swift("Sources") if "import Glibc" in path.read_text()]
    ours = lambda path: path.parts[1] == "Storage"
    found = offenders(able, r"(?<![.\w])" + calls, ours)
    assert not found, "\n".join(found)


def test_no_foundation():
    found = offenders(swift("Sources"), r"^\s*(public |package |internal )?import Foundation")
    assert not found, "\n".join(found)


def test_nothing_left_for_later():
    pattern = re.compile(r"\b(FIXME|TODO|XXX|HACK)\b")
    found = [f"{path.relative_to(ROOT)}:{number}"
             for path in swift("Sources", "Tests")
             for number, line in enumerate(path.read_text().splitlines(), 1)
             if pattern.search(line)]
    assert not found, "\n".join(found)


def test_folders_kept_empty():
    for folder in ("checkpoints", "lake"):
        names = [path.name for path in tracked(folder)]
        assert names == [".gitkeep"], names


@pytest.mark.parametrize("name", ["Package.swift"])
def test_layers_go_one_way(name):
    # A layer's dependencies stand above it in the table.
    text = (ROOT / name).read_text()
    seen = set()
    for match in re.finditer(
            r'(library|layer|connector)\(\s*"(\w+)"(.*?)\)(?=,?\s*\n)', text, re.DOTALL):
        kind, target, rest = match.groups()
        for dependency in re.findall(r'"(\w+)"', rest):
            if f'"{dependency}"' in text and dependency[0].isupper() and dependency != target:
                known = dependency in seen or dependency in ("CSystem", "CSimdjson")
                is_target = re.search(rf'layer\(\s*"{dependency}"', text)
                assert known or not is_target, f"{target} imports {dependency} from below"
                assert kind != "connector" or not dependency.endswith("Connector"), (
                    f"the connector {target} imports {dependency}, another one")
        seen.add(target if kind != "connector" else target + "Connector")
    assert "Engine" in seen
