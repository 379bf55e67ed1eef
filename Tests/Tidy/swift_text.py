"""Swift source as plain text: files, code without comments and strings, declarations, functions."""

import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tracked(*patterns):
    """The files of the repository under `patterns`, also new ones that are not added yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def swift(*folders):
    files = [f for f in tracked(*folders) if f.suffix == ".swift"]
    assert files, f"no Swift files under {folders}"
    return files


_PLAIN = re.compile(r'[^"#/()\n]+|\n')
_STRING = re.compile(r'(#*)("""|")')


def code(text):
    """`text` without comments and without what stands in strings, line for line.

    Code that is interpolated into a string stays.
    """
    out = []
    index = 0
    # What is open, innermost last: a string's end and its interpolation's start, or "(".
    inside = []
    while index < len(text):
        if inside and isinstance(inside[-1], tuple):
            closing, interpolation, escape = inside[-1]
            if text.startswith(closing, index):
                inside.pop()
                out.append('"')
                index += len(closing)
            elif text.startswith(interpolation, index):
                inside.append("(")
                out.append(" (")
                index += len(interpolation)
            elif text.startswith(escape, index):
                index += len(escape) + 1
            else:
                if text[index] == "\n":
                    out.append("\n")
                index += 1
            continue
        if match := _PLAIN.match(text, index):
            out.append(match.group())
            index = match.end()
        elif text.startswith("//", index):
            index = text.find("\n", index)
            index = len(text) if index < 0 else index
        elif text.startswith("/*", index):
            index, skipped = _after_block_comment(text, index)
            out.append("\n" * skipped)
        elif match := _STRING.match(text, index):
            hashes, quotes = match.groups()
            inside.append((quotes + hashes, f"\\{hashes}(", f"\\{hashes}"))
            out.append('"')
            index = match.end()
        else:
            if text[index] == "(":
                inside.append("(")
            elif text[index] == ")" and inside:
                inside.pop()
            out.append(text[index])
            index += 1
    return "".join(out)


def _after_block_comment(text, start):
    depth, index = 1, start + 2
    while depth and index < len(text):
        if text.startswith("/*", index):
            depth, index = depth + 1, index + 2
        elif text.startswith("*/", index):
            depth, index = depth - 1, index + 2
        else:
            index += 1
    return index, text.count("\n", start, index)


@functools.cache
def code_of(path):
    return code(path.read_text())


def functions(path):
    """The functions of a file: (first line, name, lines), by the indentation of their braces."""
    found = []
    lines = code_of(path).split("\n")
    open_at = []
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip(" "))
        if match := re.match(r"\s*(?:@?[\w]+(?:\([^)]*\))?\s+)*(?:func\s+([^\s(<]+)|(init|deinit|"
                             r"subscript)\b[?!]?\s*[<({])", line):
            open_at.append((number, indent, match.group(1) or match.group(2)))
            if line.rstrip().endswith("}") and line.count("{") == line.count("}") > 0:
                open_at.pop()
                found.append((number, match.group(1) or match.group(2), 1))
        elif re.match(r"\s*(\}|\).*\{.*\}$)", line):
            # A requirement of a protocol has no body: what encloses it closes it.
            while open_at and open_at[-1][1] > indent:
                open_at.pop()
            if open_at and open_at[-1][1] == indent:
                start, _, name = open_at.pop()
                found.append((start, name, number - start + 1))
    return found
