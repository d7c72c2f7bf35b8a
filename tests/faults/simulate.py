"""Random schedules by the thousand: `python -m tests.faults.simulate --runs N --seed S`.

A schedule is its seed. One that breaks an invariant prints its seed and its steps up to there.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.faults.remembering import remembering
from tests.faults.world import STEPS as POSSIBLE
from tests.faults.world import World
from tests.fleet import SimulatedFleet

STEPS = 24


class Broken(Exception):
    """A schedule after which an invariant does not hold."""


def base() -> SimulatedFleet:
    """The fleet that every schedule starts from."""
    fleet = SimulatedFleet({"north": ("n1",)})
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


def main(argv: list[str]) -> int:
    """Run them and say how fast; 1 with the first broken one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    with remembering():
        start, began = base(), time.monotonic()
        for number in range(given.runs):
            try:
                run(start, given.seed + number)
            except Broken as broken:
                sys.stderr.write(f"{broken}\n")
                return 1
    took = time.monotonic() - began
    sys.stdout.write(f"{given.runs} schedules in {took:.1f} s: {given.runs / took:.1f} a second\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
