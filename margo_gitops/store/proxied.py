"""Through a proxy: urllib3 knows how to speak to one, in the clear and over TLS."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError
from urllib3.exceptions import TimeoutError as Silence
from urllib3.response import BaseHTTPResponse, HTTPResponse

from margo_gitops.errors import MargoError, Stalled, Unreachable
from margo_gitops.store.bounds import Again
from margo_gitops.store.faults import no_proxy_entry, tls_fault
from margo_gitops.store.tls import client_context
from margo_gitops.store.way import CLOCK


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _watched(super()._new_conn())

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        CLOCK.get().watch(self.sock)
        return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _watched(super()._new_conn())

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        CLOCK.get().watch(self.sock)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class ProxiedResponse:
    """See `Response`."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self.status = response.status
        self._response = response

    def header(self, name: str) -> str:
        """See `Response`."""
        return self._response.headers.get(name) or ""

    def block(self, size: int) -> bytes:
        """See `Response`."""
        return self._response.read1(size, decode_content=False)

    def close(self) -> None:
        """See `Response`."""
        self._response.close()


class ProxiedWay:
    """See `Way`. Raises `Stalled` for a proxy of a kind that is not spoken here."""

    faults: tuple[type[Exception], ...] = (HTTPError,)

    def __init__(self, url: str, proxy: str) -> None:
        self._proxy = urlsplit(proxy).netloc.rpartition("@")[2]
        self._pool = _through(proxy)
        self._timeout = 0.0
        if urlsplit(url).scheme == "https":
            self._pool.connection_pool_kw["ssl_context"] = client_context()
        self._pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def send(
        self,
        method: str,
        url: str,
        body: bytes | Iterator[bytes] | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> ProxiedResponse:
        """See `Way`."""
        self._timeout = timeout
        response = self._pool.urlopen(
            method,
            url,
            body=body,
            headers=dict(headers),
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=timeout, read=timeout),
        )
        return ProxiedResponse(response)

    def fault(self, name: str, error: Exception) -> MargoError:
        """See `Way`."""
        known = tls_fault(name, error) or self._proxy_fault(name, error)
        if known is not None:
            return known
        if isinstance(error, Silence) and not isinstance(error, NewConnectionError):
            return Unreachable(f"{name} was silent for {self._timeout:g} s")
        return Again(f"the connection to {name} failed: {type(error).__name__}")

    def close(self) -> None:
        """See `Way`."""
        self._pool.clear()

    def _proxy_fault(self, name: str, error: Exception) -> MargoError | None:
        """What a proxy said, or that there is none; None if it is not about a proxy."""
        if not isinstance(error, ProxyError):
            return None
        words = str(error.original_error)
        if "407" in words:
            return no_proxy_entry(name, self._proxy)
        told = words.startswith("Tunnel connection failed")
        status = ascii(words)[1:-1][:80] if told else "no answer"
        return Again(f"the way to {name} through the proxy {self._proxy} failed: {status}")


def _through(proxy: str) -> urllib3.PoolManager:
    parts = urlsplit(proxy)
    userinfo, _, host = parts.netloc.rpartition("@")
    if parts.scheme not in {"http", "https"} or not host:
        raise Stalled(
            f"the proxy {host!r} is of the kind {parts.scheme!r}, expected http or https",
            help="set https_proxy=http://host:port",
        )
    headers = None
    if userinfo:
        user, _, password = userinfo.partition(":")
        headers = urllib3.make_headers(proxy_basic_auth=f"{unquote(user)}:{unquote(password)}")
    return urllib3.ProxyManager(f"{parts.scheme}://{host}", proxy_headers=headers)


def _watched(sock: socket.socket) -> socket.socket:
    """From its first byte on: a proxy and a handshake can trickle too."""
    CLOCK.get().watch(sock)
    return sock
