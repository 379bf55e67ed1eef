"""A format is a folder and a line: nothing outside its folder knows its word."""

import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Where the word of a format is another word, or the name of something else that is called so.
ALLOWED = {
    # Functions of SQL.
    "Sources/Expressions/Binding/Binder+Functions.swift": {"log"},
    "Sources/Expressions/Syntax/FunctionNames.swift": {"log"},
    "Sources/Expressions/Binding/ScalarSignature.swift": {"log"},
    "Sources/Expressions/Syntax/SyntaxText.swift": {"log"},
    # Keys and values of files: a state's kind, a segment's log, a Delta table's provider.
    "Sources/TickLog/SegmentHeader.swift": {"log"},
    "Sources/Lake/Delta/DeltaAction+JSON.swift": {"parquet"},
    "Sources/Lake/Delta/DeltaCheckpoint.swift": {"parquet"},
    "Sources/Lake/ReplacedTable.swift": {"table"},
    "Sources/Lake/PartFiles.swift": {"delta"},
    # How results are printed, and what listings and options are called.
    "Sources/CommandLine/Results/ResultFormat.swift": {"table", "json", "csv"},
    "Sources/streamer/LakeExport.swift": {"csv", "json", "arrow"},
    "Sources/streamer/CheckpointShow.swift": {"table", "json"},
    "Sources/streamer/Eval.swift": {"table", "json"},
    "Sources/streamer/Replay.swift": {"table", "json"},
    "Sources/streamer/Run.swift": {"table", "json"},
    "Sources/streamer/LakeLs.swift": {"table"},
    "Sources/streamer/LogLs.swift": {"log"},
    "Sources/streamer/Clear.swift": {"log"},
    "Sources/streamer/Clearing.swift": {"table"},
    "Sources/streamer/Doctor.swift": {"log"},
    "Sources/streamer/Validate.swift": {"log"},
    # What the value of a message is.
    "Sources/Connectors/Kafka/KafkaValues.swift": {"json", "csv"},
    "Sources/Connectors/Kafka/KafkaSinkSpec.swift": {"json"},
}

# Pages that are older than docs/connectors.
PAGES = {
    "simulator": "docs/feeds.md", "csv": "docs/feeds.md", "json": "docs/feeds.md",
    "arrow": "docs/feeds.md", "log": "docs/formats-log.md",
    "parquet": "docs/formats-lake.md", "table": "docs/formats-lake.md",
    "delta": "docs/formats-delta.md", "console": "docs/job-reference.md",
    "raw": "docs/connectors/kafka.md",
}


def words():
    schema = json.loads((ROOT / "jobs/job.schema.json").read_text())
    found = {definition["properties"]["format"]["const"]
             for definition in schema["$defs"].values()
             if "const" in definition.get("properties", {}).get("format", {})}
    assert {"log", "parquet", "console", "simulator"} <= found
    return sorted(found)


def sources():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "Sources"],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed
            if name.endswith(".swift") and (ROOT / name).is_file()]


def code(path):
    """The lines without comments."""
    return [line if not line.lstrip().startswith("//") else ""
            for line in path.read_text().splitlines()]


def occurrences(word):
    """The files in which the word stands alone in quotes, with the lines."""
    quoted = re.compile(rf'\\?"{word}\\?"')
    found = {}
    for path in sources():
        lines = [number for number, line in enumerate(code(path), 1) if quoted.search(line)]
        if lines:
            found[path.relative_to(ROOT)] = lines
    return found


def folder(path):
    """The connector's folder, if the file is in one."""
    return "/".join(path.parts[:3]) if path.parts[1] == "Connectors" else None


def test_a_word_is_known_in_its_folder_only():
    found = []
    for word in words():
        places = occurrences(word)
        home = {folder(path) for path in places} - {None}
        # A directory of Parquet files is read by one connector and written by another.
        own = {path for path in home if any(
            re.search(rf'(\w*[wW]ord = |textFeed\(\s*|textSource\(\s*)"{word}"',
                      "\n".join(code(ROOT / file)))
            for file in places if folder(file) == path)}
        assert own, f"no folder of Sources/Connectors declares the format {word}"
        for path, lines in places.items():
            if folder(path) in own or word in ALLOWED.get(str(path), ()):
                continue
            found += [f"{path}:{line}: \"{word}\"" for line in lines]
    assert not found, "\n".join(found)


def test_the_list_of_exceptions_is_as_short_as_it_can_be():
    stale = []
    by_word = {word: {str(path) for path in occurrences(word)} for word in words()}
    for path, allowed in ALLOWED.items():
        stale += [f"{path}: {word}" for word in sorted(allowed)
                  if path not in by_word.get(word, ())]
    assert not stale, "\n".join(stale)


def test_every_format_has_a_page():
    for word in words():
        page = ROOT / PAGES.get(word, f"docs/connectors/{word}.md")
        assert page.is_file(), f"the format {word} has no page {page.relative_to(ROOT)}"
        assert re.search(rf"\b{word}\b", page.read_text(), re.IGNORECASE), \
            f"{page.relative_to(ROOT)} does not speak of {word}"


def test_only_the_registry_names_connectors():
    found = [f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
             for path in sources() if path.relative_to(ROOT) != pathlib.Path(
                 "Sources/Registry/Registry.swift")
             for number, line in enumerate(code(path), 1)
             if re.match(r"\s*(public )?import \w+Connector$", line)]
    assert not found, "\n".join(found)


def test_connectors_know_neither_jobs_nor_the_engine():
    text = (ROOT / "Package.swift").read_text()
    found = []
    for match in re.finditer(r'connector\(\s*"(\w+)"(.*?)\)(?=,?\s*\n)', text, re.DOTALL):
        found += [f"{match.group(1)} imports {name}"
                  for name in re.findall(r'"(\w+)"', match.group(2))
                  if name in ("Jobs", "Engine", "Feeds", "Registry") or name.endswith("Connector")]
    assert not found, "\n".join(found)
