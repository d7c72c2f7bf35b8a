"""The one way to a forge: its origin only, no redirects, bounded answers, faults with a next step.

The clients' own retries and waits are off: a verb that tells a forge something must not stand
still for it.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.exceptions import RequestException, SSLError
from urllib3.exceptions import HTTPError

from margo_gitops.bounded import Bounded
from margo_gitops.errors import MargoError, Stalled, Unreachable

SILENCE = (5.0, 20.0)
"""Seconds to connect, and of silence."""

WHOLE = 60.0
"""Seconds for one answer."""

MAX_ANSWER = 4 << 20
PATIENCE = 10.0
"""Seconds that are waited for a forge that names a pause; once."""

USER_AGENT = "margo-gitops"
_BLOCK = 1 << 16
_SPENT = ("x-ratelimit-remaining", "ratelimit-remaining")
_RESETS = ("x-ratelimit-reset", "ratelimit-reset")
_LATER = "nothing is lost: margo pr sync tells it again"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port


class Line(Bounded):
    """For a session of requests: every request goes to one forge, every answer is bounded.

    For one thread at a time.
    """

    def __init__(
        self,
        base: str,
        *,
        pause: Callable[[float], None] = time.sleep,
        silence: tuple[float, float] = SILENCE,
        lifetime: float = WHOLE,
    ) -> None:
        self._origin, self._pause = origin(base), pause
        self.host = urlsplit(base).hostname or ""
        super().__init__(silence=silence, lifetime=lifetime, max_retries=0)

    def send(self, request: Any, *_: Any, **options: Any) -> requests.Response:
        """A whole answer of the forge itself.

        Raises `Unreachable` where there is none, or a limit, or the forge is broken, and `Stalled`
        for another place and for a token that is none.
        """
        if origin(str(request.url)) != self._origin:
            raise Stalled(
                f"the forge at {self.host} names an address at another place: not followed, and"
                " the token was not sent there",
                help="git config margo.forgeUrl https://HOST, if the forge moved",
            )
        response = self._once(request, options)
        wait = _pause_of(response)
        if wait is not None and wait <= PATIENCE:
            self._pause(wait)
            response = self._once(request, options)
        self._judge(response)
        return response

    def _once(self, request: Any, options: Mapping[str, Any]) -> requests.Response:
        verify, cert, proxies = (options.get(key) for key in ("verify", "cert", "proxies"))
        try:
            response = super().send(
                request,
                stream=True,
                verify=True if verify is None else verify,
                cert=cert,
                proxies=proxies,
            )
            response.raw = io.BytesIO(self._whole(response))
        except SSLError as error:
            raise Stalled(
                f"the forge at {self.host} has a certificate that is not trusted here",
                help="REQUESTS_CA_BUNDLE=ca.pem, with the authority that signed it",
            ) from error
        except (HTTPError, RequestException, OSError) as error:
            raise Unreachable(
                f"the forge at {self.host} was not reached: {type(error).__name__}",
                then=_LATER,
            ) from error
        finally:
            self.close()  # a connection that the forge is about to end is not asked again
        response.headers.pop("Content-Encoding", None)
        return response

    def _whole(self, response: requests.Response) -> bytes:
        """The body, decoded; at most so many bytes, in at most so much time."""
        ends, data = time.monotonic() + WHOLE, bytearray()
        try:
            while block := response.raw.read1(_BLOCK, decode_content=True):
                data += block
                if len(data) > MAX_ANSWER or time.monotonic() > ends:
                    raise Unreachable(
                        f"the forge at {self.host} answered with more than {MAX_ANSWER >> 20} MiB,"
                        f" or for more than {WHOLE:.0f} s",
                        then=_LATER,
                    )
        finally:
            response.close()
        return bytes(data)

    def _judge(self, response: requests.Response) -> None:
        status = response.status_code
        if 300 <= status < 400 and status != 304:
            raise Stalled(
                f"the forge at {self.host} sends requests elsewhere: not followed, for the token"
                " would go along",
                help="git remote -v; git config margo.forgeUrl https://HOST, if the forge moved",
            )
        if (wait := _pause_of(response)) is not None:
            when = datetime.now(UTC) + timedelta(seconds=min(wait, 86400.0))
            raise Unreachable(
                f"the forge at {self.host} takes no more requests from this token before"
                f" {when:%Y-%m-%d %H:%M} UTC",
                then=_LATER,
            )
        if status >= 500:
            raise Unreachable(f"the forge at {self.host} answered {status}", then=_LATER)
        if status < 300 and status != 204 and not _is_json(response.content):
            raise Unreachable(
                f"the forge at {self.host} answered with no JSON: it was cut off, or a page to sign"
                " in is between",
                then=_LATER,
            )
        if status == 401:
            raise Stalled(
                f"the forge at {self.host} does not know this token: it is wrong, or it expired",
                help="MARGO_FORGE_TOKEN=…, a new one",
            )


def session(line: Line) -> requests.Session:
    """A session that knows this line only, and no passwords of .netrc."""
    made = requests.Session()
    made.adapters.clear()
    for scheme in ("https://", "http://"):
        made.mount(scheme, line)
    made.auth = lambda request: request  # else .netrc would overrule the token
    # few requests, and no socket that somebody must close
    made.headers.update({"User-Agent": USER_AGENT, "Connection": "close"})
    return made


def refused(host: str, status: int, doing: str) -> MargoError:
    """What an answer means that the line let through; `doing` says what was asked."""
    if status == 403:
        return Stalled(
            f"the forge at {host} does not let this token {doing}",
            help="docs/forges.md names the scopes that a token needs",
        )
    if status == 404:
        return Stalled(
            f"the forge at {host} has no such project or request, or hides it from this token"
            f" (asked to {doing})",
            help="git remote -v; git config margo.forgeUrl; docs/forges.md for the token's scopes",
        )
    if status in {409, 422, 400, 405, 412, 423}:
        return Stalled(
            f"the forge at {host} will not {doing}: it answered {status}",
            help="margo push, and then margo pr sync; margo doctor --forge",
        )
    return Unreachable(f"the forge at {host} answered {status}, asked to {doing}", then=_LATER)


def nonsense(host: str, doing: str) -> Unreachable:
    """An answer that is not what this forge's interface says."""
    return Unreachable(
        f"the forge at {host} answered something else than its interface says (asked to {doing})",
        then=_LATER,
    )


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _pause_of(response: requests.Response) -> float | None:
    """The seconds that a limit of the forge asks for; None where the answer is none of a limit."""
    headers, status = response.headers, response.status_code
    spent = any(headers.get(name) == "0" for name in _SPENT)
    if status != 429 and not (status == 403 and (spent or "retry-after" in headers)):
        return None
    if (said := headers.get("retry-after")) is not None:
        return _seconds(said)
    resets = [headers[name] for name in _RESETS if name in headers]
    if resets and resets[0].isascii() and resets[0].isdigit():
        return max(0.0, float(resets[0][:12]) - datetime.now(UTC).timestamp())
    return 60.0


def _seconds(said: str) -> float:
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 60.0
