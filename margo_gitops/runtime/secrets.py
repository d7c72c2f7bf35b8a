"""Secrets that never enter git: files of a folder that only root or the agent's user can read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from margo_gitops.errors import Missing

LARGEST = 64 << 10
"""Bytes of one secret."""

Secrets = Callable[[str], str]
"""A secret's value by its name; raises `Missing`, which never holds the value."""


def secrets_in(folder: Path) -> Secrets:
    """Reads `folder/NAME` each time that it is asked; see `read_secret`."""
    return lambda name: read_secret(folder, name)


def no_secrets(name: str) -> str:
    """A node without a folder of secrets has none."""
    raise Missing(
        f"the secret {name} is wanted and this agent has no folder of secrets",
        help="margo en run --secrets DIR",
    )


def read_secret(folder: Path, name: str) -> str:
    """The text of `folder/name`, without one line end at its end.

    It must be a regular file, no symlink, of root or of this user, closed to everybody else, of
    at most 64 KiB of UTF-8 without NUL. `Missing` where it is not: nothing is lost, the deployment
    waits and is tried again by itself. A changed file takes effect when its deployment is next
    applied (changed, repaired or installed anew): a node keeps no trace of a secret, so it does
    not see that one differs.
    """
    path = folder / name
    try:
        text = _guarded(path).decode("utf-8")
    except _Unsafe as error:
        fault = str(error)
    except OSError as error:
        fault = "it is a symlink" if error.errno == errno.ELOOP else str(error.strerror)
    except UnicodeDecodeError:
        fault = "it is no UTF-8 text"
    else:
        return text.removesuffix("\n")
    # Outside the handlers: a decoding error holds the bytes.
    raise Missing(
        f"the secret {name} cannot be read from {path}: {fault}",
        help=f"install -m 0600 FILE {path}, as root or the agent's user",
    )


class _Unsafe(Exception):
    """A file that no secret may lie in."""


def _guarded(path: Path) -> bytes:
    # Non-blocking, so that a FIFO in its place cannot hang the agent.
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise _Unsafe("it is no regular file")
        if found.st_uid not in {0, os.geteuid()}:
            raise _Unsafe(f"it belongs to user {found.st_uid}, neither root nor the agent's")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise _Unsafe(f"its mode is {mode:04o}, expected 0600 or less")
        data = os.pread(file, LARGEST + 1, 0)
    finally:
        os.close(file)
    if len(data) > LARGEST:
        raise _Unsafe(f"it has more than {LARGEST} bytes")
    if b"\0" in data:
        raise _Unsafe("it holds a NUL byte")
    return data
