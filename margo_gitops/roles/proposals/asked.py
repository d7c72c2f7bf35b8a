"""The records that a state of `main` asks of each site, whoever approved them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from margo_gitops.model import layout
from margo_gitops.model.record import RecordEntry
from margo_gitops.plan.changes import RecordChange, Side
from margo_gitops.render import Main, PublishedTree, wanted
from margo_gitops.roles.central import Central
from margo_gitops.roles.standing import standing


@dataclass(frozen=True, slots=True)
class Asked:
    """A record that `main` asks of a site, with its document, and what the site was sent so far.

    `known` says that the state of `main` before asked for this very record, too.
    """

    entry: RecordEntry
    document: bytes | None
    held: RecordEntry | None
    before: bytes | None
    known: bool

    @property
    def published(self) -> bool:
        """Whether the site was sent this very record."""
        return self.held is not None and self.held.record == self.entry.record

    @property
    def change(self) -> RecordChange:
        """What it changes for the site."""
        before = None if self.held is None else Side(self.held.record, self.before)
        return RecordChange(before, Side(self.entry.record, self.document))


def asked(
    co: Central,
    main: Main,
    before: Main | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Asked]:
    """All that `main` asks of every site; in a signed fleet of every one that is enrolled.

    `before` is the state of `main` that it is held against. Raises `Invalid` where an intent does
    not fit its application or a site.
    """
    trust, store = co.trust(), co.store
    tips, statuses = store.refs(layout.SITES), store.refs(layout.STATUSES)
    for site in sorted(main.sites):
        if trust is None or trust.signed(site).enrolment:
            status = statuses.get(layout.status_ref(site))
            stands = standing(store, site, tips.get(layout.site_ref(site)), status, trust)
            yield from _at(main, before, site, stands.before)
        progress(site)


def _at(
    main: Main, before: Main | None, site: str, published: PublishedTree | None
) -> Iterator[Asked]:
    tree = None if published is None else published.tree
    held = {} if tree is None else {entry.record.id: entry for entry in tree.change.records}
    documents = {} if tree is None else tree.documents
    settled = wanted(main, site, published)
    old = before is not None and site in before.sites and wanted(before, site, published)
    known = {entry.record.id: entry.record for entry in old.entries} if old else {}
    for entry in settled.entries:
        id = entry.record.id
        yield Asked(
            entry,
            settled.documents.get(id) if entry.record.document is not None else None,
            held.get(id),
            documents.get(id),
            known.get(id) == entry.record,
        )
