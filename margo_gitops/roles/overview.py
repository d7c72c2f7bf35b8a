"""The views of all sites, read again only where a branch moved.

A view is decided by the tips of its branches, so it is kept beside the clone under the site's name
with the tips that it was made from. What is kept is worth nothing by itself: a damaged or older one
is made again. Those that must be made are read together, by one git; a site whose branches are not
plain is read alone, which takes longer and tells what is wrong.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused, Stalled
from margo_gitops.model import layout
from margo_gitops.model.record import Change
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.roles.proofs import alive_at, unbelievable
from margo_gitops.status.view import DeploymentView, SiteView, site_view
from margo_gitops.store.bulk import Bulk, bulk
from margo_gitops.store.git import GitStore
from margo_gitops.store.snapshots import Snapshot, snapshots
from margo_gitops.store.verdicts import Verdicts

CACHE = Path("margo") / "views.sqlite"

TOGETHER = 500
"""Sites that are read at once: 5 MB of their files."""

_DEPLOYMENTS = "deployments"
_STATUS = (layout.SITE_STATUS, layout.signature_path(layout.SITE_STATUS), _DEPLOYMENTS)
"""What of a status branch a view is made from."""

_ALIVE = (layout.ALIVE, layout.signature_path(layout.ALIVE))

_NEVER = -1
_NONE = Snapshot(_NEVER)
_FIELDS = tuple(field.name for field in fields(SiteView))
_PARTS = tuple(field.name for field in fields(DeploymentView))

_Tips = tuple[str | None, str | None, str | None]


def _nothing(_: str) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Overview:
    """Site views of one repository, as its refs stood when this was made.

    `trust` knows the key that a site of a signed fleet is enrolled with: what another signed is not
    shown. None is an open fleet.
    """

    store: GitStore
    trust: FleetTrust | None = None
    _refs: dict[str, str] = field(init=False)
    _cache: Verdicts = field(init=False)

    def __post_init__(self) -> None:
        """Read every ref once."""
        self._refs = {}
        for prefix in (layout.SITES, layout.STATUSES, layout.ALIVES):
            self._refs |= self.store.refs(prefix)
        path = self.store.path
        self._cache = Verdicts(None if path is None else path / CACHE)

    def views(
        self, sites: Sequence[str], *, progress: Callable[[str], None] = _nothing
    ) -> list[SiteView]:
        """What each site is to be and says that it is; `progress` hears of each that was read.

        Raises `Refused` where a branch holds what no margo writes.
        """
        kept = self._cache.get(sites)
        found = {site: _kept(kept.get(site), self._basis(site)) for site in sites}
        made: dict[str, str] = {}
        try:
            with _no_collector():
                for view in self._made([site for site in sites if found[site] is None]):
                    found[view.site] = view
                    made[view.site] = json.dumps([self._basis(view.site), _plain(view)])
                    progress(view.site)
        finally:
            self._cache.put(made)
        return [view for view in found.values() if view is not None]

    def _made(self, sites: Sequence[str]) -> Iterator[SiteView]:
        with ExitStack() as stack:
            reader = None
            if len(sites) > 1 and self.store.path is not None:
                reader = _reader(stack, self.store.path)
            for at in range(0, len(sites), TOGETHER):
                some = sites[at : at + TOGETHER]
                read = {} if reader is None else self._together(reader, some)
                for site in some:
                    yield read[site] if site in read else self._alone(site)

    def _together(self, reader: Bulk, sites: Sequence[str]) -> dict[str, SiteView]:
        """The views of these sites, without those whose branches are not plain."""
        tips = {site: self._tips(site) for site in sites}
        changes = snapshots(reader, _all(tips, 0), (layout.CHANGE,))
        statuses = snapshots(reader, _all(tips, 1), _STATUS)
        alives = snapshots(reader, _all(tips, 2), () if self.trust is None else _ALIVE)
        found = {}
        for site, (desired, status, alive) in tips.items():
            change = changes.get(desired or "", _NONE)
            said = statuses.get(status or "", _NONE)
            sign = alives.get(alive or "", _NONE)
            if (
                (desired is None or layout.CHANGE in change.files)
                and (status is None or layout.SITE_STATUS in said.files)
                and (alive is None or sign is not _NONE)
            ):
                data = change.files.get(layout.CHANGE)
                found[site] = self._view(
                    site, data, said.files, max(said.time, self._alive(site, sign))
                )
        return found

    def _alone(self, site: str) -> SiteView:
        desired, status, alive = self._tips(site)
        read = self.store.read
        data = None if desired is None else read(desired, layout.CHANGE) or b""
        files: dict[str, bytes] = {}
        if status is not None:
            files = self.store.files(status, _DEPLOYMENTS)
            for path in _STATUS:
                if path != _DEPLOYMENTS and (said := read(status, path)) is not None:
                    files[path] = said
        heard = _NEVER if status is None else self.store.commit(status).time
        if alive is not None:
            sign = Snapshot(self.store.commit(alive).time, self.store.files(alive))
            heard = max(heard, self._alive(site, sign))
        return self._view(site, data, files, heard)

    def _alive(self, site: str, sign: Snapshot) -> int:
        """When a sign of life was given; in a signed fleet by the site's own signed word."""
        if self.trust is None or sign is _NONE:
            return sign.time
        with suppress(Refused):  # told with the status
            return alive_at(sign.files, self.trust.site_key(site)) or _NEVER
        return _NEVER

    def _view(
        self, site: str, data: bytes | None, files: Mapping[str, bytes], heard: int
    ) -> SiteView:
        change = None if data is None else canonical.load(data, Change, f"site/{site}:change.json")
        known = None if heard == _NEVER else heard
        problem = None if self.trust is None or not files else self._forged(self.trust, site, files)
        if problem is not None:
            return replace(site_view(site, change, {}, known), refusals=(problem,))
        return site_view(site, change, files, known)

    def _forged(self, trust: FleetTrust, site: str, files: Mapping[str, bytes]) -> str | None:
        """Why a status is not the site's own word; None where it is."""
        try:
            return unbelievable(files, trust.site_key(site), _DEPLOYMENTS)
        except Refused as error:
            return f"[{error.rule}]: {error.problem}"

    def _basis(self, site: str) -> list[str | None]:
        """What a view is decided by."""
        return [*self._tips(site), None if self.trust is None else self.trust.enrolment_id(site)]

    def _tips(self, site: str) -> _Tips:
        refs = self._refs
        return (
            refs.get(layout.site_ref(site)),
            refs.get(layout.status_ref(site)),
            refs.get(layout.alive_ref(site)),
        )


