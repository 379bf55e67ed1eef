"""The page of every bad input and what it gets: docs/errors.md."""

import re
import shlex

HEAD = """\
# Every mistake and what it gets

A mistake gets one clear error: where it is, what is wrong, what was expected, the nearest valid name, and what to do.
Nothing that is committed is touched. Exit codes: 2 is a mistake in the command line or the job, and nothing was started;
1 is a run that failed; 0 is a run that went on.

This page is made by running every case: `STREAMER_UPDATE_FILES=1 make interop-test` writes it, and tests compare it with
what the program says.
"""


def page(groups, laboratory):
    parts = [HEAD]
    for group in groups:
        parts.append(f"\n## {group.title}\n")
        if group.text:
            parts.append(f"\n{group.text}\n")
        parts.append("\n| input | exit | what `streamer` says |\n| --- | --- | --- |\n")
        for case in group.cases:
            parts.append(row(case, laboratory.outcome(case)))
    return "".join(parts)


def row(case, outcome):
    command = case.shown or "streamer " + " ".join(map(word, case.arguments))
    what = case.what
    if command != "streamer run job.json":
        what += f": {code(command)}"
    messages = outcome.messages or outcome.out.splitlines()
    if outcome.note:
        # What was rejected is of interest, not what became of the rest.
        messages = [line for line in messages if line.startswith("warning:")]
    said = [code(normalised(line)) for line in messages + outcome.note.splitlines()]
    return f"| {what} | {outcome.exit} | {'<br>'.join(said)} |\n"


def word(text):
    """A word of a command line as it is typed, not too long."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shlex.quote(text if len(text) <= 80 else text[:79] + "…")


def normalised(line):
    """Without what differs from run to run: identities, checksums, processes, times."""
    line = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "<id>", line)
    line = re.sub(r"\b[0-9a-f]{16}\b", "<checksum>", line)
    line = re.sub(r"\bpid \d+", "pid <pid>", line)
    line = re.sub(r", [\d.]+ (s|ms|µs)(, [^ ]+ ?[kM]? rows/s|$)", ", <time>", line)
    return line if len(line) <= 600 else line[:599] + "…"


def code(text):
    """Text as Markdown shows it in a table, letter for letter."""
    text = text.replace("|", "\\|")
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"
