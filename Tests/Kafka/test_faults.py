"""What connections, brokers and neighbours do to a job: cuts, expiry, compaction, lost tails."""

import signal
import ssl
import subprocess
import time

import pytest

from broker import OUTSIDE, broker, copying, ticks  # noqa: F401
from proxy import END_TXN, PRODUCE, Proxy, RefusingPeer
from test_sink import numbers, writing

pytestmark = pytest.mark.skipif(OUTSIDE is not None, reason="needs a broker of its own")


def test_a_compacted_topic_has_gaps(broker, workspace):  # G10
    topic = broker.topic(1, cleanup_policy="compact", segment_ms=500,
                         min_cleanable_dirty_ratio="0.01", min_compaction_lag_ms=0)
    keys = ["a"] * 95 + list("bcdef") + ["a", "a", "g"]
    broker.produce(topic, [{**message, "key": key} for key, message in zip(keys, ticks(103))])
    kept = [*range(95, 100), 101, 102]
    end = time.monotonic() + 30
    # What is written to last is not compacted: each message more may begin another segment.
    for more in range(103, 10_000):
        time.sleep(0.7)
        broker.produce(topic, [{**ticks(1, start=more)[0], "key": f"last-{more}"}])
        there = [offset for _, offset, *_ in broker.read(topic)]
        if there[:len(kept)] == kept:
            break
        if time.monotonic() > end:
            pytest.skip("SKIPPED LOUDLY: the broker has compacted nothing in 30 s")
    workspace.job(copying(broker, topic, malformed="FAILFAST", maxOffsetsPerTrigger=10))
    done = workspace.run("run", "job.json")
    found = workspace.query("SELECT place, n FROM '{lake}/copy/*.parquet' ORDER BY place")
    assert found == [(offset, offset) for offset in there]
    assert "warning" not in done.err and "error" not in done.err


def test_a_tail_that_was_lost_and_filled_again(broker, workspace):  # G14
    """A broker that dies without having written what it acknowledged."""
    topic = broker.topic(1)
    broker.produce(topic, ticks(10))
    workspace.job(copying(broker, topic))
    workspace.run("run", "job.json")
    before = workspace.files()
    broker.stop(signal.SIGKILL)
    broker.client = None
    broker.start()
    left = broker.ends(topic)[0] if topic in broker.admin().list_topics(timeout=10).topics else 0
    if left >= 10:
        pytest.skip("SKIPPED LOUDLY: the broker lost nothing")
    if topic not in broker.admin().list_topics(timeout=10).topics:
        assert broker.topic(1) == topic
    broker.produce(topic, ticks(15 - left, start=1000))
    err = workspace.run("run", "job.json", check=1).err
    assert "another message than the job has read" in err, err
    assert workspace.files() == before


def test_the_answer_to_a_commit_is_lost(broker, workspace):  # G23
    """The broker has committed, and the connection breaks before it can say so."""
    origin, target = broker.topic(1, "in"), broker.topic(2, "out")
    broker.produce(origin, ticks(20))
    cuts = []

    def sees(key):
        if key == END_TXN and len(cuts) < 2:
            cuts.append(key)
            return "cut"

    proxy = Proxy(broker, sees)
    job = writing(broker, origin, target, limit=5)
    job["queries"][0]["sinks"][0]["kafka.bootstrap.servers"] = proxy.servers
    workspace.job(job)
    workspace.run("run", "job.json", timeout=120)
    assert len(cuts) == 2
    assert numbers(broker, target) == list(range(20))
    # A run goes on from there as after any other.
    broker.produce(origin, ticks(5, start=20))
    workspace.run("run", "job.json")
    proxy.close()
    assert numbers(broker, target) == list(range(25))


def test_killed_while_rows_are_sent(broker, workspace):  # G24
    """The next run comes when the open transaction has expired: nothing is lost or blocked."""
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, ticks(20))
    running = []

    def sees(key):
        # The second batch: the first one is there.
        if key == PRODUCE:
            running.append(key)
            if len(running) == 2:
                process.send_signal(signal.SIGKILL)

    proxy = Proxy(broker, sees)
    job = writing(broker, origin, target, limit=5)
    sink = job["queries"][0]["sinks"][0]
    sink.update({"kafka.bootstrap.servers": proxy.servers, "kafka.transaction.timeout.ms": "2000"})
    workspace.job(job)
    process = workspace.start("run", "job.json")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL and len(running) == 2
    assert numbers(broker, target) == list(range(5))
    time.sleep(2.5)
    workspace.run("run", "job.json")
    proxy.close()
    assert numbers(broker, target) == list(range(20))


