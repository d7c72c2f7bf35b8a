"""HTTP exchanges with one server and no other, bounded in silence, in total time and in bytes."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from margo_gitops.errors import MargoError, Refused, Stalled, Unreachable
from margo_gitops.store.bounds import Again, Clock
from margo_gitops.store.faults import no_certificate, no_proxy_entry
from margo_gitops.store.reading import Reader
from margo_gitops.store.way import CLOCK, Response, open_way, proxy_of

TOKEN = "MARGO_GIT_TOKEN"  # noqa: S105 -- a variable's name
USER = "MARGO_GIT_USER"
PASSWORD = "MARGO_GIT_PASSWORD"  # noqa: S105 -- a variable's name

_REDIRECTS = 3
_MOVED = frozenset({301, 302, 303, 307, 308})
_BLOCK = 1 << 16
_AGENT = "git/margo-gitops"


class NotThere(Stalled):
    """The server knows no such path."""


class Answer(Reader):
    """One response, read as `Reader` does."""

    def __init__(
        self,
        content_type: str,
        take: Callable[[], bytes],
        finish: Callable[[], None],
        moved_to: str = "",
    ) -> None:
        super().__init__(take)
        self.content_type = content_type
        self.redirect_location = moved_to
        self._finish = finish

    def close(self) -> None:
        """Done with it; the connection is kept where nothing more is to come."""
        self._finish()


class Wire:
    """Kept connections to one server; for one thread."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self.url, self._authorization = _credentials(url)
        self.name = self.url
        self._origin = _origin(self.url)
        self._timeout = timeout
        self._way = open_way(self.url)
        self._clock = Clock(timeout)
        self._bytes_left = 0
        self._response: Response | None = None

    @contextmanager
    def within(self, seconds: float, size: int) -> Iterator[None]:
        """Bound all exchanges of one operation together, in time and in bytes received."""
        self._clock = Clock(seconds)
        self._bytes_left = size
        try:
            yield
        finally:
            if self._response is not None:
                self._end(self._response)
            self._clock.rest()

    def exchange(
        self, url: str, headers: Mapping[str, str], body: bytes | Iterator[bytes] | None
    ) -> Answer:
        """One request and its successful response.

        Redirects are followed within the origin only, so that credentials never leave it. Raises
        `Again`, `Unreachable`, `Stalled` (a person must act) or `Refused` (rule `too-large`).
        """
        asked = url
        for _ in range(_REDIRECTS):
            response = self._send(url, headers, body)
            moved = response.header("Location") if response.status in _MOVED else ""
            if not moved:
                break
            response.close()
            url = urljoin(url, moved)
            if body is not None or _origin(url) != self._origin:
                raise self._moved(url)
        else:
            raise self._moved(url)
        problem = self._introduction(response) or self._judge(response, "Range" in headers)
        if problem is not None:
            response.close()
            raise problem
        return Answer(
            response.header("Content-Type"),
            lambda: self._take(response),
            lambda: self._end(response),
            url if url != asked else "",
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._way.close()

    def _send(
        self, url: str, headers: Mapping[str, str], body: bytes | Iterator[bytes] | None
    ) -> Response:
        if _origin(url) != self._origin:
            raise Refused(f"{self.name} leads to another server: not followed", rule="redirect")
        token = CLOCK.set(self._clock)
        try:
            self._response = self._way.send(
                "GET" if body is None else "POST",
                url,
                body,
                {**headers, **self._authorization, "User-Agent": _AGENT},
                self._timeout,
            )
        except self._way.faults as error:
            raise self._fault(error) from error
        finally:
            CLOCK.reset(token)
        if self._clock.over:  # a header that the alarm cut short looks like a whole one
            raise self._late()
        return self._response

    def _take(self, response: Response) -> bytes:
        try:
            block = response.block(_BLOCK)
        except self._way.faults as error:
            raise self._fault(error) from error
        if not block and self._clock.over:
            raise self._late()
        self._bytes_left -= len(block)
        if self._bytes_left < 0:
            raise Refused(f"{self.name} sent more than we take at once", rule="too-large")
        return block

    def _end(self, response: Response) -> None:
        """Read what little is left, so that the connection can be used again."""
        with suppress(MargoError):
            self._take(response)
            self._take(response)
        self._clock.rest()
        response.close()
        self._response = None

    def _introduction(self, response: Response) -> MargoError | None:
        """Who wants to know who we are: a proxy, or a server that asks for a certificate."""
        if response.status == 407:
            proxy = urlsplit(proxy_of(self.url) or "").netloc.rpartition("@")[2]
            return no_proxy_entry(self.name, proxy)
        if response.status == 400 and b"SSL certificate" in self._take(response):
            return no_certificate(self.name)
        return None

    def _judge(self, response: Response, partly: bool) -> MargoError | None:
        status, expected = response.status, 206 if partly else 200
        if status == expected:
            return None
        if status in {401, 403}:
            return Stalled(
                f"{self.name} answered {status}: these credentials may not do this",
                then="what runs goes on running",
                help=f"set {TOKEN}, or {USER} and {PASSWORD}",
            )
        if status == 404:
            return NotThere(f"{self.name} answered 404: there is no git repository for this user")
        if status == 429 or status >= 500:
            return Again(f"{self.name} answered {status}: it is overloaded or broken")
        return Unreachable(f"{self.name} answered {status}, expected {expected}")

    def _fault(self, error: Exception) -> MargoError:
        return self._late() if self._clock.over else self._way.fault(self.name, error)

    def _late(self) -> Unreachable:
        return Unreachable(f"{self.name} was not done after {self._clock.seconds:g} s")

    def _moved(self, url: str) -> Stalled:
        parts = urlsplit(url)
        target = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        return Stalled(
            f"{self.name} answers that it has moved to {target}: not followed",
            then="no credentials went there",
            help="use that URL, if you trust it",
        )


def canned(content_type: str, body: bytes) -> Answer:
    """An answer that was kept."""
    blocks = iter([body])
    return Answer(content_type, lambda: next(blocks, b""), lambda: None)


def _credentials(url: str) -> tuple[str, dict[str, str]]:
    """The URL without credentials, and the header that carries them."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    if userinfo:
        user, _, password = userinfo.partition(":")
        return plain, _basic(unquote(user), unquote(password))
    if token := os.environ.get(TOKEN):
        return plain, {"Authorization": f"Bearer {token}"}
    if name := os.environ.get(USER):
        return plain, _basic(name, os.environ.get(PASSWORD, ""))
    return plain, {}


def _basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Where a request goes to; None for what is no place."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port
