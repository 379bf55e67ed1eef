"""Bad input of every kind gets one clear answer, and touches nothing that is committed.

The same cases, run, are the page docs/errors.md; STREAMER_UPDATE_FILES=1 writes it.
"""

import os

import pytest

from bad_input import command_line, disk, files_read, jobs, rows, runtime, symbols
from bad_input.case import Laboratory, check
from bad_input.page import page
from conftest import ROOT

GROUPS = [
    *command_line.GROUPS, *jobs.GROUPS, *rows.GROUPS, *files_read.GROUPS, *runtime.GROUPS, *disk.GROUPS]
CASES = [(group, case) for group in GROUPS for case in group.cases]
PAGE = ROOT / "docs" / "errors.md"


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    return Laboratory(tmp_path_factory.mktemp("bad"))


@pytest.mark.parametrize(
    "case", [case for _, case in CASES],
    ids=[f"{group.title}: {case.what}" for group, case in CASES])
def test_bad_input(laboratory, case):
    if reason := case.skip():
        pytest.skip(reason)
    check(case, laboratory.outcome(case))


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return symbols.Market(tmp_path_factory.mktemp("symbols") / "inner")


@pytest.mark.parametrize("table", ["groups", "directories"])
@pytest.mark.parametrize("reader", symbols.READERS.values(), ids=symbols.READERS)
def test_symbols_come_back_as_they_were(market, table, reader):
    assert symbols.wrong(market.folder, table, reader, symbols.SYMBOLS) == []


def test_symbols_stay_in_their_table(market):
    assert symbols.strays(market) == []


def test_long_symbols_are_keys_but_no_directories(tmp_path):
    grouped, partitioned = (symbols.Folder(tmp_path / name) for name in ("grouped", "partitioned"))
    grouped.path.mkdir()
    partitioned.path.mkdir()
    assert symbols.run(grouped, symbols.LONG, partitioned=False).returncode == 0
    for reader in symbols.READERS.values():
        assert symbols.wrong(grouped, "groups", reader, symbols.LONG) == []
    for symbol in symbols.LONG:
        done = symbols.run(partitioned, ["IBM", symbol], partitioned=True)
        assert done.returncode == 1 and "at most 255 are possible" in done.err, done.err
    assert not list((partitioned.path / "lake" / "directories").rglob("*.parquet"))


def test_page_is_what_a_run_gives(laboratory, market):
    missing = [case.what for _, case in CASES if case.skip()]
    if missing:
        pytest.skip(f"cannot be run here: {', '.join(missing)}")
    text = page(GROUPS, laboratory) + symbols.page_section(market)
    if os.environ.get("STREAMER_UPDATE_FILES"):
        PAGE.write_text(text)
    assert text == PAGE.read_text(), "STREAMER_UPDATE_FILES=1 writes the page anew"
