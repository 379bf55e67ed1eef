"""Each remedy that docs/errors.md names is carried out and works.

The tables in bad_input/remedies_of_*.py have for each case that ends with an error what its text says
that can be done. A new case without an entry fails here.
"""

import os

import pytest

from bad_input import remedies_of_files, remedies_of_runs, remedies_of_settings  # noqa: F401
from bad_input.case import Laboratory
from bad_input.remedies import NOTHING_TO_DO, REMEDIES, Scene
from conftest import BINARY
from test_bad_input import GROUPS

FAILING = {(group.title, case.what): case for group in GROUPS for case in group.cases if case.exit}
ACTIONS = [(name, index) for name, actions in REMEDIES.items() for index in range(len(actions))]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    os.environ["STREAMER_BINARY"] = str(BINARY)
    return Laboratory(tmp_path_factory.mktemp("remedies"))


def test_every_case_that_fails_has_its_remedies():
    missing = [name for name in FAILING if name not in REMEDIES and name not in NOTHING_TO_DO]
    gone = [name for name in [*REMEDIES, *NOTHING_TO_DO] if name not in FAILING]
    assert not missing and not gone, (missing, gone)


@pytest.mark.parametrize(
    "name, index", ACTIONS, ids=[f"{group}: {what} {index}" for (group, what), index in ACTIONS])
def test_a_remedy_works(laboratory, tmp_path, name, index):
    case = FAILING[name]
    if reason := case.skip():
        pytest.skip(reason)
    scene = Scene(laboratory, case, tmp_path / "scene")
    try:
        assert scene.code == case.exit, scene.err
        REMEDIES[name][index](scene)
    finally:
        scene.end()
