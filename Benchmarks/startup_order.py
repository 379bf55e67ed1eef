"""Writes Sources/streamer/startup-order.txt: the functions that short runs call, for the linker.

Callgrind says which functions of the program each of the commands below called. Those that most
commands share come first, so that any start touches one dense piece of the program. A list that is
older than the program does no harm: names that are no more are passed over, new functions stand
behind. Made anew by `make startup-order`, now and then, or when a start has grown.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

import work
from machine import BINARY, ROOT, run

ORDER = ROOT / "Sources" / "streamer" / "startup-order.txt"
TICKS = 6_000


def prepare(folder):
    """Few ticks in every form, and a job over each."""
    import pyarrow as pa
    work.generate(folder, TICKS, 20, ("csv", "json"))
    (folder / "log").mkdir()
    ticks = next(work.tables(folder)).drop_columns(["seq"])
    with pa.ipc.new_stream(folder / "ticks.arrows", ticks.schema) as stream:
        for group in ticks.to_batches(max_chunksize=100):
            stream.write_batch(group)
    for name in ("csv", "json", "parquet"):
        work.job(folder, name, source=work.file_source(name))
    through = {"format": "log", "path": "log/fed", "maxOffsetsPerTrigger": 2_000}
    work.job(folder, "feed", source=through, feed=work.file_feed("json"))
    work.job(folder, "log", queries=[work.candles(), work.rolling()], batch=1_500)
    last = {"name": "kpi", "groupBy": ["symbol"], "select": ["symbol", "max(price) AS high"],
            "outputMode": "complete", "sinks": [{"format": "table", "path": "lake/kpi"},
                                                {"format": "console"}]}
    work.job(folder, "delta", queries=[last, {**work.candles(), "sinks": [
        {"format": "delta", "path": "lake/delta", "partitionBy": ["date"]}]}])
    for shipped in ("ohlcv", "live"):
        shutil.copy(ROOT / "jobs" / f"{shipped}.json", folder)


def commands():
    """What people start most, each in the folder that the one before has left."""
    yield ["--help"]
    yield ["validate", "ohlcv.json"]
    yield ["log", "append", "log/ticks", "ticks.arrows", "--again"]
    yield ["log", "ls"]
    yield ["run", "log.json", "--max-batches", 3]
    yield ["run", "log.json"]
    yield ["run", "log.json"]
    yield ["replay", "log.json", "--from-checkpoint", "--verify"]
    yield ["lake", "ls"]
    yield ["run", "delta.json"]
    # The jobs over files write the same table.
    yield ["clear", "--yes"]
    for name in ("csv", "json", "parquet", "feed"):
        yield ["run", f"{name}.json"]
        yield ["clear", f"{name}.json", "--yes"]
    yield ["run", "live.json", "--max-batches", 5]


def called(binary, folder, arguments):
    """The names of the functions that a command calls, as the linker knows them."""
    counted = folder / "callgrind.out"
    run(["valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={counted}",
         "--quiet", binary, *arguments], folder, timeout=900)
    names, functions, objects, ours = {}, set(), {}, False
    for line in counted.read_text(errors="replace").splitlines():
        found = re.match(r"(c?ob|c?fn)=\((\d+)\)(?: (.*))?$", line)
        if not found:
            continue
        what, number, name = found.groups()
        known = objects if what.endswith("ob") else names
        if name:
            # Callgrind marks what was called by itself.
            known[number] = re.sub(r"'\d+$", "", name)
        if what == "ob":
            ours = objects[number].endswith(binary.name)
        elif what == "fn" and ours and re.fullmatch(r"[\w$]+", names[number]):
            functions.add(names[number])
    counted.unlink()
    return functions


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        stripped = folder / "streamer.counted"
        # Debian's valgrind does not read this much debug information; names it needs.
        subprocess.run(["objcopy", "--strip-debug", BINARY, stripped], check=True)
        prepare(folder)
        calls = []
        for arguments in commands():
            calls.append(called(stripped, folder, arguments))
            print(f"{len(calls[-1]):7,} functions: {' '.join(map(str, arguments))}", flush=True)
        users = {}
        for number, functions in enumerate(calls):
            for name in functions:
                users.setdefault(name, []).append(number)
        ordered = sorted(users, key=lambda name: (-len(users[name]), users[name], name))
        ORDER.write_text("".join(name + "\n" for name in ordered))
        print(f"{len(ordered):,} functions in {ORDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
