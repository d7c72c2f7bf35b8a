"""What a node's workloads are made of: each artifact fetched from the site, verified, at hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.artifacts.follow import Contents, bring, manifest_of, parts_of, payload
from margo_gitops.artifacts.manifest import is_followed
from margo_gitops.errors import MargoError, Missing
from margo_gitops.model.record import Artifact, ComponentArtifact, Record
from margo_gitops.roles.artifacts import artifact_bytes, fetch_from_site
from margo_gitops.roles.fromsite import SiteSource
from margo_gitops.runtime.base import Image
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport

SLICE = 20.0
"""Seconds that a pass may spend on large artifacts, before it looks after the rest again."""


@dataclass(frozen=True, slots=True)
class File:
    """A verified file, and the digest that it has."""

    digest: str
    path: Path


@dataclass(slots=True)
class Provisions:
    """The artifacts of one node, for its architectures; what is small lies in its git `store`.

    `clock` counts seconds and never back.
    """

    store: GitStore
    site: Transport
    contents: Contents
    clock: Callable[[], float]
    architectures: Collection[str] = field(default=())

    def fetch(self, needed: Iterable[ComponentArtifact]) -> None:
        """Bring in all that is lacking; one that fails stops no other, and its error comes last.

        Raises `Underway` where a large one needs more time than a pass may take.
        """
        wanted = list(needed)
        followed = {a.digest: a for a in wanted if is_followed(a)}
        troubles: list[MargoError] = []
        try:
            carried = {a.digest: a.size for a in wanted if a.digest not in followed}
            fetch_from_site(self.store, self.site, carried)
        except MargoError as error:
            troubles.append(error)
        until = self.clock() + SLICE
        for artifact in followed.values():
            try:
                self._bring(artifact, until)
            except MargoError as error:
                troubles.append(error)
        if troubles:
            raise troubles[-1]

    def file(self, artifact: Artifact) -> File:
        """The verified file that a component is: the artifact itself, or the layer it leads to.

        Raises `Missing` where it has not come.
        """
        if is_followed(artifact):
            layer, path = payload(self.contents, artifact, self.architectures)
            return File(layer.digest, path)
        found = self.contents.path(artifact.digest)
        data = artifact_bytes(self.store, artifact.digest, artifact.size) if found is None else None
        if data is not None:
            found = self.contents.put(artifact.digest, artifact.size, data)
        if found is None:
            raise Missing(f"{artifact.digest[:19]}… has not arrived yet")
        return File(artifact.digest, found)

    def image(self, artifact: ComponentArtifact) -> Image:
        """An image that a component names, as files; `Missing` where not all has come."""
        manifest, parsed = manifest_of(self.contents, artifact, self.architectures)
        files: dict[str, Path] = {}
        for part in (manifest, *parsed.parts):
            path = self.contents.path(part.digest)
            if path is None:
                raise Missing(f"the image {artifact.image} has not arrived whole yet")
            files[part.digest] = path
        return Image(
            reference=artifact.image or "",
            manifest=manifest,
            id=parsed.config.digest,
            layers=tuple(layer.digest for layer in parsed.layers),
            files=files,
        )

    def collect(self, records: Iterable[Record]) -> None:
        """Delete all files that these records do not need."""
        artifacts = {a.digest: a for record in records for a in record.artifacts}
        kept = kept_by(self.contents, artifacts.values(), self.architectures)
        self.contents.collect(kept, filter(is_followed, artifacts.values()))

    def _bring(self, artifact: ComponentArtifact, until: float) -> None:
        sources = [SiteSource(self.site)]
        bring(self.contents, sources, artifact, self.architectures, clock=self.clock, until=until)


def kept_by(
    contents: Contents, artifacts: Iterable[Artifact], architectures: Collection[str]
) -> set[str]:
    """The digests of these artifacts and of all that they lead to, as far as it is here."""
    kept: set[str] = set()
    for artifact in artifacts:
        kept.add(artifact.digest)
        try:
            kept.update(p.artifact.digest for p in parts_of(contents, artifact, architectures))
        except MargoError:  # what cannot be read leads nowhere
            continue
    return kept
