"""What one piece of work costs: processor time, wall time, peak memory, bytes received.

Cases that are compared take turns (A B C A B C), so that a busy machine is unfair to none.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_LAUNCHER = """
import json, os, sys, time
begun = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - begun
with open(sys.argv[1], "w") as file:
    json.dump([used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024], file)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run, or the median of several: milliseconds of processor and wall, megabytes, bytes."""

    cpu: float
    wall: float
    rss: float | None = None
    received: int | None = None


Case = Callable[[], Sample]


def command(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    codes: Sequence[int] = (0,),
) -> Sample:
    """A program and all that it waited for. Its exit code must be one of `codes`.

    A tiny program of its own starts it: a child's peak memory begins with that of its parent.
    """
    note = cwd / ".used.json"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, note, *argv],
        cwd=cwd,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode in codes, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
    cpu, wall, rss = json.loads(note.read_text())
    note.unlink()
    return Sample(cpu * 1000, wall * 1000, rss)


def inside(work: Callable[[], object], times: int = 1) -> Sample:
    """What `work` costs this thread, per call; a server in another thread is not counted."""
    cpu, wall = time.thread_time(), time.perf_counter()
    for _ in range(times):
        work()
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    return Sample(cpu * 1000 / times, wall * 1000 / times)


def beside(pid: int, work: Callable[[], object], times: int = 1) -> Sample:
    """What `work`, which is `times` pieces of work, costs this other process, for each of them.

    The memory is the peak of its whole life.
    """
    clock = ctypes.c_int()
    failed = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    assert not failed, os.strerror(failed)
    cpu, wall = time.clock_gettime(clock.value), time.perf_counter()
    work()
    cpu, wall = time.clock_gettime(clock.value) - cpu, time.perf_counter() - wall
    status = Path(f"/proc/{pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return Sample(cpu * 1000 / times, wall * 1000 / times, peak)


def interleaved(cases: Mapping[str, Case], rounds: int) -> dict[str, Sample]:
    """The median of each case, measured in turns."""
    samples: dict[str, list[Sample]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            samples[name].append(case())
    return {name: _median(found) for name, found in samples.items()}


def quickest(cases: Mapping[str, Case], rounds: int) -> dict[str, Sample]:
    """The best round of each case, for pure computation: a busy machine can only add to it."""
    found = [interleaved(cases, 1) for _ in range(rounds)]
    return {name: min((turn[name] for turn in found), key=lambda s: s.cpu) for name in cases}


def _median(found: Sequence[Sample]) -> Sample:
    rss = [sample.rss for sample in found if sample.rss is not None]
    received = [sample.received for sample in found if sample.received is not None]
    return Sample(
        median(sample.cpu for sample in found),
        median(sample.wall for sample in found),
        max(rss) if rss else None,
        round(median(received)) if received else None,
    )