def test_jobs_with_several_sinks_do_not_fence_each_other(broker, workspace,
                                                         tmp_path_factory):  # G26
    from conftest import Workspace
    origin = broker.topic(1, "in")
    targets = [broker.topic(1, f"out{n}") for n in range(4)]
    places = [workspace, Workspace(tmp_path_factory.mktemp("other"))]
    for place, name, pair in zip(places, ("one", "two"), (targets[:2], targets[2:])):
        job = writing(broker, origin, pair[0], name=name, limit=3)
        sink = job["queries"][0]["sinks"][0]
        job["queries"][0]["sinks"].append({**sink, "topic": pair[1]})
        job["trigger"] = {"processingTime": "20 ms"}
        place.job(job)
    running = [place.start("run", "job.json") for place in places]
    try:
        for start in range(0, 60, 6):
            broker.produce(origin, ticks(6, start=start))
            time.sleep(0.1)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if all(numbers(broker, target) == list(range(60)) for target in targets):
                break
            time.sleep(0.2)
        assert [process.poll() for process in running] == [None, None]
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
    assert [numbers(broker, target) for target in targets] == [list(range(60))] * 4
    groups = {entry.group_id for entry in broker.admin().list_consumer_groups().result(10).valid}
    assert {f"{broker.prefix}s.{name}.{name}.{target}"
            for name, pair in (("one", targets[:2]), ("two", targets[2:]))
            for target in pair} <= groups


def certificate(folder, name):
    made = {part: folder / f"{name}.{part}" for part in ("key", "pem")}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", made["key"], "-out",
         made["pem"]], check=True, capture_output=True)
    return made


def test_tls_with_the_right_and_the_wrong_authority(broker, workspace, tmp_path):  # G34
    topic = broker.topic(2)
    broker.produce(topic, ticks(10, partitions=2))
    right, wrong = certificate(tmp_path, "right"), certificate(tmp_path, "wrong")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(right["pem"], right["key"])
    proxy = Proxy(broker, tls=context)
    options = {"kafka.bootstrap.servers": proxy.servers, "kafka.security.protocol": "SSL"}
    workspace.job(copying(broker, topic, **options, **{
        "kafka.ssl.ca.location": str(right["pem"])}))
    workspace.run("run", "job.json")
    assert len(workspace.query("SELECT n FROM '{lake}/copy/*.parquet'")) == 10
    workspace.job(copying(broker, topic, name="other", **options, **{
        "kafka.ssl.ca.location": str(wrong["pem"])}))
    done = workspace.run("run", "job.json", check=1, timeout=90)
    proxy.close()
    errors = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "certificate" in errors[0].lower(), done.err


@pytest.mark.parametrize("side", ["source", "sink"])
def test_a_refused_password(broker, workspace, side):  # G34
    origin, target = broker.topic(1, "in"), broker.topic(1, "out")
    broker.produce(origin, ticks(3))
    peer = RefusingPeer()
    job = writing(broker, origin, target)
    place = job["source"] if side == "source" else job["queries"][0]["sinks"][0]
    place.update({
        "kafka.bootstrap.servers": peer.servers, "kafka.security.protocol": "SASL_PLAINTEXT",
        "kafka.sasl.mechanism": "PLAIN", "kafka.sasl.username": "tom",
        "kafka.sasl.password": "${KAFKA_SECRET}"})
    workspace.job(job)
    done = workspace.run("run", "job.json", check=1, timeout=90, KAFKA_SECRET="hunter2-und-mehr")
    peer.close()
    assert peer.attempts > 0
    errors = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "uthentication" in errors[0], done.err
    assert "hunter2" not in done.out + done.err
    kept = [path for path in workspace.path.rglob("*") if path.is_file()]
    assert all(b"hunter2" not in path.read_bytes() for path in kept)
