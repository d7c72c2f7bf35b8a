"""A git server as a transport: smart HTTP, protocol version 2 where it is spoken.

A poll asks for the refs it wants by name and gets these alone, on a connection that is kept; the
server's capabilities, which hold no refs in version 2, are asked for once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import urljoin

from dulwich.client import AbstractHttpGitClient

from margo_gitops.errors import Stalled, Unreachable
from margo_gitops.store.bounds import TOTAL
from margo_gitops.store.limits import MAX_ADVERT, MAX_PACK
from margo_gitops.store.server import ServerTransport
from margo_gitops.store.wire import Answer, NotThere, Wire, canned

_RESULT = TypeVar("_RESULT")


class HttpTransport(ServerTransport):
    """A repository behind a URL; the bounds are those of `ServerTransport`."""

    def __init__(
        self, url: str, *, timeout: float = 30.0, total: float = TOTAL, limit: int = MAX_PACK
    ) -> None:
        wire = Wire(url, timeout=timeout)
        client = _Client(wire)
        super().__init__(wire, client, timeout=timeout, total=total, limit=limit)
        self._forget = client.forget
        self._wire = wire

    def blob(self, digest: str, size: int) -> bytes | None:
        """See `Blobs`: by the paths of the OCI distribution specification, at the same server."""
        return self._tried(lambda: self._blob(digest, size))

    def _blob(self, digest: str, size: int) -> bytes | None:
        url = urljoin(self._wire.url, f"/v2/site/blobs/{digest}")
        with self._line.within(self._total, size + 1):
            try:
                answer = self._wire.exchange(url, {"Accept": "application/octet-stream"}, None)
            except NotThere:
                return None
            data = answer.read(size + 1)
            answer.close()
            return data

    def _tried(self, operation: Callable[[], _RESULT]) -> _RESULT:
        try:
            return super()._tried(operation)
        except Unreachable:
            self._forget()
            raise


class _Client(AbstractHttpGitClient):
    """dulwich's client over our own `Wire`: the place where its documentation asks for one."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire.url)
        self._wire = wire
        self._kept: dict[str, tuple[str, bytes]] = {}

    def forget(self) -> None:
        """Ask for the server's capabilities again: it may be another server by now."""
        self._kept.clear()

    def _http_request(  # type: ignore[override]  # an answer with what dulwich reads of one
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: ARG002 -- `Wire` always does
    ) -> tuple[Answer, Callable[[int], bytes]]:
        answer = self._answer(url, headers or {}, data)
        return answer, answer.read

    def _answer(
        self, url: str, headers: dict[str, str], data: bytes | Iterator[bytes] | None
    ) -> Answer:
        if url in self._kept:
            return canned(*self._kept[url])
        answer = self._wire.exchange(url, headers, data)
        if data is not None:
            return answer
        if not answer.content_type.startswith("application/x-git-"):
            answer.close()
            raise Stalled(
                f"{self._wire.name} answers, but not as a git server: found"
                f" {answer.content_type[:60]!r}, expected smart HTTP",
                help="check the URL",
            )
        if not url.endswith("service=git-upload-pack") or answer.redirect_location:
            return answer
        return self._keep(url, answer)

    def _keep(self, url: str, answer: Answer) -> Answer:
        body = answer.read(MAX_ADVERT)
        answer.close()
        if b"version 2\n" in body[:64]:
            self._kept[url] = (answer.content_type, body)
        return canned(answer.content_type, body)
