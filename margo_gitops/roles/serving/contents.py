"""The site's artifacts by digest, on the paths of the OCI distribution specification; read only.

A name in the path is not looked at: a digest says it all.
"""

from __future__ import annotations

import re
from pathlib import Path

from margo_gitops.artifacts.manifest import MAX_MANIFEST, media_type
from margo_gitops.errors import MargoError
from margo_gitops.roles.held import HeldBlob, held_blob
from margo_gitops.roles.serving.answer import Answer, Headers, Turned, whole

BASE = "/v2/"
_HELD = re.compile(
    r"/v2/(?:[a-z0-9][a-z0-9._-]{0,127}/){1,8}(blobs|manifests)/(sha256:[0-9a-f]{64})"
)
_RANGE = re.compile(r"bytes=([0-9]{1,12})-([0-9]{0,12})")


def answer_content(mirror: Path, method: str, path: str, asked_range: str) -> Answer:
    """The answer to a request below `/v2/`; `Turned` for what is not there, or any write."""
    if method not in {"GET", "HEAD"}:
        raise Turned("405 Method Not Allowed", "artifacts are only read here", ("Allow", "GET"))
    if path == BASE:
        kind = ("Content-Type", "application/json")
        return _bare(whole("200 OK", [kind, _VERSION], b"{}"), method)
    found = _HELD.fullmatch(path)
    held = None if found is None else _held(mirror, found[2])
    if found is None or held is None:
        raise Turned("404 Not Found", "this site does not hold it")
    media = "application/octet-stream" if found[1] == "blobs" else _kind(held)
    headers = [
        ("Content-Type", media),
        ("Docker-Content-Digest", found[2]),
        ("Accept-Ranges", "bytes"),
        _VERSION,
    ]
    return _bare(_part(held, headers, asked_range), method)


_VERSION = ("Docker-Distribution-API-Version", "registry/2.0")


def _held(mirror: Path, digest: str) -> HeldBlob | None:
    try:
        return held_blob(mirror, digest)
    except (MargoError, OSError) as error:
        raise Turned("500 Internal Server Error", "the artifact cannot be read here") from error


def _kind(held: HeldBlob) -> str:
    """The media type of an index or manifest, as clients of registries want it said."""
    if held.size > MAX_MANIFEST:
        raise Turned("404 Not Found", "it is no manifest")
    kind = media_type(b"".join(held.blocks(0, held.size)))
    if kind is None:
        raise Turned("404 Not Found", "it is no manifest")
    return kind


def _part(held: HeldBlob, headers: Headers, asked: str) -> Answer:
    """All of it, or the one range that was asked for; any other wish is passed over (RFC 9110)."""
    found = _RANGE.fullmatch(asked)
    if found is None:
        return _answer("200 OK", headers, held, 0, held.size)
    first = int(found[1])
    last = min(int(found[2] or held.size), held.size - 1)
    if first > last:
        size = ("Content-Range", f"bytes */{held.size}")
        raise Turned("416 Range Not Satisfiable", "it is shorter than that", size)
    where = ("Content-Range", f"bytes {first}-{last}/{held.size}")
    return _answer("206 Partial Content", [*headers, where], held, first, last + 1)


def _answer(status: str, headers: Headers, held: HeldBlob, first: int, after: int) -> Answer:
    size = ("Content-Length", str(after - first))
    return Answer(status, [*headers, size], held.blocks(first, after))


def _bare(answer: Answer, method: str) -> Answer:
    if method == "HEAD":
        answer.blocks = []
    return answer
