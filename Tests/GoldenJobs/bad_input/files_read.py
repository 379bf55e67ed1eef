"""Files that were read once: by feeds, which keep a place in them, and by sources of directories."""

import bz2
import io
import json
import lzma
import os
import zipfile

from . import rows
from .case import Case, Group
from .rows import COLUMNS, FIRST, HEADER, LAST

OWN = r"^(log/(rows|other)|checkpoints/(rows|days)|lake/(rows|days|rejects))"
# What a job that has run once notes down when it runs again.
NOTED = r"^(checkpoints/(rows|days)/|log/rows/(positions|durable|.*\.arrows))"


def case(what, says, *steps, exit=1, arguments=("run", "job.json"), **options):
    def prepare(folder):
        for step in steps:
            step(folder)
    return Case(what, says, exit, arguments=arguments, prepare=prepare, may_add=OWN, may_change=NOTED,
                committed=False, **options)


def write(name, content):
    return lambda folder: folder.write(name, content) and None


def feed(paths="a.csv", **keys):
    return lambda folder: rows.job(folder, paths=paths, **keys)


def ran(code=0):
    def step(folder):
        folder.run("run", "job.json", check=code)
    return step


def renamed(old, new):
    return lambda folder: os.rename(folder.path / old, folder.path / new)


WHOLE = HEADER + FIRST + LAST
READ = (write("a.csv", WHOLE), feed(), ran())
TWO = (write("in/b.csv", HEADER + FIRST), write("in/c.csv", HEADER + LAST), feed("in/*.csv"), ran())
ZONED = [*COLUMNS[:1], {**COLUMNS[1], "timeZone": "America/New_York"}, *COLUMNS[2:]]


def archive(method, name="a.csv"):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", method) as packed:
        packed.writestr(name, WHOLE)
    return memory.getvalue()


PLACES = Group(
    "Feeds whose files are not what they were",
    "A feed goes on where it was in its files. What would double rows, or leave some out, is refused; rows that are in the "
    "log stay there.", [
        case("a row that was read is changed", ("a.csv", "put the file back", "--again"), *READ,
             write("a.csv", WHOLE.replace(b"100.5", b"100.7"))),
        case("a row is inserted in what was read", ("a.csv", "put the file back"), *READ,
             write("a.csv", HEADER + FIRST + FIRST.replace(b"00Z", b"01Z") + LAST)),
        case("the file is shorter than what was read", ("a.csv", "shorter", "put the file back"), *READ,
             write("a.csv", HEADER + FIRST)),
        case("another file under the name", ("a.csv", "put the file back"), *READ,
             write("a.csv", HEADER + LAST * 9)),
        case("half a line was read, and goes on", ("a.csv", "without a line end"),
             write("a.csv", WHOLE[:-2]), feed(), ran(), write("a.csv", WHOLE)),
        case("a file before the last one is changed", ("in/b.csv", "put the file back"), *TWO,
             write("in/b.csv", HEADER + LAST)),
        case("a new file comes before those that were read", ("in/a.csv", "comes before"), *TWO,
             write("in/a.csv", HEADER + FIRST)),
        case("a file that was read has another name", ("in/c.csv", "another name", "put the file back"), *TWO,
             renamed("in/b.csv", "in/d.csv")),
        case("a file that was read is gone", ("in/c.csv", "put the file back"), *TWO,
             lambda folder: os.remove(folder.path / "in/b.csv")),
        case("a copy beside the file that was read", ("in/d.csv", "in/b.csv", "again"), *TWO,
             write("in/d.csv", HEADER + FIRST), exit=0),
        case("other settings of the columns", ("a.csv", "--again", "another log"), *READ, feed(columns=ZONED)),
        case("another spelling of the file's path", ("a.csv", "--again"), *READ, feed("./a.csv")),
        case("a copy of the file in another feed", ("b.csv", "--again"), *READ, write("b.csv", WHOLE), feed("b.csv")),
        case("no record parses", ("none of 2 records", "event_time timestamp(iso)", "'IBM,never", "lake/rejects"),
             write("a.csv", HEADER + b"IBM,never,1,2\n" * 2), feed()),
        case("a file that xz has packed", ("a.csv", "xz -d"), write("a.csv", lzma.compress(WHOLE)), feed()),
        case("a file that bzip2 has packed", ("a.csv", "bzip2 -d"), write("a.csv", bz2.compress(WHOLE)), feed()),
        case("a zip entry that is packed by another method", ("a.zip", "unpack"),
             write("a.zip", archive(zipfile.ZIP_LZMA)), feed("a.zip")),
        case("a zip file with an entry of another kind", ("a.zip:a.txt", "a.zip:*.csv"),
             write("a.zip", archive(zipfile.ZIP_DEFLATED, "a.txt")),
             feed("a.zip", columns=[*COLUMNS[:3], {**COLUMNS[3], "from": "size"}])),
        case("an address instead of a path", ("is an address", ), feed("s3://bucket/a.csv"), exit=2),
    ])

PICKED = [*COLUMNS]
GOOD = HEADER + FIRST
BAD = HEADER + FIRST + b"IBM,2026-01-05T14:30:01Z,100,1.5\n"


def days(where=None, select=("symbol", "event_time", "price", "volume"), format="csv", **keys):
    """A job over a directory of files."""
    def step(folder):
        source = {"format": format, "path": "in", **keys}
        if format == "csv":
            source |= {"eventTime": "event_time", "columns": PICKED, **keys}
        query = {"name": "days", "select": list(select), "sinks": [{"format": "parquet", "path": "lake/days"}]}
        folder.job({"name": "days", "source": source, "trigger": {"availableNow": True},
                    "queries": [{**query, **({"where": where} if where else {})}]})
    return step


