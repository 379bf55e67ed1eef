"""Rows that cannot be stored: the batch fails in one line, or they go to a table of their own."""

import json

import pytest

from support import NUMBERS, numbers


def with_bad(count, bad):
    """Rows of which some, by place, have other values."""
    rows = numbers(count)
    for place, changes in bad.items():
        rows[place] = {**rows[place], **changes}
    return rows


NUL = {"name": "IB\0M"}


@pytest.mark.parametrize("place", [0, 50, 99])
@pytest.mark.parametrize("keys", [{}, {"keys": ["id"]}])
def test_nul_in_a_text(market, database, place, keys):
    """Check 10."""
    market.append(with_bad(100, {place: NUL}), NUMBERS)
    market.job(database.sink("t", **keys), ["id", "name", "price"])
    refused = market.run(check=1)
    assert refused.err.count("NUL") == 1 and 'column "name"' in refused.err
    assert f'id = "{place}"' in refused.err and "22021" in refused.err
    assert '\\u0000' in refused.err and "\0" not in refused.err
    assert database.value("SELECT count(*) FROM t") == 0
    market.job(database.sink("t", onError="reject", **keys), ["id", "name", "price"])
    progress = market.progress()
    assert progress[-1]["sink"]["metrics"]["rowsRejected.postgres[t]"] == "1"
    assert database.value("SELECT count(*) FROM t") == 99
    found = database.rows("SELECT batch, row_no, sqlstate, column_name, \"row\" FROM t_rejects")
    assert found[0][:4] == (0, place, "22021", "name")
    assert json.loads(found[0][4])["name"] == "IB\0M"
    # The same again: nothing is rejected twice.
    (market.path / "checkpoints/job/commits/0").unlink()
    market.run()
    assert database.value("SELECT count(*) FROM t") == 99
    assert database.value("SELECT count(*) FROM t_rejects") == 1


def test_texts_with_and_without_nul_are_not_one(market, database):
    """Check 11."""
    rows = with_bad(2, {0: {"name": "a"}, 1: {"name": "a\0"}})
    market.append(rows, NUMBERS)
    market.job(database.sink("t", keys=["name"], onError="reject"), ["id", "name"])
    market.run()
    assert database.rows("SELECT id, name FROM t") == [(0, "a")]
    assert database.value("SELECT count(*) FROM t_rejects") == 1


KINDS = {
    "numeric(6,2)": ("CAST(price AS double) AS v", {"price": 123456.0}, "22003", "v numeric(6,2)"),
    "rounding": ("price AS v", {"price": 0.123}, "22003", "v numeric(10,2)"),
    "varchar": ("name AS v", {"name": "12345"}, "22001", "v varchar(4)"),
    "spaces": ("name AS v", {"name": "1234 "}, "22001", "v varchar(4)"),
    "not null": ("name AS v", {"name": None}, "23502", "v text NOT NULL"),
    "check": ("price AS v", {"price": -1.0}, "23514", "v float8 CHECK (v >= 0)"),
    "foreign key": ("name AS v", {"name": "none"}, "23503", "v text REFERENCES symbols"),
    "deferred": ("name AS v", {"name": "none"}, "23503",
                 "v text REFERENCES symbols INITIALLY DEFERRED DEFERRABLE"),
    "unique": ("id % 9999 AS v", {}, "23505", "v bigint UNIQUE"),
    "trigger": ("name AS v", {"name": "raise"}, "P0001", "v text"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keys", [{}, {"keys": ["id"]}], ids=["plain", "keyed"])
def test_one_bad_row_of_many(market, database, kind, keys):
    """Checks 12 and 16: all others are stored, with the server's own code beside the one."""
    expression, change, code, column = KINDS[kind]
    database.run(
        "CREATE TABLE symbols (name text PRIMARY KEY)",
        "INSERT INTO symbols SELECT 'S' || i FROM generate_series(0, 6) i",
        f"CREATE TABLE t (id bigint PRIMARY KEY, {column})",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF new.v::text = 'raise' THEN RAISE 'no such symbol'; END IF; RETURN new; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()")
    rows = with_bad(10_000, {7321: change})
    if kind in ("numeric(6,2)", "rounding"):
        rows = [{**row, "price": float(row["id"] % 100)} for row in rows]
        rows[7321].update(change)
    market.append(rows, NUMBERS)
    market.job(database.sink("t", **keys), ["id", expression])
    refused = market.run(check=1)
    assert code in refused.err and "outcome unknown" not in refused.err, refused.err
    assert database.value("SELECT count(*) FROM t") == 0
    market.job(database.sink("t", onError="reject", **keys), ["id", expression])
    market.run()
    assert database.value("SELECT count(*) FROM t") == 9_999
    found = database.rows("SELECT row_no, sqlstate FROM t_rejects")
    assert found == [(9999 if kind == "unique" else 7321, code)]


def test_a_missing_partition(market, database):
    """Check 12."""
    database.run("CREATE TABLE t (id bigint PRIMARY KEY, name text) PARTITION BY RANGE (id)",
                 "CREATE TABLE t0 PARTITION OF t FOR VALUES FROM (0) TO (99)")
    market.append(numbers(100), NUMBERS)
    market.job(database.sink("t", onError="reject"), ["id", "name"])
    market.run()
    assert database.value("SELECT count(*) FROM t") == 99
    assert database.rows("SELECT row_no, sqlstate FROM t_rejects") == [(99, "23514")]


@pytest.mark.parametrize("server_side", [False, True])
def test_too_many_bad_rows(market, database, server_side):
    """Check 13."""
    database.run("CREATE TABLE t (id bigint, name text CHECK (name <> 'bad'))")
    bad = {"name": "bad"} if server_side else NUL
    market.append(with_bad(1000, {place * 7: bad for place in range(101)}), NUMBERS)
    market.job(database.sink("t", onError="reject"), ["id", "name"])
    refused = market.run(check=1)
    assert "more than 100 rows" in refused.err and '"maxRejects"' in refused.err
    assert database.value("SELECT count(*) FROM t") == 0
    assert database.value("SELECT count(*) FROM t_rejects") == 0
    market.job(database.sink("t", onError="reject", maxRejects=101), ["id", "name"])
    market.run()
    assert database.value("SELECT count(*) FROM t") == 899
    assert database.value("SELECT count(*) FROM t_rejects") == 101


def test_complete_with_a_row_that_cannot_be_stored(market, database):
    database.run("CREATE TABLE t (name text PRIMARY KEY, n bigint CHECK (n < 40))")
    market.append(numbers(200), NUMBERS)
    for keys in ({}, {"keys": ["name"]}):
        market.workspace.run("clear", "job.json", "--yes", check=None)
        database.run("DROP TABLE IF EXISTS t_rejects")
        market.job(database.sink("t", onError="reject", truncate=True, **keys),
                   ["name", "count(*) + CAST(substring(name, 2) AS int) * 5 AS n"],
                   groupBy=["name"], outputMode="complete", batch=100)
        market.run()
        expected = [(f"S{k}", len(range(k, 200, 7)) + 5 * k) for k in range(7)]
        assert database.rows("SELECT * FROM t ORDER BY name") == [
            row for row in expected if row[1] < 40]
        assert {row[0] for row in database.rows(
            "SELECT batch FROM t_rejects WHERE sqlstate = '23514'")} == {0, 1}
