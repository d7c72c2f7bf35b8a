"""A git server as a transport: smart HTTP, protocol version 2 where it is spoken.

A poll asks for the refs it wants by name and gets these alone, on a connection that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urljoin

from dulwich.client import AbstractHttpGitClient

from margo_gitops.errors import Unreachable
from margo_gitops.store.asking import Asking
from margo_gitops.store.bounds import TOTAL
from margo_gitops.store.limits import MAX_PACK
from margo_gitops.store.reading import BLOCK, begun
from margo_gitops.store.server import ServerTransport
from margo_gitops.store.wire import Answer, NotThere, Wire

_RESULT = TypeVar("_RESULT")


class HttpTransport(ServerTransport):
    """A repository behind a URL; the bounds are those of `ServerTransport`."""

    def __init__(
        self, url: str, *, timeout: float = 30.0, total: float = TOTAL, limit: int = MAX_PACK
    ) -> None:
        self._asking = Asking(Wire(url, timeout=timeout))
        super().__init__(
            self._asking.wire, _Client(self._asking), timeout=timeout, total=total, limit=limit
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


class _Client(AbstractHttpGitClient):
    """dulwich's client over our own `Wire`: the place where its documentation asks for one."""

    def __init__(self, asking: Asking) -> None:
        super().__init__(asking.wire.url)
        self._asking = asking

    def _http_request(  # type: ignore[override]  # an answer with what dulwich reads of one
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: ARG002 -- `Wire` always does
    ) -> tuple[Answer, Callable[[int], bytes]]:
        answer = self._asking.exchange(url, headers or {}, data)
        return answer, answer.read
