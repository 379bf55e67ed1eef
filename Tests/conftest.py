"""What every test of the binary shares: where it is, a folder to run in, how to read a lake."""

import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("STREAMER", ROOT / "streamer")).resolve()
DATA = ROOT.parent / "shared" / "data"


class Workspace:
    """A folder in which jobs run: their paths are relative to it."""

    def __init__(self, path):
        self.path = path

    def run(self, *arguments, check=0, stdin=None, timeout=300, **environment):
        """Runs `streamer`; fails the test when the exit code is not `check` (None: any)."""
        done = subprocess.run(
            [BINARY, *map(str, arguments)], cwd=self.path, input=stdin, timeout=timeout,
            capture_output=True, env={**os.environ, **environment})
        done.out = done.stdout.decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        if check is not None:
            assert done.returncode == check, \
                f"streamer {' '.join(map(str, arguments))}: exit {done.returncode}\n" \
                f"{done.out[-2000:]}\n{done.err[-4000:]}"
        return done

    def start(self, *arguments, **environment):
        """Starts `streamer` without waiting for it."""
        return subprocess.Popen(
            [BINARY, *map(str, arguments)], cwd=self.path, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})

    def kills(self, *arguments, count, seconds, seed, **environment):
        """Starts `streamer` and kills it, `count` times; yields after each kill.

        `seconds` is what a whole run takes: the kills come at random times that add up to
        about that. A run that gets through before its kill is cleared and begun anew.
        """
        chance = random.Random(seed)
        while count:
            process = self.start(*arguments, **environment)
            try:
                process.communicate(timeout=chance.uniform(0, 2 * seconds / count))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                count -= 1
                yield
            else:
                assert process.returncode == 0
                self.run("clear", "--yes", "--log", **environment)

    def job(self, job, name="job.json"):
        """Writes a job file and returns its name."""
        (self.path / name).write_text(json.dumps(job, indent=1))
        return name

    def progress(self, *arguments, **options):
        """Runs a job with `--format json` and returns its progress objects."""
        out = self.run("run", *arguments, "--format", "json", **options).out
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def files(self, *folders):
        """Relative path and sha256 of every visible file in the lake (or other folders)."""
        found = {}
        for folder in folders or ("lake",):
            for path in sorted((self.path / folder).rglob("*.parquet")):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[str(path.relative_to(self.path))] = digest
        return found

    def query(self, sql):
        """Rows of a DuckDB query; `{lake}` stands for the lake's path."""
        import duckdb
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(sql.format(lake=self.path / "lake")).fetchall()


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture(scope="module")
def shared_workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("module"))


@pytest.fixture(scope="session", autouse=True)
def binary():
    assert BINARY.exists(), f"{BINARY} is missing: run `make build`"


@pytest.fixture(scope="session")
def real_ticks():
    folder = DATA / "ticks"
    if not folder.exists():
        pytest.skip(f"SKIPPED LOUDLY: no real ticks at {folder}")
    return folder


def ohlcv(**changes):
    """The shipped main job, with some of its parts replaced."""
    job = json.loads((ROOT / "jobs" / "ohlcv.json").read_text())
    job.pop("$schema", None)
    for key, value in changes.items():
        job[key] = {**job[key], **value} if isinstance(job.get(key), dict) else value
    return job
