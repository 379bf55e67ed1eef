"""Servers that the tests start themselves, and jobs that write to them.

`POSTGRES_SERVER=python` takes the Python package's server in place of the system's.
"""

import pathlib
import sys
import zlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / ".venv/postgres")]

import server as servers  # noqa: E402
from support import Market, programs  # noqa: E402


@pytest.fixture(scope="session")
def server():
    started = servers.Server(programs())
    yield started
    started.remove()


@pytest.fixture
def own_server():
    """Makes servers of a test's own."""
    made = []

    def make(**options):
        made.append(servers.Server(programs(), **options))
        return made[-1]

    yield make
    for each in made:
        each.remove()


@pytest.fixture
def database(server, request):
    name = "".join(c if c.isalnum() else "_" for c in request.node.name.lower())[:40]
    return server.database(f"{name}_{zlib.crc32(request.node.nodeid.encode()):08x}")


@pytest.fixture
def market(workspace):
    return Market(workspace)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: left out of the quick slice")
