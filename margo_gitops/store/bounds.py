"""What bounds an operation on a remote: the time it has in all, and an alarm that keeps to it.

A server that sends one byte now and then never trips a socket's timeout.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import TypedDict

from margo_gitops.errors import Unreachable

TOTAL = 1800.0
"""Seconds that one fetch or push may take in all: 5 MB over a line of 3 kB/s."""


class Bounds(TypedDict, total=False):
    """What bounds a transport: seconds of silence, seconds of a fetch or push, bytes of a fetch."""

    timeout: float
    total: float
    limit: int


class Again(Unreachable):
    """A fault that may be gone in a second: reset, refused, overloaded."""


class Clock:
    """The time that an operation has left, and the alarm that ends it."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self.seconds = seconds
        self._timer: threading.Timer | None = None
        self._watched: socket.socket | None = None

    @property
    def left(self) -> float:
        """Seconds until the time is used up; never below zero."""
        return max(0.0, self._ends - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return self.left == 0.0

    def watch(self, sock: socket.socket) -> None:
        """Shut this socket down when the time is over, unless `rest` comes first."""
        self.rest()
        # TLS takes a socket's descriptor over; one of our own goes on naming the connection
        self._watched = socket.socket(fileno=os.dup(sock.fileno()))
        self._timer = threading.Timer(self.left, _shut, [self._watched])
        self._timer.daemon = True
        self._timer.start()

    def rest(self) -> None:
        """The exchange ended by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None
        if self._watched is not None:
            self._watched.close()
            self._watched = None


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
