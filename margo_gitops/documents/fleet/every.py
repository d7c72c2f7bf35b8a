"""All rules across files, by the layout of the tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from margo_gitops.documents.fleet.breach import Breach
from margo_gitops.documents.fleet.devices import devices
from margo_gitops.documents.fleet.history import history
from margo_gitops.documents.fleet.intents import Fits, intents
from margo_gitops.documents.fleet.locks import locks
from margo_gitops.documents.fleet.packages import packages
from margo_gitops.documents.fleet.places import Layout, misplaced, of_its_kind
from margo_gitops.documents.fleet.sitetree import site_tree
from margo_gitops.documents.fleet.survey import Survey


def breaches(
    found: Survey, fits: Fits, before: Survey | None = None, tags: Sequence[str] = ()
) -> Iterator[Breach]:
    """Everything that the files of a tree break together.

    `before` is the tree that a change began from: with it, what must not change is checked too.
    `tags` are the git tags of the commit that is checked.
    """
    if found.layout is Layout.FLEET:
        yield from _placed(found)
        yield from intents(found, fits)
        yield from packages(found)
        yield from locks(found)
        yield from devices(found)
        if before is not None:
            yield from history(found, before)
    elif found.layout is Layout.APP:
        yield from packages(found, tags)
    elif found.layout is Layout.SITE:
        yield from site_tree(found)


def _placed(found: Survey) -> Iterator[Breach]:
    for path in sorted(found.names):
        yield from misplaced(path)
    for path, verdict in found.verdicts.items():
        yield from of_its_kind(path, verdict)
