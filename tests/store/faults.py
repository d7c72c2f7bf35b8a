"""Faults, each named after what happens: killed before a write, a disk without room."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WRITES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.chmod", "os.truncate", "fcntl.flock"})


def killed_before_write(number: int, action: Callable[[], None]) -> bool:
    """Run `action` in a child that kills itself (no cleanup runs) before its n-th change on disk.

    Returns False once the action has fewer such changes: it then ended by itself.
    """
    child = os.fork()
    if child == 0:
        left = number

        def hook(event: str, args: tuple[object, ...]) -> None:
            nonlocal left
            if event in WRITES or (event == "open" and _writes(args)):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        code = 70
        try:
            sys.addaudithook(hook)
            action()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


@contextmanager
def no_room(size: int = 0) -> Iterator[None]:
    """Within, a file cannot grow beyond `size` bytes: the write fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _writes(args: tuple[object, ...]) -> bool:
    flags = args[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
