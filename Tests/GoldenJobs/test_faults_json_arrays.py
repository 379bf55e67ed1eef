"""Arrays in JSON records whose elements are rows: `explode`, in feeds and in directories of files."""

import json
import random

import pytest

FIELDS = [{"name": "symbol", "type": "string"},
          {"name": "t", "path": "trades.t", "type": "timestamp"},
          {"name": "p", "path": "trades.p", "type": "double"}]


def record(symbol, *prices, minute=0):
    return {"symbol": symbol, "trades": [
        {"t": f"2026-01-05 10:{minute:02}:{index:02}", "p": price} for index, price in enumerate(prices)]}


def lines(workspace, *records, name="a.json"):
    (workspace.path / name).write_text("".join(
        (item if isinstance(item, str) else json.dumps(item)) + "\n" for item in records))


def feed(**changes):
    return {"format": "json", "paths": "a.json", "explode": "trades", "eventTime": "t",
            "fields": FIELDS, **changes}


def append(workspace, log="log/z", check=0, **changes):
    settings = workspace.job(feed(**changes), "feed.json")
    return workspace.run("log", "append", log, "--feed", settings, check=check)


def rows(workspace, columns="symbol,p", log="log/z"):
    out = workspace.run("log", "cat", log, "--columns", columns, "--format", "csv").out
    return [tuple(line.split(",")) for line in out.splitlines()[1:]]


def directory(workspace, **changes):
    """A job over a directory of such files, that hands on its rows."""
    source = {**feed(), "path": "in", **changes}
    del source["paths"]
    return {"name": "m", "source": source, "trigger": {"availableNow": True},
            "queries": [{"name": "q", "select": ["symbol", "p", "t"], "outputMode": "append",
                         "sinks": [{"format": "parquet", "path": "lake/q"}]}]}


def table(workspace):
    return workspace.query("SELECT symbol, p FROM '{lake}/q/*.parquet' ORDER BY ALL")


def test_each_element_is_a_row_with_the_fields_around_it(workspace):
    lines(workspace, record("A", 1, 2), record("B", 3))
    assert "warning" not in append(workspace).err
    assert rows(workspace) == [("A", "1.0"), ("A", "2.0"), ("B", "3.0")]


def test_a_directory_gives_the_same_rows(workspace):
    (workspace.path / "in").mkdir()
    lines(workspace, record("A", 1, 2), record("B", 3), name="in/a.json")
    workspace.run("run", workspace.job(directory(workspace)))
    assert table(workspace) == [("A", 1.0), ("A", 2.0), ("B", 3.0)]


def test_fields_behind_the_array_are_repeated_too(workspace):
    lines(workspace, '{"trades":[{"t":"2026-01-05 10:00:00","p":1},{"p":2,"t":"2026-01-05 10:00:01"}],'
          '"symbol":"A"}')
    append(workspace)
    assert rows(workspace) == [("A", "1.0"), ("A", "2.0")]


@pytest.mark.parametrize("array", ["[]", "null", None])
def test_a_record_without_elements_is_no_row_and_is_counted(workspace, array):
    empty = {"symbol": "B"} if array is None else f'{{"symbol":"B","trades":{array}}}'
    lines(workspace, record("A", 1), empty, empty)
    assert "2 of 3 records have no element in the array 'trades', and give no row" in append(workspace).err
    assert rows(workspace) == [("A", "1.0")]


def test_a_record_without_elements_parses_where_no_other_one_does(workspace):
    lines(workspace, '{"symbol":"A","trades":5}', '{"symbol":"B","trades":[]}')
    assert "rejected 1 row" in append(workspace).out
    lines(workspace, '{"symbol":"A","trades":5}', name="b.json")
    assert "none of 1 record parses" in append(workspace, "log/y", check=1, paths="b.json").err


