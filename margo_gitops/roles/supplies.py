"""What a site's deployments are made of: brought once for all its nodes, kept while needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from margo_gitops.artifacts.follow import Contents, Source, bring, parts_of
from margo_gitops.artifacts.manifest import is_followed
from margo_gitops.documents import margo
from margo_gitops.errors import MargoError
from margo_gitops.model.record import ComponentArtifact, document_path
from margo_gitops.roles.artifacts import fetch_artifacts, held_artifacts
from margo_gitops.roles.provisions import SLICE, kept_by
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport
from margo_gitops.trust.offer import Desired

Registries = Callable[[str, Sequence[str]], Sequence[Source]]
"""Where a reference is to be had, nearest first: the site's mirrors, then the registry itself."""


def nowhere(_reference: str, _mirrors: Sequence[str]) -> Sequence[Source]:
    """No registry at all."""
    return ()


@dataclass(frozen=True, slots=True)
class Stock:
    """Digests: of artifacts that are lacking wholly or in part, and of all that is here."""

    missing: tuple[str, ...]
    blobs: tuple[str, ...]


@dataclass(slots=True)
class Supplies:
    """Small artifacts come with git into the mirror, large ones from registries into `contents`.

    Without `contents` large ones stay missing. `clock` counts seconds and never back.
    """

    store: GitStore
    contents: Contents | None
    registries: Registries
    clock: Callable[[], float]
    _due: bool = True

    def carry(self, desired: Desired, remote: Transport) -> None:
        """Bring in the small ones, as `fetch_artifacts`; the large ones are due again."""
        self._due = True
        wanted = (a for record in desired.deployments for a in record.artifacts)
        fetch_artifacts(
            self.store, remote, {a.digest: a.size for a in wanted if not is_followed(a)}
        )

    def bring(self, desired: Desired, architectures: Collection[str]) -> tuple[MargoError, ...]:
        """Go on with the large ones for a while, for these architectures, once for each sync.

        One that fails stops no other. `Underway` among the errors says that it goes on at once.
        """
        if self.contents is None or not self._due or not architectures:
            return ()
        self._due = False
        until = self.clock() + SLICE
        mirrors = desired.settings.mirrors
        return tuple(self._brought(routes(desired), mirrors, architectures, until))

    def stock(self, desired: Desired | None, architectures: Collection[str]) -> Stock:
        """What is here of all that is needed."""
        if desired is None:
            return Stock((), ())
        needed = {a.digest: a for record in desired.deployments for a in record.artifacts}
        here = held_artifacts(self.store) & set(needed)
        missing = {d for d, a in needed.items() if not is_followed(a)} - here
        for artifact in filter(is_followed, needed.values()):
            whole, held = self._parts(artifact, architectures)
            here |= held
            missing |= set() if whole else {artifact.digest}
        return Stock(tuple(sorted(missing)), tuple(sorted(here)))

    def collect(self, desired: Iterable[Desired], architectures: Collection[str]) -> None:
        """Delete what none of these desired states needs; nothing while no node is known."""
        if self.contents is None or not architectures:
            return
        artifacts = {a.digest: a for d in desired for r in d.deployments for a in r.artifacts}
        followed = list(filter(is_followed, artifacts.values()))
        self.contents.collect(kept_by(self.contents, followed, architectures), followed)

    def _brought(
        self,
        routes: Mapping[str, tuple[ComponentArtifact, str]],
        mirrors: Sequence[str],
        architectures: Collection[str],
        until: float,
    ) -> Iterator[MargoError]:
        for artifact, reference in routes.values():
            if self.contents is None or self._parts(artifact, architectures)[0]:
                continue
            try:
                bring(
                    self.contents,
                    self.registries(reference, mirrors),
                    artifact,
                    architectures,
                    clock=self.clock,
                    until=until,
                )
            except MargoError as error:
                yield error

    def _parts(
        self, artifact: ComponentArtifact, architectures: Collection[str]
    ) -> tuple[bool, set[str]]:
        """Whether all that it leads to is here, and what of it is."""
        if self.contents is None or not architectures:
            return False, set()
        try:
            parts = list(parts_of(self.contents, artifact, architectures))
        except MargoError:
            return False, set()
        held = {part.artifact.digest for part in parts if part.file is not None}
        return len(held) == len(parts), held


def routes(desired: Desired) -> dict[str, tuple[ComponentArtifact, str]]:
    """Each large artifact by its digest, and the reference that its document names it by."""
    found = {}
    for record in desired.deployments:
        followed = list(filter(is_followed, record.artifacts))
        if not followed:
            continue
        data = desired.files[document_path(record)]
        components = margo.read_deployment(data, record.name)[0].components
        named = {component.name: component.repository or "" for component in components}
        for artifact in followed:
            found[artifact.digest] = artifact, artifact.image or named.get(artifact.component, "")
    return found
