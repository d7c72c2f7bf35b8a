"""Connections that end, over requests: a server that sends a byte now and then trips no timeout."""

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
    """For a session of requests: every connection is bounded; `lifetime` None is `LIFETIME`."""

    def __init__(
        self,
        *,
        silence: tuple[float, float] = SILENCE,
        lifetime: float | None = None,
        **options: Any,
    ) -> None:
        self._silence, self._lifetime = silence, lifetime
        super().__init__(**options)

    def init_poolmanager(self, *words: Any, **options: Any) -> None:
        """See `HTTPAdapter`."""
        super().init_poolmanager(*words, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _living(HTTPConnectionPool, _Connection, self._lifetime),
            "https": _living(HTTPSConnectionPool, _TlsConnection, self._lifetime),
        }

    def send(self, request: Any, *words: Any, **options: Any) -> requests.Response:
        """See `HTTPAdapter`."""
        return super().send(request, *words, **{**options, "timeout": self._silence})


class _Alarm:
    """Shuts a socket down when its time is over."""

    def __init__(self, sock: socket.socket, lifetime: float) -> None:
        # TLS takes a socket's descriptor over; one of our own goes on naming the connection
        self._sock = socket.socket(fileno=socket.dup(sock.fileno()))
        self._timer = threading.Timer(lifetime, self._shut)
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
    lifetime: float | None = None
    sock: socket.socket

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._alarm = _Alarm(self.sock, self.lifetime or LIFETIME)

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.rest()
            self._alarm = None
        super().close()  # type: ignore[misc]


class _Connection(_Ending, HTTPConnection):
    pass


class _TlsConnection(_Ending, HTTPSConnection):
    pass


def _living(pool: type[Any], connection: type[Any], lifetime: float | None) -> type[Any]:
    """A pool whose connections live so long."""
    mortal = type(connection.__name__, (connection,), {"lifetime": lifetime})
    return type(pool.__name__, (pool,), {"ConnectionCls": mortal})
