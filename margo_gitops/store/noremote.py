"""The remote of a site that has none: everything comes and goes by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from margo_gitops.errors import Unreachable
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Update


class NoRemote:
    """A `Transport` that never answers, so that nothing waits for it by mistake."""

    name = "the office"

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:  # noqa: ARG002  # a Transport's
        """See `Transport`."""
        raise self._silent()

    def fetch(self, store: GitStore, wanted: Mapping[str, str]) -> None:  # noqa: ARG002
        """See `Transport`."""
        raise self._silent()

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:  # noqa: ARG002
        """See `Transport`."""
        raise self._silent()

    def watched(self) -> Path | None:
        """See `Transport`."""
        return None

    def _silent(self) -> Unreachable:
        return Unreachable("this site has no network to the office", help="margo trip pack, there")
