"""The contracts that every source and feed keeps, checked in Swift against a broker."""

import os
import subprocess

import pytest

from broker import ROOT, broker, ticks  # noqa: F401

BUNDLE = ROOT / ".build" / "debug" / "streamerPackageTests.xctest"


@pytest.mark.parametrize("name", ["source", "feed"])
def test_contracts(broker, name):
    if not BUNDLE.exists():
        pytest.skip("SKIPPED LOUDLY: no Swift tests are built (make debug-build)")
    topic = broker.topic(3)
    broker.produce(topic, ticks(30, partitions=3))
    done = subprocess.run(
        [BUNDLE, "--testing-library", "swift-testing", "--filter", f"KafkaContractTests/{name}"],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "KAFKA_TEST_SERVERS": broker.servers, "KAFKA_TEST_TOPIC": topic})
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert "1 test in" in said and "passed" in said, said[-3000:]
