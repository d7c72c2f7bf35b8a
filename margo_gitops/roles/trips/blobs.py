"""The artifacts of a trip: which of them the site lacks, and their bytes at the office."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.artifacts.follow import bring, parts_of
from margo_gitops.artifacts.manifest import INDEX, is_followed
from margo_gitops.documents import canonical, margo
from margo_gitops.errors import MargoError, Stalled
from margo_gitops.model.record import Artifact, ComponentArtifact
from margo_gitops.model.trip import BLOBS, TripPart
from margo_gitops.roles.supplies import Registries, routes
from margo_gitops.trust.offer import Desired

_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Needs:
    """What a desired state is made of: small ones by digest, large ones with their reference."""

    small: frozenset[str]
    large: tuple[tuple[ComponentArtifact, str], ...]
    mirrors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blobs:
    """The office's cache of large artifacts, filled from registries as it is asked."""

    contents: ContentStore
    registries: Registries

    def lacking(
        self, needs: Needs, held: Collection[str], architectures: Collection[str]
    ) -> list[Artifact]:
        """Every blob that the large ones lead to on these hosts and the site does not hold.

        All are in the cache then. Raises as `artifacts.follow.bring`, and `Stalled` where nobody
        knows for which hosts.
        """
        if needs.large and not architectures:
            raise Stalled(
                "no node of the site has said which architecture it has",
                then="nothing was packed",
                help="margo trip pack … --arch amd64",
            )
        found: dict[str, Artifact] = {}
        for artifact, reference in needs.large:
            sources = self.registries(reference, needs.mirrors)
            bring(
                self.contents,
                sources,
                artifact,
                architectures,
                clock=time.monotonic,
                until=float("inf"),
            )
            parts = parts_of(self.contents, artifact, architectures)
            found |= {part.artifact.digest: part.artifact for part in parts}
        return [found[digest] for digest in sorted(found.keys() - set(held))]

    def known(self, needs: Needs, architectures: Collection[str]) -> set[str]:
        """The blobs that these lead to, as far as the cache can tell; nothing is fetched."""
        found: set[str] = set()
        for artifact, _ in needs.large:
            try:
                parts = parts_of(self.contents, artifact, architectures)
                found |= {part.artifact.digest for part in parts}
            except MargoError:
                continue
        return found

    def read(self, digest: str) -> Iterator[bytes]:
        """A blob's bytes in blocks."""
        path = self.contents.path(digest)
        if path is None:
            raise Stalled(f"{digest[:19]}… is gone from the cache", help="margo trip pack, again")
        with path.open("rb") as file:
            while block := file.read(_READ):
                yield block


def needs_of(desired: Desired) -> Needs:
    """What a desired state asks of artifacts."""
    small = (a.digest for r in desired.deployments for a in r.artifacts if not is_followed(a))
    large = tuple(value for _, value in sorted(routes(desired).items()))
    return Needs(frozenset(small), large, desired.settings.mirrors)


def architectures_of(files: Iterable[tuple[str, bytes]]) -> frozenset[str]:
    """The architectures of all capabilities among these files."""
    found: set[str] = set()
    for path, data in files:
        if path.endswith(("capabilities.json", "capabilities.yaml")):
            found.update(margo.read_capabilities(data, path)[0].architectures)
    return frozenset(found)


def layout_parts(blobs: Collection[Artifact]) -> dict[TripPart, bytes]:
    """The two files that make the blobs an OCI image layout for every other tool."""
    entries = [
        {"mediaType": a.media_type, "digest": a.digest, "size": a.size}
        for a in blobs
        if is_followed(a)
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    files = {
        "oci/index.json": canonical.dumps(index),
        "oci/oci-layout": canonical.dumps({"imageLayoutVersion": "1.0.0"}),
    }
    return {
        TripPart(name=name, size=len(data), digest=canonical.digest(data)): data
        for name, data in files.items()
    }


def blob_part(artifact: Artifact) -> TripPart:
    """A blob as a part of a trip."""
    name = BLOBS + artifact.digest.removeprefix("sha256:")
    return TripPart(name=name, size=artifact.size, digest=artifact.digest)


def cache_folder(environ: Callable[[str], str | None], home: Path) -> Path:
    """Where the office keeps what registries gave it."""
    base = environ("XDG_CACHE_HOME")
    return (Path(base) if base else home / ".cache") / "margo" / "content"
