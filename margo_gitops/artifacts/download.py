"""One file by its URL, bounded: the archives that dialects B and C name by `packageLocation`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from margo_gitops.errors import Invalid, MargoError, Missing, Refused, Stalled, Unreachable

_PATIENCE = 300.0
_BLOCK = 1 << 16


def download(url: str, most: int) -> bytes:
    """The bytes at an http, https or file URL.

    Raises `Refused` (rule `too-large`) above `most` bytes, `Invalid` for another scheme, `Missing`,
    `Unreachable`, and `Stalled` for what asks for a login.
    """
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise Invalid(f"{_named(url)} holds a password: one must not stand in a document")
    if parts.scheme == "file":
        return _read(Path(unquote(parts.path)), most)
    if parts.scheme not in {"http", "https"}:
        raise Invalid(f"{_named(url)} is no http, https or file URL")
    return _asked(url, most)


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise Missing(f"{path} cannot be read: {error.strerror}") from error
    return _bounded(data, str(path), most)


def _asked(url: str, most: int) -> bytes:
    import requests  # noqa: PLC0415  # 60 ms

    from margo_gitops.bounded import Bounded  # noqa: PLC0415

    until = time.monotonic() + _PATIENCE
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, Bounded())
        try:
            with session.get(url, stream=True, headers={"Accept-Encoding": "identity"}) as response:
                if response.status_code != 200:
                    raise _judged(url, response.status_code)
                return _body(response, url, most, until)
        except (requests.RequestException, OSError) as error:
            raise Unreachable(f"{_named(url)} was not reached: {type(error).__name__}") from error


def _body(response: Any, url: str, most: int, until: float) -> bytes:
    data = b""
    for block in response.iter_content(_BLOCK):
        data = _bounded(data + block, _named(url), most)
        if time.monotonic() > until:
            raise Unreachable(f"{_named(url)} was not done after {_PATIENCE:g} s")
    return data


def _bounded(data: bytes, where: str, most: int) -> bytes:
    if len(data) > most:
        raise Refused(
            f"{where} has more than {most} bytes",
            rule="too-large",
            help="margo app push, and a repository in the description: large artifacts are OCI's",
        )
    return data


def _judged(url: str, status: int) -> MargoError:
    if status in {404, 410}:
        return Missing(f"{_named(url)} does not exist")
    if status in {401, 403}:
        return Stalled(f"{_named(url)} asks for a login", help="put the archive into a registry")
    return Unreachable(f"{_named(url)} answered {status}")


def _named(url: str) -> str:
    """The URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:200]
