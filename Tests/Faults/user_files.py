"""What users do with the files that feeds and sources read."""

import os
import re
import shutil

from user_jobs import run_job
from user_steps import action
from user_world import HEADER


def some_file(world, folder=None, pattern="*.csv"):
    found = world.files(folder or world.chance.choice(["in", "feed", "hand"]), pattern)
    return world.chance.choice(found) if found else None


def write(world, path, content):
    world.note(f"{path.relative_to(world.root)} := {content!r}" if len(content) < 160 else
               f"{path.relative_to(world.root)} := {len(content)} bytes")
    stream = world.stream_of(path)
    is_altered = not content.startswith(path.read_bytes()) if path.exists() else False
    path.write_bytes(content)
    if is_altered:
        stream.altered.add(path)
    if is_altered or path in stream.families:
        # Copies that are no copies any more: files of their own, with rows of the same ids.
        world.double(stream, path)
    world.look()


def new_name(world, folder, place="last"):
    """A name behind all others, or anywhere."""
    world.files_made = getattr(world, "files_made", 0) + 1
    letter = "m" if place == "last" else world.chance.choice("az")
    return world.root / folder / f"{letter}{world.files_made:04}.csv"


@action(12)
def make_file(world):
    folder = world.chance.choice(["in", "feed", "hand"])
    path = new_name(world, folder)
    aside = path.with_name("." + path.name)
    aside.write_text(f"{HEADER}\n{world.rows()}")
    aside.rename(path)
    world.note(f"{path.relative_to(world.root)}: {path.read_text()!r}")


@action(2)
def make_file_in_the_middle(world):
    path = new_name(world, world.chance.choice(["in", "feed", "hand"]), place="anywhere")
    write(world, path, f"{HEADER}\n{world.rows()}".encode())


@action(1)
def make_odd_file(world):
    path = new_name(world, world.chance.choice(["in", "feed", "hand"]))
    write(world, path, world.chance.choice([
        b"", f"{HEADER}\n".encode(), f"{HEADER}\n\n\n".encode(), f"{HEADER}\n{world.rows(1)}".encode()[:-1],
        f"{HEADER}\n{world.rows()}".replace("\n", "\r\n").encode(), f"\ufeff{HEADER}\n{world.rows()}".encode()]))


@action(10)
def append_rows(world):
    """Behind a file's end; behind a line without end it begins with one."""
    if path := some_file(world):
        data = path.read_bytes()
        between = b"" if data.endswith(b"\n") or not data else b"\n"
        write(world, path, data + between + (b"" if data else f"{HEADER}\n".encode()) + world.rows().encode())


@action(4)
def append_half_a_line(world):
    if path := some_file(world):
        data = path.read_bytes()
        line = world.rows(1).encode()
        if data.endswith(b"\n"):
            write(world, path, data + line[:world.chance.randint(1, len(line) - 1)])
            if world.chance.random() < 0.5:
                run_job(world)
            if path.exists() and world.chance.random() < 0.7:
                write(world, path, data + line + world.rows().encode())


@action(3)
def edit_a_row(world):
    """Changes a value, inserts a line or takes one out."""
    if path := some_file(world):
        lines = path.read_bytes().split(b"\n")
        index = world.chance.randrange(len(lines))
        match world.chance.choice(["value", "insert", "remove", "word"]):
            case "value" if lines[index].count(b",") == 2 and index:
                lines[index] = re.sub(rb"\d(?=\r?$)", lambda m: b"%d" % ((int(m[0]) + 1) % 10), lines[index])
            case "insert":
                lines.insert(max(1, index), world.rows(1).strip().encode())
            case "remove" if index:
                del lines[index]
            case "word" if index and lines[index]:
                lines[index] = lines[index].replace(b"2026", b"when", 1)
        write(world, path, b"\n".join(lines))


@action(3)
def truncate_a_file(world):
    if path := some_file(world):
        data = path.read_bytes()
        write(world, path, data[:world.chance.randint(0, len(data))])


@action(3)
def replace_a_file(world):
    if path := some_file(world):
        write(world, path, f"{HEADER}\n{world.rows()}".encode())


def note_family(world, path, to):
    """One file has another's content; where that was altered since it was read, nobody can tell."""
    stream = world.stream_of(path)
    stream.families |= {path, to}
    if path in stream.altered:
        world.double(stream, to)


@action(3)
def rename_a_file(world):
    if path := some_file(world):
        to = new_name(world, path.parent.name, world.chance.choice(["last", "anywhere"]))
        world.note(f"mv {path.relative_to(world.root)} {to.name}")
        path.rename(to)
        note_family(world, path, to)


@action(3)
def copy_a_file(world):
    if path := some_file(world):
        to = new_name(world, path.parent.name, world.chance.choice(["last", "anywhere"]))
        how = world.chance.choice(["cp", "ln", "ln -s", "cp and more"])
        world.note(f"{how} {path.relative_to(world.root)} {to.name}")
        match how:
            case "ln": os.link(path, to)
            case "ln -s": to.symlink_to(path.name)
            case _: shutil.copyfile(path, to)
        note_family(world, path, to)
        if how == "cp and more" and to.read_bytes().endswith(b"\n"):
            # Found where it is read behind the other one alone.
            write(world, to, to.read_bytes() + world.rows().encode())


@action(2)
def remove_a_file(world):
    if path := some_file(world):
        world.note(f"rm {path.relative_to(world.root)}")
        path.unlink()


@action(1)
def touch_a_file(world):
    if path := some_file(world):
        world.note(f"touch {path.relative_to(world.root)}")
        os.utime(path)
