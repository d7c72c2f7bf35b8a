"""Connections to registries that end: a server that sends a byte now and then trips no timeout."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

SILENCE = (10.0, 30.0)
"""Seconds to connect, and of silence."""

LIFETIME = 300.0
"""Seconds that one connection lives: what is larger is gone on with over the next one."""


class Bounded(HTTPAdapter):
    """For a session of requests: every connection is bounded."""

    def init_poolmanager(self, *words: Any, **options: Any) -> None:
        """See `HTTPAdapter`."""
        super().init_poolmanager(*words, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(self, request: Any, *words: Any, **options: Any) -> requests.Response:
        """See `HTTPAdapter`."""
        return super().send(request, *words, **{**options, "timeout": SILENCE})


class _Alarm:
    """Shuts a socket down when its time is over."""

    def __init__(self, sock: socket.socket) -> None:
        # TLS takes a socket's descriptor over; one of our own goes on naming the connection
        self._sock = socket.socket(fileno=socket.dup(sock.fileno()))
        self._timer = threading.Timer(LIFETIME, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def rest(self) -> None:
        self._timer.cancel()
        self._sock.close()

    def _shut(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)


class _Ending:
    """Mixed into a connection of urllib3."""

    _alarm: _Alarm | None = None
    sock: socket.socket

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._alarm = _Alarm(self.sock)

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.rest()
            self._alarm = None
        super().close()  # type: ignore[misc]


class _Connection(_Ending, HTTPConnection):
    pass


class _TlsConnection(_Ending, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
