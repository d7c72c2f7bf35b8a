"""One component's folder as the driver sees it: start, stop, read, delete."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import margo_gitops
from margo_gitops.errors import Failing, Invalid, Waiting
from margo_gitops.model.state import State
from margo_gitops.process import run
from margo_gitops.runtime.base import ObservedComponent
from margo_gitops.runtime.wasm_spec import (
    LOCK_HELD,
    LOG,
    SPEC,
    STATE,
    Phase,
    Record,
    Spec,
    alive,
    read_record,
    read_spec,
    save,
)

HOME = Path(margo_gitops.__file__).parent.parent
"""Where `python -m margo_gitops...` is found from, however this package was."""

_TRASH = "trash"
_START, _TERMINATE, _KILL, _POLL = 60.0, 3.0, 5.0, 0.01
_ENDS = {Phase.COMPLETED, Phase.FAILED}
_STATES = {
    Phase.STARTING: State.INSTALLING,
    Phase.RUNNING: State.INSTALLED,
    Phase.BACKOFF: State.FAILED,
    Phase.COMPLETED: State.INSTALLED,
    Phase.FAILED: State.FAILED,
}


def judge(spec: Spec, record: Record | None, *, living: bool) -> ObservedComponent:
    """A component's state from its supervisor's record and whether that supervisor lives."""
    phase = record.phase if record else Phase.STARTING
    if not living and not (spec.job and phase in _ENDS):
        return ObservedComponent(spec.component, State.FAILED, "its supervisor is gone", lost=True)
    detail = "completed" if phase is Phase.COMPLETED else record.error if record else ""
    restarts = record.restarts if record else 0
    return ObservedComponent(spec.component, _STATES[phase], detail, restarts=restarts)


def observe(folder: Path, spec: Spec) -> ObservedComponent:
    """The component as it is now. Raises `OSError`."""
    living = alive(folder)  # first: if it is dead, its record is final
    return judge(spec, read_record(folder, spec.identity), living=living)


def settled(folder: Path, spec: Spec) -> bool:
    """True where this very spec runs, or is a job that ended. Raises `OSError`."""
    held = read_spec(folder)
    return held is not None and held.identity == spec.identity and not observe(folder, spec).lost


def start(folder: Path, spec: Spec) -> None:
    """Replace what the folder holds by a running supervisor of `spec`; granted data stays.

    Raises `OSError`, and `Waiting` where no supervisor can be started.
    """
    stop(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / STATE).unlink(missing_ok=True)
    save(folder / SPEC, spec)
    argv = [sys.executable, "-m", "margo_gitops.runtime.supervisor", str(folder)]
    done = run(argv, timeout=_START, cwd=HOME)
    if done.code:
        why = "another one runs" if done.code == LOCK_HELD else _last(done.err) or f"{done.code}"
        raise Waiting(f"the supervisor of component {spec.component} did not start: {why}")


def await_start(folder: Path, spec: Spec, timeout: float) -> None:
    """Wait until the module runs or is done.

    Raises `Failing` where it fails or takes longer than `timeout` seconds, `Invalid` where a job
    failed, `OSError`.
    """
    deadline = time.monotonic() + timeout
    while (now := observe(folder, spec)).state is not State.INSTALLED:
        if now.state is State.FAILED:
            told = f"component {spec.component} of {spec.name} failed: {now.detail}"
            if spec.job and not now.lost:
                raise Invalid(told, then="the job does not run again before its deployment changes")
            raise Failing(told)
        if time.monotonic() > deadline:
            raise Failing(
                f"component {spec.component} of {spec.name} does not run after {timeout:g} s"
            )
        time.sleep(_POLL)


def stop(*folders: Path) -> None:
    """End these supervisors together: asked at first, then killed. Raises `Waiting`, `OSError`."""
    living = list(folders)
    for asked, patience in ((signal.SIGTERM, _TERMINATE), (signal.SIGKILL, _KILL)):
        deadline = time.monotonic() + patience
        sent: set[Path] = set()
        while living := [folder for folder in living if alive(folder)]:
            sent |= {folder for folder in living if folder not in sent and _send(folder, asked)}
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
    if living:
        names = ", ".join(folder.name for folder in living)
        raise Waiting(f"the supervisor of {names} does not end, even when killed")


def delete(folder: Path) -> None:
    """Delete a stopped component's folder, its spec last: cut short, it is seen and done again.

    Folders of a guest are lifted out of one another, so no depth of theirs is too deep.
    """
    if not folder.is_dir():
        return
    trash = folder / _TRASH
    trash.mkdir(exist_ok=True)
    heaps = [Path(entry) for entry in os.scandir(trash)]
    heaps += _empty(folder, trash, keep={SPEC, _TRASH})
    while heaps:
        heap = heaps.pop()
        heaps += _empty(heap, trash, keep=set())
        heap.rmdir()
    trash.rmdir()
    (folder / SPEC).unlink(missing_ok=True)
    folder.rmdir()


def tail(folder: Path, lines: int) -> str:
    """The last lines of output, with control characters made harmless. Raises `OSError`."""
    raw = b""
    for name in (f"{LOG}.1", LOG):
        with suppress(FileNotFoundError):
            raw += (folder / name).read_bytes()
    last = raw.decode("utf-8", "replace").split("\n")[-lines - 1 :]
    text = "\n".join(last if raw.endswith(b"\n") else last[-lines:])
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _empty(folder: Path, trash: Path, *, keep: set[str]) -> list[Path]:
    """Delete the folder's files, move its folders to the trash; returns where they are now."""
    moved = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in keep:
                continue
            if entry.is_dir(follow_symlinks=False):
                moved.append(trash / str(entry.inode()))
                Path(entry.path).rename(moved[-1])
            else:
                Path(entry.path).unlink()
    return moved


def _send(folder: Path, number: signal.Signals) -> bool:
    """Signal the supervisor that holds the lock; False while it has not said its pid yet."""
    record = read_record(folder)
    if record is None or not alive(folder):
        return False
    with suppress(ProcessLookupError):
        os.kill(record.pid, number)
    return True


def _last(text: str) -> str:
    return text.strip().rsplit("\n", 1)[-1][:200]
