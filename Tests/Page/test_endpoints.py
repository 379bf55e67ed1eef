"""What is served beside the page: health, progress, metrics, history, the job."""

import csv
import io
import json
import signal
import subprocess
import time

import pyarrow as pa
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from conftest import BINARY
from serving import CANDLES, KPI, SYMBOLS, Served, finals, job, served  # noqa: F401


def metrics(served):
    answer = served.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(families, name, **labels):
    return [sample.value for family in families.values() for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()]


def test_health_and_readiness(served):
    assert served.get("/healthz").status_code == 200
    served.wait(lambda: served.get("/readyz").status_code == 200)


def test_the_job(served):
    jobs = served.json("/api/jobs")
    assert [query["q"] for query in jobs["queries"]] == ["candles", "minutes", "kpi"]
    candles = jobs["queries"][0]
    assert candles["view"] == "candles" and candles["interval_ms"] == 1_000
    assert candles["mode"] == "append" and candles["symbol"] == 0 and candles["time"] == 1
    assert jobs["queries"][2]["view"] == "table"
    assert json.loads(jobs["text"])["name"] == "live"


def test_symbols(served):
    served.wait(lambda: served.json("/api/symbols")["symbols"] == SYMBOLS)
    assert served.json("/api/symbols?q=am")["symbols"] == ["AMZN"]


def test_history_is_the_lake(served):
    served.wait(lambda: len(finals(served.workspace, symbol="IBM")) >= 4)
    page = served.json("/api/queries/candles?symbol=IBM&limit=3")
    rows = finals(served.workspace, symbol="IBM")
    assert page["cols"][:2] == ["symbol", "window_start"]
    assert len(page["rows"]) == 3
    at = [row[1] for row in rows].index(page["rows"][0][1])
    assert page["rows"] == rows[at:at + 3]
    older = served.json(f"/api/queries/candles?symbol=IBM&limit=2&before={page['rows'][0][1]}")
    assert older["rows"] == rows[max(0, at - 2):at]
    everything = served.json("/api/queries/candles?limit=10000")["rows"]
    expected = finals(served.workspace)
    assert everything[:len(expected)] == expected or expected[:len(everything)] == everything


def test_history_as_files(served):
    served.wait(lambda: finals(served.workspace, symbol="IBM"))
    text = served.get("/api/queries/candles?symbol=IBM&format=csv").content.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    expected = finals(served.workspace, symbol="IBM")
    assert [float(row["close"]) for row in rows] == [row[5] for row in expected][:len(rows)]
    answer = served.get("/api/queries/candles?symbol=IBM&format=arrow")
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table["close"].to_pylist() == [row[5] for row in
                                          finals(served.workspace, symbol="IBM")][:len(table)]


@pytest.mark.parametrize("path", [
    "/api/queries/candles?limit=0", "/api/queries/candles?limit=x", "/api/queries/candles?limit=10001",
    "/api/queries/candles?before=yesterday", "/api/queries/kpi?from=0", "/api/queries/candles?format=xml",
    "/progress?limit=101", "/events?since=abc", "/api/queries/candles?from=99999999999999999999"])
def test_bad_requests_say_what_is_wrong(served, path):
    answer = served.get(path)
    assert answer.status_code == 400 and len(answer.json()["error"]) > 10


def test_unknown_names(served):
    assert "candles, minutes, kpi" in served.get("/api/queries/candels").json()["error"]
    assert served.get("/api/queries/candels").status_code == 404
    assert served.get("/nothing").status_code == 404


def test_metrics_parse_and_never_fall(served):
    served.wait(lambda: value(metrics(served), "streamer_batches_total")[0] >= 3)
    first = metrics(served)
    served.wait(lambda: value(metrics(served), "streamer_batches_total")[0]
                > value(first, "streamer_batches_total")[0])
    second = metrics(served)
    for name, family in first.items():
        if family.type != "counter":
            continue
        for sample in family.samples:
            assert value(second, sample.name, **sample.labels)[0] >= sample.value, sample
    labels = {label for family in second.values() for sample in family.samples
              for label in sample.labels.values()}
    assert not labels & set(SYMBOLS)