@contextmanager
def _no_collector() -> Iterator[None]:
    """Views hold no cycles; looking for some, again and again, took a sixth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _reader(stack: ExitStack, git: Path) -> Bulk | None:
    try:
        return stack.enter_context(bulk(git))
    except Stalled:  # no git program here: one by one, then
        return None


def _all(tips: Mapping[str, _Tips], place: int) -> Iterator[str]:
    return (tip for found in tips.values() if (tip := found[place]) is not None)


def _kept(text: str | None, basis: Sequence[str | None]) -> SiteView | None:
    """The view that was kept, if it was made from these very tips, by this key."""
    if text is None:
        return None
    try:
        made_from, view = json.loads(text)
        return _restored(view) if made_from == basis else None
    except (ValueError, TypeError, KeyError):
        return None


def _plain(view: SiteView) -> dict[str, Any]:
    """As `asdict`, which copies every word: much the longest step for ten thousand sites."""
    deployments = [{key: getattr(item, key) for key in _PARTS} for item in view.deployments]
    return {key: getattr(view, key) for key in _FIELDS} | {"deployments": deployments}


def _restored(data: dict[str, Any]) -> SiteView:
    lists = {name: tuple(data[name]) for name in ("refusals", "missing")}
    deployments = tuple(DeploymentView(**item) for item in data["deployments"])
    return SiteView(**{**data, **lists, "deployments": deployments})
