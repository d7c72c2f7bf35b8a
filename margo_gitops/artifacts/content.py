"""A store of verified blobs by digest, of a site or a node: an OCI image layout."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from margo_gitops.artifacts.manifest import INDEX
from margo_gitops.documents.canonical import digest as digest_of
from margo_gitops.errors import Refused, Stalled, Unreachable
from margo_gitops.model.record import Artifact

RESERVE = 64 << 20
"""Bytes of the disk that are left to others, however large an artifact is."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
_Seen = tuple[int, int, int]


class ContentStore:
    """Blobs at `root/blobs/sha256/<hex>`; none is ever handed out that its digest does not fit.

    One process writes at a time. Every method raises `Stalled` where the disk is full or cannot be
    used.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "blobs" / "sha256"
        self._verified: dict[str, _Seen] = {}

    def put(self, digest: str, size: int, data: bytes) -> Path:
        """Keep `data` durably, if it is what was announced; returns its file.

        Raises `Refused` (rule `digest`) where its size or sha256 is another.
        """
        if len(data) != size:
            raise Refused(
                f"{_short(digest)} came with {len(data)} bytes, expected {size}", rule="digest"
            )
        if digest_of(data) != digest:
            raise Refused(
                f"bytes of {_short(digest_of(data))} came, expected {_short(digest)}", rule="digest"
            )
        return self.path(digest) or self._write(digest, data)

    def receive(self, digest: str, size: int, rest: Callable[[int], Iterable[bytes]]) -> Path:
        """Keep a large blob that comes in blocks; `rest` gives them from an offset on.

        What came before an error stays, and the next call asks only for the rest. Raises `Refused`
        (rule `digest`) where it is not what was announced: then nothing of it stays.
        """
        held = self.path(digest)
        if held is not None:
            return held
        part = self._part(digest)
        with self._disk():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._require_room(digest, size, part)
            with part.open("ab+") as stream:
                hashed, came = _hashed(stream)
                blocks = rest(came) if came < size else ()
                came = _append(stream, hashed, blocks, came=came, most=size)
            if came < size:
                raise Unreachable(f"only {came} of the {size} bytes of {_short(digest)} came")
            return self._take(part, digest, size, came, f"sha256:{hashed.hexdigest()}")

    def received(self, digest: str) -> int:
        """How many bytes of a blob have come so far that is not whole yet."""
        with self._disk(), suppress(FileNotFoundError):
            return self._part(digest).stat().st_size
        return 0

    def path(self, digest: str) -> Path | None:
        """The blob's file, or None.

        A file is hashed when this process first meets it, and whenever it changed since; a corrupt
        one is removed, so that it is fetched again.
        """
        if not _DIGEST.fullmatch(digest):
            return None
        file = self._folder / digest[7:]
        with self._disk():
            try:
                seen = _seen(file)
                if self._verified.get(digest) != seen and not _fits(file, digest):
                    file.unlink()
                    return None
            except FileNotFoundError:
                return None
        self._verified[digest] = seen
        return file

    def named(self, digest: str) -> Path | None:
        """The blob's file as its name says, not hashed: for others, who verify it themselves."""
        file = self._folder / digest[7:]
        return file if _DIGEST.fullmatch(digest) and file.is_file() else None

    def digests(self) -> frozenset[str]:
        """The digests of all blobs held, as their names say; `path` is what verifies one."""
        with self._disk(), suppress(FileNotFoundError):
            names = [file.name for file in self._folder.iterdir()]
            return frozenset(f"sha256:{name}" for name in names if _HEX.fullmatch(name))
        return frozenset()

    def collect(self, keep: Collection[str], roots: Iterable[Artifact] = ()) -> None:
        """Delete all blobs but these, and what an interrupted write left behind.

        `roots` are what the others are reached from: they stand in the layout's `index.json`.
        """
        wanted = {digest.removeprefix("sha256:") for digest in keep}
        wanted |= {f".{name}.part" for name in wanted}
        with self._disk(), suppress(FileNotFoundError):
            for file in self._folder.iterdir():
                if file.name not in wanted:
                    file.unlink(missing_ok=True)
            self._describe(roots)

    def _describe(self, roots: Iterable[Artifact]) -> None:
        """The two files that make the folder an OCI image layout for others; blobs may lack."""
        held = sorted((a for a in roots if self.named(a.digest)), key=lambda a: a.digest)
        entries = [{"mediaType": a.media_type, "digest": a.digest, "size": a.size} for a in held]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        layout = {"imageLayoutVersion": "1.0.0"}
        for name, value in (("index.json", index), ("oci-layout", layout)):
            file, data = self._folder.parents[1] / name, json.dumps(value).encode()
            if not file.exists() or file.read_bytes() != data:
                new = file.with_name(f".{name}.new")
                new.write_bytes(data)
                new.replace(file)

    def _write(self, digest: str, data: bytes) -> Path:
        file = self._folder / digest[7:]
        with self._disk():
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f".{file.name}.new")
            try:
                with temporary.open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                temporary.replace(file)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync(self._folder)
            self._verified[digest] = _seen(file)
        return file

    def _part(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise Refused(f"{_short(digest)} is no sha256 digest", rule="digest")
        return self._folder / f".{digest[7:]}.part"

    def _require_room(self, digest: str, size: int, part: Path) -> None:
        room = shutil.disk_usage(self._folder).free - RESERVE
        lacks = size - (part.stat().st_size if part.exists() else 0)
        if lacks > room:
            raise Stalled(
                f"{_short(digest)} needs {lacks >> 20} MiB more in {self._folder}, and"
                f" {max(0, room) >> 20} MiB may be used there",
                then="what runs goes on running",
                help=f"df -h {self._folder}",
            )

    def _take(self, part: Path, digest: str, size: int, came: int, found: str) -> Path:
        """The whole file under its name, or nothing of it."""
        if came != size or found != digest:
            part.unlink()
            raise Refused(
                f"bytes of {_short(found)} came, expected {_short(digest)} of {size} bytes",
                rule="digest",
            )
        file = self._folder / digest[7:]
        part.replace(file)
        _sync(self._folder)
        self._verified[digest] = _seen(file)
        return file

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            why = "the disk is full" if full else f"{error.strerror}"
            raise Stalled(
                f"artifacts cannot be kept in {self._folder}: {why}",
                then="what runs goes on running",
                help=f"df {self._folder}",
            ) from error


def _hashed(stream: BinaryIO) -> tuple[Any, int]:
    """The hash over what lies there already, and its size."""
    stream.seek(0)
    hashed, came = hashlib.sha256(), 0
    while block := stream.read(_BLOCK):
        hashed.update(block)
        came += len(block)
    return hashed, came


def _append(stream: BinaryIO, hashed: Any, blocks: Iterable[bytes], *, came: int, most: int) -> int:
    """Write what comes, at most one block too much; durable when it ends, however it ends."""
    try:
        for block in blocks:
            stream.write(block)
            hashed.update(block)
            came += len(block)
            if came > most:
                break
    finally:
        stream.flush()
        os.fsync(stream.fileno())
    return came


def _fits(file: Path, digest: str) -> bool:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == digest[7:]


def _seen(file: Path) -> _Seen:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _short(digest: str) -> str:
    return digest[:19]
