"""Sabotage that the tests must notice: each takes one care away, in what passes between the two.

A sabotage changes frames on their way, as if the sink did without: what it sends (no ORDER BY, no
row lock), what it looks at (tags, counts, the commit row), and where its transactions end.
"""

import re
import subprocess
import time

import pytest

from proxy import Proxy
from story import Story
from support import NUMBERS, numbers


def rewriting(*pairs):
    """Statements of streamer with other texts."""
    def sabotage(link, side, kind, content):
        if side == "client" and kind in (b"Q", b"P"):
            for old, new in pairs:
                content = re.sub(old, new, content)
        return [(kind, content)]
    return sabotage


def tags(old, new):
    """Tags of the server with other texts."""
    def sabotage(link, side, kind, content):
        if side == "server" and kind == b"C":
            content = re.sub(old, new, content)
        return [(kind, content)]
    return sabotage


def ended_before(marker):
    """What came before a statement is committed by itself."""
    def sabotage(link, side, kind, content):
        if side == "server" and link.memory.get("swallow"):
            if kind == b"Z":
                link.memory["swallow"] = False
            return []
        if side == "client" and kind == b"P" and marker in content:
            link.memory["swallow"] = True
            return [(b"Q", b"COMMIT; BEGIN\0"), (kind, content)]
        return [(kind, content)]
    return sabotage


def commit_resent():
    """A COMMIT that is sent again on a new connection commits nothing, and is told that it did."""
    count = [0]

    def sabotage(link, side, kind, content):
        if side == "client" and kind == b"Q" and content == b"COMMIT\0":
            count[0] += 1
            if count[0] % 5 == 0:
                link.memory["lie"] = True
                return [(kind, b"ROLLBACK\0")]
        if side == "server" and kind == b"C" and link.memory.pop("lie", None):
            return [(kind, b"COMMIT\0")]
        return [(kind, content)]
    return sabotage


def tag_unchecked():
    """The transaction fails behind its last statement, and the tag of its COMMIT is not looked at."""
    count = [0]

    def sabotage(link, side, kind, content):
        if side == "client" and kind == b"Q" and content == b"COMMIT\0":
            count[0] += 1
            if count[0] % 5 == 0:
                link.memory["drop"] = True
                return [(b"Q", b"SELECT 1/0\0"), (kind, content)]
        if side == "server" and link.memory.get("drop"):
            if kind == b"Z":
                link.memory["drop"] = False
                link.memory["lie"] = True
            return []
        if side == "server" and kind == b"C" and link.memory.pop("lie", None):
            return [(kind, b"COMMIT\0")]
        return [(kind, content)]
    return sabotage


def signature_unread():
    """What the table's columns are is looked at once."""
    first = {}

    def sabotage(link, side, kind, content):
        if side == "client" and kind in (b"Q", b"P"):
            found = re.search(rb"LOCK TABLE ONLY (\S+)", content)
            link.memory["table"] = found and found.group(1)
        if side == "server" and kind == b"D" and link.memory.get("table"):
            return [(kind, first.setdefault(link.memory["table"], content))]
        return [(kind, content)]
    return sabotage


# Scenarios: each passes without a sabotage.

def cut(market, database, sabotage, side):
    proxy = Proxy(database.server.port, sabotage)
    try:
        story = Story(market, database, port=proxy.port, batch=100)
        story.undisturbed()
        proxy.cuts = {n: side for n in range(36, 36 + 3 * story.batches, 5)}
        story.run_once()
        story.compare()
    finally:
        proxy.close()


def cut_before(market, database, sabotage):
    cut(market, database, sabotage, "before")


def cut_after(market, database, sabotage):
    cut(market, database, sabotage, "after")


def cut_late(market, database, sabotage):
    cut(market, database, sabotage, "late")


