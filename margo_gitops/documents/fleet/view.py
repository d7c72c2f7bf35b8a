"""Where files come from: an index, a commit, a folder, or a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from margo_gitops.documents.canonical import digest
from margo_gitops.documents.rule import Fault


class View(Protocol):
    """The files below one folder, by relative path with `/`; the same for as long as it is used."""

    def paths(self, prefix: str = "") -> Iterable[str]:
        """Every file whose path begins with `prefix`, in order."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none, or where `trouble` says why not."""

    def identity(self, path: str) -> str | None:
        """A name for the file's exact bytes; None where there is none that can be read."""

    def trouble(self, path: str, /) -> Fault | None:
        """Why a path that is there cannot be read: a link, a folder, too many bytes."""

    def odd(self) -> Iterable[tuple[str, Fault]]:
        """Every path that is no plain file, and what it is."""


@dataclass(frozen=True, slots=True)
class Files:
    """A view of files that are in memory."""

    content: Mapping[str, bytes]

    def paths(self, prefix: str = "") -> Iterable[str]:
        """Every file whose path begins with `prefix`, in order."""
        return sorted(path for path in self.content if path.startswith(prefix))

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None where there is none."""
        return self.content.get(path)

    def identity(self, path: str) -> str | None:
        """The digest of a file's bytes."""
        data = self.content.get(path)
        return None if data is None else digest(data)

    def trouble(self, _: str, /) -> Fault | None:
        """Nothing in memory is unreadable."""
        return None

    def odd(self) -> Iterable[tuple[str, Fault]]:
        """Nothing in memory is a link."""
        return ()


@dataclass(frozen=True, slots=True)
class Edited:
    """A view as it would be with some files changed; None deletes one."""

    base: View
    changes: Mapping[str, bytes | None]

    def paths(self, prefix: str = "") -> Iterable[str]:
        """Every file whose path begins with `prefix`, in order."""
        kept = {path for path in self.base.paths(prefix) if path not in self.changes}
        new = (path for path, data in self.changes.items() if data is not None)
        return sorted(kept.union(path for path in new if path.startswith(prefix)))

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None where there is none."""
        return self.changes[path] if path in self.changes else self.base.read(path)

    def identity(self, path: str) -> str | None:
        """The base's name for what is unchanged, else the digest."""
        if path not in self.changes:
            return self.base.identity(path)
        data = self.changes[path]
        return None if data is None else digest(data)

    def trouble(self, path: str, /) -> Fault | None:
        """Why a path that is there cannot be read."""
        return None if path in self.changes else self.base.trouble(path)

    def odd(self) -> Iterable[tuple[str, Fault]]:
        """Every unchanged path that is no plain file, and what it is."""
        return [(path, fault) for path, fault in self.base.odd() if path not in self.changes]
