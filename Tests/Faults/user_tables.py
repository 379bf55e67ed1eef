"""What users do with logs, tables, checkpoints and the project's folder."""

import shutil

from user_jobs import clear_job, run_job
from user_steps import action
from user_world import JOBS, LOGS


@action(2)
def compact(world):
    name = world.chance.choice(["pick", "ship", "twin", "both"])
    if world.table(name):
        kill = world.killed_after() if world.chance.random() < 0.3 else None
        done = world.run("lake", "compact", name, kill=kill)
        if done.code == 1 and "commit" not in done.err and "run" not in done.err:
            world.fail(f"compact: {done.err}")
        world.check_stays(name, world.table(name))


@action(2)
def trim(world):
    log = world.chance.choice(list(LOGS))
    if world.logs[log]:
        more = world.chance.choice([["--max-bytes", "0"], ["--compress"], ["--max-bytes", "4000", "--compress"]])
        kill = world.killed_after() if world.chance.random() < 0.3 else None
        before = dict(world.logs[log])
        world.run("log", "trim", f"log/{log}", "--seal", *more, kill=kill)
        world.read_log(log)
        world.trimmed[log] |= {at: row for at, row in before.items() if at not in world.logs[log]}


@action(2)
def clear(world):
    name = world.chance.choice(list(JOBS))
    with_log = ["--log"] if world.chance.random() < 0.2 else []
    kill = world.killed_after() if world.chance.random() < 0.3 else None
    clear_job(world, name, *with_log, kill=kill)


@action(2)
def replay(world):
    name = world.chance.choice(list(JOBS))
    if not (world.root / f"checkpoints/{name}/commits/0").exists():
        return
    shutil.rmtree(world.root / "again", ignore_errors=True)
    match world.chance.choice(["verify", "checkpoint", "into"]):
        case "verify":
            world.run("replay", f"{name}.json", "--from-checkpoint", "--verify")
        case "checkpoint":
            done = world.run("replay", f"{name}.json", "--from-checkpoint")
            world.check_job(name, finished=done.code == 0 and name != "ship")
        case "into":
            world.run("replay", f"{name}.json", "--into", "again")
    world.check_stays(name, world.table(name))


@action(1)
def move_the_project(world):
    to = world.base / f"project{world.chance.randrange(1000)}"
    if not to.exists():
        world.root.rename(to)
        for stream in world.streams.values():
            stream.good = {to / path.relative_to(world.root): data for path, data in stream.good.items()}
            stream.altered = {to / path.relative_to(world.root) for path in stream.altered}
            stream.families = {to / path.relative_to(world.root) for path in stream.families}
        world.root = to
        world.note(f"the project is now in {to.name}")


@action(1)
def put_a_folder_behind_a_link(world):
    place = world.root / world.chance.choice(["in", "feed", "hand"])
    if not place.is_symlink():
        behind = world.root / f"{place.name}-behind"
        place.rename(behind)
        place.symlink_to(behind.name)
        world.note(f"{place.name} is a link now")


@action(1)
def lose_a_table(world):
    """`rm -r` of a job's table: the next run must not pass over it."""
    name = world.chance.choice(list(JOBS))
    if world.had[name] and (world.root / "lake" / name).exists():
        shutil.rmtree(world.root / "lake" / name)
        world.note(f"rm -r lake/{name}")
        world.had[name].clear()
        run_job(world, name)


@action(1)
def lose_a_part_of_a_table(world):
    """A file of a table is removed, and put back when a check has named it."""
    name = world.chance.choice(["pick", "ship", "twin", "both"])
    found = sorted((world.root / "lake" / name).rglob("*.parquet"))
    parts = [path for path in found if "_delta_log" not in path.parts]
    if parts:
        part = world.chance.choice(parts)
        data = part.read_bytes()
        part.unlink()
        world.note(f"rm {part.relative_to(world.root)}")
        done = world.run("lake", "verify", name)
        # Of a compacted file of a plain directory nothing is kept: missing are those that it took the
        # place of, by the checkpoint.
        replaced = part.name.startswith("compacted-") and "the file is missing" in done.err
        if done.code != 1 or not (part.name in done.err or replaced):
            # A Delta table keeps files of older versions, which compaction has replaced.
            if name != "ship" or done.code:
                world.fail(f"lake verify passes over {part.name}: {done.err}")
        part.write_bytes(data)


@action(1)
def lose_a_checkpoint(world):
    name = world.chance.choice(list(JOBS))
    if (world.root / f"checkpoints/{name}").exists():
        shutil.rmtree(world.root / f"checkpoints/{name}")
        world.note(f"rm -r checkpoints/{name}")
        run_job(world, name)


@action(2)
def verify(world):
    """Whatever was done with files: logs, checkpoints and tables are whole."""
    logs = [log for log in LOGS if (world.root / f"log/{log}/log.json").exists()]
    for words in [("lake", "verify"), *[("log", "verify", f"log/{log}") for log in logs],
                  *[("checkpoint", "verify", name) for name in JOBS
                    if (world.root / f"checkpoints/{name}/metadata").exists()]]:
        done = world.run(*words)
        if done.code and "there is no" not in done.err:
            world.fail(f"{' '.join(words)}: {done.err}")