def opposite_orders(market, database, sabotage):
    proxy = Proxy(database.server.port, sabotage)
    try:
        # Rows that take their time, so that the two meet in the middle.
        database.run("CREATE TABLE t (name text PRIMARY KEY, id bigint)",
                     "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                     "PERFORM pg_sleep(0.0005); RETURN new; END $$",
                     "CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()")
        for job, step in (("up", 1), ("down", -1)):
            rows = [{"id": i, "at": i, "name": f"K{(step * i - (step < 0)) % 200:04}", "price": 0.0}
                    for i in range(2_000)]
            market.append(rows, NUMBERS, log=f"log/{job}")
            market.job(database.sink("t", port=proxy.port, keys=["name"]), ["name", "id"], name=job,
                       file=f"{job}.json", log=f"log/{job}", batch=200)
        running = [market.workspace.start("run", f"{job}.json") for job in ("up", "down")]
        said = [process.communicate(timeout=120)[1] for process in running]
        assert all(process.returncode == 0 for process in running), said
        assert not any(b"40P01" in text for text in said)
    finally:
        proxy.close()


def frozen(market, database, sabotage):
    proxy = Proxy(database.server.port, sabotage)
    try:
        story = Story(market, database, port=proxy.port)
        story.undisturbed()
        process = story.start()
        time.sleep(0.5)
        process.send_signal(19)
        subprocess.run("cp -r checkpoints copy && rm -f copy/story/LOCK", cwd=market.path, shell=True,
                       check=True)
        text = (market.path / "story.json").read_text()
        text = text.replace('"checkpoints/story"', '"copy/story"').replace(
            str(proxy.port), str(database.server.port))
        (market.path / "second.json").write_text(text)
        story.grow()
        market.workspace.run("run", "second.json", "--available-now")
        process.send_signal(18)
        story.grow()
        try:
            process.wait(timeout=8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.returncode == 1 and "taken over" in story.said()
    finally:
        proxy.close()


def dropping_trigger(market, database, sabotage):
    proxy = Proxy(database.server.port, sabotage)
    try:
        market.append(numbers(10), NUMBERS)
        database.run(
            "CREATE TABLE t (id bigint, price float8)",
            "CREATE FUNCTION drop_odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF new.id % 2 = 1 THEN RETURN NULL; END IF; RETURN new; END $$",
            "CREATE TRIGGER drop_odd BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION drop_odd()")
        market.job(database.sink("t", port=proxy.port), ["id", "price"])
        market.run(check=1)
    finally:
        proxy.close()


def changed_type(market, database, sabotage):
    proxy = Proxy(database.server.port, sabotage)
    try:
        market.append(numbers(10), NUMBERS)
        market.job(database.sink("t", port=proxy.port), ["id", "price"])
        text = (market.path / "job.json").read_text().replace(
            '"availableNow": true', '"processingTime": "0 seconds"')
        (market.path / "job.json").write_text(text)
        process = market.workspace.start("run", "job.json")
        while database.committed() is None or database.committed() < 0:
            assert process.poll() is None
            time.sleep(0.05)
        database.run("ALTER TABLE t ALTER price TYPE bigint")
        market.append(numbers(10, start=10), NUMBERS)
        try:
            _, err = process.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
        assert process.returncode == 1 and b"changed under the job" in err
    finally:
        proxy.close()


def deferred_reference(market, database, sabotage):
    proxy = Proxy(database.server.port, sabotage)
    try:
        database.run("CREATE TABLE symbols (name text PRIMARY KEY)",
                     "INSERT INTO symbols VALUES ('S1')",
                     "CREATE TABLE t (id bigint, name text REFERENCES symbols DEFERRABLE "
                     "INITIALLY DEFERRED)")
        market.append(numbers(10), NUMBERS)
        market.job(database.sink("t", port=proxy.port, onError="reject"), ["id", "name"])
        market.run()
        assert database.value("SELECT count(*) FROM t_rejects") == 8
    finally:
        proxy.close()


def rejecting(market, database, sabotage):
    proxy = Proxy(database.server.port, sabotage)
    try:
        rows = numbers(200)
        for place in range(0, 200, 10):
            rows[place]["name"] = "a\0"
        market.append(rows, NUMBERS)
        market.job(database.sink("t", port=proxy.port, onError="reject"), ["id", "name"], batch=20)
        proxy.cuts = {n: "before" for n in range(3, 30, 3)}
        market.run()
        assert database.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(180, 180)]
        assert database.value("SELECT count(*) FROM t_rejects") == 20
    finally:
        proxy.close()