def test_a_record_without_elements_is_a_row_with_explode_outer(workspace):
    fields = [{"name": "t", "type": "timestamp"}, {"name": "symbol", "type": "string"},
              {"name": "p", "path": "trades.p", "type": "double"}]
    times = [{"t": f"2026-01-05 10:00:0{index}"} for index in range(3)]
    lines(workspace, {**record("A", 1), **times[0]}, {"symbol": "B", **times[1]},
          {"symbol": "C", "trades": [], **times[2]})
    changes = {"explodeOuter": "trades", "fields": fields}
    settings = feed(**changes)
    del settings["explode"]
    done = workspace.run("log", "append", "log/z", "--feed", workspace.job(settings, "feed.json"))
    assert "2 of 3 records have no element in the array 'trades', and give a row each" in done.err
    assert rows(workspace) == [("A", "1.0"), ("B", ""), ("C", "")]


def test_an_array_that_no_record_has_is_told_of(workspace):
    lines(workspace, record("A", 1), record("B", 2))
    done = append(workspace, explode="traids", fields=[
        {"name": "t", "path": "traids.t", "type": "timestamp"}])
    assert "none of 2 records has an element in the array 'traids'" in done.err


@pytest.mark.parametrize("explode, path, line", [
    ("data.k", "data.k[1]", {"data": {"k": [[5, 1.5], [6, 2.5]]}}),
    ("data.k", "data.k", {"data": {"k": [1.5, 2.5]}}),
    ("['a.b'].k", "['a.b'].k.p", {"a.b": {"k": [{"p": 1.5}, {"p": 2.5}]}}),
    ("a.b.k", "a.b.k.p", {"a.b": {"k": [{"p": 1.5}, {"p": 2.5}]}}),
    ("data[1]", "data[1].p", {"data": [0, [{"p": 1.5}, {"p": 2.5}]]}),
    ("$", "p", [{"p": 1.5}, {"p": 2.5}])])
def test_paths_into_elements(workspace, explode, path, line):
    time = {"name": "t", "value": "2026-01-05 10:00:00", "type": "timestamp"}
    lines(workspace, line)
    append(workspace, explode=explode, fields=[time, {"name": "p", "path": path, "type": "double"}])
    assert rows(workspace, "p") == [("1.5",), ("2.5",)]


def test_elements_of_every_kind(workspace):
    time = {"name": "t", "value": "2026-01-05 10:00:00", "type": "timestamp"}
    lines(workspace, '{"a":[{"p":1},null,7,{"p":null},{},{"q":2},"x",[3]]}')
    append(workspace, explode="a", fields=[time, {"name": "p", "path": "a.p", "type": "double"}])
    assert rows(workspace, "p") == [("1.0",)] + [("",)] * 7


@pytest.mark.parametrize("value", ['{"t":1}', '"x"', "5", "true"])
def test_what_is_no_array_is_a_reject(workspace, value):
    lines(workspace, record("A", 1), f'{{"symbol":"B","trades":{value}}}', record("C", 2))
    assert "rejected 1 row" in append(workspace, rejects={"maxShare": 1}).out
    assert rows(workspace) == [("A", "1.0"), ("C", "2.0")]
    [(reason, number)] = workspace.query("SELECT reason, line FROM '{lake}/rejects/*.parquet'")
    assert reason == "what is at 'trades' is no array" and number == 2


def test_a_fault_in_an_element_rejects_its_record(workspace):
    lines(workspace, record("A", 1), record("B", 1, 2, "x", 4), record("C", 2))
    append(workspace, rejects={"maxShare": 1})
    assert rows(workspace) == [("A", "1.0"), ("C", "2.0")]
    [(reason, text)] = workspace.query("SELECT reason, text FROM '{lake}/rejects/*.parquet'")
    assert reason == "element 2 of 'trades': p is not a number" and '"symbol": "B"' in text


