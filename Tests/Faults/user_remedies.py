"""What a user does of what an error names: each remedy by the words that name it.

A remedy that does not bring the command on within a few tries is a violation, and so is an error
that names none.
"""

import re
import time

from user_world import HEADER, LOGS, SCHEMA, parsed

REMEDIES = []


def named(pattern, where=None):
    """The remedy that a text names, for some commands (`log` stands for an append by hand)."""
    def register(function):
        REMEDIES.append((re.compile(pattern, re.DOTALL), where, function))
        return function
    return register


def remedy(world, name, done, attempt, **context):
    """Does one of the things that an error names, and the next one when it comes again."""
    fitting = [function for pattern, where, function in REMEDIES
               if pattern.search(done.error) and (where is None or name in where)]
    if not fitting:
        world.fail(f"no remedy is named: {done.error}")
    if attempt == 0:
        world.tried = {}
    kind = tuple(function.__name__ for function in fitting)
    turn = world.tried.setdefault(kind, world.chance.randrange(len(fitting)))
    world.tried[kind] = turn + 1
    function = fitting[turn % len(fitting)]
    world.note(f"  remedy: {function.__name__}")
    return function(world, name, done, **context)


def stream_of(world, name):
    return world.streams[{"pick": "in", "two": "two"}.get(name, "one")]


def change_source(world, **keys):
    world.jobs["pick"]["source"] |= keys
    world.save("pick")


@named("there is no tick log in log/one", ("ship", "twin", "both"))
def fill_the_log_of_a_job(world, name, done):
    from user_jobs import run_job
    if not world.files("feed"):
        path = world.root / "feed" / "m0000.csv"
        path.write_text(f"{HEADER}\n{world.rows()}")
    run_job(world, "ship")


@named("there is no tick log in log/two", ("both", "count"))
def fill_the_log_by_hand(world, name, done):
    path = world.root / "hand" / "m0000.csv"
    path.write_text(f"{HEADER}\n{world.rows()}")
    world.run("log", "append", "log/two", "--schema", SCHEMA, "--again", "hand/m0000.csv")
    world.double(world.streams["two"], path)
    world.read_log("two")


@named("no file matches this pattern; check it|there is no such file")
def make_a_file(world, name, done, names=()):
    folder = stream_of(world, name).folder
    (world.root / folder / "m0000.csv").write_text(f"{HEADER}\n{world.rows()}")
    return "given up" if names else None


@named("[Pp]ut the file back|[Pp]ut it back|give the feed as it was|put them back|its name back|[Rr]estore it")
def put_files_back(world, name, done, names=()):
    """Files as they were when they were read; what else they hold now goes to a new file."""
    if done.error.startswith("error: lake/"):
        # Nobody has a copy of a table here.
        return clear_and_begin_anew(world, name, done, names=names)
    stream = stream_of(world, name)
    rows = []
    known = {row for data in stream.good.values() for row in parsed(data)}
    # What the log has of them, by whichever feed, is not given once more under another name.
    known |= {row for log, folder in LOGS.items() if folder == stream.folder
              for row in [*world.logs[log].values(), *world.trimmed[log].values()]}
    for path, data in stream.good.items():
        if not path.exists() or path.is_symlink() or path.read_bytes() != data:
            if path.exists():
                rows += parsed(world.content(path))
                path.unlink()
            path.write_bytes(data)
    for path in world.files(stream.folder):
        if path not in stream.good and path.exists():
            rows += parsed(world.content(path))
            path.unlink()
    rows = [row for row in dict.fromkeys(rows) if row not in known]
    if rows:
        write_rows(world, stream, rows)
    world.look()


def write_rows(world, stream, rows):
    world.files_made = getattr(world, "files_made", 0) + 1
    path = world.root / stream.folder / f"m{world.files_made:04}.csv"
    path.write_text("\n".join([HEADER, *(",".join(row) for row in rows)]) + "\n")
    world.note(f"  {path.name}: {path.read_text()!r}")


