"""The house rules are read off the text: no program has to be built before them."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def binary():
    return None
