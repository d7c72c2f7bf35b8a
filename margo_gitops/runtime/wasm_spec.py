"""What the wasm driver and its supervisors tell each other, through the files of one folder.

    spec.json    the driver's word: what is to run; holds secrets, mode 0600
    state.json   the supervisor's word: what became of it
    lock         held (flock) by the supervisor for as long as it lives, however it dies
    log, log.1   the component's output, size-capped
    data/        the directories granted to it

Each file has one writer, and is replaced whole. The driver deletes `state.json` before it starts a
supervisor; so while the lock is held, a pid in `state.json` is that of the lock's holder and never
that of a stranger who got the same number. Every supervisor imports this: named tuples and the
standard library's small modules only, as each megabyte here is paid once per component.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

SPEC = "spec.json"
STATE = "state.json"
LOCK = "lock"
LOG = "log"
DATA = "data"

MODULE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"
"""How the two kinds of program begin: a core module, and a component of WASI preview 2."""

LOCK_HELD = 75
"""A supervisor's exit code where another one holds the folder (EX_TEMPFAIL)."""

_PATIENCE = 2.0
_POLL = 0.02


class Phase(StrEnum):
    """What a supervisor last did with its module."""

    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    COMPLETED = "completed"
    FAILED = "failed"


class Spec(NamedTuple):
    """One component as it is to run.

    `identity` is a digest of all the rest but `artifact` and `compiled`, which say where the bytes
    lie just now: two specs of one identity run alike. `environment` holds secrets. `directories`
    maps a guest path to a folder under `data/`. `memory` is in bytes; `fuel` 0 is no limit.
    """

    identity: str
    owner: str
    id: str
    name: str
    origin: str
    component: str
    position: int
    digest: str
    artifact: str
    compiled: str
    job: bool
    args: list[str]
    environment: dict[str, str]
    directories: dict[str, str]
    memory: int
    fuel: int


class Record(NamedTuple):
    """What a supervisor says of itself: `pid` is valid while the lock is held, `error` one line."""

    phase: Phase
    identity: str
    origin: str
    pid: int
    restarts: int = 0
    code: int | None = None
    error: str = ""


_T = TypeVar("_T")


class _Row(Protocol):
    def _asdict(self) -> dict[str, Any]: ...


def read_spec(folder: Path) -> Spec | None:
    """The folder's spec; None where there is none that can be read as one."""
    return _read(folder / SPEC, lambda row: Spec(**row))


def read_record(folder: Path, identity: str | None = None) -> Record | None:
    """The supervisor's record; where `identity` is given, only one that speaks of that spec."""
    record = _read(folder / STATE, lambda row: Record(**{**row, "phase": Phase(row["phase"])}))
    return record if record and identity in {None, record.identity} else None


def save(path: Path, row: _Row) -> None:
    """Replace a file durably and whole, readable by us only. Raises `OSError`."""
    write(path, json.dumps(row._asdict()).encode())


def write(path: Path, data: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the folder. Raises `OSError`."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the folder's names durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold(folder: Path) -> int | None:
    """Take the lock for the rest of this process's life; None where another has it.

    It tries for two seconds, as `alive` holds the lock for a moment when it looks.
    """
    descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _PATIENCE
    while not _lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(_POLL)
    return descriptor


def alive(folder: Path) -> bool:
    """True while a supervisor holds the folder's lock. Raises `OSError`."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path, build: Callable[[dict[str, Any]], _T]) -> _T | None:
    try:
        return build(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError, TypeError, ValueError, KeyError):
        return None