def place_of(world, name, done):
    """The file that an error begins with."""
    for path in world.files(stream_of(world, name).folder):
        if f"error: {path.relative_to(world.root)}:" in done.err:
            return path
    return None


@named("stop the other process")
def wait_for_the_other(world, name, done, names=()):
    time.sleep(3 * world.speed)


@named("give it a name that comes behind", ("ship", "two"))
def rename_the_file(world, name, done, names=()):
    if path := place_of(world, name, done):
        # Behind the file that the error names.
        last = re.search(r"comes before \S*?([^/\s]+)\.csv\S*, which was", done.error)[1]
        path.rename(path.with_name(f"{last}a.csv"))
    return "given up" if names and "*" not in names[0] else None


@named("move it away", ("ship", "two"))
def move_the_file_away(world, name, done, names=()):
    if path := place_of(world, name, done):
        path.unlink()
    return "given up" if names and "*" not in names[0] else None


@named(r"ignoreMissingFiles", ("pick", ))
def ignore_missing_files(world, name, done):
    change_source(world, ignoreMissingFiles=True)


@named(r"ignoreCorruptFiles", ("pick", ))
def ignore_corrupt_files(world, name, done):
    change_source(world, ignoreCorruptFiles=True)


@named(r"DROPMALFORMED", ("pick", ))
def drop_malformed(world, name, done):
    change_source(world, mode="DROPMALFORMED")


@named(r"take it away", ("pick", ))
def take_the_file_away(world, name, done):
    for path in world.files("in"):
        if str(path.relative_to(world.root)) in done.error:
            path.unlink()
            return


@named(r"correct the columns or the records", ("pick", ))
def correct_the_records(world, name, done):
    """A warning names the file; the job is cleared behind it, as the error says."""
    done.err = done.err.replace("warning:", "error:")
    correct_the_file(world, name, done)
    clear_and_begin_anew(world, name, done)


@named(r"correct the (columns or the )?file")
def correct_the_file(world, name, done, names=()):
    """Every line that is none of a file that the error names goes."""
    stream = stream_of(world, name)
    for path in world.files(stream.folder):
        if str(path.relative_to(world.root)) in done.error:
            rows = parsed(world.content(path))
            text = "\n".join([HEADER, *(",".join(row) for row in rows)]) + "\n"
            path.unlink()
            path.with_suffix("").with_suffix(".csv").write_text(text)
            world.note(f"  {path.name}: {text!r}")


@named(r"the header has no field|the header is not a record")
def correct_the_header(world, name, done, names=()):
    correct_the_file(world, name, done)


@named(r"--again", ("ship", "two"))
def append_again(world, name, done, names=()):
    """All rows of the files come again, as is wanted."""
    stream = stream_of(world, name)
    log = "one" if name == "ship" else "two"
    files = world.files(stream.folder)
    how = ("--job", "ship.json") if name == "ship" else ("--format", "csv", "--schema", SCHEMA)
    if name != "ship":
        chosen = [path for path in files if str(path.relative_to(world.root)) in names]
        files = chosen or files
    done = world.run("log", "append", f"log/{log}", *how, "--again", *names)
    # Also where a file among them cannot be read: those before it have come.
    for path in files:
        world.double(stream, path)
    for pattern, where, function in REMEDIES:
        if done.code and function in (correct_the_file, correct_the_header) and pattern.search(done.error):
            return function(world, name, done, names=names)
    if done.code:
        world.fail(f"--again is named and refused: {done.err}")
    world.read_log(log)


@named(r"clear", None)
def clear_and_begin_anew(world, name, done, names=()):
    from user_jobs import clear_job
    words = re.search(r"streamer clear \S+((?: --\w+)*)", done.error)
    if name == "two":
        return
    clear_job(world, name, *(words[1].split() if words else []))


@named(r"run the job first|commit", ("compact", ))
def run_first(world, name, done):
    from user_jobs import run_job
    run_job(world, name)
