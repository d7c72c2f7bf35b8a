"""Starting a server on loopback and ending it, children included."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def start(argv: Sequence[str], log: Any) -> subprocess.Popen[bytes]:
    """A program in a process group of its own."""
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def end(started: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End what we started and its children: fcgiwrap leaves its own behind."""
    with suppress(ProcessLookupError):
        os.killpg(started.pid, how)
    started.wait(30)


@contextmanager
def started(argv: Sequence[str], log: Path, how: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    """A program that ends with the block, by the signal `how`."""
    with log.open("wb") as file:
        running = start(argv, file)
    try:
        yield
    finally:
        end(running, how)


def answers(port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
