"""What a site holds, for whoever asks by digest: small artifacts in git, large ones as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.roles.artifacts import artifact
from margo_gitops.store.git import GitStore

CONTENT = "content"
"""The folder of the content store, beside the mirror."""

_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class HeldBlob:
    """`blocks` gives the bytes from one on, up to another; they are not hashed again here."""

    size: int
    blocks: Callable[[int, int], Iterator[bytes]]


def held_blob(mirror: Path, digest: str) -> HeldBlob | None:
    """What the site of this mirror holds under a digest."""
    file = ContentStore(mirror.parent / CONTENT).named(digest)
    if file is not None:
        return HeldBlob(file.stat().st_size, lambda first, last: _blocks(file, first, last))
    with GitStore.open(mirror) as store:
        data = artifact(store, digest)
    if data is None:
        return None
    return HeldBlob(len(data), lambda first, last: iter([data[first:last]]))


def _blocks(file: Path, first: int, last: int) -> Iterator[bytes]:
    with file.open("rb") as stream:
        stream.seek(first)
        left = last - first
        while left > 0 and (block := stream.read(min(left, _BLOCK))):
            left -= len(block)
            yield block
