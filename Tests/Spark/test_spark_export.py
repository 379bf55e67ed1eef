"""`streamer spark`: the same job, run by streamer and by a real Spark, gives the same tables."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

from conftest import ROOT, Workspace, ohlcv
from support import assert_equal_tables, run_on_spark, spark_home

TABLES = {"ohlcv": 170, "rolling": 1025, "kpi": 5}


def small_job(ticks=200_000):
    return ohlcv(feed={"ticks": ticks}, source={"maxOffsetsPerTrigger": 50_000})


def test_main_job_over_a_restart(workspace):
    # The first half closes its last windows, as a feed that ends does; then the rest follows.
    for ticks in (120_000, 200_000):
        job = workspace.job(small_job(ticks))
        workspace.run("run", job)
        out = run_on_spark(workspace, job).out
    for name in TABLES:
        assert assert_equal_tables(workspace.path / "lake" / name,
                                   workspace.path / "spark" / "lake" / name) >= TABLES[name]
    assert "kpi, batch" in out and "max_volatility_at" in out


# Rows of the tables of five days of real ticks: 573,620 trades of BAC, 126,395 of IBM.
REAL_TABLES = {
    "bac": {"1m": 2_949, "5m": 748, "rolling": 17_733, "kpi": 1},
    "ibm": {"1m": 2_157, "5m": 515, "rolling": 12_969, "kpi": 1}}


@pytest.mark.parametrize("place", ["local", "cluster"])
@pytest.mark.parametrize("symbol", ["bac", "ibm"])
def test_real_ticks_as_decimals(workspace, real_ticks, request, symbol, place):
    environment = {"SYMBOL": symbol, "TICKS": str(real_ticks / "us_equity_2013")}
    job = ROOT / "jobs" / "equity.json"
    workspace.run("run", job, **environment)
    if place == "local":
        run_on_spark(workspace, job, **environment)
    else:
        request.getfixturevalue("cluster").run(workspace, job, **environment)
    for name, rows in REAL_TABLES[symbol].items():
        table = f"lake/equity_{name}_{symbol}"
        assert assert_equal_tables(
            workspace.path / table, workspace.path / "spark" / table) == rows, name


class Cluster:
    """A standalone cluster: its master's URL, and where its two workers keep their folders."""

    def __init__(self, url, folder):
        self.url, self.folder = url, folder

    def executors(self):
        return {path for worker in ("worker1", "worker2")
                for path in (self.folder / worker).glob("app-*/*")}

    def run(self, workspace, job, **environment):
        """Runs a job here; fails the test unless both workers took part."""
        before = self.executors()
        run_on_spark(workspace, job, master=self.url, submit="--executor-memory 768m",
                     **environment)
        started = self.executors() - before
        assert {path.parents[1].name for path in started} == {"worker1", "worker2"}, started


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    with standalone_cluster(folder) as url:
        yield Cluster(url, folder)


