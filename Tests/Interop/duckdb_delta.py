"""Delta tables through DuckDB's delta extension.

The extension exists for older versions of DuckDB than the one that the other tests use: `make
duckdb-delta-deps` puts both into a folder of their own, and a process of its own reads with them.
"""

import os
import pathlib
import subprocess
import sys

import pyarrow as pa
import pyarrow.ipc
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(os.environ.get("DUCKDB_DELTA", ROOT / ".venv/duckdb-delta"))

READ = """
import sys, duckdb, pyarrow
extension, table, *versions = sys.argv[1:]
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
# What takes long shows a bar on standard output, which is for the rows.
connection.execute("SET enable_progress_bar = false")
connection.execute(f"LOAD '{extension}'")
for version in versions:
    found = connection.execute(f"SELECT * FROM delta_scan(?, version = {version})", [table]).arrow()
    rows = found.read_all() if hasattr(found, "read_all") else found
    with pyarrow.ipc.new_stream(sys.stdout.buffer, rows.schema) as stream:
        stream.write_table(rows)
"""


def read(table, versions):
    """The table at each of some versions, as Arrow; skips the test without the extension."""
    extensions = sorted(FOLDER.glob("duckdb_extension_delta/extensions/*/delta.duckdb_extension"))
    if not extensions:
        pytest.skip("make duckdb-delta-deps installs DuckDB's delta extension")
    done = subprocess.run(
        [sys.executable, "-c", READ, extensions[0], table, *map(str, versions)],
        env=os.environ | {"PYTHONPATH": str(FOLDER)}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    source = pa.BufferReader(done.stdout)
    return [pa.ipc.open_stream(source).read_all() for _ in versions]
