"""A random walk of user actions against a plain model: no row is lost, doubled or torn without a word.

WALK_ACTIONS says how many actions are taken, WALK_SEED the first life; a violation prints its life
and every step of it, and `WALK_SEED=… WALK_LIVES=1` walks it again.
"""

import concurrent.futures
import os
import time

import pytest

import user_files  # noqa: F401
import user_tables
from user_jobs import run_job
from user_steps import step
from user_world import JOBS, Violation, World

LIFE = int(os.environ.get("WALK_LIFE", 60))
ACTIONS = int(os.environ.get("WALK_ACTIONS", 600))
SEED = int(os.environ.get("WALK_SEED", 1))


def walk(seed):
    """One project, from its beginning through some actions; checked whole in the end."""
    world = World(seed)
    try:
        begun = time.monotonic()
        run_job(world, "ship")
        world.speed = min(1, max(0.004, (time.monotonic() - begun) / 4))
        for _ in range(LIFE):
            step(world)
        for name in JOBS:
            run_job(world, name)
        user_tables.verify(world)
        world.remove()
    except Violation as violation:
        return str(violation)
    return None


def test_no_row_is_lost_doubled_or_torn_without_a_word():
    lives = int(os.environ.get("WALK_LIVES", max(1, ACTIONS // LIFE)))
    workers = int(os.environ.get("FAULT_WORKERS", os.cpu_count() or 1))
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        found = [text for text in pool.map(walk, range(SEED, SEED + lives)) if text]
    print(f"\n{lives} lives of {LIFE} actions from seed {SEED}: {len(found)} violations")
    assert not found, "\n\n".join(found[:3])