@contextlib.contextmanager
def standalone_cluster(folder):
    """A master and two workers on loopback; gives the master's URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": spark_home(),
                   "SPARK_DAEMON_MEMORY": "256m"}
    url = f"spark://127.0.0.1:{port}"
    processes = []

    def daemon(name, *arguments):
        log = (folder / f"{name}.log").open("wb")
        processes.append(subprocess.Popen(
            [f"{spark_home()}/bin/spark-class", *arguments], env=environment, stdout=log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL))

    def wait_for(name, text):
        deadline = time.monotonic() + 240
        while text not in (folder / f"{name}.log").read_text(errors="replace"):
            assert time.monotonic() < deadline, (folder / f"{name}.log").read_text()
            time.sleep(0.5)

    try:
        daemon("master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1",
               "--port", str(port), "--webui-port", "0")
        wait_for("master", "I have been elected leader")
        for worker in ("worker1", "worker2"):
            daemon(worker, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1",
                   "--webui-port", "0", "--cores", "1", "--memory", "1g",
                   "--work-dir", str(folder / worker), url)
        for worker in ("worker1", "worker2"):
            wait_for(worker, "Successfully registered with master")
        yield url
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def test_main_job_on_a_cluster(workspace, cluster):
    job = workspace.job(small_job())
    workspace.run("run", job)
    cluster.run(workspace, job)
    for name, rows in TABLES.items():
        assert assert_equal_tables(workspace.path / "lake" / name,
                                   workspace.path / "spark" / "lake" / name) == rows


def test_tables_of_a_run_are_left_alone(workspace):
    # Where streamer wrote, Spark refuses to write before it starts.
    job = workspace.job(small_job(1_000))
    workspace.run("run", job)
    done = workspace.run(
        "spark", job, "--run", "--into", ".", "--python", __import__("sys").executable,
        check=1)
    assert "belongs to a run of streamer" in done.err


REFUSED = [
    (dict(queries=[{
        "name": "s", "groupBy": ["symbol", "session_window(event_time, '10 seconds')"],
        "select": ["symbol", "count(*) AS n"], "outputMode": "update",
        "sinks": [{"format": "console"}]}], options={"sessionUpdate": True}),
     "no outputMode `update` for session windows"),
    (dict(queries=[
        {"name": "a", "groupBy": ["symbol", "window(event_time, '10 seconds')"],
         "select": ["symbol", "window.end AS t", "count(*) AS n"]},
        {"name": "b", "from": "a", "groupBy": ["window(t, '1 minute')"],
         "select": ["sum(n) AS n"], "sinks": [{"format": "console"}]}]),
     "window_time(window) AS t"),
    (dict(queries=[
        {"name": "a", "groupBy": ["symbol", "window(event_time, '10 seconds')"],
         "select": ["symbol", "window.end AS t", "count(*) AS n"]},
        {"name": "b", "from": "a", "groupBy": [], "select": ["max_by(symbol, n) AS s"],
         "outputMode": "complete", "sinks": [{"format": "console"}]}]),
     "no order for rows of query a"),
    (dict(queries=[{
        "name": "d", "groupBy": ["symbol"], "select": ["symbol", "stddev(DISTINCT volume) AS s"],
        "outputMode": "complete", "sinks": [{"format": "console"}]}]),
     "no DISTINCT on streams"),
]


@pytest.mark.parametrize("changes,reason", REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_spark_cannot_do_is_refused(workspace, changes, reason):
    done = workspace.run("spark", workspace.job(ohlcv(**changes)), check=2)
    assert reason in done.err and not done.out


def test_program_is_python_and_says_what_it_does(workspace):
    text = workspace.run("spark", workspace.job(small_job())).out
    compile(text, "ohlcv.py", "exec")
    assert "min_by(price, struct(event_time, _offset)) AS agg0" in text
    assert "sum((price * volume)) AS agg5" in text
    assert not re.search(re.escape(str(pathlib.Path.home())), text)


def two_sources(policy):
    """Two simulated markets whose ticks often have one event time; one has more of them."""
    def source(name, seed, limit, ticks, delay, **more):
        feed = {"format": "simulator", "ticks": ticks, "seed": seed, "interval": "100 ms"}
        return {"name": name, "path": f"log/{name}", "maxOffsetsPerTrigger": limit, "feed": feed,
                "watermark": {"eventTime": "event_time", "delayThreshold": delay}, **more}

    window = "window(event_time, '10 seconds')"
    return {
        "name": "two", "trigger": {"availableNow": True},
        "options": {"multipleWatermarkPolicy": policy},
        "sources": [
            source("one", 1, 5_000, 40_000, "10 seconds", where="price > 90",
                   select=["symbol", "event_time", "price", "volume", "'one' AS venue"]),
            source("two", 2, 3_000, 25_000, "5 seconds",
                   select=["'two' AS venue", "volume", "price", "event_time", "lower(symbol) AS symbol"])],
        "queries": [
            {"name": "both", "groupBy": [window], "select": [
                "window.start AS window_start", "first(price) AS open", "last(price) AS close",
                "first(venue) AS first_venue", "last(venue) AS last_venue",
                "max_by(venue, volume) AS largest", "sum(volume) AS volume", "count(*) AS trades"],
             "sinks": [{"format": "parquet", "path": "lake/both"}]},
            {"name": "rows", "where": "volume > 300", "select": ["*"]},
            {"name": "each", "from": "rows", "groupBy": ["venue", "symbol", window], "select": [
                "venue", "symbol", "window.start AS window_start", "avg(price) AS mean",
                "last(price) AS close"],
             "sinks": [{"format": "parquet", "path": "lake/each"}]}]}


@pytest.mark.parametrize("policy", ["min", "max"])
def test_two_sources_with_watermarks_of_their_own(workspace, policy):
    job = workspace.job(two_sources(policy))
    workspace.run("run", job)
    run_on_spark(workspace, job)
    counters = json.loads(workspace.run("checkpoint", "show", "two", "--format", "json").out)["counters"]
    # The faster source closes windows under the slower one's rows; the slower one never does.
    assert (counters["rowsLate.both"] > 0) == (policy == "max")
    for name, least in (("both", 200), ("each", 1_000)):
        assert assert_equal_tables(workspace.path / "lake" / name,
                                   workspace.path / "spark" / "lake" / name) >= least


def test_idle_sources_are_refused(workspace):
    job = two_sources("min")
    job["sources"][1]["watermark"]["idleTimeout"] = "10 seconds"
    done = workspace.run("spark", workspace.job(job), check=2)
    assert "Spark waits for the watermark of every source" in done.err
