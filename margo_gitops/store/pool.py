"""Kept connections, watched: an alarm shuts the socket down when an operation's time is over.

Authorities, client certificate and proxy are found where git finds them.
"""

from __future__ import annotations

import os
import socket
import ssl
from contextvars import ContextVar
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from margo_gitops.errors import Stalled
from margo_gitops.store.bounds import Clock

AUTHORITY = "GIT_SSL_CAINFO"
CERTIFICATE = "GIT_SSL_CERT"
KEY = "GIT_SSL_KEY"

CLOCK: ContextVar[Clock] = ContextVar("CLOCK")
"""The clock of the operation that this thread is in."""


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


def open_pool(url: str) -> urllib3.PoolManager:
    """The pool for this server, `Clock` watching each of its sockets.

    Raises `Stalled` for a certificate, key or proxy setting that cannot be used.
    """
    proxy = _proxy(url)
    pool = urllib3.PoolManager() if proxy is None else _through(proxy)
    if urlsplit(url).scheme == "https":
        pool.connection_pool_kw["ssl_context"] = _tls()
    pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
    return pool


def proxy_name(url: str) -> str | None:
    """The proxy on the way to this URL, without its credentials; None if there is none."""
    proxy = _proxy(url)
    return None if proxy is None else urlsplit(proxy).netloc.rpartition("@")[2]


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


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


def _tls() -> ssl.SSLContext:
    """Our side of TLS: whom we trust, and who we are."""
    authority, certificate, key = (os.environ.get(name) for name in (AUTHORITY, CERTIFICATE, KEY))
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except OSError as error:
        raise _unusable(AUTHORITY, authority, error) from error
    if certificate:
        try:
            context.load_cert_chain(certificate, key or None, password="")  # never asked for
        except OSError as error:
            raise _unusable(f"{CERTIFICATE} and {KEY}", certificate, error) from error
    return context


def _unusable(names: str, path: str | None, error: OSError) -> Stalled:
    reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
    return Stalled(
        f"{path}, which {names} names, cannot be used: {reason}",
        then="nothing was sent",
        help=f"set {names} to PEM files that this user may read; a key without a passphrase",
    )


def _watched(sock: socket.socket) -> socket.socket:
    """From its first byte on: a proxy and a handshake can trickle too."""
    CLOCK.get().watch(sock)
    return sock
