"""Remedies of feeds and sources whose files are not what they were."""

import json

from . import files_read, rows
from .case import REMOVED
from .files_read import BAD, GOOD, LAST, FIRST, HEADER, WHOLE
from .remedies import cleared, edits, remedies, shell, then, words

RUN = ("run", "job.json")


def log_rows(scene, log="log/rows"):
    out = scene.run("log", "cat", log, "--format", "csv").out
    return out.count("\n") - 1


def written(*files, count=None, log="log/rows"):
    """Files with these contents, then the command again; the log has so many rows."""
    def action(scene):
        for name, content in files:
            scene.folder.write(name, content)
        scene.run()
        assert count is None or log_rows(scene, log) == count
    return action


def again(*paths, count):
    """Everything appended again, and the job goes on from there."""
    def action(scene):
        scene.run("log", "append", "log/rows", "--job", "job.json", "--again", *paths)
        scene.run(*RUN)
        scene.run(*RUN)
        assert log_rows(scene) == count
    return action


def another_log(scene):
    job = json.loads((scene.folder.path / "job.json").read_text())
    job |= {"name": "other", "source": {"path": "log/other"}}
    job["queries"][0]["sinks"][0]["path"] = "lake/other"
    scene.folder.job(job)
    scene.run(*RUN)


BACK = written(("a.csv", WHOLE), ("b.csv", HEADER + LAST), count=2)


def back_with_a_new_file(scene):
    """The file as it was, and other rows in a new one, which the feed is told of behind it."""
    scene.folder.write("a.csv", WHOLE)
    scene.run(*RUN)
    scene.folder.write("b.csv", HEADER + LAST.replace(b"02Z", b"09Z"))
    scene.run("log", "append", "log/rows", "--job", "job.json", "b.csv")
    scene.run(*RUN)
    assert log_rows(scene) == 3


CHANGED = [back_with_a_new_file, another_log]
remedies("Feeds whose files are not what they were", {
    "a row that was read is changed": [*CHANGED, again(count=4)],
    "a row is inserted in what was read": [*CHANGED, again(count=5)],
    "the file is shorter than what was read": [*CHANGED, again(count=3)],
    "another file under the name": [*CHANGED, again(count=11)],
    "half a line was read, and goes on": [
        written(("a.csv", WHOLE[:-2]), count=2), another_log, again(count=4)],
    "a file before the last one is changed": [
        written(("in/b.csv", GOOD), ("in/d.csv", HEADER + LAST * 2), count=4), another_log, again(count=4)],
    "a new file comes before those that were read": [
        shell("mv in/a.csv in/d.csv"), another_log, again(count=5)],
    "a file that was read has another name": [
        shell("mv in/d.csv in/b.csv"), another_log, again(count=4)],
    "a file that was read is gone": [
        written(("in/b.csv", GOOD), count=2), another_log, again(count=3)],
    "other settings of the columns": [
        then(lambda scene: rows.job(scene.folder)), another_log, again(count=4)],
    "another spelling of the file's path": [
        then(lambda scene: rows.job(scene.folder)), another_log, again(count=4)],
    "a copy of the file in another feed": [
        then(lambda scene: rows.job(scene.folder)), another_log, again(count=4)],
    "no record parses": [
        written(("a.csv", WHOLE), count=2),
        edits({"feed.columns": [rows.COLUMNS[0], {"name": "event_time", "type": "timestamp", "from": "price",
                                                  "format": "epoch_s"}, *rows.COLUMNS[2:]]}, "run")],
    "a file that xz has packed": shell("mv a.csv a.csv.xz && xz -d a.csv.xz"),
    "a file that bzip2 has packed": shell("mv a.csv a.csv.bz2 && bzip2 -d a.csv.bz2"),
    "a zip entry that is packed by another method": then(
        lambda scene: scene.folder.write("a.csv", WHOLE), edits({"feed.paths": "a.csv"}, "run")),
    "a zip file with an entry of another kind": [
        then(lambda scene: scene.folder.write("a.zip", two_entries()), edits({"feed.paths": "a.zip:*.csv"}, "run"))],
    "an address instead of a path": then(
        lambda scene: scene.folder.write("a.csv", WHOLE), edits({"feed.paths": "a.csv"}, "run")),
})


