"""Requests of new hosts, which reach the office through their site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from margo_gitops.model import layout
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport, Update

MANY = 1000
"""Requests that a site hands on; a host of its network could lay down any number."""


@dataclass(slots=True)
class Asking:
    """Hands on what boxes left in the site's mirror under `refs/margo/request/<site>`, once."""

    site: str
    store: GitStore
    upstream: Transport
    _handed: dict[str, str] = field(default_factory=dict)

    def forward(self) -> None:
        """Push each request that the remote lacks; one that is replaced goes out again."""
        found = asked(self.store, self.site)
        due = [ref for ref in sorted(found)[:MANY] if self._handed.get(ref) != found[ref]]
        if not due:
            return
        there = self.upstream.refs(due)
        updates = [
            Update(ref, there.get(ref), found[ref]) for ref in due if there.get(ref) != found[ref]
        ]
        if updates:
            self.upstream.push(self.store, updates)
        self._handed.update({ref: found[ref] for ref in due})


def asked(store: GitStore, site: str) -> dict[str, str]:
    """The requests that lie in a mirror: the site's own, and those of its nodes."""
    return requests_of(site, store.refs(layout.REQUESTS))


def requests_of(site: str, refs: Mapping[str, str]) -> dict[str, str]:
    """Those of these refs by which a site, or a node of it, asks for its place."""
    own = layout.request_ref(site, None)
    return {ref: id for ref, id in refs.items() if ref == own or ref.startswith(f"{own}.")}
