"""A commit as it is read: who, when, after what, and in which words."""

from __future__ import annotations

from dataclasses import dataclass

from margo_gitops.store.objects import Authorship


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit says of itself; `time` is the committer's, in seconds since 1970."""

    id: str
    parents: tuple[str, ...]
    time: int
    author: str
    message: str
    tree: str

    def authorship(self) -> Authorship:
        """The same author and time, for a commit that is derived from this one."""
        name, _, email = self.author.rpartition(" <")
        return Authorship(name, email.removesuffix(">"), self.time)
