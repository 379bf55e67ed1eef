"""What the remedies of errors are, as things to do: how an action is written down in the tables.

An action is given a scene, a folder in which a case was met, does what the error's text names, and
fails when the command does not go on then. `remedies_of_settings` and `remedies_of_runs` have an entry
for each case of docs/errors.md that ends with an error; a case has as many actions as its text names.
"""

import json
import os
import re
import shutil

from .case import REMOVED, Folder, edited


class Scene:
    """A folder in which a case was met, with what the program said."""

    def __init__(self, laboratory, case, place):
        self.base = laboratory.base
        if case.committed:
            shutil.copytree(laboratory.base.path, place, symlinks=True)
        else:
            place.mkdir()
        self.folder = Folder(place)
        self.case = case
        self.ending = case.prepare(self.folder)
        self.code, self.out, self.err, _ = laboratory.execute(case, place)

    def end(self):
        """Lets go what the case holds: locks of others."""
        ending, self.ending = self.ending, None
        if callable(ending):
            ending()

    def run(self, *words, check=0, **options):
        return self.folder.run(*(words or self.case.arguments), check=check, **options)

    def restore(self, *names):
        """Puts files back from a copy that was made when all was well."""
        for name in names:
            source, target = self.base.path / name, self.folder.path / name
            if source.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)


def words(*arguments, check=0):
    """The command, typed as the text says."""
    return lambda scene: scene.run(*arguments, check=check)


def nearest(*rest):
    """The command with the name that the text takes for the one that was meant."""
    def action(scene):
        right = re.search(r"[dD]id you mean '([^']+)'", scene.err)[1]
        wrong = re.findall(r"'([^']*)'", scene.err.split(" did you mean", 1)[0].split(" Did you mean", 1)[0])[-1]
        given = [word.replace(wrong, right.split()[-1] if word == wrong else right)
                 for word in scene.case.arguments]
        scene.run(*given, *rest)
    return action


def edits(changes, verb="validate"):
    """The job file with some values as the text wants them."""
    def action(scene):
        path = scene.folder.path / "job.json"
        job = edited(json.loads(path.read_text()), changes)
        scene.folder.job(job)
        scene.run(verb, "job.json")
    return action


def suggested(verb="validate"):
    """The job file with each name that the text suggests in place of the one that was written."""
    def action(scene):
        path = scene.folder.path / "job.json"
        text = path.read_text()
        pairs = re.findall(
            r"""(?:named|key|found|function named|column named|field) ['"]([^'"]+)['"].*?Did you mean ['"]([^'"]+)['"]""",
            scene.err)
        assert pairs, scene.err
        for wrong, right in pairs:
            text = re.sub(rf"(?<!\w){re.escape(wrong)}(?!\w)", right, text)
        path.write_text(text)
        scene.run(verb, "job.json")
    return action


def content(data, verb="validate"):
    """The job file with other bytes."""
    def action(scene):
        scene.folder.write("job.json", data)
        scene.run(verb, "job.json")
    return action


def then(*steps, run=("run", "job.json")):
    """Steps, each given the scene, and then the command again."""
    def action(scene):
        for step in steps:
            step(scene)
        scene.run(*run)
    return action


def restored(*names, run=None):
    return then(lambda scene: scene.restore(*names), run=run or ())


def cleared(*more, job="job.json"):
    """The job is cleared and begun anew, and its tables are whole."""
    def action(scene):
        scene.run("clear", job, "--yes", *more)
        scene.run("run", job)
        scene.run("lake", "verify")
    return action


def shell(command, run=("run", "job.json")):
    """A command of the shell in the folder, and then the command again."""
    def action(scene):
        assert os.system(f"cd '{scene.folder.path}' && {command}") == 0, command
        scene.run(*run)
    return action


REMEDIES = {}


def remedies(group, table):
    """Notes the actions of a group's cases."""
    for what, actions in table.items():
        REMEDIES[group, what] = actions if isinstance(actions, list) else [actions]


# Cases whose text names nothing to do, and why that is so.
NOTHING_TO_DO = {}


def nothing(group, reason, *cases):
    for what in cases:
        NOTHING_TO_DO[group, what] = reason


__all__ = [name for name in dir() if not name.startswith("_")]
