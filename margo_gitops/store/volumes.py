"""One long file in pieces that small sticks and old file systems take: `NAME.1-of-3` and so on.

The pieces joined in order are the file, so `cat NAME.*-of-3 > NAME` is the stock way back.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from margo_gitops.errors import Missing, Refused
from margo_gitops.store.disk import disk_faults, replacing, sync_folder

MAX_VOLUMES = 999

_PIECE = re.compile(r"(.+)\.([1-9][0-9]{0,2})-of-([1-9][0-9]{0,2})")


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take them all."""


def whole(path: Path) -> str | None:
    """The name of the whole file, where this path is it or its first piece; else None."""
    match = _PIECE.fullmatch(path.name)
    if match is None:
        return path.name
    return match[1] if match[2] == "1" else None


def pieces(path: Path) -> list[Path]:
    """The files that make up a file: itself, or all pieces of which this is one, in order."""
    match = _PIECE.fullmatch(path.name)
    if match is None:
        return [path]
    count = int(match[3])
    return [path.with_name(f"{match[1]}.{number}-of-{count}") for number in range(1, count + 1)]


def cut(path: Path, size: int, most: int | None) -> list[Path]:
    """The files that so many bytes at `path` are written to, where each holds at most `most`."""
    count = 1 if most is None else max(1, -(-size // most))
    return [path] if count == 1 else pieces(path.with_name(f"{path.name}.1-of-{count}"))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file, or its pieces as one, to be read and sought in.

    Raises `Missing` naming the pieces that are not there, `Refused` (rule `stick`) where the
    medium cannot be read.
    """
    parts = pieces(path)
    absent = [part.name for part in parts if not part.is_file()]
    if absent:
        raise Missing(
            f"{absent[0]} is not there" + (f", nor {len(absent) - 1} more" if absent[1:] else ""),
            then="nothing was taken in",
            help="copy all pieces of the trip into one folder",
        )
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(part.open("rb")) for part in parts]
            yield files[0] if len(files) == 1 else io.BufferedReader(_Joined(files))
        except OSError as error:
            raise Refused(
                f"{path.name} cannot be read: {error.strerror}",
                rule="stick",
                help="copy it to another stick",
            ) from error


@contextmanager
def written(path: Path, size: int, most: int | None = None) -> Iterator[Sink]:
    """A new file of exactly `size` bytes at `path`, or pieces of at most `most` bytes.

    Durable and under their names when the block ends; after a fault nothing of it is there.
    Raises `Stalled` where the medium cannot take it.
    """
    parts = cut(path, size, most)
    with disk_faults(path.parent), ExitStack() as stack:
        files = [stack.enter_context(replacing(part)) for part in parts]
        yield _Spread(files, most or size)
    with disk_faults(path.parent):
        sync_folder(path.parent)


class _Joined(io.RawIOBase):
    """Files one after the other, as one."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self._files = files
        self._sizes = [os.fstat(file.fileno()).st_size for file in files]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: sum(self._sizes)}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        begins = 0
        for file, size in zip(self._files, self._sizes, strict=True):
            if self._at < begins + size:
                file.seek(self._at - begins)
                data = file.read(min(len(buffer), begins + size - self._at))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            begins += size
        return 0


class _Spread:
    """Bytes to files, each filled up to `most` before the next."""

    def __init__(self, files: Sequence[BinaryIO], most: int) -> None:
        self._files = files
        self._most = most
        self._at = 0

    def write(self, data: bytes, /) -> int:
        rest = memoryview(data)
        while rest:
            index, inside = divmod(self._at, self._most)
            some = rest[: self._most - inside]
            self._files[index].write(some)
            self._at += len(some)
            rest = rest[len(some) :]
        return len(data)
