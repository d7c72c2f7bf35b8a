"""A repository of a registry as a source of bytes by digest, over oras.

oras speaks the protocol and its ways to log in. What it does not do is done here: it never hashes
what it pulls, has no time limits, and its answers are as long as the registry likes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from margo_gitops.artifacts.manifest import (
    INDEXES,
    MANIFESTS,
    MAX_MANIFEST,
    is_followed,
    media_type,
)
from margo_gitops.artifacts.reference import Reference, parse_reference
from margo_gitops.documents.canonical import digest as digest_of
from margo_gitops.errors import Missing, Refused, Unreachable
from margo_gitops.model.record import Artifact

if TYPE_CHECKING:
    from requests import Response

    from margo_gitops.artifacts.registry_line import Line

PLAIN = "MARGO_PLAIN_REGISTRIES"
"""A variable: hosts that are asked without TLS, separated by commas. Loopback always is."""

_PATIENCE = 60.0


class Registry:
    """One repository. Every method raises `Unreachable`, `Missing` or `Stalled` (log in)."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._kept: Line | None = None

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self._reference.host}/{self._reference.repository}"

    def resolve(self) -> tuple[Artifact, bytes]:
        """What tag or digest stand for now, and its bytes; nothing of the registry's is believed.

        Raises `Refused` where a digest was asked for and other bytes come, or no manifest.
        """
        wanted = self._reference.digest
        data = self._manifest(wanted or self._reference.tag or "latest")
        kind = media_type(data)
        if kind is None:
            raise Refused(f"{self._reference} is no OCI manifest or index", rule="manifest")
        found = Artifact(digest=digest_of(data), size=len(data), media_type=kind)
        if wanted is not None and found.digest != wanted:
            raise Refused(
                f"{self.name} sent {found.digest[:19]}… for {wanted[:19]}…", rule="digest"
            )
        return found, data

    def manifest(self, artifact: Artifact) -> bytes:
        """See `Source`."""
        return self._manifest(artifact.digest)

    def blob(self, artifact: Artifact, offset: int = 0) -> Iterator[bytes]:
        """See `Source`."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._line.ask("GET", f"blobs/{artifact.digest}", headers, (200, 206))
        whole = response.status_code != 206
        return self._after(response, offset) if whole else self._line.blocks(response)

    def has(self, artifact: Artifact) -> bool:
        """Whether it holds the artifact."""
        kind = "manifests" if is_followed(artifact) else "blobs"
        try:
            accept = {"Accept": artifact.media_type}
            self._line.ask("HEAD", f"{kind}/{artifact.digest}", accept, (200,)).close()
        except Missing:
            return False
        return True

    def push_blob(self, data: bytes) -> bool:
        """Give it these bytes; False where it has them already."""
        artifact = Artifact(digest=digest_of(data), size=len(data), media_type="")
        if self.has(artifact):
            return False
        self._line.upload(artifact.digest, data)
        return True

    def push_manifest(self, data: bytes, kind: str, tag: str | None = None) -> None:
        """Give it a manifest, under a tag too where there is one."""
        name = tag or digest_of(data)
        headers = {"Content-Type": kind}
        self._line.ask("PUT", f"manifests/{name}", headers, (201,), data=data).close()

    @property
    def _line(self) -> Line:
        if self._kept is None:
            from margo_gitops.artifacts.registry_line import Line  # noqa: PLC0415

            self._kept = Line(self._reference, plain=_is_plain(self._reference))
        return self._kept

    def _manifest(self, name: str) -> bytes:
        accept = {"Accept": ", ".join(sorted(INDEXES | MANIFESTS))}
        response = self._line.ask("GET", f"manifests/{name}", accept, (200,))
        until = time.monotonic() + _PATIENCE
        data = b""
        for block in self._line.blocks(response):
            data += block
            if len(data) > MAX_MANIFEST:
                raise Refused(
                    f"{self.name} sends a manifest of more than {MAX_MANIFEST} bytes",
                    rule="too-large",
                )
            if time.monotonic() > until:
                raise Unreachable(f"{self.name} was not done after {_PATIENCE:g} s")
        return data

    def _after(self, response: Response, offset: int) -> Iterator[bytes]:
        """The blocks after an offset, of a registry that gives only all."""
        for block in self._line.blocks(response):
            if offset < len(block):
                yield block[offset:]
            offset = max(0, offset - len(block))


def registries(reference: str, mirrors: Sequence[str] = ()) -> list[Registry]:
    """Where a reference is to be had: each mirror, then the registry itself.

    Raises `Usage` for what is no reference or no mirror.
    """
    parsed = parse_reference(reference)
    return [Registry(place) for place in (*(parsed.at(mirror) for mirror in mirrors), parsed)]


def _is_plain(reference: Reference) -> bool:
    named = os.environ.get(PLAIN, "").split(",")
    return reference.is_loopback or reference.host in filter(None, map(str.strip, named))
