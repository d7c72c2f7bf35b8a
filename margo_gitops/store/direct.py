"""Straight to a server, with nothing but the standard library: most agents need no more.

One connection is kept. Before it is used again it is looked at: a server that closed it meanwhile,
or said what nobody asked for, gets a new one.
"""

from __future__ import annotations

import select
import weakref
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from urllib.parse import quote, urlsplit

from margo_gitops.errors import MargoError, Unreachable, Usage
from margo_gitops.store.bounds import Again
from margo_gitops.store.faults import tls_fault
from margo_gitops.store.tls import client_context
from margo_gitops.store.way import CLOCK

_PLAIN = "/%:=&?~+!$,;'@()*"
"""What a request's target may hold beside letters, digits and `-._`."""


class _Watched(HTTPConnection):
    def connect(self) -> None:
        """Watched before TLS begins: a handshake can trickle too."""
        super().connect()
        CLOCK.get().watch(self.sock)


class _WatchedTls(HTTPSConnection, _Watched):
    """`HTTPSConnection.connect` begins with that of `_Watched`."""


class DirectResponse:
    """See `Response`."""

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self.status = response.status
        self._connection = connection
        self._response = response

    def header(self, name: str) -> str:
        """See `Response`."""
        return self._response.headers.get(name) or ""

    def block(self, size: int) -> bytes:
        """See `Response`. A body that is shorter than its header said is no whole one."""
        data = self._response.read(size)
        if not data and self._response.length:
            raise IncompleteRead(b"", self._response.length)
        return data

    def close(self) -> None:
        """See `Response`."""
        if not self._response.isclosed():
            self._connection.close()
        self._response.close()


class DirectWay:
    """See `Way`."""

    faults: tuple[type[Exception], ...] = (OSError, HTTPException)

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise Usage(f"{parts.netloc!r} is no host and port: {error}") from error
        if parts.scheme == "https":
            self._connection: HTTPConnection = _WatchedTls(host, port, context=client_context())
        else:
            self._connection = _Watched(host, port)
        weakref.finalize(self, self._connection.close)  # whoever forgets us leaves no socket open

    def send(
        self,
        method: str,
        url: str,
        body: bytes | Iterator[bytes] | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> DirectResponse:
        """See `Way`. It goes to the one server, whatever host the URL names."""
        parts = urlsplit(url)
        target = quote(parts.path or "/", _PLAIN) + ("?" if parts.query else "")
        connection = self._connection
        if connection.sock is not None and _stirs(connection):
            connection.close()
        connection.timeout = timeout
        if connection.sock is not None:
            CLOCK.get().watch(connection.sock)
        try:
            connection.request(
                method, target + quote(parts.query, _PLAIN), body=body, headers=dict(headers)
            )
            return DirectResponse(connection, connection.getresponse())
        except BaseException:
            connection.close()
            raise

    def fault(self, name: str, error: Exception) -> MargoError:
        """See `Way`."""
        if known := tls_fault(name, error):
            return known
        if isinstance(error, TimeoutError):
            return Unreachable(f"{name} was silent for {self._connection.timeout:g} s")
        return Again(f"the connection to {name} failed: {type(error).__name__}")

    def close(self) -> None:
        """See `Way`."""
        self._connection.close()


def _stirs(connection: HTTPConnection) -> bool:
    """Whether a connection at rest has something to read, be it its end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
