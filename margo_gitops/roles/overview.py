"""The views of all sites, read again only where a branch moved.

A view is decided by the tips of its branches, so it is kept beside the clone under the site's name
with the tips that it was made from. What is kept is worth nothing by itself: a damaged or older one
is made again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Change
from margo_gitops.status.view import DeploymentView, SiteView, site_view
from margo_gitops.store.git import GitStore
from margo_gitops.store.verdicts import Verdicts

CACHE = Path("margo") / "views.sqlite"

_Tips = tuple[str | None, str | None, str | None]


@dataclass(slots=True)
class Overview:
    """Site views of one repository, as its refs stood when this was made."""

    store: GitStore
    _refs: dict[str, str] = field(init=False)
    _cache: Verdicts = field(init=False)

    def __post_init__(self) -> None:
        """Read every ref once."""
        self._refs = {}
        for prefix in (layout.SITES, layout.STATUSES, layout.ALIVES):
            self._refs |= self.store.refs(prefix)
        path = self.store.path
        self._cache = Verdicts(None if path is None else path / CACHE)

    def views(self, sites: Sequence[str]) -> list[SiteView]:
        """What each site is to be and says that it is.

        Raises `Refused` where a branch holds what no margo writes.
        """
        kept = self._cache.get(sites)
        fresh: dict[str, str] = {}
        found = []
        for site in sites:
            tips = self._tips(site)
            view = _kept(kept.get(site), tips)
            if view is None:
                view = self._made(site, tips)
                fresh[site] = json.dumps([tips, asdict(view)])
            found.append(view)
        self._cache.put(fresh)
        return found

    def _tips(self, site: str) -> _Tips:
        refs = self._refs
        return (
            refs.get(layout.site_ref(site)),
            refs.get(layout.status_ref(site)),
            refs.get(layout.alive_ref(site)),
        )

    def _made(self, site: str, tips: _Tips) -> SiteView:
        desired, status, alive = tips
        change = None
        if desired is not None:
            data = self.store.read(desired, layout.CHANGE) or b""
            change = canonical.load(data, Change, f"site/{site}:change.json")
        files = {} if status is None else self.store.files(status)
        heard = [self.store.commit(tip).time for tip in (status, alive) if tip is not None]
        return site_view(site, change, files, max(heard, default=None))


def _kept(text: str | None, tips: _Tips) -> SiteView | None:
    """The view that was kept, if it was made from these very tips."""
    if text is None:
        return None
    try:
        made_from, view = json.loads(text)
        return _view(view) if tuple(made_from) == tips else None
    except (ValueError, TypeError, KeyError):
        return None


def _view(data: dict[str, Any]) -> SiteView:
    lists = {name: tuple(data[name]) for name in ("refusals", "missing")}
    deployments = tuple(DeploymentView(**item) for item in data["deployments"])
    return SiteView(**{**data, **lists, "deployments": deployments})