def test_counters_equal_the_progress_on_standard_output(workspace):
    workspace.job(job([CANDLES, KPI], outOfOrderShare=0.2, outOfOrderMax="3 seconds"))
    served = Served(workspace, "run", "job.json", "--format", "json", "--serve", 0)
    try:
        served.wait(lambda: value(metrics(served), "streamer_batches_total")[0] >= 30)
        # Between two batches both have the same.
        for _ in range(50):
            families = metrics(served)
            lines = (workspace.path / "out.txt").read_text().splitlines()
            if len(lines) == value(families, "streamer_batches_total")[0]:
                break
            time.sleep(0.01)
        else:
            pytest.fail("no moment between two batches")
        progress = [json.loads(line) for line in lines]
        assert value(families, "streamer_rows_read_total") == [
            sum(entry["numInputRows"] for entry in progress)]
        for query in ("candles", "kpi"):
            assert value(families, "streamer_rows_out_total", query=query) == [
                sum(int(entry["sink"]["metrics"][f"numOutputRows.{query}"]) for entry in progress)]
        late = sum(int(entry["stateOperators"][0]["customMetrics"]["numInputRowsDroppedByWatermark"])
                   for entry in progress)
        assert late > 0
        assert value(families, "streamer_rows_late_total", query="candles") == [late]
        recent = served.json("/progress")
        assert recent[:len(progress)] == progress[-100:] or recent == progress[-len(recent):] \
            or progress[-1] in recent
    finally:
        served.stop()


def test_progress_keeps_a_hundred(served):
    assert len(served.json("/progress")) <= 100
    assert len(served.json("/progress?limit=1")) == 1


def test_a_query_with_quotes_in_its_name(workspace):
    # Names of queries are names of files, too: what Prometheus must escape comes through a source.
    text = workspace.run("validate", workspace.job(job([{**CANDLES, "name": 'a"b'}])), check=None)
    assert text.returncode == 2


def test_a_port_in_use(served, workspace):
    workspace.job(job([CANDLES]))
    done = workspace.run("run", "job.json", "--serve", served.port, check=1)
    assert f"port {served.port} of 127.0.0.1 is in use" in done.err
    assert done.err.count("\n") == 1
    assert not (workspace.path / "log").exists() and not (workspace.path / "checkpoints").exists()


@pytest.mark.parametrize("arguments, message", [
    (["--serve", "70000"], "a port from 0 to 65535"),
    (["--bind", "0.0.0.0"], "--bind goes with --serve PORT"),
    (["--serve", "0", "--bind", "0.0.0.0"], "--token-file FILE"),
    (["--serve", "0", "--bind", "example.com"], "--token-file FILE"),
    (["--serve", "0", "--token-file", "gone"], "cannot read the token file"),
    (["--serve", "0", "--token-file", "short"], "one word of 22 to 512"),
])
def test_mistakes_in_the_command_line(workspace, arguments, message):
    workspace.job(job([CANDLES]))
    (workspace.path / "short").write_text("secret\n")
    done = workspace.run("run", "job.json", *arguments, check=2)
    assert message in done.err
    assert "secret" not in done.err
    assert not (workspace.path / "log").exists()


def test_a_missing_library_is_named(workspace):
    workspace.job(job([CANDLES]))
    for library in ("LIBMICROHTTPD", "LIBWSLAY"):
        done = workspace.run("run", "job.json", "--serve", "0", check=1,
                             **{f"STREAMER_{library}": "/nowhere.so"})
        assert f"STREAMER_{library}=/nowhere.so" in done.err
    assert not (workspace.path / "log").exists()


def test_the_end_of_a_run_is_told(workspace):
    workspace.job(job([CANDLES]))
    served = Served(workspace, "run", "job.json", "--serve", 0)
    from serving import Follower
    follower = Follower(served)
    served.process.send_signal(signal.SIGINT)
    ends = []
    try:
        while not ends:
            ends = [message for message in follower.take() if message["t"] == "end"]
    except Exception:  # noqa: BLE001
        pass
    assert ends and ends[0]["reason"] == "stopped"
    assert served.stop() == 130


def test_without_the_option_no_library_is_opened(workspace):
    if not subprocess.run(["which", "strace"], capture_output=True).stdout:
        pytest.skip("SKIPPED LOUDLY: no strace")
    workspace.job(job([CANDLES]))
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=openat,socket", BINARY, "run", "job.json", "--max-batches", "2"],
        cwd=workspace.path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    opened = [line for line in done.stderr.splitlines() if "openat" in line or "socket(" in line]
    assert opened
    assert not [line for line in opened if "microhttpd" in line or "wslay" in line
                or "socket(AF_INET" in line]




def test_the_dashboard_uses_names_that_exist(served):
    import re
    from conftest import ROOT
    text = (ROOT / "docs/grafana-dashboard.json").read_text()
    used = set(re.findall(r"streamer_\w+", text))
    known = {sample.name for family in metrics(served).values() for sample in family.samples}
    assert len(used) > 10 and not used - known
    assert json.loads(text)["panels"]
