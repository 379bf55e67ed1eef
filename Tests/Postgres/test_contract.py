"""The promises of every sink, by the Swift tests, on a server that is started here."""

import os
import subprocess

import pytest

from support import ROOT

PROGRAM = ROOT / ".build/debug/streamerPackageTests.xctest"


def test_the_sink_contract(server):
    if not PROGRAM.exists():
        pytest.skip(f"SKIPPED LOUDLY: {PROGRAM} is not built: make debug-build")
    done = subprocess.run(
        [PROGRAM, "--testing-library", "swift-testing", "--filter", "PostgresTests.ContractTests"],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "POSTGRES_PORT": str(server.port)})
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "everyPromiseIsKept" in done.stdout + done.stderr
