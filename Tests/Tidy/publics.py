"""Prints what is `public` without need: types and free functions that no other target names.

A type is needed outside its target when other code names it, or when it stands in a declaration
that is itself public and needed: a user can hold it without writing its name. Tests count as users
unless they import the target with `@testable`.

    python Tests/Tidy/publics.py [TARGET…]
"""

import re
import sys

import cycles
import swift_text

_DECLARED = re.compile(
    r"^(?:@\w+(?:\([^)]*\))?\s+)*public\s+(?:(?:final|indirect|nonisolated)\s+)*"
    r"(struct|class|enum|actor|protocol|typealias|func)\s+(\w+)", re.MULTILINE)
_BLOCK = re.compile(
    r"^(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|final|indirect|package|private|fileprivate)\s+)*"
    r"(?:struct|class|enum|actor|protocol|extension)\s+(\w+)", re.MULTILINE)
_WORD = re.compile(r"\b[A-Za-z_]\w*")


def words(text):
    return set(_WORD.findall(text))


def imports_testable(path, target):
    return re.search(rf"@testable import {target}\b", path.read_text()) is not None


def users(target, targets):
    """The words of all code outside a target that sees its public declarations alone."""
    found = set()
    for other, files in targets.items():
        if other != target:
            for path in files:
                found |= words(swift_text.code_of(path))
    for path in swift_text.swift("Tests"):
        if not imports_testable(path, target.split("/")[-1]):
            found |= words(swift_text.code_of(path))
    return found


def public_signatures(files):
    """(owner, words) of each public declaration: up to its body, or all of it where it may be
    inlined into other targets. The owner is the type around it, or the declared name itself."""
    for path in files:
        text = swift_text.code_of(path)
        starts = [(match.start(), match.group(1)) for match in _BLOCK.finditer(text)]
        lines = text.split("\n")
        offset, owner, in_protocol = 0, None, False
        for number, line in enumerate(lines):
            for start, name in starts:
                if start == offset:
                    owner = name
                    in_protocol = re.search(r"\bpublic\b.*\bprotocol\b", line) is not None
            if line.startswith("}"):
                owner, in_protocol = None, False
            offset += len(line) + 1
            is_enum_case = re.match(r"\s+(?:indirect )?case \w+\(", line) is not None
            if re.search(r"\bpublic\b", line) or in_protocol or is_enum_case:
                declaration = _declaration(lines, number)
                own = _DECLARED.match(line)
                # The clause of inheritance of a type belongs to the type.
                yield (own.group(2) if own else owner), words(declaration)
            elif re.search(r"@inlinable|@usableFromInline", line):
                yield owner, words(_body(lines, number))


def _declaration(lines, number):
    """From a line to the brace that opens the body, or to the end of the statement."""
    taken, depth = [], 0
    attributes = " ".join(lines[max(0, number - 2):number])
    if "@inlinable" in attributes or "@inline" in attributes:
        return _body(lines, number)
    for line in lines[number:number + 40]:
        taken.append(line)
        depth += line.count("(") + line.count("[") - line.count(")") - line.count("]")
        if depth <= 0 and ("{" in line or not line.rstrip().endswith((",", "=", "->", ":"))):
            nexts = lines[number + len(taken):number + len(taken) + 1]
            if "{" in line or not (nexts and re.match(r"\s*(->|throws|async|where|\{)", nexts[0])):
                break
    return " ".join(taken).split("{")[0] if "let " not in taken[0] else " ".join(taken)


def _body(lines, number):
    indent = len(lines[number]) - len(lines[number].lstrip())
    taken = []
    for line in lines[number:number + 200]:
        taken.append(line)
        if line.strip() == "}" and len(line) - len(line.lstrip()) == indent:
            break
    return " ".join(taken)


def needless(target, targets):
    """{name: file and line} of what is public and needed by no other target."""
    declared = {}
    for path in targets[target]:
        text = swift_text.code_of(path)
        for match in _DECLARED.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            declared[match.group(2)] = f"{path.relative_to(swift_text.ROOT)}:{line}"
    needed = users(target, targets) & declared.keys()
    signatures = list(public_signatures(targets[target]))
    while True:
        more = set()
        for owner, named in signatures:
            # An extension of a type from below has no owner here: it is needed.
            if owner is None or owner in needed or owner not in declared:
                more |= named & declared.keys() - {owner}
        if more <= needed:
            break
        needed |= more
    return {name: place for name, place in declared.items() if name not in needed}


def main(chosen):
    targets = cycles.targets()
    for target in chosen or targets:
        for name, place in sorted(needless(target, targets).items()):
            print(f"{target}: {name} ({place})")


if __name__ == "__main__":
    main(sys.argv[1:])
