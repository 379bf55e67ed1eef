"""Refusals at the start, secrets, encryption, poolers, standbys, changes under a running job."""

import os
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

import server as servers
from support import BINARY, NUMBERS, numbers
from story import Story

CANARY = "c4n4ry-S3cret"


@pytest.fixture
def filled(market):
    market.append(numbers(20), NUMBERS)
    return market


# Refusals

def one_line(done, *words):
    """One sentence, after the warnings, with all words."""
    lines = [line for line in done.err.splitlines() if "warning:" not in line
             and "new checkpoint" not in line]
    assert len(lines) == 1, done.err
    for word in words:
        assert word in lines[0], (word, lines[0])


def test_what_cannot_be_reached_or_done(filled, database):
    """Check 33."""
    port = database.server.port
    database.run("DO $$ BEGIN CREATE ROLE nobody LOGIN; EXCEPTION WHEN duplicate_object THEN END $$",
                 "CREATE TABLE t (id bigint)")
    sink = database.sink("t")
    cases = [
        ({**sink, "url": f"jdbc:postgresql://no-such-host.invalid:{port}/x"}, "no-such-host.invalid"),
        ({**sink, "url": f"jdbc:postgresql://127.0.0.1:{servers.free_port()}/x"}, "refused"),
        ({**sink, "url": f"jdbc:postgresql://127.0.0.1:{port}/nowhere"}, "nowhere"),
        ({**sink, "user": "nobody"}, "INSERT"),
        ({**sink, "schema": "none"}, "none"),
        ({**sink, "createTable": False, "dbtable": "absent"}, "no such table"),
        ({**sink, "hypertable": {"timeColumn": "at"}}, "extension timescaledb is not installed"),
    ]
    for number, (changed, word) in enumerate(cases):
        filled.job(changed, ["id", "at"] if "hypertable" in changed else ["id"], name=f"j{number}")
        if "hypertable" in changed:
            database.run("ALTER TABLE t ADD COLUMN at timestamptz")
        one_line(filled.run(check=1), word)
        assert not (filled.path / f"checkpoints/j{number}/offsets/0").exists()
    assert database.rows("SELECT 1 FROM pg_tables WHERE tablename = 'streamer_commits'") == []


def test_a_job_that_cannot_begin_leaves_nothing(filled, database):
    """What was made for it in the database goes again."""
    other = {"format": "parquet", "path": "log/rows"}
    filled.job([database.sink("made", onError="reject"), {**other, "path": "lake/x"}], ["id"])
    (filled.path / "lake").mkdir()
    (filled.path / "lake/x").write_text("in the way")
    filled.run(check=1)
    assert database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize("changes, pointer, word", [
    ({"url": "jdbc:postgresql://u:" + CANARY + "@db/x"}, "url", "kept out of logs"),
    ({"url": "postgresql://u:" + CANARY + "@[::1/x"}, "url", "kept out of logs"),
    ({"url": "jdbc:postgresql://db/x?password=" + CANARY}, "url", "kept out of logs"),
    ({"url": "host=db password=" + CANARY}, "url", "kept out of logs"),
    ({"url": "mysql://db/x"}, "url", "jdbc:postgresql://"),
    ({"url": "jdbc:postgresql://db:99999/x"}, "url", "port"),
    ({"url": "jdbc:postgresql://db/x?reWriteBatchedInserts=true"}, "url", "not known here"),
    ({"password": CANARY}, "password", "${NAME}"),
    ({"isolationLevel": "NONE"}, "isolationLevel", "loses or doubles"),
    ({"keys": ["idd"]}, "keys/0", "Did you mean"),
    ({"keys": ["id"], "hypertable": {"timeColumn": "at"}}, "keys", "time column"),
    ({"hypertable": {"timeColumn": "name"}}, "hypertable/timeColumn", "a string"),
    ({"createTableColumnTypes": "id bigint); DROP TABLE x"}, "createTableColumnTypes", "Expected"),
])
def test_settings_that_cannot_be(filled, database, changes, pointer, word):
    sink = {**database.sink("t"), **changes}
    filled.job(sink, ["id", "at", "name"])
    refused = filled.workspace.run("validate", "job.json", check=2)
    assert f"/queries/0/sinks/0/{pointer}" in refused.err and word in refused.err, refused.err
    if pointer == "url":
        assert CANARY not in refused.err


