"""What the tests of this folder share: rows, jobs that write to a database, which server."""

import json
import os
import pathlib

import server as servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("STREAMER", ROOT / "streamer")).resolve()
# How many faults of a kind a test makes.
SLICE = int(os.environ.get("POSTGRES_FAULTS", "12"))


def programs():
    """The server that is tested against: `POSTGRES_SERVER=python` is the Python package's."""
    wanted = os.environ.get("POSTGRES_SERVER", "system")
    found = servers.python_programs() if wanted == "python" else servers.system_programs()
    assert found, "no server: run `make postgres-deps`"
    return found


class Market:
    """A workspace with a log of rows, and jobs that read it."""

    def __init__(self, workspace):
        self.workspace = workspace
        self.path = workspace.path
        self.appended = 0

    def append(self, rows, schema, log="log/rows"):
        """Appends rows to a log; `at` is their event time."""
        self.appended += 1
        form, file = "json", f"rows-{self.appended}.json"
        words = ["--schema", schema]
        if any("\0" in str(row.get("name")) for row in rows):
            # A NUL does not come through JSON lines; other formats have it.
            form, file, words = "arrow", f"rows-{self.appended}.arrows", []
            write_arrow(rows, self.path / file)
        else:
            (self.path / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.workspace.run("log", "append", log, file, "--format", form, "--event-time", "at", *words)

    def job(self, sink, select, *, name="job", file="job.json", batch=None, log="log/rows",
            watermark=None, **query):
        """Writes a job of one query."""
        source = {"format": "log", "path": log, "startingOffsets": "earliest"}
        if batch:
            source["maxOffsetsPerTrigger"] = batch
        job = {"name": name, "source": source, "trigger": {"availableNow": True},
               "queries": [{"name": "q", "select": select,
                            "sinks": sink if isinstance(sink, list) else [sink], **query}]}
        if watermark:
            job["watermark"] = watermark
        return self.workspace.job(job, file)

    def run(self, file="job.json", *options, **named):
        return self.workspace.run("run", file, *options, **named)

    def progress(self, file="job.json", *options, **named):
        return self.workspace.progress(file, *options, **named)


def write_arrow(rows, path):
    import pyarrow as pa
    schema = pa.schema([("id", pa.int64()), ("at", pa.timestamp("us", "UTC")), ("name", pa.string()),
                        ("price", pa.float64())])
    with pa.ipc.new_stream(path, schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema))


NUMBERS = "id long, at timestamp(epoch_us), name string, price double"


def numbers(count, start=0):
    """Rows whose ids are all different."""
    return [{"id": i, "at": 1_767_600_000_000_000 + i * 1_000, "name": f"S{i % 7}",
             "price": i / 8} for i in range(start, start + count)]
