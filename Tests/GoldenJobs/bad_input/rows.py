"""Rows that do not parse, and files that cannot be read."""

import csv
import gzip
import io
import json
import zipfile

from .case import Case, Group

HEADER = b"symbol,event_time,price,volume\n"
FIRST = b"IBM,2026-01-05T14:30:00Z,100.5,10\n"
LAST = b"IBM,2026-01-05T14:30:02Z,100.25,20\n"
COLUMNS = [
    {"name": "symbol", "type": "string"},
    {"name": "event_time", "type": "timestamp"},
    {"name": "price", "type": "double"}, {"name": "volume", "type": "long"}]
JSON_ROW = {"symbol": "IBM", "event_time": "2026-01-05T14:30:00Z", "price": 100.5, "volume": 10}
# The feed's own log and tables come into being.
OWN = r"^(log/rows|checkpoints/rows|lake/(rows|rejects))"


def job(folder, **feed):
    feed = {"format": "csv", "paths": "a.csv", "eventTime": "event_time", **feed}
    feed.setdefault("columns" if feed["format"] == "csv" else "fields", COLUMNS)
    folder.job({
        "name": "rows", "feed": feed, "source": {"path": "log/rows"},
        "watermark": {"eventTime": "event_time", "delayThreshold": "5 seconds"},
        "trigger": {"availableNow": True},
        "queries": [{"name": "rows", "select": ["symbol", "event_time", "price", "volume"],
                     "sinks": [{"format": "parquet", "path": "lake/rows"}]}]})


def rejects(rows, count, source="a.csv"):
    """Afterwards: so many rows are in the lake, and the rejects say where they lie."""
    def look(folder):
        good = folder.run("lake", "show", "rows", "--format", "csv", "--limit", "100000").out
        assert good.count("\n") == rows + 1, good
        if not count:
            assert not (folder.path / "lake" / "rejects").exists()
            return ""
        shown = folder.run(
            "lake", "show", "rejects", "--format", "csv", "--limit", "100000",
            "--columns", "source,byte_offset,line,reason,text").out
        found = list(csv.DictReader(io.StringIO(shown)))
        assert len(found) == count, shown
        assert all(row["source"] == source for row in found), shown
        path = folder.path / "a.csv"
        content = path.read_bytes() if source == "a.csv" and path.stat().st_size < 1 << 20 else b""
        if content:
            for row in found:
                start = int(row["byte_offset"])
                assert content[:start].count(b"\n") == int(row["line"]) - 1
                assert start == 0 or content[start - 1:start] == b"\n"
        return "\n".join(
            f"rejects: {row['source']} at byte {row['byte_offset']}, line {row['line']}: "
            f"{row['reason']}" for row in found[:1])
    return look


def record(what, says, line, count=1, rows=2, **feed):
    """A bad record between two good ones."""
    def prepare(folder):
        folder.write("a.csv", HEADER + FIRST + line + LAST)
        job(folder, **feed)
    return Case(what, says, 0, prepare=prepare, may_add=OWN, after=rejects(rows, count))


def field(what, says, **values):
    fields = {"symbol": b"IBM", "event_time": b"2026-01-05T14:30:01Z", "price": b"100",
              "volume": b"5", **values}
    return record(what, says, b",".join(fields.values()) + b"\n")


