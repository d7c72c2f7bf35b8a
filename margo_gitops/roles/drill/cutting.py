"""A process of its own, in which a durable write can be the last thing that happens.

For each attempt what was prepared is copied, a child goes to work on the copy, and at its n-th
durable write the power fails or the disk is full; then the copy is looked at and the work repeated.
`python -m margo_gitops.roles.drill.cutting JOB` prints a line of JSON for each attempt.

A power cut here is the end of the process before the call is made: what was written before it
stays, as it does where the disk keeps its order. Syncs are counted and not waited for.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from margo_gitops import process
from margo_gitops.errors import MargoError, Stalled
from margo_gitops.roles.drill import faults
from margo_gitops.roles.drill.casebook import Astray
from margo_gitops.roles.drill.works import WORKS, Told

Fault = Literal["cut", "full", "limit"]

MOST = 2000
TIMEOUT = 900.0

LIMITS = (0, 1, 100, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 1 << 20)
"""Bytes that a file may have, one attempt each."""


@dataclass(frozen=True, slots=True)
class Job:
    """A work on a copy of `prepared`, again and again, below `places`."""

    work: str
    fault: Fault
    prepared: str
    places: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; `problem` is empty where it ended old or new, whole, and could be repeated.

    `reached` is False for the one in which no fault came any more.
    """

    number: int
    reached: bool
    ended: str
    said: str
    problem: str


def launched(job: Job) -> list[Attempt]:
    """The attempts of a job, made by a process of its own."""
    argv = [sys.executable, "-m", __name__, json.dumps(asdict(job))]
    done = process.run(argv, timeout=TIMEOUT)
    if done.code:
        raise Stalled(f"the process that cuts ended with {done.code}: {done.err.strip()[-400:]}")
    return [Attempt(**json.loads(line)) for line in done.out.splitlines()]


def attempts(job: Job) -> Iterator[Attempt]:
    """Every attempt, in order; the last is the one that nothing befell."""
    numbers: Sequence[int] = LIMITS if job.fault == "limit" else range(1, MOST)
    for number in numbers:
        attempt = _attempt(job, number)
        yield attempt
        if not attempt.reached and job.fault != "limit":
            return


def _attempt(job: Job, number: int) -> Attempt:
    place = Path(job.places) / str(number)
    shutil.copytree(job.prepared, place, symlinks=True)
    work = WORKS[job.work](place)
    try:
        reached, told = _in_child(job, number, place)
        try:
            ended = work.ended()
            work.repeated()
        except (Astray, MargoError) as error:
            return Attempt(number, reached, "between", told.said, f"{error} (attempt {number})")
        return Attempt(number, reached or bool(told.said), ended, told.said, told.problem)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _in_child(job: Job, number: int, place: Path) -> tuple[bool, Told]:
    """Whether the fault came, and what the work said where it came to its end."""
    told, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        code = 1
        try:
            befell = faults.arm(job.fault, number)
            said = WORKS[job.work](place).done()
            faults.disarm()
            os.write(telling, json.dumps([befell(), said.said, said.problem]).encode()[:60_000])
            code = 0
        finally:
            os._exit(code)
    os.close(telling)
    with os.fdopen(told, "rb") as pipe:
        data = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == faults.CUT:
        return True, Told("", "")
    if not data:
        return True, Told("", f"the process ended with {code}, and no word")
    befell, said, problem = json.loads(data)
    return befell, Told(said, problem)


def main(job: Job) -> None:
    """Make every attempt and tell of each."""
    faults.hurry()
    for attempt in attempts(job):
        sys.stdout.write(json.dumps(asdict(attempt)) + "\n")


if __name__ == "__main__":
    main(Job(**json.loads(sys.argv[1])))
