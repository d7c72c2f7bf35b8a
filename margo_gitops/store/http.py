"""A git server as a transport: smart HTTP, protocol version 2 where it is spoken.

A poll asks for the refs it wants by name and gets these alone, on a connection that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin

from margo_gitops.errors import Unreachable
from margo_gitops.store.asking import Asking
from margo_gitops.store.bounds import TOTAL
from margo_gitops.store.limits import MAX_PACK
from margo_gitops.store.reading import BLOCK, begun
from margo_gitops.store.server import ServerTransport
from margo_gitops.store.wire import NotThere, Wire

if TYPE_CHECKING:
    from margo_gitops.store.httpclient import HttpClient

_RESULT = TypeVar("_RESULT")


class HttpTransport(ServerTransport):
    """A repository behind a URL; the bounds are those of `ServerTransport`."""

    def __init__(
        self, url: str, *, timeout: float = 30.0, total: float = TOTAL, limit: int = MAX_PACK
    ) -> None:
        self._asking = Asking(Wire(url, timeout=timeout))
        super().__init__(
            self._asking.wire,
            partial(_client, self._asking),
            timeout=timeout,
            total=total,
            limit=limit,
        )

    def blob(self, digest: str, size: int, offset: int = 0) -> Iterator[bytes] | None:
        """See `Blobs`: by the paths of the OCI distribution specification, at the same server."""
        try:
            return self._tried(lambda: begun(self._blob(digest, size, offset)))
        except NotThere:
            return None

    def _blob(self, digest: str, size: int, offset: int) -> Iterator[bytes]:
        wire = self._asking.wire
        url = urljoin(wire.url, f"/v2/site/blobs/{digest}")
        headers = {"Accept": "application/octet-stream"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        left = size - offset
        with wire.within(self._total, left + BLOCK):
            answer = wire.exchange(url, headers, None)
            while left > 0 and (block := answer.read(min(left, BLOCK))):
                left -= len(block)
                yield block

    def _tried(self, operation: Callable[[], _RESULT]) -> _RESULT:
        try:
            return super()._tried(operation)
        except Unreachable:
            self._asking.forget()
            raise

    def _refs(self, wanted: Sequence[str]) -> dict[str, str]:
        found = self._asking.refs(wanted, self._quick)
        return super()._refs(wanted) if found is None else found


def _client(asking: Asking) -> HttpClient:
    from margo_gitops.store.httpclient import HttpClient  # noqa: PLC0415

    return HttpClient(asking)