RECORDS = Group(
    "CSV records",
    "A record that does not parse goes to the `rejects` table, and the run goes on: the records before and after it are in "
    "the lake.", [
        record("too short", ("3 fields instead of 4", "at byte 65, line 3"),
               b"IBM,2026-01-05T14:30:01Z,100\n"),
        record("too long", ("5 fields instead of 4", ), b"IBM,2026-01-05T14:30:01Z,100,5,6\n"),
        field("a price that is no number", ("price", "number"), price=b"abc"),
        field("NaN", ("price", ), price=b"NaN"),
        field("infinite", ("price", ), price=b"Infinity"),
        field("negative infinite", ("price", ), price=b"-inf"),
        field("beyond a double", ("price", ), price=b"1e999"),
        field("hexadecimal", ("price", ), price=b"0x1p3"),
        field("a fraction where a whole number belongs", ("volume", ), volume=b"1.5"),
        field("a whole number beyond 64 bits", ("volume", ), volume=b"99999999999999999999"),
        field("two numbers in one field", ("price", ), price=b"1 2"),
        field("not UTF-8", ("symbol", "UTF-8"), symbol=b"IB\xffM"),
        field("half a character of UTF-8", ("symbol", "UTF-8"), symbol=b"IB\xe2\x82"),
        field("NUL", ("symbol", "NUL"), symbol=b"IB\0M"),
        field("a time that is none", ("event_time", ), event_time=b"yesterday"),
        field("a day that is none", ("event_time", ), event_time=b"2026-02-30T14:30:01Z"),
        field("a year beyond 9999", ("event_time", ), event_time=b"99999-01-01T00:00:00Z"),
        field("no time", ("event_time", ), event_time=b""),
        record("a quote that is not closed", ("quote is not closed", ),
               b'"IBM,2026-01-05T14:30:01Z,100,5\n'),
        record("text after a closing quote", ("closing quote", ),
               b'"IB"M,2026-01-05T14:30:01Z,100,5\n'),
        record("longer than `maxRecordBytes`", ("longer than 1000 bytes", ),
               b"IBM," + b"x" * 2000 + b"\n", maxRecordBytes=1000),
        record("a decimal with too many digits", ("price", ),
               b"IBM,2026-01-05T14:30:01Z,1.23456,5\n", columns=[
                   *COLUMNS[:2], {"name": "price", "type": "decimal(18,4)"}, COLUMNS[3]]),
        record("empty lines", (), b"\n\r\n\n", count=0),
        record("an empty price is null", (), b"IBM,2026-01-05T14:30:01Z,,5\n", count=0, rows=3),
        record("an empty price that may not be null", ("price", ), b"IBM,2026-01-05T14:30:01Z,,5\n",
               columns=[*COLUMNS[:2], {"name": "price", "type": "double", "nullable": False},
                        COLUMNS[3]]),
    ])


def line(what, says, text, **feed):
    """A bad line between two good ones."""
    def prepare(folder):
        good = json.dumps(JSON_ROW).encode() + b"\n"
        folder.write("a.csv", good + text + b"\n" + good)
        job(folder, format="json", **feed)
    return Case(what, says, 0, prepare=prepare, may_add=OWN, after=rejects(2, 1))


def member(what, says, **values):
    text = json.dumps({**JSON_ROW, **values})
    return line(what, says, text.encode())


def spelled(what, says, old, new):
    return line(what, says, json.dumps(JSON_ROW).encode().replace(old, new))


