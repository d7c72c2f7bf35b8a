"""Random schedules by the thousand: `python -m tests.faults.simulate --runs N --seed S --jobs J`.

A schedule is its seed. One that breaks an invariant prints its seed and its steps up to there.
`nox -s simulate` runs 100,000, for a night.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from multiprocessing import get_context

from tests.faults.remembering import remembering
from tests.faults.world import STEPS as POSSIBLE
from tests.faults.world import World
from tests.fleet import SimulatedFleet
from tests.trust.world import SignedFleet

STEPS = 24
SLICE = 300
"""Schedules that one process runs before its memory is given back."""


class Broken(Exception):
    """A schedule after which an invariant does not hold."""


def base(*, signed: bool = False) -> SimulatedFleet:
    """The fleet that every schedule starts from."""
    nodes = {"north": ("n1",)}
    fleet = SignedFleet(nodes) if signed else SimulatedFleet(nodes)
    fleet.deploy()
    fleet.sites["north"].poll()
    return fleet


def run(start: SimulatedFleet, seed: int) -> None:
    """One schedule. Raises `Broken` with its seed and the steps that led there."""
    world = World(start, random.Random(seed))
    steps: list[str] = []
    try:
        for _ in range(STEPS):
            steps.append(world.chance.choice(POSSIBLE))
            world.take(steps[-1])
        steps.append("heal")
        world.heal()
    except Exception as error:
        told = ", ".join(steps)
        raise Broken(
            f"--runs 1 --seed {seed}: {error!r} after {len(steps)} steps: {told}"
        ) from error


def broken_of(seeds: range) -> list[str]:
    """Run these seeds' schedules; what to say of those that broke an invariant.

    Every second slice of them is of a signed fleet.
    """
    found = []
    with remembering():
        start = base(signed=is_signed(seeds[0]))
        for seed in seeds:
            try:
                run(start, seed)
            except Broken as broken:
                found.append(str(broken))
    return found


def is_signed(seed: int) -> bool:
    """Whether a seed's schedule is one of a signed fleet."""
    return seed // SLICE % 2 == 1


def main(argv: list[str]) -> int:
    """Run them and say how fast; 1 where one broke an invariant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args(argv)
    began, done, broken = time.monotonic(), 0, 0
    end = given.seed + given.runs
    slices = [
        range(max(first, given.seed), min(first + SLICE, end))
        for first in range(given.seed // SLICE * SLICE, end, SLICE)
    ]
    with get_context("spawn").Pool(given.jobs, maxtasksperchild=1) as pool:
        for seeds, found in zip(slices, pool.imap(broken_of, slices), strict=True):
            done, broken = done + len(seeds), broken + len(found)
            sys.stderr.writelines(f"{line}\n" for line in found)
            pace = done / (time.monotonic() - began)
            sys.stdout.write(f"{done} schedules, {broken} broken, {pace:.1f} a second\n")
            sys.stdout.flush()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
