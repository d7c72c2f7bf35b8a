"""A request's body, in blocks and never more than was allowed, whatever its head promised."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from margo_gitops.roles.serving.answer import Turned

Environ = Mapping[str, Any]
Take = Callable[[], bytes]

_BLOCK = 1 << 16
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
_GZIP = 31
"""zlib's window size and header for gzip."""


def taking(environ: Environ, most: int) -> Take:
    """What gives the body's next block, empty at its end.

    Raises `Turned` for a length above `most`, none at all, or two that could differ.
    """
    length = environ.get("CONTENT_LENGTH", "")
    coding = environ.get("HTTP_TRANSFER_ENCODING", "")
    if coding and (length or coding.strip().lower() != "chunked"):
        raise Turned("400 Bad Request", "a length or chunks were expected, not both")
    if coding:
        blocks = _chunks(environ["wsgi.input"].rfile, most)
    elif re.fullmatch(r"[0-9]{1,12}", length):
        if int(length) > most:
            raise Turned("413 Content Too Large", f"at most {most} bytes are taken at once")
        blocks = _exactly(environ["wsgi.input"], int(length))
    else:
        raise Turned("411 Length Required", "the length of the body was expected")
    return lambda: next(blocks, b"")


def whole_body(environ: Environ, most: int) -> bytes:
    """All of it, unpacked; `Turned` where that is more than `most` bytes."""
    coding = environ.get("HTTP_CONTENT_ENCODING", "")
    if coding not in {"", "gzip"}:
        raise Turned("415 Unsupported Media Type", "gzip or nothing was expected")
    take = taking(environ, most)
    data = b"".join(iter(take, b""))
    return _unpacked(data, most) if coding else data


def _unpacked(data: bytes, most: int) -> bytes:
    inflate = zlib.decompressobj(_GZIP)
    try:
        found = inflate.decompress(data, most + 1)
    except zlib.error as error:
        raise Turned("400 Bad Request", "the gzip cannot be unpacked") from error
    if len(found) > most:
        raise Turned("413 Content Too Large", f"at most {most} bytes are taken, unpacked")
    if not inflate.eof:
        raise Turned("400 Bad Request", "the gzip was cut short")
    return found


def _exactly(stream: Any, left: int) -> Iterator[bytes]:
    while left:
        block: bytes = stream.read(min(left, _BLOCK))
        if not block:
            raise _broken_off()
        left -= len(block)
        yield block


def _chunks(stream: Any, most: int) -> Iterator[bytes]:
    """RFC 9112 section 7.1, without extensions and trailers: no git sends them."""
    while True:
        size = _size(stream.readline(16))
        most -= size
        if most < 0:
            raise Turned("413 Content Too Large", "more was sent than is taken at once")
        yield from _exactly(stream, size)
        if stream.read(2) != b"\r\n":
            raise Turned("400 Bad Request", "a chunk does not end where it said")
        if not size:
            return


def _size(line: bytes) -> int:
    if not line:
        raise _broken_off()
    found = _CHUNK.fullmatch(line)
    if found is None:
        raise Turned("400 Bad Request", "a chunk's size was expected")
    return int(found[1], 16)


def _broken_off() -> Turned:
    return Turned("400 Bad Request", "the body was cut short")
