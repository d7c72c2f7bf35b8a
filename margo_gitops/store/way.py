"""The way to one server: straight to it, or through a proxy that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Protocol
from urllib.parse import urlsplit

from margo_gitops.errors import MargoError
from margo_gitops.store.bounds import Clock

CLOCK: ContextVar[Clock] = ContextVar("CLOCK")
"""The clock of the operation that this thread is in: it watches each socket from its first byte."""


class Response(Protocol):
    """One response of a server, its header read."""

    status: int

    def header(self, name: str) -> str:
        """The value of a header, empty where there is none."""

    def block(self, size: int) -> bytes:
        """The next bytes of the body, at most `size`; empty at its end. Raises `Way.faults`."""

    def close(self) -> None:
        """Done with it; its connection is kept where nothing more is to come."""


class Way(Protocol):
    """Kept connections to one server; for one thread."""

    faults: tuple[type[Exception], ...]

    def send(
        self,
        method: str,
        url: str,
        body: bytes | Iterator[bytes] | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> Response:
        """One request; `timeout` is how many seconds the other side may be silent.

        Raises one of `faults`.
        """

    def fault(self, name: str, error: Exception) -> MargoError:
        """What one of `faults` means for the technician; `name` is the server's."""

    def close(self) -> None:
        """Let go of the connections."""


def open_way(url: str) -> Way:
    """The way to the server of this URL.

    Raises `Stalled` for a certificate, key or proxy setting that cannot be used.
    """
    proxy = proxy_of(url)
    if proxy is not None:
        from margo_gitops.store.proxied import ProxiedWay  # noqa: PLC0415  # few need urllib3

        return ProxiedWay(url, proxy)
    from margo_gitops.store.direct import DirectWay  # noqa: PLC0415

    return DirectWay(url)


def proxy_of(url: str) -> str | None:
    """The proxy on the way to this URL, as a URL; None if there is none."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  # 6 ms

    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