def test_modes_and_keys(filled, database):
    filled.job(database.sink("t"), ["id", "name"], outputMode="update")
    assert "needs \"keys\"" in filled.workspace.run("validate", "job.json", check=2).err
    filled.job(database.sink("t", keys=["name"]), ["name", "price", "count(*) AS n"],
               groupBy=["name", "price"], outputMode="update")
    assert "every grouping column" in filled.workspace.run("validate", "job.json", check=2).err


# Secrets

def everything_said(folder):
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


@pytest.mark.parametrize("way", ["variable", "PGPASSWORD", "passfile", "service"])
def test_a_password_is_in_no_text(filled, own_server, way):
    """Check 34, and the ways that libpq finds a password by itself."""
    server = own_server(auth="scram-sha-256", password=CANARY)
    database = server.database("secret")
    sink = database.sink("t")
    environment = {}
    if way == "variable":
        sink["password"] = "${PG_SECRET}"
        environment["PG_SECRET"] = CANARY
    elif way == "PGPASSWORD":
        environment["PGPASSWORD"] = CANARY
    elif way == "passfile":
        file = filled.path.parent / f"{filled.path.name}-pass"
        file.write_text(f"127.0.0.1:{server.port}:*:postgres:{CANARY}\n")
        file.chmod(0o600)
        environment["PGPASSFILE"] = str(file)
    else:
        file = filled.path.parent / f"{filled.path.name}-service"
        file.write_text(f"[market]\nhost=127.0.0.1\nport={server.port}\ndbname=secret\n"
                        f"user=postgres\npassword={CANARY}\n")
        environment["PGSERVICEFILE"] = str(file)
        sink = {"format": "postgres", "url": "service=market", "dbtable": "t"}
    filled.job(sink, ["id", "name"])
    said = []
    for words in (["validate"], ["explain"], ["run"], ["run", "--format", "json"]):
        done = filled.workspace.run(words[0], "job.json", *words[1:], **environment)
        said += [done.out, done.err]
    assert database.value("SELECT count(*) FROM t") == 20
    said.append(filled.workspace.run("checkpoint", "show", **environment, check=None).out)
    wrong = {name: value.replace("c4n", "BAD") for name, value in environment.items()
             if name in ("PG_SECRET", "PGPASSWORD")}
    if wrong:
        filled.append(numbers(5, start=20), NUMBERS)
        done = filled.run(check=1, **wrong)
        one_line(done, "password authentication failed")
        said += [done.out, done.err]
        assert wrong[list(wrong)[0]] not in "".join(said)
    # The command line of a run that waits.
    assert CANARY not in "".join(said)
    for path, content in everything_said(filled.path):
        assert CANARY.encode() not in content, path


def test_a_password_is_not_in_the_command_line(filled, own_server):
    """Check 34."""
    server = own_server(auth="scram-sha-256", password=CANARY)
    database = server.database("secret")
    filled.job({**database.sink("t"), "password": "${PG_SECRET}"}, ["id", "name"])
    process = filled.workspace.start("run", "job.json", "--trigger", "1s", PG_SECRET=CANARY)
    time.sleep(1)
    line = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
    process.kill()
    out, err = process.communicate()
    assert line and CANARY.encode() not in line + out + err


# Encryption

@pytest.fixture
def certified(own_server):
    """A server with a certificate for another host, and its certificate."""
    server = own_server()
    subprocess.run(["openssl", "req", "-new", "-x509", "-days", "30", "-nodes", "-subj",
                    "/CN=db.example", "-out", server.data / "server.crt", "-keyout",
                    server.data / "server.key"], check=True, capture_output=True)
    for name in ("server.crt", "server.key"):
        os.chmod(server.data / name, 0o600)
        if server.owner:
            os.chown(server.data / name, server.owner.pw_uid, server.owner.pw_gid)
    server.stop()
    server.options += ["-c", "ssl=on"]
    server.start()
    root = server.folder / "root.crt"
    shutil.copy(server.data / "server.crt", root)
    return server, root