def parquet(name, **columns):
    def step(folder):
        import pyarrow
        import pyarrow.parquet
        (folder.path / "in").mkdir(exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.table(columns), folder.path / name)
    return step


def removed(name):
    return lambda folder: os.remove(folder.path / name)


REFUSED = (write("in/a.csv", BAD), days(), ran(1))
UNPLANNED = (write("in/a.csv", GOOD), days("volume / (volume - volume) > 1"), ran(1))
PARQUET = {"format": "parquet", "select": ("a", )}

DIRECTORIES = Group(
    "Directories of files as sources",
    "What helps with a file that cannot be read is in [file-sources.md](file-sources.md#files-that-cannot-be-read).", [
        case("no such directory", ("in", "check the source's path"), days()),
        case("a compressed file", ("in/a.csv", "unpack it"), write("in/a.csv", rows.gzip.compress(GOOD, mtime=0)), days()),
        case("a header without a field", ("in/a.csv", "no field 'volume'", "DROPMALFORMED"),
             write("in/a.csv", b"symbol,event_time,price\n"), days()),
        case("a record that does not parse in it", ("in/a.csv line 3", "volume", "DROPMALFORMED"),
             write("in/a.csv", BAD), days()),
        case("a file that a batch needs is gone", ("in/a.csv", "put it back", "ignoreMissingFiles"), *REFUSED,
             removed("in/a.csv")),
        case("a file is another one when its batch is run again", ("in/a.csv", "put the file back", "ignoreCorruptFiles"),
             *UNPLANNED, write("in/a.csv", HEADER + LAST)),
        case("a corrected file has more rows than it had bytes", ("in/a.csv", "another name"), *REFUSED,
             write("in/a.csv", HEADER + FIRST * 50_000)),
        case("a file has more rows than when it was read", ("in/a.csv", "give new rows in a new file"),
             write("in/a.csv", GOOD), days(), ran(), write("in/a.csv", GOOD + LAST), exit=0),
        case("a copy of a file that was read", ("in/b.csv", "in/a.csv", "again"),
             write("in/a.csv", GOOD), days(), ran(), write("in/b.csv", GOOD), exit=0),
        case("no record of a run parses", ("none of 2 records", "wanted are symbol string", "in/a.csv"),
             write("in/a.csv", HEADER + b"IBM,never,1,2\n" * 2), days(mode="DROPMALFORMED")),
        case("other columns on the old checkpoint", ("source.columns", "not allowed", "streamer clear"),
             write("in/a.csv", GOOD), days(), ran(), days(columns=PICKED[:3], select=PICKED and ("symbol", )), exit=2),
        case("the list of files is damaged", ("checkpoints/days/sources", "restore"),
             write("in/a.csv", GOOD), days(), ran(), write("in/b.csv", HEADER + LAST),
             ran(), lambda folder: folder.flip("checkpoints/days/sources/*", 30)),
        case("the table is gone", ("lake/days", "missing", "restore"),
             write("in/a.csv", GOOD), days(), ran(), lambda folder: rows_gone(folder)),
        case("a file of the table's newest batch is gone", ("lake/days/part-", "missing", "restore"),
             write("in/a.csv", GOOD), days(), ran(), lambda folder: os.remove(folder.find("lake/days/part-*"))),
        case("no Parquet file to take the columns from", ("in", "schema"),
             lambda folder: (folder.path / "in").mkdir(), days(**PARQUET)),
        case("a file that is no whole Parquet file", ("in/b.parquet", "whole"), parquet("in/a.parquet", a=[1]),
             write("in/b.parquet", b"PAR1 and no more"), days(**PARQUET)),
        case("a Parquet file with a column of another type", ("in/b.parquet", "'a' is of type"),
             parquet("in/a.parquet", a=[1]), parquet("in/b.parquet", a=["x"]), lambda folder: os.utime(
                 folder.path / "in/a.parquet", (1, 1)), days(**PARQUET)),
        case("a column of the schema that no file has", ("no file has the column 'b'", ), parquet("in/a.parquet", a=[1]),
             days(**PARQUET, schema=[{"name": "a", "type": "long"}, {"name": "b", "type": "long"}]), exit=2),
    ])


def rows_gone(folder):
    import shutil
    shutil.rmtree(folder.path / "lake/days")


LINKED = Group(
    "Tables of others, links and pipes", "", [
        Case("`clear` of a job whose table another job owns", ("lake/candles", "and stays", "--force"), 0,
             arguments=("clear", "job.json", "--yes"), may_change=r".",
             prepare=lambda folder: folder.edit({"name": "second", "queries.1.sinks.0.path": "lake/k"})),
        Case("`clear` of a table behind a link", ("lake/candles is a link or lies behind one", "Nothing was removed"), 1,
             arguments=("clear", "job.json", "--yes"), prepare=lambda folder: behind_a_link(folder), may_change=r"^lake"),
        Case("an export to a pipe that nobody reads", ("nobody reads", ), 1,
             arguments=("lake", "export", "candles", "--output", "pipe"),
             prepare=lambda folder: os.mkfifo(folder.path / "pipe")),
        Case("a pipe in the place of a log's description", ("log/ticks/log.json", ), 1, arguments=("log", "cat"),
             prepare=lambda folder: piped(folder)),
    ])


def behind_a_link(folder):
    os.rename(folder.path / "lake", folder.path / "behind")
    os.symlink("behind", folder.path / "lake")


def piped(folder):
    os.remove(folder.path / "log/ticks/log.json")
    os.mkfifo(folder.path / "log/ticks/log.json")


GROUPS = [PLACES, DIRECTORIES, LINKED]
