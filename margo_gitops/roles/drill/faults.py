"""What befalls a process at its durable writes: the power fails, or the disk is full.

The functions of `os` that make something durable are replaced, in this process alone and for good:
for children that do one thing and end.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALLS = ("fsync", "fdatasync", "replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir")
"""What orders writes: before and after each of these a disk says something else."""

FILLING = ("fsync", "fdatasync", "mkdir", "link", "write")
"""What a full disk says no to, beside opening a new file."""

_SYNCS = ("fsync", "fdatasync")
_MADE: dict[str, Any] = {name: getattr(os, name) for name in {*CALLS, *FILLING, "open"}}

_State = tuple[tuple[str, int, int, int], ...]


def hurry() -> None:
    """Sync nothing in this process: it works on copies that nobody needs when it has ended."""
    for name in _SYNCS:
        setattr(os, name, _unhurried)


def feed() -> None:
    """There is room again."""
    for name, made in _MADE.items():
        setattr(os, name, made)


def counted() -> Callable[[], int]:
    """Count the writes that take room, from here on; the answer is how many there were."""
    left = [1 << 30]
    for name in (*FILLING, "open"):
        setattr(os, name, _refusing(name, left))
    return lambda: (1 << 30) - left[0]


def starve(fault: str, number: int) -> None:
    """No room from here on: `full` fails the n-th write that takes any, and all after it.

    `limit` lets the kernel refuse every file more than so many bytes.
    """
    if fault == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
        return
    left = [number]
    for name in (*FILLING, "open"):
        setattr(os, name, _refusing(name, left))


@dataclass(slots=True)
class Film:
    """Copies of `place` into `states`, one for each state that it was in before a durable write.

    `seen` has the number of the first such call, and how many calls found the same.
    """

    place: Path
    states: Path
    seen: list[list[int]] = field(default_factory=list)
    _last: _State | None = None
    _calls: int = 0
    _busy: bool = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look before each call, from here on to the end of the block."""
        for name in CALLS:
            setattr(os, name, self._looking(name))
        try:
            yield
        finally:
            self._busy = True

    def _looking(self, name: str) -> Callable[..., Any]:
        made = _unhurried if name in _SYNCS else _MADE[name]

        def call(*words: Any, **more: Any) -> Any:
            if not self._busy:
                self._busy = True
                self._look()
                self._busy = False
            return made(*words, **more)

        return call

    def _look(self) -> None:
        self._calls += 1
        state = tuple(_walked(self.place))
        if state == self._last:
            self.seen[-1][1] += 1
            return
        self._last = state
        self.seen.append([self._calls, 1])
        shutil.copytree(self.place, self.states / str(self._calls))


def _walked(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    """Each file and folder, with what changes when it is written."""
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            yield entry.path, 0, 0, 0
            yield from _walked(Path(entry.path))
        else:
            yield entry.path, status.st_ino, status.st_size, status.st_mtime_ns


def _unhurried(_: int) -> None:
    """A sync that is counted and not waited for."""


def _refusing(name: str, left: list[int]) -> Callable[..., Any]:
    made = _unhurried if name in _SYNCS else _MADE[name]

    def call(*words: Any, **more: Any) -> Any:
        if name == "open" and not words[1] & os.O_CREAT:
            return made(*words, **more)
        left[0] -= 1
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return made(*words, **more)

    return call
