"""Fortnights by the dozen: `python -m tests.trips.simulate --runs N --seed S`.

A fortnight is its seed. One that breaks a promise prints its seed and what happened up to there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.faults.remembering import remembering
from tests.trips.fortnight import Fortnight

DAYS = 14


class Broken(Exception):
    """A fortnight in which a promise was not kept."""


def run(seed: int, folder: Path) -> None:
    """One fortnight. Raises `Broken` with its seed and what happened up to there."""
    told: list[str] = []
    try:
        with closing(Fortnight(seed, folder, told)) as world:
            for day in range(DAYS):
                told.append(f"day {day + 1}:")
                world.day(day)
            told.append("the end:")
            world.end()
    except Exception as error:
        story = "\n  ".join(told)
        raise Broken(f"--runs 1 --seed {seed}: {error!r} after\n  {story}") from error


def main(argv: list[str]) -> int:
    """Run them and say how fast; 1 where one broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    began, broken = time.monotonic(), 0
    with remembering():
        for seed in range(given.seed, given.seed + given.runs):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    run(seed, Path(folder))
                except Broken as error:
                    broken += 1
                    sys.stderr.write(f"{error}\n")
    took = time.monotonic() - began
    sys.stdout.write(f"{given.runs} fortnights, {broken} broken, {took:.1f} s\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
