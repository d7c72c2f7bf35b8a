"""The site's artifacts by digest, on the paths of the OCI distribution specification; read only.

A name in the path is not looked at: a digest says it all.
"""

from __future__ import annotations

import re
from pathlib import Path

from margo_gitops.errors import MargoError
from margo_gitops.roles.artifacts import artifact
from margo_gitops.roles.serving.answer import Answer, Headers, Turned, whole
from margo_gitops.store.git import GitStore

BASE = "/v2/"
_BLOB = re.compile(r"/v2/(?:[a-z0-9][a-z0-9._-]{0,127}/){1,8}blobs/(sha256:[0-9a-f]{64})")
_RANGE = re.compile(r"bytes=([0-9]{1,12})-([0-9]{0,12})")


def answer_content(mirror: Path, method: str, path: str, asked_range: str) -> Answer:
    """The answer to a request below `/v2/`; `Turned` for what is not there, or any write."""
    if method not in {"GET", "HEAD"}:
        raise Turned("405 Method Not Allowed", "artifacts are only read here", ("Allow", "GET"))
    if path == BASE:
        kind = ("Content-Type", "application/json")
        return _bare(whole("200 OK", [kind, _VERSION], b"{}"), method)
    found = _BLOB.fullmatch(path)
    data = None if found is None else _data(mirror, found[1])
    if found is None or data is None:
        raise Turned("404 Not Found", "this site does not hold it")
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Docker-Content-Digest", found[1]),
        ("Accept-Ranges", "bytes"),
        _VERSION,
    ]
    return _bare(_part(data, headers, asked_range), method)


_VERSION = ("Docker-Distribution-API-Version", "registry/2.0")


def _data(mirror: Path, digest: str) -> bytes | None:
    try:
        with GitStore.open(mirror) as store:
            return artifact(store, digest)
    except MargoError as error:
        raise Turned("500 Internal Server Error", "the artifact cannot be read here") from error


def _part(data: bytes, headers: Headers, asked: str) -> Answer:
    """All of it, or the one range that was asked for; any other wish is passed over (RFC 9110)."""
    found = _RANGE.fullmatch(asked)
    if found is None:
        return whole("200 OK", headers, data)
    first = int(found[1])
    last = min(int(found[2] or len(data)), len(data) - 1)
    if first > last:
        size = ("Content-Range", f"bytes */{len(data)}")
        raise Turned("416 Range Not Satisfiable", "it is shorter than that", size)
    where = ("Content-Range", f"bytes {first}-{last}/{len(data)}")
    return whole("206 Partial Content", [*headers, where], data[first : last + 1])


def _bare(answer: Answer, method: str) -> Answer:
    if method == "HEAD":
        answer.blocks = []
    return answer
