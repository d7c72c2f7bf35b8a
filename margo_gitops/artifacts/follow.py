"""From a locked digest to all that it leads to: index, the hosts' manifests, configuration, layers.

Every step is by digest and size, so that it does not matter where the bytes come from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from margo_gitops.artifacts.manifest import (
    INDEXES,
    MANIFESTS,
    MAX_MANIFEST,
    MAX_PARTS,
    Manifest,
    is_followed,
    no_platform,
    read_index,
    read_manifest,
)
from margo_gitops.documents.canonical import digest as digest_of
from margo_gitops.errors import Invalid, MargoError, Missing, Refused, Underway, Unreachable
from margo_gitops.model.record import Artifact


class Source(Protocol):
    """A registry, a mirror or a site: bytes by digest, not verified yet."""

    @property
    def name(self) -> str:
        """Where that is, without credentials."""

    def manifest(self, artifact: Artifact) -> bytes:
        """An index or manifest, at most `MAX_MANIFEST` bytes."""

    def blob(self, artifact: Artifact, offset: int = 0) -> Iterator[bytes]:
        """A configuration or layer in blocks, from this byte on.

        Both raise `Missing` where it is not there, and `Unreachable`.
        """


class Contents(Protocol):
    """Verified files by digest on this host (`artifacts.content.ContentStore`)."""

    def put(self, digest: str, size: int, data: bytes) -> Path:
        """Keep these bytes, hashed; where they lie."""

    def receive(self, digest: str, size: int, rest: Callable[[int], Iterable[bytes]]) -> Path:
        """Keep what comes in blocks, hashed; `rest` gives them from an offset on."""

    def received(self, digest: str) -> int:
        """How many bytes have come of one that is not whole yet."""

    def path(self, digest: str) -> Path | None:
        """Where they lie, hashed again; None where they do not."""

    def collect(self, keep: Collection[str], roots: Iterable[Artifact] = ()) -> None:
        """Delete all others; `roots` are what these are reached from."""


@dataclass(frozen=True, slots=True)
class Part:
    """One blob of what an artifact leads to; `file` is None where it has not come."""

    artifact: Artifact
    file: Path | None


def whole(source: Source, artifact: Artifact, most: int) -> bytes:
    """A small blob, verified, in memory.

    Raises `Refused` (rule `digest`, or `too-large` above `most` bytes), and as `Source` does.
    """
    if artifact.size > most:
        raise Refused(
            f"{artifact.digest[:19]}… at {source.name} has {artifact.size} bytes, expected at most"
            f" {most}",
            rule="too-large",
        )
    data = b""
    for block in source.blob(artifact):
        data += block
        if len(data) > artifact.size:
            break
    if len(data) != artifact.size or digest_of(data) != artifact.digest:
        raise Refused(
            f"{source.name} sent other bytes than those of {artifact.digest[:19]}…", rule="digest"
        )
    return data


def parts_of(
    contents: Contents, artifact: Artifact, architectures: Collection[str]
) -> Iterator[Part]:
    """The artifact and all that it leads to for these architectures, as far as it is known.

    Below what has not come nothing is known. Raises `Refused` (rule `manifest`) for what is no
    manifest, and `Invalid` for an index that has nothing for any of them.
    """
    due = {artifact.digest: artifact}
    known = set(due)
    while due:
        part = due.pop(next(iter(due)))
        file = contents.path(part.digest)
        yield Part(part, file)
        below = () if file is None else _below(file, part, architectures)
        due |= {found.digest: found for found in below if found.digest not in known}
        known |= set(due)
        if len(known) > MAX_PARTS:
            raise Refused(
                f"{artifact.digest[:19]}… leads to more than {MAX_PARTS} blobs", rule="manifest"
            )


def bring(
    contents: Contents,
    sources: Sequence[Source],
    artifact: Artifact,
    architectures: Collection[str],
    *,
    clock: Callable[[], float],
    until: float,
) -> None:
    """Fetch all that is lacking from the first source that has it; resumes where it was cut off.

    Raises `Underway` when the clock shows `until` and not all has come, else the errors of
    `parts_of` and `Contents.receive`, and those of the last source that was asked.
    """
    while lacking := [p for p in parts_of(contents, artifact, architectures) if p.file is None]:
        for part in lacking:
            if clock() >= until:
                raise underway(contents, artifact, architectures)
            _fetch(contents, sources, part, clock=clock, until=until)


def payload(
    contents: Contents, artifact: Artifact, architectures: Collection[str]
) -> tuple[Artifact, Path]:
    """The one file that a component's artifact is: the layer of its manifest.

    Raises `Missing` where it has not come whole, `Invalid` for several layers.
    """
    layers = manifest_of(contents, artifact, architectures)[1].content
    if len(layers) != 1:
        raise Invalid(
            f"{artifact.digest[:19]}… has {len(layers)} layers, expected one: the component's"
            " archive, chart or module"
        )
    return layers[0], _held(contents, layers[0])


def manifest_of(
    contents: Contents, artifact: Artifact, architectures: Collection[str]
) -> tuple[Artifact, Manifest]:
    """The manifest for the first of these architectures that the artifact has something for."""
    while artifact.media_type in INDEXES:
        artifact = _for_hosts(_held(contents, artifact), artifact, architectures)[0]
    return artifact, read_manifest(_held(contents, artifact).read_bytes(), artifact)


def underway(contents: Contents, artifact: Artifact, architectures: Collection[str]) -> Underway:
    """How far it has come, in words."""
    parts = list(parts_of(contents, artifact, architectures))
    whole = sum(part.artifact.size for part in parts)
    came = sum(
        part.artifact.size if part.file else contents.received(part.artifact.digest)
        for part in parts
    )
    return Underway(
        f"{artifact.digest[:19]}… is on its way: {came >> 20} of {whole >> 20} MiB,"
        f" {sum(part.file is not None for part in parts)} of {len(parts)} parts"
    )


def _fetch(
    contents: Contents,
    sources: Sequence[Source],
    part: Part,
    *,
    clock: Callable[[], float],
    until: float,
) -> None:
    told: MargoError = Missing(f"{part.artifact.digest[:19]}… is held nowhere that is known here")
    for source in sources:
        try:
            _receive(contents, source, part, lambda: clock() >= until)
        except (Missing, Unreachable, Refused) as error:
            told = error
        else:
            return
    raise told


def _receive(contents: Contents, source: Source, part: Part, is_over: Callable[[], bool]) -> None:
    wanted = part.artifact
    if is_followed(wanted):
        if wanted.size > MAX_MANIFEST:
            raise Refused(
                f"the manifest {wanted.digest[:19]}… is announced with {wanted.size} bytes,"
                f" expected at most {MAX_MANIFEST}",
                rule="manifest",
            )
        contents.put(wanted.digest, wanted.size, source.manifest(wanted))
        return

    def rest(offset: int) -> Iterator[bytes]:
        for block in source.blob(wanted, offset):
            yield block
            if is_over():
                raise Underway(f"{wanted.digest[:19]}… is on its way")

    contents.receive(wanted.digest, wanted.size, rest)


def _below(file: Path, artifact: Artifact, architectures: Collection[str]) -> list[Artifact]:
    if artifact.media_type in INDEXES:
        return _for_hosts(file, artifact, architectures)
    if artifact.media_type in MANIFESTS:
        return read_manifest(file.read_bytes(), artifact).parts
    return []


def _for_hosts(file: Path, artifact: Artifact, architectures: Collection[str]) -> list[Artifact]:
    """What an index has for these hosts, never nothing."""
    index = read_index(file.read_bytes(), artifact)
    found = index.for_platform(architectures)
    if not found:
        raise no_platform(artifact, index, architectures)
    return found


def _held(contents: Contents, artifact: Artifact) -> Path:
    file = contents.path(artifact.digest)
    if file is None:
        raise Missing(f"{artifact.digest[:19]}… has not arrived yet")
    return file
