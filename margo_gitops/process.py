"""The one place that starts a program: no shell, bounded in time and output."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from margo_gitops.errors import Stalled, Unreachable

OUTPUT_LIMIT = 4 << 20

_LOOK = 0.5
"""Seconds between two looks at whether a child has ended."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended: its exit code and what it printed, cut at `OUTPUT_LIMIT` bytes."""

    code: int
    out: str
    err: str


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
) -> Finished:
    """Run a program to its end.

    `env` is added to this process's environment. Raises `Stalled` where the program is not
    installed and `Unreachable` where it takes longer than `timeout` seconds; a non-zero exit code
    is the caller's to judge.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise _not_here(argv[0]) from error
    with child:
        try:
            out, err = _finish(child, argv[0], (input or "").encode(), timeout)
        except BaseException:
            child.kill()
            raise
    return Finished(child.returncode, _text(out), _text(err))


@dataclass(frozen=True, slots=True)
class Conversation:
    """A child that we talk with: `sock` is its standard input and output at once."""

    sock: socket.socket
    child: subprocess.Popen[bytes]

    def hang_up(self) -> None:
        """Say no more; what the child says can still be read."""
        with suppress(OSError):  # it has ended already
            self.sock.shutdown(socket.SHUT_WR)

    def end(self, *, grace: float = 2.0) -> Finished:
        """Hang up; what has not ended within `grace` seconds is killed. `out` is always empty.

        A second call changes nothing.
        """
        self.sock.close()
        if self.child.stderr is None or self.child.stderr.closed:
            return Finished(self.child.wait(), "", "")
        with self.child as child:
            try:
                child.wait(grace)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            return Finished(child.returncode, "", _text(_at_hand(child.stderr)))


def converse(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, alone: bool = False
) -> Conversation:
    """Start a child to talk with, without a terminal; the caller ends it.

    `env` is added to this process's environment, or is all that the child gets if it is `alone`.
    Raises `Stalled` where the program is not there.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            child = subprocess.Popen(
                list(argv),
                env={**({} if alone else os.environ), **(env or {})},
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            ours.close()
            raise _not_here(argv[0]) from error
    return Conversation(ours, child)


def start(argv: Sequence[str], *, log: Path) -> subprocess.Popen[bytes]:
    """Start a child that ends with us, its output appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output, close_fds=True
        )


def _finish(
    child: subprocess.Popen[bytes], name: str, input: bytes, timeout: float
) -> tuple[bytes, bytes]:
    """All that a child prints until it ends, even while a child of its own keeps the pipe open."""
    ends = time.monotonic() + timeout
    given: bytes | None = input
    ended = False
    while True:
        try:
            return child.communicate(given, timeout=min(_LOOK, max(0.0, ends - time.monotonic())))
        except subprocess.TimeoutExpired as late:
            given = None  # it is on its way already
            if ended:
                return late.output or b"", late.stderr or b""
            ended = child.poll() is not None  # one more look, for what it said last
            if not ended and time.monotonic() >= ends:
                raise Unreachable(f"{name} did not end within {timeout:g} s") from late


def _at_hand(pipe: IO[bytes] | None) -> bytes:
    """What lies in a pipe now: another process may keep it open."""
    if pipe is None:
        return b""
    os.set_blocking(pipe.fileno(), False)
    return pipe.read(OUTPUT_LIMIT) or b""


def _not_here(program: str) -> Stalled:
    return Stalled(f"the program {program!r} was not found on this host", help="margo doctor")


def _text(raw: bytes) -> str:
    return raw[:OUTPUT_LIMIT].decode("utf-8", "replace")