def test_encryption(filled, certified, database):
    """Check 35: refused before the password is sent."""
    server, root = certified
    secure = server.database("secure")
    filled.job(secure.sink("t", sslmode="verify-full", sslrootcert=str(root)), ["id"])
    one_line(filled.run(check=1), "db.example")
    filled.job(secure.sink("t", sslmode="verify-ca", sslrootcert=str(root)), ["id"])
    filled.run()
    assert secure.value("SELECT count(*) FROM t") == 20
    filled.job(database.sink("t", sslmode="require"), ["id"], name="plain")
    one_line(filled.run(check=1), "SSL")


# Servers that come and go

def test_a_pooler_in_transaction_mode(market, database, tmp_path):
    """Check 29."""
    pooler = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not os.path.exists(pooler):
        pytest.skip("SKIPPED LOUDLY: pgbouncer is not installed")
    port = servers.free_port()
    folder = pathlib.Path(server_folder(database))
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={database.server.port} user=postgres\n[pgbouncer]\n"
        f"listen_addr=127.0.0.1\nlisten_port={port}\nunix_socket_dir=\nauth_type=any\n"
        f"pool_mode=transaction\ndefault_pool_size=2\nlogfile=\n"
        "server_lifetime=1\nserver_idle_timeout=1\n")
    (folder / "pgbouncer.ini").chmod(0o644)
    process = subprocess.Popen([pooler, folder / "pgbouncer.ini"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **database.server.user())
    try:
        time.sleep(0.5)
        url = f"jdbc:postgresql://127.0.0.1:{port}/{database.name}"
        sinks = {"plain": {}, "keyed": {"keys": ["id"]}}
        market.append(numbers(500), NUMBERS)
        for table, keys in sinks.items():
            market.job({**database.sink(table, **keys), "url": url}, ["id", "price"], batch=10,
                       name=table, file=f"{table}.json")
            done = threading.Event()

            def reconnect():
                while not done.wait(0.15):
                    database.server_rows(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = %s AND pid <> pg_backend_pid() "
                        "AND state LIKE 'idle%%' AND random() < 0.5", database.name)

            thread = threading.Thread(target=reconnect)
            thread.start()
            try:
                market.run(f"{table}.json")
            finally:
                done.set()
                thread.join()
            assert database.rows(f"SELECT count(*), count(DISTINCT id) FROM {table}") == [(500, 500)]
    finally:
        process.terminate()
        process.wait()


def server_folder(database):
    return database.server.folder


def test_a_disk_that_is_full(market, own_server):
    """Check 31: tried again until there is room."""
    if os.getuid() != 0:
        pytest.skip("SKIPPED LOUDLY: only root can mount a small disk")
    server = own_server()
    place = server.folder / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place],
                             capture_output=True)
    if mounted.returncode:
        pytest.skip("SKIPPED LOUDLY: no small disk can be mounted here")
    try:
        os.chown(place, server.owner.pw_uid, server.owner.pw_gid)
        database = server.database("full")
        database.run(f"CREATE TABLESPACE small LOCATION '{place}'",
                     "CREATE TABLE t (id bigint, name text) TABLESPACE small")
        filler = next(place.glob("PG_*")) / "filler"
        market.append([{**row, "name": "x" * 500} for row in numbers(20_000)], NUMBERS)
        market.job(database.sink("t"), ["id", "name"], batch=5_000)
        filler.write_bytes(b"x" * (16 << 20))
        process = market.workspace.start("run", "job.json")
        time.sleep(4)
        assert process.poll() is None
        filler.unlink()
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0 and b"53100" in err, err
        assert database.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(20_000, 20_000)]
    finally:
        server.stop()
        subprocess.run(["umount", place], check=True)


def test_a_standby_that_is_promoted(market, own_server):
    """Check 32."""
    primary = own_server()
    primary.database("market")
    standby = own_server(standby_of=primary)
    database = servers.Database(standby, "market")
    market.append(numbers(100), NUMBERS)
    market.job(database.sink("t"), ["id"], batch=10)
    process = market.workspace.start("run", "job.json")
    time.sleep(1)
    assert process.poll() is None
    with standby.connect() as connection:
        connection.execute("SELECT pg_promote()")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"25006" in err, err
    assert database.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(100, 100)]


