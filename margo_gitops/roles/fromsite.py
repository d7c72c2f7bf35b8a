"""A node's own site as the source of what its workloads are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from margo_gitops.errors import Missing
from margo_gitops.model.record import Artifact
from margo_gitops.roles.held import held_blob
from margo_gitops.store.transport import Blobs, Transport


@dataclass(frozen=True, slots=True)
class SiteSource:
    """Over the transport that leads to the site: a served one, or its mirror on this disk."""

    site: Transport

    @property
    def name(self) -> str:
        """The site's, without credentials."""
        return self.site.name

    def manifest(self, artifact: Artifact) -> bytes:
        """See `Source`."""
        return b"".join(self.blob(artifact))

    def blob(self, artifact: Artifact, offset: int = 0) -> Iterator[bytes]:
        """See `Source`."""
        blocks = self._blocks(artifact, offset)
        if blocks is None:
            raise Missing(
                f"{self.name} does not hold {artifact.digest[:19]}… yet",
                help="margo status, at the fleet's clone: does the site have it?",
            )
        return blocks

    def _blocks(self, artifact: Artifact, offset: int) -> Iterator[bytes] | None:
        if isinstance(self.site, Blobs):
            return self.site.blob(artifact.digest, artifact.size, offset)
        mirror = self.site.watched()
        held = None if mirror is None else held_blob(mirror, artifact.digest)
        return None if held is None else held.blocks(offset, artifact.size)
