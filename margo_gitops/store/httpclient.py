"""dulwich's client of smart HTTP: for fetches, pushes, and servers of older protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dulwich.client import AbstractHttpGitClient

from margo_gitops.store.asking import Asking
from margo_gitops.store.wire import Answer


class HttpClient(AbstractHttpGitClient):
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
