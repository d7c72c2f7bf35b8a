"""What befalls a process at its durable writes: the power fails, or the disk is full.

The functions of `os` that make something durable are replaced, in this process alone and for good:
for children that do one thing and end.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from typing import Any

CUT = 99
"""The exit code of a process whose power failed."""

CALLS = ("fsync", "fdatasync", "replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir")
"""What orders writes: before and after each of these a disk says something else."""

FILLING = ("fsync", "fdatasync", "mkdir", "link", "write")
"""What a full disk says no to, beside opening a new file."""

_SYNCS = ("fsync", "fdatasync")
_made: dict[str, Any] = {name: getattr(os, name) for name in {*CALLS, *FILLING, "open"}}


def hurry() -> None:
    """Sync nothing in this process: it works on copies that nobody needs when it has ended."""
    for name in _SYNCS:
        setattr(os, name, lambda _: None)


def arm(fault: str, number: int) -> Callable[[], bool]:
    """Let the n-th call be the one; the answer says afterwards whether it came to that.

    `cut` ends the process before the call, `full` fails that call and all after it with `ENOSPC`;
    `limit` lets the kernel refuse every file more than so many bytes.
    """
    if fault == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
        return lambda: False
    left = [number]
    for name in CALLS if fault == "cut" else (*FILLING, "open"):
        setattr(os, name, _counted(name, left, fault))
    return lambda: left[0] <= 0


def disarm() -> None:
    """Nothing befalls this process any more."""
    for name, made in _made.items():
        setattr(os, name, made)


def _counted(name: str, left: list[int], fault: str) -> Callable[..., Any]:
    made = (lambda _: None) if name in _SYNCS else _made[name]

    def call(*words: Any, **more: Any) -> Any:
        if name == "open" and not words[1] & os.O_CREAT:
            return made(*words, **more)
        left[0] -= 1
        if left[0] <= 0 and fault == "cut":
            os._exit(CUT)
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return made(*words, **more)

    return call