LINES = Group(
    "JSON lines", "", [
        line("not JSON", ("JSON", ), b"IBM,100"),
        line("cut in the middle", ("JSON", ), json.dumps(JSON_ROW).encode()[:40]),
        line("an array", ("object", ), b"[1, 2]"),
        line("two objects in a line", ("JSON", ), json.dumps(JSON_ROW).encode() * 2),
        line("100,000 levels deep", ("64 levels", ),
             b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        line("longer than `maxRecordBytes`", ("longer than 1000 bytes", ),
             b'{"symbol": "' + b"x" * 2000 + b'"}', maxRecordBytes=1000),
        member("a price that is no number", ("price", ), price="abc"),
        member("a price that is an object", ("price", ), price={"px": 1}),
        spelled("NaN", ("JSON", ), b"100.5", b"NaN"),
        spelled("beyond a double", ("price", ), b"100.5", b"1e999"),
        member("beyond a double, in quotes", ("price", ), price="1e999"),
        member("infinite, in quotes", ("price", ), price="Infinity"),
        member("a fraction where a whole number belongs", ("volume", ), volume=1.5),
        member("a whole number beyond 64 bits", ("volume", ), volume=10 ** 20),
        spelled("not UTF-8", ("UTF-8", ), b"IBM", b"IB\xff"),
        member("NUL", ("symbol", "NUL"), symbol="IB\0M"),
        spelled("half a surrogate pair", ("JSON", ), b"IBM", b"\\ud800"),
        member("a time that is none", ("event_time", ), event_time="yesterday"),
        line("no time", ("event_time", ), b'{"symbol": "IBM", "price": 1}'),
    ])


def contents(what, says, content, exit=1, name="a.csv", after=None, rows=None, **feed):
    def prepare(folder):
        folder.write(name, content)
        job(folder, **{"paths": name, **feed})
    if exit == 0 and after is None:
        after = rejects(rows, 0)
    return Case(what, says, exit, prepare=prepare, may_add=OWN, after=after)


def zipped(content):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../ticks.csv", content)
    return memory.getvalue()


def damaged(content, at):
    content = bytearray(content)
    content[at] ^= 0x55
    return bytes(content)


def sparse(folder):
    """A gigabyte of NUL bytes that takes no space."""
    with open(folder.path / "a.csv", "wb") as file:
        file.write(HEADER + FIRST)
        file.truncate(1 << 30)
    job(folder)


def bomb(folder):
    """A megabyte that is a gigabyte when it is read."""
    memory = io.BytesIO()
    with gzip.GzipFile(fileobj=memory, mode="wb", compresslevel=1, mtime=0) as file:
        file.write(HEADER + FIRST)
        for _ in range(1024):
            file.write(bytes(1 << 20))
    folder.write("a.csv.gz", memory.getvalue())
    job(folder, paths="a.csv.gz")


MANY = HEADER + FIRST * 20_000
HALF_BAD = HEADER + (FIRST + b"IBM,never,1,2\n") * 2000


def paths(what, says, paths, exit=1):
    return Case(what, says, exit, prepare=lambda folder: job(folder, paths=paths), may_add=OWN)


TOO_LONG = ("longer than 1048576 bytes", )
GIBIBYTE = "head -c 1073741824 /dev/zero | tr '\\0' "

FILES = Group(
    "Files", "", [
        paths("no such file", ("ticks/a.csv", "no such file", "check the path"), "ticks/a.csv"),
        paths("a pattern that nothing matches", ("ticks/*.csv", "no file matches"), "ticks/*.csv"),
        paths("a directory", ("lake", "directory", "lake/*.csv"), "lake"),
        contents("empty", (), b"", exit=0, rows=0),
        contents("a header and nothing else", (), HEADER, exit=0, rows=0,
                 after=lambda folder: ""),
        contents("a header without a column", ("a.csv", "no field 'volume'", "symbol"),
                 b"symbol,event_time,price\n" + FIRST),
        contents("a header with a misspelt column", ("a.csv", "no field 'price'", "'pirce'"),
                 HEADER.replace(b"price", b"pirce") + FIRST),
        contents("a header with columns that nobody reads", (),
                 b"x," + HEADER + b"1," + FIRST, exit=0, rows=1),
        contents("a column twice in the header", ("a.csv", "'price' 2 times", "index"),
                 b"price," + HEADER + b"1," + FIRST),
        contents("another delimiter", ("a.csv", "no field", "';'", "delimiter"),
                 (HEADER + FIRST).replace(b",", b";")),
        contents("UTF-16", ("a.csv", "UTF-8"), (HEADER + FIRST).decode().encode("utf-16")),
        contents("a binary file", ("a.csv", "header"), bytes(range(256)) * 100),
        contents("a gzip file that is cut short", ("a.csv.gz", "cut short"),
                 gzip.compress(MANY, mtime=0)[:-20], name="a.csv.gz"),
        contents("a gzip file that is damaged", ("a.csv.gz", "damaged"),
                 damaged(gzip.compress(MANY, mtime=0), -5), name="a.csv.gz"),
        contents("a gzip file with garbage behind", ("a.csv.gz", ),
                 gzip.compress(MANY, mtime=0) + b"garbage", name="a.csv.gz"),
        contents("a zip file that is cut short", ("a.zip", ), zipped(MANY)[:-60], name="a.zip"),
        contents("a zip file that is damaged", ("a.zip", ), damaged(zipped(MANY), 90), name="a.zip"),
        contents("a zip file whose entry is named `../../ticks.csv`", (), zipped(HEADER + FIRST),
                 exit=0, name="a.zip", rows=1),
        contents("an empty zip file", (), b"PK\5\6" + bytes(18), exit=0, name="a.zip", rows=0),
        contents("more than `maxShare` does not parse",
                 ("500 of 1000 rows do not parse", "event_time", "rejects.maxShare"), HALF_BAD),
        Case("1 GiB without a newline, in a file", TOO_LONG, 0, prepare=sparse, may_add=OWN,
             after=rejects(1, 1)),
        Case("1 GiB without a newline, from a pipe", TOO_LONG, 0,
             prepare=lambda folder: job(folder, paths="-", header=False),
             stdin=f"{GIBIBYTE}A; echo; echo 'IBM,2026-01-05,1,2'",
             may_add=OWN, after=rejects(1, 1, "stdin")),
        Case("1 GiB of JSON without a newline, from a pipe", ("none of 1 record", *TOO_LONG), 1,
             prepare=lambda folder: job(folder, format="json", paths="-"),
             stdin=f"{GIBIBYTE}[; echo", may_add=OWN),
        Case("1 GiB without a newline where the header belongs", ("stdin", "header"), 1,
             prepare=lambda folder: job(folder, paths="-"), stdin=f"{GIBIBYTE}A", may_add=OWN),
        Case("1 GiB that is compressed to 5 MiB, without a newline", TOO_LONG, 0, prepare=bomb,
             may_add=OWN, after=rejects(1, 1, "a.csv.gz")),
    ])

GROUPS = [RECORDS, LINES, FILES]