@pytest.mark.parametrize("change, back, word", [
    ("ALTER TABLE plain RENAME COLUMN price TO prize", "ALTER TABLE plain RENAME COLUMN prize TO price",
     'no column "price"'),
    ("ALTER TABLE plain ALTER price TYPE bigint", "ALTER TABLE plain ALTER price TYPE float8",
     "bigint"),
    ("ALTER TABLE plain RENAME TO gone", "ALTER TABLE gone RENAME TO plain", "plain"),
])
def test_a_table_that_changes_under_a_job(market, database, change, back, word):
    """Check 28."""
    story = Story(market, database, rows=80)
    story.grow()
    process = story.start()
    while (database.committed() or 0) < 1:
        time.sleep(0.05)
    database.run(change)
    story.grow()
    process.wait(timeout=60)
    text = story.said()
    assert process.returncode == 1 and "changed under the job" in text and word in text, text
    database.run(back)
    if "bigint" in change:
        # Values were rounded by hand: what is there is what the person made of it.
        assert database.value("SELECT count(*) FROM plain") == 80
        return
    story.finish()


def test_columns_added_to_a_table_do_not_matter(market, database):
    story = Story(market, database)
    story.grow()
    story.run_once()
    database.run("ALTER TABLE plain ADD COLUMN note text")
    story.grow()
    story.finish()


# Hypertables, on a stub: the extension is in neither Debian nor the Python packages

STUB = (pathlib.Path(__file__).parent / "timescaledb_stub.sql").read_text()


def test_hypertables_on_the_stub(filled, database):
    """Check 36: what we send and how faults are told; chunks and compression are not tried."""
    database.run(STUB)
    hypertable = {"timeColumn": "at", "chunkInterval": "1 day"}
    filled.job(database.sink("bars", keys=["name", "at"], hypertable=hypertable),
               ["name", "at", "price"], outputMode="append")
    filled.run()
    assert database.rows("SELECT * FROM _timescaledb_catalog.hypertable") == [
        ("public", "bars", "at", "1 day")]
    # Again: it is one already, with rows.
    filled.append(numbers(5, start=20), NUMBERS)
    filled.run()
    assert database.value("SELECT count(*) FROM bars") == 25
    database.run("CREATE TABLE keyed (name text NOT NULL UNIQUE, at timestamptz)",
                 "CREATE TABLE plain (name text, at timestamptz)",
                 "INSERT INTO plain VALUES ('a', now())")
    for table, word in (("keyed", "TS103"), ("plain", "migrate_data => TRUE")):
        filled.job(database.sink(table, hypertable=hypertable), ["name", "at"], name=table,
                   file="x.json")
        one_line(filled.run("x.json", check=1), word)


# Reading meanwhile

def test_readers_see_whole_batches(market, database):
    """Check 37: never an empty table, never rows of two batches."""
    market.append(numbers(3_000), NUMBERS)
    query = dict(groupBy=["name"], outputMode="complete", batch=100)
    market.job(database.sink("totals"), ["name", "count(*) AS n", "max(id) AS newest"], **query)
    market.run("job.json", "--max-batches", "1")
    seen, stop = [], threading.Event()

    def poll():
        with database.connect() as connection:
            while not stop.is_set():
                seen.append(connection.execute(
                    "SELECT count(*), sum(n), max(newest) FROM totals").fetchone())
                time.sleep(0.001)

    thread = threading.Thread(target=poll)
    thread.start()
    market.run()
    stop.set()
    thread.join()
    assert len(set(seen)) > 3
    for count, total, newest in seen:
        assert count == 7 and total == newest + 1 and total % 100 == 0, (count, total, newest)


# Without the library

def test_a_machine_without_libpq(filled, database):
    """Check 40."""
    filled.job(database.sink("t"), ["id"])
    one_line(filled.run(check=1, STREAMER_LIBPQ="/nowhere/libpq.so.5"), "libpq", "libpq5")
    filled.job({"format": "parquet", "path": "lake/x"}, ["id"], name="other")
    filled.run(STREAMER_LIBPQ="/nowhere/libpq.so.5")


def test_other_jobs_never_open_libpq(filled):
    """Check 39."""
    if not shutil.which("strace"):
        pytest.skip("SKIPPED LOUDLY: strace is not installed")
    filled.job({"format": "parquet", "path": "lake/x"}, ["id"])
    traced = subprocess.run(["strace", "-f", "-e", "trace=openat,open", BINARY, "run", "job.json"],
                            cwd=filled.path, capture_output=True, text=True)
    assert traced.returncode == 0 and "lake/x" in traced.stderr
    assert "libpq" not in traced.stderr and "libssl" not in traced.stderr

