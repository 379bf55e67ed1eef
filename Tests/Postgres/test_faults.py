"""Crashes of either side and of what is between them: no row is lost, none is there twice.

`POSTGRES_FAULTS` says how many of each kind; `make postgres-faults` runs hundreds.
"""

import random
import signal
import subprocess
import threading
import time

import pytest

from support import NUMBERS, SLICE, numbers
from proxy import Proxy
from story import Story

SEED = 20260105


def test_streamer_is_killed(market, database):
    """Check 2."""
    story = Story(market, database)
    seconds = story.undisturbed()
    chance = random.Random(SEED)
    for _ in range(SLICE):
        process = market.workspace.start("run", "story.json")
        try:
            process.communicate(timeout=chance.uniform(0.02, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            story.grow_if_done()
    story.finish()


def test_backends_and_the_server_are_killed(market, own_server):
    """Check 3: streamer goes on by itself, and counts."""
    server = own_server()
    database = server.database("faults")
    story = Story(market, database, rows=300)
    story.undisturbed()
    process = story.start()
    # What comes before the first batch ends a start, so that a wrong address is told at once.
    time.sleep(0.5)
    chance = random.Random(SEED + 1)
    stop = threading.Event()

    def disturb():
        for _ in range(SLICE):
            if stop.wait(chance.uniform(0.02, 0.3)):
                return
            if chance.random() < 0.3:
                server.restart()
            else:
                try:
                    database.kill_backends()
                except Exception:
                    pass
            story.faults += 1

    thread = threading.Thread(target=disturb)
    thread.start()
    while thread.is_alive():
        story.grow()
        time.sleep(0.5)
    thread.join()
    progress = story.wait(process)
    story.compare()
    assert sum(int(p["sink"]["metrics"]["retries.postgres[plain]"] != "0") for p in progress)


@pytest.mark.parametrize("side", ["before", "after"])
def test_connections_are_cut_at_commit(market, database, side):
    """Check 4: before COMMIT arrives, and after it was done and before its answer."""
    proxy = Proxy(database.server.port)
    try:
        story = Story(market, database, port=proxy.port, batch=20)
        story.undisturbed()
        chance = random.Random(SEED + 2)
        # Three setups, then a COMMIT a sink and batch.
        first = proxy.commits + 4
        places = range(first, first + 3 * story.batches // 2)
        proxy.cuts = {n: side for n in chance.sample(places, min(SLICE, len(places) // 2))}
        done = story.run_once()
        story.compare()
        cuts = sum(1 for n in proxy.cuts if n <= proxy.commits)
        assert cuts >= 6
        word = "was committed" if side == "after" else "was not committed"
        assert done.err.count("outcome unknown, batch") == done.err.count(word) == cuts
        # Check 15: COMMIT is never sent on a connection that has no transaction.
        for conversation in proxy.conversations:
            assert_commits_follow_statements(conversation)
    finally:
        proxy.close()


def assert_commits_follow_statements(passed):
    open_transaction = False
    for sql in passed:
        if sql.startswith("BEGIN"):
            open_transaction = True
        elif sql in ("COMMIT", "ROLLBACK"):
            assert open_transaction or sql == "ROLLBACK"
            open_transaction = False


def test_a_batch_that_is_there_is_not_written_again(market, database):
    """Check 6: the crash comes after COMMIT and before the checkpoint knows."""
    market.append(numbers(30), NUMBERS)
    market.job(database.sink("t"), ["id", "price"], batch=10)
    market.run()
    commit = market.path / "checkpoints/job/commits/2"
    commit.unlink()
    again = market.progress()
    assert [p["batchId"] for p in again] == [2]
    assert database.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(30, 30)]
    assert "xxh3=" in commit.read_text()
    market.workspace.run("replay", "--from-checkpoint", "job.json", "--verify", "--batch", "2")
    # The rows that it would write now are others: that is said, not covered up.
    commit.unlink()
    database.run("UPDATE streamer_commits SET xxh3 = 'ffffffffffffffff'")
    assert "other rows than the job computes" in market.run(check=1).err


def test_verify_finds_what_is_not_as_it_was_sent(market, database):
    market.append(numbers(30), NUMBERS)
    market.job(database.sink("t"), ["id", "price"], batch=10)
    market.run()
    assert "identical" in market.workspace.run("replay", "--from-checkpoint", "job.json", "--verify").out
    database.run("UPDATE streamer_commits SET rows = rows + 1")
    assert "11 rows" in market.workspace.run("replay", "--from-checkpoint", "job.json", "--verify", check=1).out


def copies_of(market, batches):
    """Copies of the checkpoint after each number of batches."""
    for count in batches:
        market.run("job.json", "--max-batches", "3")
        subprocess.run(["cp", "-r", "checkpoints", f"saved-{count}"], cwd=market.path, check=True)


def test_a_checkpoint_that_was_set_back(market, database):
    """Check 8."""
    market.append(numbers(100), NUMBERS)
    market.job(database.sink("t"), ["id", "price"], batch=10)
    copies_of(market, [3, 6])
    before = database.dump("t")
    subprocess.run("rm -r checkpoints && cp -r saved-3 checkpoints", cwd=market.path, shell=True,
                   check=True)
    refused = market.run(check=1).err
    assert "has batch 5, the checkpoint committed 2" in refused and "--assume-published" in refused
    assert database.dump("t") == before
    taken = market.run("job.json", "--assume-published")
    assert "batches 3 to 5 are taken for published" in taken.err
    assert database.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(100, 100)]


def test_a_database_that_was_set_back(market, database):
    """Check 8."""
    market.append(numbers(100), NUMBERS)
    market.job(database.sink("t"), ["id", "price"], batch=10)
    market.run("job.json", "--max-batches", "3")
    database.run("CREATE TABLE saved AS SELECT * FROM t",
                 "CREATE TABLE saved_commits AS SELECT * FROM streamer_commits")
    market.run("job.json", "--max-batches", "3")
    database.run("TRUNCATE t, streamer_commits", "INSERT INTO t SELECT * FROM saved",
                 "INSERT INTO streamer_commits SELECT * FROM saved_commits")
    refused = market.run(check=1).err
    assert "has batch 2, the checkpoint committed 5" in refused and "restore a newer" in refused
    database.run("TRUNCATE streamer_commits")
    refused = market.run(check=1).err
    assert "knows no batch of this checkpoint, which committed batch 5" in refused
    assert database.rows("SELECT count(*) FROM streamer_commits") == [(0,)]


def test_the_older_of_two_streamers_stops(market, database):
    """Check 7: a copy of the checkpoint takes over while the first is frozen."""
    story = Story(market, database, batch=10)
    story.undisturbed()
    for round in range(min(3, SLICE)):
        process = story.start()
        story.grow()
        time.sleep(0.3 + 0.1 * round)
        process.send_signal(signal.SIGSTOP)
        subprocess.run(f"rm -rf copy-{round} && cp -r checkpoints copy-{round} && "
                       f"rm -f copy-{round}/story/LOCK", cwd=market.path, shell=True, check=True)
        # A frozen transaction keeps its row for a minute; its backend ends as if that had passed.
        database.kill_backends()
        job = (market.path / "story.json").read_text().replace(
            '"checkpoints/story"', f'"copy-{round}/story"')
        (market.path / f"second-{round}.json").write_text(job)
        market.workspace.run("run", f"second-{round}.json", "--available-now")
        process.send_signal(signal.SIGCONT)
        story.grow()
        process.wait(timeout=60)
        assert process.returncode == 1 and "another streamer has taken over" in story.said()
        subprocess.run(f"rm -rf checkpoints && cp -r copy-{round} checkpoints", cwd=market.path,
                       shell=True, check=True)
        story.finish()


def test_a_transaction_that_is_frozen_is_freed(market, database):
    """Check 7: by its own limit of a minute, which the tests need not wait for."""
    passed = []
    proxy = Proxy(database.server.port)
    try:
        market.append(numbers(10), NUMBERS)
        market.job(database.sink("t", port=proxy.port), ["id"])
        market.run()
        passed = proxy.passed
    finally:
        proxy.close()
    assert any("BEGIN" in sql and "idle_in_transaction_session_timeout = '60s'" in sql
               for sql in passed)


def test_an_aborted_transaction_is_not_taken_for_committed(market, database):
    """Check 14: COMMIT of an aborted transaction answers with success and the tag ROLLBACK."""
    market.append(numbers(30), NUMBERS)
    market.job(database.sink("t"), ["id", "price"], batch=10)
    aborted = []

    def abort(link, side, kind, content):
        if side == "client" and kind == b"Q" and content == b"COMMIT\0" and not aborted \
                and "COPY" in "".join(proxy.passed):
            aborted.append(1)
            # As if something had failed behind the last statement.
            link.memory["drop"] = 1
            return [(b"Q", b"SELECT 1/0\0"), (kind, content)]
        if side == "server" and link.memory.get("drop"):
            if kind == b"Z":
                link.memory.pop("drop")
            return []
        return [(kind, content)]

    proxy = Proxy(database.server.port, abort)
    try:
        market.job(database.sink("t", port=proxy.port), ["id", "price"], batch=10)
        done = market.run()
    finally:
        proxy.close()
    assert aborted and "answered COMMIT with ROLLBACK" in done.err
    assert database.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(30, 30)]


def test_two_jobs_do_not_deadlock(market, database):
    """Check 17: rows go in by key, whatever order they have."""
    database.run("CREATE TABLE t (name text PRIMARY KEY, id bigint)")
    processes = []
    for job, step in (("up", 1), ("down", -1)):
        rows = [{"id": i, "at": i, "name": f"K{(step * i - (step < 0)) % 1000:04}", "price": 0.0}
                for i in range(20_000)]
        market.append(rows, NUMBERS, log=f"log/{job}")
        # Groups would be sorted: rows of a plain query are not.
        market.job(database.sink("t", keys=["name"]), ["name", "id"], name=job, file=f"{job}.json",
                   log=f"log/{job}", batch=1000)
    before = database.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    for job in ("up", "down"):
        processes.append(market.workspace.start("run", f"{job}.json"))
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    time.sleep(1.1)
    assert database.value("SELECT count(*) FROM t") == 1000
    assert database.value("SELECT deadlocks FROM pg_stat_database "
                          "WHERE datname = current_database()") == before


def test_a_lock_of_another_is_waited_for(market, database):
    """Check 18: 55P03 is tried again."""
    market.append(numbers(5), NUMBERS)
    market.job(database.sink("t", keys=["id"], lockTimeout="200 milliseconds"), ["id", "price"])
    market.run()
    market.append(numbers(7, start=3), NUMBERS)
    with database.connect(autocommit=False) as other:
        other.execute("SELECT * FROM t WHERE id = 3 FOR UPDATE")
        process = market.workspace.start("run", "job.json")
        time.sleep(1.5)
        other.rollback()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"55P03" in err, err
    assert database.value("SELECT count(*) FROM t") == 10


def test_limits_of_a_role_do_not_matter(market, database):
    """Check 30."""
    database.run("DO $$ BEGIN CREATE ROLE hurried LOGIN SUPERUSER; EXCEPTION "
                 "WHEN duplicate_object THEN END $$",
                 "ALTER ROLE hurried SET statement_timeout = '1ms'",
                 "ALTER ROLE hurried SET idle_in_transaction_session_timeout = '1ms'",
                 "ALTER ROLE hurried SET synchronous_commit = 'off'",
                 "ALTER ROLE hurried SET standard_conforming_strings = 'off'")
    market.append(numbers(3000), NUMBERS)
    market.job({**database.sink("t", keys=["id"]), "user": "hurried"}, ["id", "price"], batch=1000)
    done = market.run(check=None)
    assert database.value("SELECT count(*) FROM t") == 3000, done.err


def test_a_query_timeout_fails_after_three(market, database):
    database.run("CREATE TABLE t (id bigint, price float8)",
                 "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                 "PERFORM pg_sleep(3); RETURN new; END $$",
                 "CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()")
    market.append(numbers(1), NUMBERS)
    market.job(database.sink("t", queryTimeout=1), ["id", "price"])
    refused = market.run(check=1).err
    assert "3 times in a row" in refused and '"queryTimeout", now 1 s' in refused