def power_lost(market, database, sabotage):
    server = database.server
    proxy = Proxy(server.port, sabotage)
    try:
        market.append(numbers(100), NUMBERS)
        market.job(database.sink("t", port=proxy.port), ["id", "price"], batch=10)
        market.run()
        server.restart()
        market.append(numbers(10, start=100), NUMBERS)
        market.run()
        assert database.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(110, 110)]
    finally:
        proxy.close()


ORDER = rb" ORDER BY ([^;]*?) ON CONFLICT"
MUTANTS = {
    "the commit row outside the transaction": (
        cut_before, lambda: ended_before(b"UPDATE \"public\".\"streamer_commits\"")),
    "the commit row unread": (
        cut_after, lambda: rewriting((rb"SELECT epoch, batch,", rb"SELECT epoch, -1::bigint,"))),
    "the commit row unlocked": (cut_late, lambda: rewriting((rb" FOR UPDATE", rb""))),
    "the commit row unwritten": (
        cut_after, lambda: rewriting((rb"SET batch = \$5::bigint",
                                      rb"SET batch = least(batch, $5::bigint)"))),
    "COMMIT sent again": (cut_before, commit_resent),
    "the tag unchecked": (cut_before, tag_unchecked),
    "no ORDER BY": (opposite_orders, lambda: rewriting((ORDER, rb" ON CONFLICT"))),
    "fencing off": (frozen, lambda: rewriting(
        (rb"SELECT epoch, batch,", rb"SELECT 2::bigint, batch,"),
        (rb"AND epoch = \$4::bigint", rb"AND (epoch = $4::bigint OR true)"))),
    "counts unchecked": (dropping_trigger, lambda: tags(rb"COPY 5\b", rb"COPY 10")),
    "types unchecked": (changed_type, signature_unread),
    "deferred constraints left to COMMIT": (
        deferred_reference, lambda: rewriting((rb"SET CONSTRAINTS ALL IMMEDIATE", rb"SELECT 1"))),
    "rejects outside the transaction": (
        rejecting, lambda: ended_before(b"INSERT INTO \"public\".\"t_rejects\"")),
    "COMMIT without a sync": (power_lost, lambda: rewriting(
        (rb"synchronous_commit = 'on'", rb"synchronous_commit = 'off'"))),
    "rows of before not deleted": (
        cut_before, lambda: rewriting((rb"^DELETE FROM (\S+)\0", rb"DELETE FROM \1 WHERE false\0"))),
    "nothing updated on conflict": (
        cut_before, lambda: rewriting((rb"DO UPDATE SET \"price\".*\0", rb"DO NOTHING\0"))),
}
SCENARIOS = [cut_before, cut_after, cut_late, opposite_orders, frozen, dropping_trigger, changed_type,
             deferred_reference, rejecting, power_lost]


@pytest.fixture
def own_database(own_server):
    # What is not synced is lost for certain: the server itself would write it after 10 s only.
    return own_server(options=["-c", "wal_writer_delay=10s"]).database("mutant")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenarios_pass_without_sabotage(market, own_database, scenario):
    scenario(market, own_database, None)


@pytest.mark.parametrize("name", MUTANTS)
def test_sabotage_is_noticed(market, own_database, name):
    scenario, sabotage = MUTANTS[name]
    with pytest.raises(AssertionError):
        scenario(market, own_database, sabotage())
