"""A process of its own, in which a durable write can be the last thing that happens.

`python -m margo_gitops.roles.drill.cutting JOB` prints a line of JSON for each attempt.

A power cut is what the disk holds just before a call that makes something durable: the work is
done once on a copy of what was prepared, and at each such call the copy is copied as it is then.
Each of these is what a process would leave that ended there; what it had written before stays, as
where a disk keeps its order. Then each is looked at, and the work is done again on it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from margo_gitops import process
from margo_gitops.errors import MargoError, Stalled
from margo_gitops.roles.drill import faults
from margo_gitops.roles.drill.casebook import Astray
from margo_gitops.roles.drill.works import WORKS, Told

Fault = Literal["cut", "full", "limit"]

TIMEOUT = 900.0
SOME = 12
"""Writes at which a disk is full, where there are more: chosen by the seed."""

LIMITS = (0, 1, 100, 500, 1000, 2000, 4000, 8000, 16_000)
"""Bytes that a file may have, one attempt each."""

_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Job:
    """A work on copies of `prepared`, again and again, below `places`."""

    work: str
    fault: Fault
    prepared: str
    places: str
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; `problem` is empty where it ended old or new, whole, and could be repeated.

    `stands_for` counts the calls before which the disk was the very same.
    """

    ended: str
    said: str
    problem: str
    stands_for: int = 1


def launched(job: Job) -> list[Attempt]:
    """The attempts of a job, made by a process of its own."""
    argv = [sys.executable, "-m", __name__, json.dumps(asdict(job))]
    done = process.run(argv, timeout=TIMEOUT)
    if done.code:
        raise Stalled(f"the process that cuts ended with {done.code}: {done.err.strip()[-400:]}")
    return [Attempt(**json.loads(line)) for line in done.out.splitlines()]


def attempts(job: Job) -> Iterator[Attempt]:
    """Every attempt, up to the first with a problem.

    For a process that does nothing else: its syncs wait for nothing from here on.
    """
    faults.hurry()
    if job.fault == "cut":
        whole, states = _cut(job)
        yield whole
        if whole.problem:
            return
        tasks, look = states, partial(_restarted, job)
    else:
        tasks, look = [(str(n), n) for n in _numbers(job)], partial(_starved, job)
    with multiprocessing.get_context("fork").Pool(_workers()) as pool:
        for attempt in pool.imap(look, tasks):
            yield attempt
            if attempt.problem:
                return


def _workers() -> int:
    return max(1, min(_PARALLEL, len(os.sched_getaffinity(0))))


def _cut(job: Job) -> tuple[Attempt, list[tuple[str, int]]]:
    """The work done whole; and the folder of each state of the disk before a durable write."""
    place = Path(job.places) / "whole"
    shutil.copytree(job.prepared, place)
    told = _in_child(lambda: _filmed(job, place))
    if told.problem:
        return Attempt("between", "", f"undisturbed: {told.problem}"), []
    ended, problem = _looked_at(job, place, again=False)
    seen: list[list[int]] = json.loads(told.said)
    return Attempt(ended, "", problem, 0), [(str(number), count) for number, count in seen]


def _filmed(job: Job, place: Path) -> Told:
    film = faults.Film(place, Path(job.places))
    with film.running():
        told = WORKS[job.work](place).done()
    return Told(json.dumps(film.seen), told.said)


def _restarted(job: Job, state: tuple[str, int]) -> Attempt:
    name, count = state
    ended, problem = _looked_at(job, Path(job.places) / name)
    return Attempt(ended, "", problem and f"cut at write {name}: {problem}", count)


def _starved(job: Job, task: tuple[str, int]) -> Attempt:
    """The work with no room from the n-th write on; then with room again."""
    place = Path(job.places) / task[0]
    shutil.copytree(job.prepared, place)
    told = _in_child(lambda: _without_room(job, task[1], place))
    ended, problem = _looked_at(job, place)
    return Attempt(ended, told.said, told.problem or problem)


def _looked_at(job: Job, place: Path, *, again: bool = True) -> tuple[str, str]:
    """Where it ended, and what is wrong with that, or with doing it again."""
    work = WORKS[job.work](place)
    try:
        ended = work.ended()
        if again:
            work.repeated()
    except (Astray, MargoError, OSError) as error:
        return "between", str(error)
    else:
        return ended, ""
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _without_room(job: Job, number: int, place: Path) -> Told:
    faults.starve(job.fault, number)
    try:
        return WORKS[job.work](place).done()
    finally:
        faults.feed()


def _counted(job: Job, place: Path) -> Told:
    count = faults.counted()
    WORKS[job.work](place).done()
    return Told(str(count()))


def _in_child(work: Callable[[], Told]) -> Told:
    """What a work said in a child of its own, where that came to its end."""
    told, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.write(telling, json.dumps(asdict(work())).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(telling)
    with os.fdopen(told, "rb") as pipe:
        data = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Told(**json.loads(data)) if data else Told("", f"the process ended with {code}")


def _numbers(job: Job) -> Sequence[int]:
    """From which writes on there is no room: all of them, or some, the first and last in it."""
    if job.fault == "limit":
        return LIMITS
    place = Path(job.places) / "counted"
    shutil.copytree(job.prepared, place)
    every = int(_in_child(lambda: _counted(job, place)).said)
    shutil.rmtree(place)
    if every <= SOME:
        return range(1, every + 1)
    inner = random.Random(job.seed).sample(range(2, every), SOME - 2)  # noqa: S311  # no secret
    return [1, *sorted(inner), every]


def main(job: Job) -> None:
    """Make every attempt and tell of each."""
    for attempt in attempts(job):
        sys.stdout.write(json.dumps(asdict(attempt)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Job(**json.loads(sys.argv[1])))