def test_a_file_source_leaves_the_record_out_or_names_it(workspace):
    (workspace.path / "in").mkdir()
    lines(workspace, record("A", 1), record("B", 1, "x"), name="in/a.json")
    error = workspace.run("run", workspace.job(directory(workspace)), check=1).err
    assert "in/a.json line 2" in error and "element 1 of 'trades'" in error
    workspace.run("run", workspace.job(directory(workspace, mode="DROPMALFORMED")))
    assert table(workspace) == [("A", 1.0)]


def test_other_arrays_on_a_checkpoint_are_refused(workspace):
    (workspace.path / "in").mkdir()
    lines(workspace, record("A", 1), name="in/a.json")
    workspace.run("run", workspace.job(directory(workspace)))
    job = directory(workspace, explode="others")
    assert "source.explode" in workspace.run("run", workspace.job(job), check=2).err
    assert "not both" in workspace.run(
        "validate", workspace.job(directory(workspace, explodeOuter="trades")), check=2).err
    assert "is no path" in workspace.run(
        "validate", workspace.job(directory(workspace, explode="a..b")), check=2).err


def test_other_arrays_of_a_feed_are_another_feed(workspace):
    lines(workspace, record("A", 1))
    append(workspace)
    assert "--again" in append(workspace, explode="others", check=1).err


def ticks(seed, records, elements):
    chance = random.Random(seed)
    made = []
    for index in range(records):
        count = chance.choice([0, 1, 2, elements])
        made.append({"symbol": f"S{index}", "trades": [
            {"t": "2026-01-05 10:00:00", "p": index * 1_000_000 + number} for number in range(count)]})
    return made, [(item["symbol"], float(trade["p"])) for item in made for trade in item["trades"]]


def test_a_record_larger_than_an_append_comes_whole(workspace):
    made, right = ticks(1, 6, 100_000)
    made.append({"symbol": "Z", "trades": [{"t": "2026-01-05 10:00:00", "p": n} for n in range(150_000)]})
    right += [("Z", float(n)) for n in range(150_000)]
    lines(workspace, *made)
    append(workspace, maxRecordBytes=1 << 26)
    assert [(symbol, float(price)) for symbol, price in rows(workspace)] == right


def test_every_row_once_however_files_are_cut(workspace):
    (workspace.path / "in").mkdir()
    right = []
    for seed in range(3):
        made, expected = ticks(seed, 400, 900)
        lines(workspace, *made, name=f"in/{seed}.json")
        right += [(symbol, price) for symbol, price in expected]
    workspace.run("run", workspace.job(directory(workspace)))
    assert table(workspace) == sorted(right)
    # The least that an element can be, in a file of several parts.
    numbers = list(range(10)) * 90_000
    text = '{"symbol":"N","trades":[' + ",".join(map(str, numbers)) + "]}\n"
    (workspace.path / "in/n.json").write_text(text * 2)
    fields = [{"name": "symbol", "type": "string"}, {"name": "p", "path": "trades", "type": "double"},
              {"name": "t", "value": "2026-01-05 10:00:00", "type": "timestamp"}]
    job = directory(workspace, path="in/n.json", fields=fields, maxRecordBytes=1 << 24)
    job["name"] = "n"
    job["queries"][0] |= {"groupBy": ["symbol"], "outputMode": "complete",
                          "select": ["symbol", "count(*) AS n", "sum(p) AS s"],
                          "sinks": [{"format": "table", "path": "lake/n"}]}
    workspace.run("run", workspace.job(job))
    assert workspace.query("SELECT n, s FROM '{lake}/n/*.parquet'") \
        == [(len(numbers) * 2, float(sum(numbers) * 2))]


def test_a_run_that_is_killed_has_every_row_once(workspace):
    made, right = ticks(5, 3_000, 200)
    lines(workspace, *made)
    job = directory(workspace) | {"source": {"format": "log", "path": "log/z"}, "feed": feed()}
    workspace.job(job)
    for _ in workspace.kills("run", "job.json", count=4, seconds=1, seed=3):
        pass
    workspace.run("run", "job.json")
    assert table(workspace) == sorted(right)
