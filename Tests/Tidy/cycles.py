"""Prints, per target: the largest dependency cycle between its files, and the lengths of files.

A file depends on another of its target when its code names what the other declares: a type, a
protocol, a free function, or a member of an extension of a type that stands in a third file (for
members, names that nothing else of the target declares). `Type+Topic.swift` belongs to
`Type.swift`. Names are looked for in the text without comments and strings; no compiler is asked.

    python Tests/Tidy/cycles.py [TARGET…]     with targets: every cycle, with the names that close it
"""

import pathlib
import re
import statistics
import sys

import swift_text

_TYPE = re.compile(
    r"^(?:@[\w]+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private|final|indirect|"
    r"nonisolated|open)\s+)*(?:struct|class|enum|actor|protocol|typealias)\s+(\w+)", re.MULTILINE)
_FUNCTION = re.compile(
    r"^(?:@[\w]+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal)\s+)*func\s+(\w+)", re.MULTILINE)
_EXTENSION = re.compile(r"^(?:(?:public|package|private|fileprivate)\s+)?extension\s+(\w+)[^{]*\{(.*?)^\}",
                        re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(
    r"^    (?:@[\w]+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|static|mutating|final|consuming|"
    r"nonmutating|borrowing|unsafe)\s+)*(?:func|var|let|struct|enum|class|typealias)\s+(\w+)",
    re.MULTILINE)
_ANY_DECLARATION = re.compile(r"\b(?:func|var|let|struct|enum|class|typealias|case)\s+(\w+)")
_PRIVATE = re.compile(r"\b(?:private|fileprivate)\b")


def targets():
    """The Swift files of each target, by its folder under Sources."""
    found = {}
    for path in swift_text.swift("Sources"):
        parts = path.relative_to(swift_text.ROOT / "Sources").parts
        # Connectors is a folder of targets.
        name = "/".join(parts[:2]) if parts[0] == "Connectors" and len(parts) > 2 else parts[0]
        found.setdefault(name, []).append(path)
    return found


def unit(path):
    return path.name.removesuffix(".swift").split("+")[0]


class Dependencies:
    """Which units of one target name which others: `uses[a][b]` are the names."""

    def __init__(self, files):
        self.code = {}
        for path in files:
            self.code[unit(path)] = self.code.get(unit(path), "") + swift_text.code_of(path) + "\n"
        self.uses = {name: {} for name in self.code}
        types = self._declared(_TYPE)
        functions = self._declared(_FUNCTION)
        members = self._extended(types)
        for name, text in self.code.items():
            words = set(re.findall(r"(?<![.\w])[A-Za-z_]\w*", text))
            calls = set(re.findall(r"(?<![.\w])([a-z_]\w*)\s*(?=[(<])", text))
            # What a file declares itself, also inside a type, is what it means by the name.
            own = set(_ANY_DECLARATION.findall(text))
            named = set(re.findall(r"\b[A-Za-z_]\w*", text))
            for declared, used in ((types, words - own), (functions, calls - own), (members, named)):
                for word in used & declared.keys():
                    for owner in declared[word]:
                        if owner != name:
                            self.uses[name].setdefault(owner, set()).add(word)

    def _declared(self, pattern):
        found = {}
        for name, text in self.code.items():
            for match in pattern.finditer(text):
                if not _PRIVATE.search(match.group()):
                    found.setdefault(match.group(1), set()).add(name)
        return found

    def _extended(self, types):
        """Members of extensions of other units' types, by names that nothing else declares."""
        declared, found = {}, {}
        for name, text in self.code.items():
            for word in _ANY_DECLARATION.findall(text):
                declared.setdefault(word, set()).add(name)
            for match in _EXTENSION.finditer(text):
                if types.get(match.group(1), {name}) != {name}:
                    for member in _MEMBER.finditer(match.group(2)):
                        if not _PRIVATE.search(member.group()):
                            found.setdefault(member.group(1), set()).add(name)
        return {word: owners for word, owners in found.items() if declared[word] == owners}

    def cycles(self):
        """Groups of units that all reach each other, the largest first (Tarjan)."""
        index, low, stack, on_stack, found = {}, {}, [], set(), []

        def visit(name):
            index[name] = low[name] = len(index)
            stack.append(name)
            on_stack.add(name)
            for other in self.uses[name]:
                if other not in index:
                    visit(other)
                    low[name] = min(low[name], low[other])
                elif other in on_stack:
                    low[name] = min(low[name], index[other])
            if low[name] == index[name]:
                group = []
                while not group or group[-1] != name:
                    group.append(stack.pop())
                    on_stack.discard(group[-1])
                if len(group) > 1:
                    found.append(sorted(group))

        sys.setrecursionlimit(10_000)
        for name in self.code:
            if name not in index:
                visit(name)
        return sorted(found, key=lambda group: (-len(group), group))


def lengths(files):
    return [len(path.read_text().splitlines()) for path in files]


def longest_function(files):
    """(lines, path, first line, name) of the longest function of `files`."""
    return max(((lines, path, start, name) for path in files
                for start, name, lines in swift_text.functions(path)),
               default=(0, files[0], 0, "none"))


def main(chosen):
    everything = targets()
    if chosen:
        for target in chosen:
            dependencies = Dependencies(everything[target])
            for group in dependencies.cycles():
                print(f"{target}: {len(group)} of {len(dependencies.code)}")
                for name in group:
                    for other in sorted(dependencies.uses[name].keys() & set(group)):
                        print(f"    {name} -> {other}: "
                              f"{', '.join(sorted(dependencies.uses[name][other]))}")
        return
    print(f"{'target':<24}{'files':>6}{'units':>6}{'cycle':>6}{'median':>8}{'longest':>8}"
          f"{'function':>9}")
    for target, files in everything.items():
        dependencies = Dependencies(files)
        cycles = dependencies.cycles()
        counts = lengths(files)
        function = longest_function(files)
        print(f"{target:<24}{len(files):>6}{len(dependencies.code):>6}"
              f"{len(cycles[0]) if cycles else 0:>6}{statistics.median(counts):>8.0f}"
              f"{max(counts):>8}{function[0]:>9}  "
              f"{function[1].relative_to(swift_text.ROOT)}:{function[2]} {function[3]}")
    everything = [path for files in everything.values() for path in files]
    print(f"{'all':<36}{statistics.median(lengths(everything)):>14.0f}"
          f"{max(lengths(everything)):>8}{longest_function(everything)[0]:>9}")


if __name__ == "__main__":
    main(sys.argv[1:])
