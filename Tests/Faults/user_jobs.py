"""What users do with jobs: they run them, kill them, change them, and append to logs by hand."""

import copy
import time

from user_remedies import remedy
from user_steps import action
from user_world import JOBS, LOGS, SCHEMA


def run_job(world, name=None, *more, kill=None, during=None, alone=True):
    """Runs a job; an error is mended by what it names until the job goes on."""
    name = name or world.chance.choice(list(JOBS))
    for attempt in range(8):
        world.note_begin(name)
        done = world.run("run", f"{name}.json", *more, kill=kill, during=during)
        for log in LOGS:
            world.read_log(log)
        # Somebody else may have appended to its log since it looked.
        finished = done.code == 0 and not more and alone
        if finished and name == "ship":
            check_log(world, "one", world.files("feed"))
        world.check_job(name, finished)
        if done.code in (0, 130) or kill is not None:
            return done
        remedy(world, name, done, attempt)
        kill = during = None
        more = more[2:] if "--trigger" in more else more
    world.fail(f"{name} does not go on, whatever is done of what its errors name")


def check_log(world, log, files):
    """Holds a log to the files that were read into it."""
    stream = world.streams[log]
    counts = {}
    for row in world.logs[log].values():
        counts[row] = counts.get(row, 0) + 1
    world.check_rows(stream, counts, f"log/{log}", files)
    stream.good |= {path: path.read_bytes() for path in files}


@action(22)
def run(world):
    run_job(world)


@action(5)
def run_and_kill(world):
    run_job(world, kill=world.killed_after())


@action(3)
def run_one_batch(world):
    run_job(world, None, "--max-batches", "1")


@action(2)
def run_without_end(world):
    """A job that runs while files come, then is stopped."""
    name = world.chance.choice(list(JOBS))

    def meanwhile(process):
        from user_files import make_file
        time.sleep(5 * world.speed)
        for _ in range(2):
            make_file(world)
            time.sleep(5 * world.speed)
    run_job(world, name, "--trigger", "20ms", during=meanwhile)


@action(2)
def run_two_at_once(world):
    """The same job, or another of the same log, begins while one runs."""
    name, other = world.chance.choice([("ship", "ship"), ("twin", "ship"), ("both", "twin"), ("pick", "pick")])
    world.note_begin(other)
    beside = world.begin_run("run", f"{other}.json")
    run_job(world, name, alone=False)
    world.end_run(beside)
    for log in LOGS:
        world.read_log(log)
    world.check_job(other, finished=False)
    run_job(world, name)


@action(8)
def append_by_hand(world, *more):
    """`log append` of some files, or of all by a pattern."""
    kill = world.killed_after() if world.chance.random() < 0.2 else None
    pattern = world.chance.choice(["hand/*.csv*", "hand/*.csv*", None])
    for attempt in range(8):
        files = world.files("hand")
        if not files:
            return
        if pattern is None and attempt == 0:
            files = sorted(world.chance.sample(files, min(len(files), 2)))
        files = [path for path in files if path.exists()]
        names = [pattern] if pattern else [str(path.relative_to(world.root)) for path in files if path.exists()]
        if not names:
            return
        done = world.run("log", "append", "log/two", "--format", "csv", "--schema", SCHEMA, *more, *names, kill=kill)
        world.read_log("two")
        check_log(world, "two", files if done.code == 0 and not more else [])
        if done.code == 0 or kill is not None:
            return
        if remedy(world, "two", done, attempt, names=names) == "given up":
            return
        kill = None
    world.fail("log append does not go on, whatever is done of what its errors name")


@action(2)
def follow_by_hand(world):
    append_by_hand(world, "--follow")


def clear_job(world, name, *more, kill=None):
    """Empties a job; what of a cut-off clear is left is cleared by the next."""
    logs = {log for log in LOGS if (world.root / "log" / log / "log.json").exists()}
    done = world.run("clear", f"{name}.json", "--yes", *more, kill=kill)
    if done.code not in (0, -9):
        world.fail(f"clear: {done.err}")
    if done.code == -9:
        world.run("clear", f"{name}.json", "--yes", *more)
    world.had[name].clear()
    world.begin[name] = {}
    if name == "pick":
        world.streams["in"].begin_anew()
    for log in logs:
        if not (world.root / "log" / log / "log.json").exists():
            world.logs[log] = {}
            world.streams[log].begin_anew()
    return done


@action(2)
def change_a_job(world):
    """A change that is allowed, or one that is refused and undone."""
    name = world.chance.choice(list(JOBS))
    before = copy.deepcopy(world.jobs[name])
    job = world.jobs[name]
    source = job.get("source") or job["sources"][0]
    refused = None
    match world.chance.choice(["limit", "threads", "columns", "name", "mode", "mend"]):
        case "limit":
            key = "maxFilesPerTrigger" if name == "pick" else "maxOffsetsPerTrigger"
            source[key] = world.chance.randint(1, 20)
        case "threads":
            job["options"] = {"threads": world.chance.randint(1, 2)}
        case "mode" if name == "pick":
            source["mode"] = world.chance.choice(["FAILFAST", "DROPMALFORMED"])
        case "mend" if name == "pick":
            source["ignoreMissingFiles"] = source["ignoreCorruptFiles"] = False
        case "columns" if name in ("pick", "ship") and world.had[name]:
            refused = "other columns"
            (job.get("feed") or source)["columns"][1]["timeZone"] = "America/New_York"
        case "name" if world.had[name]:
            refused = "another name"
            job |= {"name": "other", "checkpointLocation": f"checkpoints/{name}"}
    world.save(name)
    world.note(f"{name}.json is changed: {source} {refused or ''}")
    if refused:
        if world.run("run", f"{name}.json").code == 0:
            world.fail(f"a job of {refused} went on")
        world.jobs[name] = before
        world.save(name)
