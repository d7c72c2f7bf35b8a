"""A git bundle, one file on a stick, as a transport (gitformat-bundle(5), versions 2 and 3)."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dulwich.refs import Ref, check_ref_format

from margo_gitops.errors import Missing, Refused
from margo_gitops.store.disk import disk_faults, exclusive, replacing, sync_folder
from margo_gitops.store.git import GitStore
from margo_gitops.store.limits import MAX_PACK
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.names import asked
from margo_gitops.store.objects import oid
from margo_gitops.store.pack import write_pack
from margo_gitops.store.transport import Update
from margo_gitops.store.walk import Known, is_commit, reachable

MAX_LINE = 1024
MAX_LINES = 200_000

_SIGNATURES = {b"# v2 git bundle\n": 2, b"# v3 git bundle\n": 3}
_REF = re.compile(r"refs/(heads|margo)/[a-z0-9/.-]+")
_LINE = re.compile(rb"(-?)([0-9a-f]{40})(?: (.*))?")


@dataclass(frozen=True, slots=True)
class Header:
    """What a bundle says before its pack, which begins at the byte `pack`."""

    refs: Mapping[str, str]
    prerequisites: tuple[str, ...]
    pack: int


class BundleTransport:
    """A bundle file. Absent, it is an empty remote; with prerequisites it can only be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:
        """See `Transport`. Raises `Refused` (rule `bundle`) for a file that is no bundle."""
        with self._opened() as file:
            return {} if file is None else asked(read_header(file).refs.items(), wanted)

    def fetch(self, store: GitStore, wanted: Mapping[str, str]) -> None:
        """See `Transport`. Raises `Missing` with the commit that the bundle builds on."""
        with self._opened() as file:
            if file is None:
                raise Missing(f"{self.name} is not there")
            header = read_header(file)
            for ref, id in wanted.items():
                if id not in header.refs.values():
                    raise Missing(f"{self.name} does not hold {ref} at {id}")
            unpack(store, file, header, list(wanted.values()))

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:
        """See `Transport`: the file is written anew, its old refs and the updates in it."""
        lock = self._path.with_name(self._path.name + ".lock")
        with (
            disk_faults(self._path),
            exclusive(lock),
            tempfile.TemporaryDirectory(prefix="margo-") as folder,
            GitStore.create(Path(folder) / "scratch") as scratch,
        ):
            before = self._unpacked(scratch)
            StoreTransport(scratch).push(store, updates)
            after = scratch.refs()
            if after != before:
                self._write(scratch, after)

    def watched(self) -> Path | None:
        """See `Transport`: a file has no git directory."""
        return None

    def _unpacked(self, scratch: GitStore) -> dict[str, str]:
        with self._opened() as file:
            if file is None:
                return {}
            header = read_header(file)
            if header.prerequisites:
                raise Refused(
                    f"{self.name} builds on commits that it does not hold: it can only be read",
                    rule="bundle",
                    then="nothing was written",
                )
            unpack(scratch, file, header, list(header.refs.values()))
        for ref, id in header.refs.items():
            scratch.move(ref, id, old=None)
        return scratch.refs()

    def _write(self, scratch: GitStore, refs: Mapping[str, str]) -> None:
        with replacing(self._path) as file:
            pack(scratch, file, refs)
        sync_folder(self._path.parent)

    def _opened(self) -> AbstractContextManager[BinaryIO | None]:
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            return nullcontext()


def read_header(file: BinaryIO) -> Header:
    """Read a bundle's header from its first byte.

    Raises `Refused` (rule `bundle`) unless it is sha1, without filters, and every ref is one of
    ours; a `HEAD`, as git adds one, is passed over.
    """
    version = _SIGNATURES.get(file.readline(MAX_LINE))
    if version is None:
        raise _no_bundle("does not begin like one of version 2 or 3")
    refs: dict[str, str] = {}
    prerequisites: list[str] = []
    for _ in range(MAX_LINES):
        line = file.readline(MAX_LINE)
        if line == b"\n":
            return Header(refs, tuple(prerequisites), file.tell())
        if version == 3 and line.startswith(b"@"):
            if line != b"@object-format=sha1\n":
                raise _no_bundle(f"asks for {line[:60]!r}, which is not understood")
            continue
        _add_line(line, refs, prerequisites)
    raise _no_bundle(f"has a header of more than {MAX_LINES} lines")


def unpack(store: GitStore, file: BinaryIO, header: Header, wants: Sequence[str]) -> None:
    """Take a bundle's pack into the store if with it the wanted commits are whole; else nothing.

    Raises `Missing` with the first prerequisite that the store lacks, or `Refused`.
    """
    for id in header.prerequisites:
        if not is_commit(store.objects, oid(id)):
            raise Missing(
                f"the bundle builds on commit {id}, which is not here",
                then="nothing was taken in",
                help="bring the bundle before this one, or a full one",
            )
    size = file.seek(0, os.SEEK_END) - header.pack
    if size > MAX_PACK:
        raise Refused(f"a bundle of {size} bytes, at most {MAX_PACK} are taken", rule="too-large")
    file.seek(header.pack)
    folder = None if store.path is None else store.path / "objects"
    with disk_faults(folder or "memory"), tempfile.TemporaryFile(dir=folder) as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        store.receive(copy, wants)


def pack(
    store: GitStore, file: BinaryIO, refs: Mapping[str, str], prerequisites: Sequence[str] = ()
) -> None:
    """Write a version 2 bundle of these refs at the start of `file`, without deltas.

    It lacks what the prerequisites reach; the reader must hold those. The same arguments give the
    same bytes.
    """
    file.write(b"# v2 git bundle\n")
    file.writelines(f"-{id} \n".encode() for id in sorted(prerequisites))
    file.writelines(f"{id} {ref}\n".encode() for ref, id in sorted(refs.items()))
    file.write(b"\n")
    held = [oid(id) for id in prerequisites]
    wants = [oid(id) for _, id in sorted(refs.items())]
    write_pack(file, reachable(store.objects, wants, Known(store.objects, held, held)))


def _add_line(line: bytes, refs: dict[str, str], prerequisites: list[str]) -> None:
    match = _LINE.fullmatch(line.removesuffix(b"\n")) if line.endswith(b"\n") else None
    if match is None:
        raise _no_bundle(f"has the header line {line[:60]!r}")
    id, rest = match[2].decode(), (match[3] or b"").decode("utf-8", "replace")
    if match[1]:
        prerequisites.append(id)
    elif rest != "HEAD":
        if not _REF.fullmatch(rest) or not check_ref_format(Ref(rest[5:].encode())):
            raise _no_bundle(f"names the ref {rest[:60]!r}, which is none of a fleet's")
        if refs.setdefault(rest, id) != id:
            raise _no_bundle(f"names {rest} twice")


def _no_bundle(what: str) -> Refused:
    return Refused(f"a bundle that {what}", rule="bundle", then="nothing was taken in")
