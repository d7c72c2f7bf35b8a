"""Archives with one byte form: the same files give the same bytes on every host and zlib.

Used for the manifest's bundle and for a compose component packed from a folder (specification,
desired state and component artifacts; DESIGN section 2).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

BLOCK = 512
END = bytes(2 * BLOCK)
"""The two blocks of zeros that close a tar."""

_RECORD = 20 * BLOCK
_OCTAL = 8**11
_STORED = 0xFFFF
_NAME, _PREFIX = 100, 155
_MAGIC = b"ustar\x0000"
_GZIP_HEADER = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))
"""RFC 1952: deflate, no flags and so no name, time 0, no hint, system unknown."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz of `files`, path to content; deterministic. Raises as `tar` does."""
    return gzip_stored(tar(files))


def tar(files: Mapping[str, bytes]) -> bytes:
    """A POSIX ustar archive of regular files, sorted by path, mode 0644, owner 0, time 0.

    Folders have no entries of their own; every reader makes them. Raises `ValueError` for a path
    that is absolute, has an empty, `.` or `..` part, or does not fit a ustar header.
    """
    blocks = b"".join(
        header(path, len(data)) + data + padding(len(data))
        for path, data in sorted(files.items(), key=lambda item: item[0].encode())
    )
    closed = blocks + END
    return closed + padding(len(closed), _RECORD)


def gzip_stored(data: bytes) -> bytes:
    """`data` as a gzip member of stored blocks: compressed bytes would differ between zlibs."""
    trailer = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return _GZIP_HEADER + b"".join(_stored_blocks(data)) + trailer


def _stored_blocks(data: bytes) -> Iterator[bytes]:
    # RFC 1951, 3.2.4; the last block says so, and an empty input is one empty last block.
    last = max(0, len(data) - 1) // _STORED
    for index in range(last + 1):
        chunk = data[index * _STORED : (index + 1) * _STORED]
        yield struct.pack("<BHH", index == last, len(chunk), len(chunk) ^ 0xFFFF) + chunk


def header(path: str, size: int) -> bytes:
    """The 512 bytes before an entry; a size of 8 GiB or more is spelled as GNU tar does.

    Raises as `tar` does.
    """
    prefix, name = _split(path)
    fields = (
        name.ljust(_NAME, b"\0"),
        _octal(0o644, 8),
        _octal(0, 8),
        _octal(0, 8),
        _octal(size, 12) if size < _OCTAL else b"\x80" + size.to_bytes(11, "big"),
        _octal(0, 12),
        b" " * 8,
        b"0",
        bytes(100),
        _MAGIC,
        bytes(32 + 32),
        _octal(0, 8),
        _octal(0, 8),
        prefix.ljust(_PREFIX, b"\0"),
    )
    block = b"".join(fields).ljust(BLOCK, b"\0")
    checksum = b"%06o\0 " % sum(block)
    return block[:148] + checksum + block[156:]


def _split(path: str) -> tuple[bytes, bytes]:
    if "\0" in path or any(part in {"", ".", ".."} for part in path.split("/")):
        raise ValueError(f"{path!r} is no plain relative path")
    raw = path.encode()
    if len(raw) <= _NAME:
        return b"", raw
    # The name takes as much as fits, so that one path has one spelling.
    cut = raw.find(b"/", len(raw) - _NAME - 1)
    if 0 < cut <= _PREFIX and cut < len(raw) - 1:
        return raw[:cut], raw[cut + 1 :]
    raise ValueError(f"{path!r} has {len(raw)} bytes and does not fit a ustar header")


def _octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def padding(size: int, unit: int = BLOCK) -> bytes:
    """The zeros after so many bytes, up to a whole number of blocks."""
    return bytes(-size % unit)