def two_entries():
    import io
    import zipfile
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as packed:
        packed.writestr("a.txt", WHOLE)
        packed.writestr("a.csv", WHOLE.replace(b"volume", b"size"))
    return memory.getvalue()


def key(**keys):
    return edits({f"source.{name}": value for name, value in keys.items()}, "run")


def table_rows(scene):
    return scene.run("lake", "show", "days", "--format", "csv").out.count("\n") - 1


def corrected(name, content, count):
    def action(scene):
        scene.folder.write(name, content)
        scene.run(*RUN)
        assert table_rows(scene) == count
    return action


TAKEN_AWAY = then(lambda scene: scene.folder.write("in/b.csv", GOOD), shell("rm in/a.csv"))
remedies("Directories of files as sources", {
    "no such directory": [shell("mkdir in"), corrected("in/a.csv", GOOD, 1)],
    "a compressed file": [
        shell("mv in/a.csv in/.a.csv.gz && gzip -dc in/.a.csv.gz > in/a.csv"),
        then(lambda scene: rows.job(scene.folder, paths="in/a.csv"))],
    "a header without a field": [corrected("in/a.csv", GOOD, 1), TAKEN_AWAY, key(mode="DROPMALFORMED")],
    "a record that does not parse in it": [corrected("in/a.csv", GOOD, 1), key(mode="DROPMALFORMED")],
    "a file that a batch needs is gone": [
        then(lambda scene: scene.folder.write("in/a.csv", BAD), key(mode="DROPMALFORMED")),
        key(ignoreMissingFiles=True)],
    "a file is another one when its batch is run again": [
        then(lambda scene: scene.folder.write("in/a.csv", GOOD), lambda scene: scene.folder.write("in/b.csv", HEADER + LAST),
             edits({"queries.0.where": "volume > 0"}, "run")),
        edits({"source.ignoreCorruptFiles": True, "queries.0.where": "volume > 0"}, "run")],
    "a corrected file has more rows than it had bytes": then(
        shell("mv in/a.csv in/b.csv && sed -i 's/\"path\": \"in\"/\"path\": \"in\", \"ignoreMissingFiles\": true/' job.json")),
    "no record of a run parses": [
        then(lambda scene: scene.folder.write("in/a.csv", GOOD), cleared()),
        then(edits({"source.columns": [rows.COLUMNS[0], {"name": "event_time", "type": "timestamp", "from": "price",
                                                         "format": "epoch_s"}, *rows.COLUMNS[2:]]}), cleared())],
    "other columns on the old checkpoint": [
        then(lambda scene: files_read.days()(scene.folder)), cleared()],
    "the list of files is damaged": cleared(),
    "the table is gone": cleared(),
    "a file of the table's newest batch is gone": cleared(),
    "no Parquet file to take the columns from": [
        then(lambda scene: files_read.parquet("in/a.parquet", a=[1])(scene.folder)),
        key(schema=[{"name": "a", "type": "long"}])],
    "a file that is no whole Parquet file": [
        then(lambda scene: files_read.parquet("in/b.parquet", a=[2])(scene.folder)), key(ignoreCorruptFiles=True)],
    "a Parquet file with a column of another type": [
        then(lambda scene: files_read.parquet("in/b.parquet", a=[2])(scene.folder)), shell("mv in/b.parquet ."),
        key(ignoreCorruptFiles=True)],
    "a column of the schema that no file has": edits({"source.schema": [{"name": "a", "type": "long"}]}, "run"),
})

remedies("Tables of others, links and pipes", {
    "`clear` of a table behind a link": [
        shell("rm lake && mv behind lake", ("clear", "job.json", "--yes")),
        shell("rm -r behind lake", ("clear", "job.json", "--yes"))],
    "an export to a pipe that nobody reads": [
        shell("cat pipe > out & true", ("lake", "export", "candles", "--output", "pipe"))],
    "a pipe in the place of a log's description": [
        then(lambda scene: (scene.folder.path / "log/ticks/log.json").unlink(),
             lambda scene: scene.restore("log/ticks/log.json"), run=("log", "cat"))],
})
