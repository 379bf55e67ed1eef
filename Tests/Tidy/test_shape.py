"""The shape of the code: lengths of files and functions, cycles of dependencies, folders."""

import statistics

import pytest

import cycles
import publics
import swift_text

# A file is read at one sitting, a function fits a screen, and a cycle of a few files can be
# understood as one thing.
FILE_LINES_MAX = 375
FILE_LINES_MEDIAN_MAX = 130
FUNCTION_LINES_MAX = 70
CYCLE_FILES_MAX = 5

# The folders inside a target, lowest first: what stands in one uses nothing above it.
FOLDERS = {
    "Expressions": ["Nodes", "Syntax", "Evaluation", "Plans", "Binding"],
    "Parquet": ["Format", "Encodings", "Pages", "Writing", "Reading", "Nested"],
}

TARGETS = cycles.targets()


def name(path):
    return path.relative_to(swift_text.ROOT)


def test_files_are_read_at_one_sitting():
    files = swift_text.swift("Sources", "Tests")
    long = [f"{name(path)}: {count}" for path, count in zip(files, cycles.lengths(files))
            if count > FILE_LINES_MAX]
    assert not long, "\n".join(long)
    median = statistics.median(cycles.lengths(swift_text.swift("Sources")))
    assert median <= FILE_LINES_MEDIAN_MAX, f"the median file has {median} lines"


@pytest.mark.parametrize("target", TARGETS)
def test_functions_fit_a_screen(target):
    long = [f"{name(path)}:{start}: {function}, {lines} lines"
            for path in TARGETS[target] for start, function, lines in swift_text.functions(path)
            if lines > FUNCTION_LINES_MAX]
    assert not long, "\n".join(long)


def test_functions_of_tests_fit_a_screen():
    long = [f"{name(path)}:{start}: {function}, {lines} lines"
            for path in swift_text.swift("Tests") for start, function, lines
            in swift_text.functions(path) if lines > FUNCTION_LINES_MAX]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("target", TARGETS)
def test_files_of_a_target_do_not_go_round_in_circles(target):
    found = cycles.Dependencies(TARGETS[target]).cycles()
    large = [f"{len(group)} files use each other: {', '.join(group)}"
             for group in found if len(group) > CYCLE_FILES_MAX]
    assert not large, "\n".join(large)


@pytest.mark.parametrize("target", FOLDERS)
def test_folders_use_what_is_below(target):
    order = FOLDERS[target]
    root = swift_text.ROOT / "Sources" / target
    level = {}
    for path in TARGETS[target]:
        folder = path.relative_to(root).parts[0]
        if folder in order:
            level[cycles.unit(path)] = order.index(folder)
    upward = [
        f"{order[level[user]]}/{user} uses {', '.join(sorted(names))} of "
        f"{order[level[used]]}/{used}, which stands above"
        for user, uses in cycles.Dependencies(TARGETS[target]).uses.items() if user in level
        for used, names in uses.items() if used in level and level[used] > level[user]]
    assert not upward, "\n".join(upward)


# Targets whose public types and functions are all needed outside, and what is excepted.
PUBLIC_BY_NEED = ["Storage", "Columnar", "JSON", "Expressions", "TickLog", "Parquet", "Lake",
                  "KeyedState", "Checkpoints", "Operators", "Jobs", "SparkExport"]
PUBLIC_ALLOWED = {"Columnar": {"EventTime", "Milliseconds"}}


@pytest.mark.parametrize("target", PUBLIC_BY_NEED)
def test_what_is_public_is_used_elsewhere(target):
    found = [f"{place}: {word}" for word, place in publics.needless(target, TARGETS).items()
             if word not in PUBLIC_ALLOWED.get(target, ())]
    assert not found, "no other target uses:\n" + "\n".join(found)


def test_text_without_comments_and_strings():
    text = 'let a = "func b() \\(Name) x" // Name2\n/* c\n/* d */ */ let e = #"\\n"#\n'
    assert swift_text.code(text) == 'let a = " (Name)" \n\n let e = ""\n'


def test_functions_are_measured(tmp_path):
    path = tmp_path / "A.swift"
    path.write_text(
        "protocol P {\n    func p()\n}\nstruct A {\n    init() {\n        a()\n    }\n\n"
        "    func f(\n        _ x: Int\n    ) -> Int {\n        if x > 0 {\n            1\n"
        "        }\n    }\n    func g() { f() }\n    func h(\n        _ y: Int\n    ) { f(y) }\n}\n")
    assert swift_text.functions(path) == [
        (5, "init", 3), (9, "f", 7), (16, "g", 1), (17, "h", 3)]


def test_cycles_are_found(tmp_path):
    texts = {
        "A.swift": "struct A { let b: B }",
        "A+More.swift": "extension A { func more() -> C { C() } }",
        "B.swift": "struct B { func go() { helper() } }",
        "C.swift": "struct C {}\nfunc helper() -> A? { nil }",
        "D.swift": "// A, B\nstruct D { let text = \"A\" }",
        "E.swift": "extension D {\n    func foreign() -> E { E() }\n}\nstruct E { let d: D }",
        "F.swift": "struct F { func use(_ d: D) { d.foreign() } }\nextension E {\n"
                   "    var deep: F { F() }\n}",
    }
    for file, text in texts.items():
        (tmp_path / file).write_text(text + "\n")
    found = cycles.Dependencies(sorted(tmp_path.glob("*.swift")))
    assert found.cycles() == [["A", "B", "C"]]
    assert found.uses["F"].keys() == {"D", "E"}
