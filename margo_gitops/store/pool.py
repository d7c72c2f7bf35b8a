"""Kept connections, watched: an alarm shuts the socket down when an operation's time is over.

A server that sends one byte now and then never trips a socket's timeout. Authorities, client
certificate and proxy are found where git finds them.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse


class Clock:
    """The time that an operation has left, and the alarm that ends it."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self.seconds = seconds
        self._timer: threading.Timer | None = None

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() >= self._ends

    def watch(self, sock: socket.socket) -> None:
        """Shut this socket down when the time is over, unless `rest` comes first."""
        self.rest()
        self._timer = threading.Timer(max(0.0, self._ends - time.monotonic()), _shut, [sock])
        self._timer.daemon = True
        self._timer.start()

    def rest(self) -> None:
        """The exchange ended by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None


CLOCK: ContextVar[Clock] = ContextVar("CLOCK")
"""The clock of the operation that this thread is in."""


class _PlainConnection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        CLOCK.get().watch(self.sock)
        return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        CLOCK.get().watch(self.sock)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def open_pool(url: str) -> urllib3.PoolManager:
    """The pool for this server, `Clock` watching each of its sockets."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy is not None and not proxy_bypass(parts.hostname or ""):
        pool: urllib3.PoolManager = urllib3.ProxyManager(proxy)
    else:
        pool = urllib3.PoolManager()
    pool.connection_pool_kw |= {
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": os.environ.get("GIT_SSL_CAINFO") or os.environ.get("SSL_CERT_FILE"),
        "cert_file": os.environ.get("GIT_SSL_CERT"),
        "key_file": os.environ.get("GIT_SSL_KEY"),
    }
    pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
    return pool


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
