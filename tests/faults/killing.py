"""A command killed at its durable calls, each time from the same state: the old or the new."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults import tracing
from tests.faults.plant import Plant, copied

MOST = 9
"""Kills of one command in a usual run; `MARGO_CRASH_ALL=1` kills at every call."""


def killed_everywhere(
    before: Plant,
    scratch: Path,
    command: Callable[[Plant], list[str]],
    result: Callable[[Plant], object],
    again: Callable[[Plant], None],
    *,
    children: bool = True,
) -> int:
    """Kill the command at many calls, each time from `before`; returns how many.

    After each: repositories are whole, the result is the old or the new, and doing it `again`
    gives what an undisturbed run gives.
    """
    old = result(before)
    with copied(before, scratch / "undisturbed") as twin:
        count = tracing.counted(command(twin), scratch, children=children)
        new = result(twin)
    assert old != new
    numbers = tracing.chosen(count, MOST)
    for number in numbers:
        with copied(before, scratch / f"at-{number}") as twin:
            tracing.killed_at(number, command(twin), scratch, children=children)
            twin.check()
            assert result(twin) in (old, new), number
            again(twin)
            assert result(twin) == new, number
            twin.check()
            assert not list(twin.root.rglob("refs/**/*.lock")), number
    return len(numbers)
