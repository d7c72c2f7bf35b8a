"""Views read together are those read one by one, byte for byte; the odd ones among them too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.documents import canonical, schemas, written
from margo_gitops.errors import MargoError, Refused
from margo_gitops.model import layout
from margo_gitops.roles import overview
from margo_gitops.roles.central import Central
from margo_gitops.roles.overview import CACHE, Overview
from margo_gitops.status.view import SiteView
from margo_gitops.store.git import Authorship, GitStore
from tests.scale import intent, large_fleet, names, report_all
from tests.store.making import git

LO = Authorship("lo", "lo@example.invalid", 1_750_000_000)
SITES = names(14)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Central]:
    with GitStore.create(tmp_path / "fleet.git") as store:
        co = large_fleet(store, len(SITES))
        co.render()
        report_all(store, SITES[2:])
        yield co


def say(store: GitStore, site: str, changes: dict[str, bytes | None], message: str = "x") -> None:
    tip = store.resolve(layout.status_ref(site))
    assert tip is not None
    new = store.amend(tip, changes, author=LO, message=message)
    store.move(layout.status_ref(site), new, old=tip)


def vary(co: Central) -> None:
    """Sites that differ in all that a view tells."""
    store = co.store
    status = store.files(store.resolve(layout.status_ref(SITES[2])) or "")
    said = json.loads(status[layout.SITE_STATUS])
    at = layout.status_path("hello", "n1")
    told = json.loads(status[at])
    refusal = {"commit": "a" * 40, "rule": "fork", "message": "zwei Äste ≠ ein 🌳"}
    place = {"id": told["deploymentId"], "name": "hello", "why": "no node"}
    failed = {"code": "failed", "message": "boom: 1.5e3 [2]", "source": "hello"}
    say(store, SITES[2], {layout.SITE_STATUS: canonical.dumps({**said, "refusals": [refusal]})})
    say(store, SITES[3], {layout.SITE_STATUS: canonical.dumps({**said, "adopted": None})})
    waits = {layout.SITE_STATUS: canonical.dumps({**said, "notPlaced": [place]}), at: None}
    say(store, SITES[4], waits)
    say(
        store,
        SITES[5],
        {at: canonical.dumps({**told, "status": {"state": "failed", "error": failed}})},
    )
    say(store, SITES[6], {at: b"  " + json.dumps(told).encode()})
    say(store, SITES[7], {f"deployments/hello/n{n}.json": status[at] for n in range(600)})
    say(store, SITES[8], {"deployments/note.txt": b"x" * (70 << 10), "README.md": b"\xff"})
    say(store, SITES[9], {layout.SITE_STATUS: None})
    alive = store.write({"alive.json": b"{}"}, parents=[], author=LO, message="alive\n")
    store.move(layout.alive_ref(SITES[10]), alive, old=None)
    store.delete(layout.site_ref(SITES[11]), old=store.resolve(layout.site_ref(SITES[11])) or "")
    co.branch.commit({layout.intent_path("hello"): intent("Moin")}, "Moin")
    publishing = co.previews(co.main(), SITES[12:])
    for rendered in publishing:
        new = store.write(rendered.tree.files, parents=[], author=LO, message="x")
        store.move(layout.site_ref(rendered.site), new, old=rendered.tip)


def slowly(store: GitStore, sites: list[str], monkeypatch: pytest.MonkeyPatch) -> list[SiteView]:
    """Each alone, by the parser, the stock validator and the plain writer of canonical bytes."""
    with monkeypatch.context() as patch:
        patch.setattr(written, "read_status", lambda _: None)
        patch.setattr(canonical, "quick_dumps", canonical.dumps)
        patch.setattr(schemas, "plainly_right", lambda *_: False)
        patch.setattr(overview, "_reader", lambda *_: None)
        (store.path / CACHE).unlink(missing_ok=True) if store.path else None
        return [Overview(store).views([site])[0] for site in sites]


def spelled(views: list[SiteView]) -> list[str]:
    return [repr(view) for view in views]


@pytest.mark.parametrize("packed", [False, True])
def test_together_is_one_by_one_to_the_byte(
    fleet: Central, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    vary(fleet)
    store = fleet.store
    assert store.path is not None
    if packed:
        git(store.path, "repack", "-a", "-d", "-q")
    expected = slowly(store, SITES, monkeypatch)
    (store.path / CACHE).unlink()
    quickly = Overview(store).views(SITES)
    assert spelled(quickly) == spelled(expected)
    assert spelled(Overview(store).views(SITES)) == spelled(expected)  # as they were kept
    assert len({repr(view.deployments) + repr(view.refusals) for view in expected}) > 8


def test_most_sites_are_read_together(fleet: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    alive = fleet.store.write({"alive.json": b"{}"}, parents=[], author=LO, message="alive\n")
    for site in SITES:
        fleet.store.move(layout.alive_ref(site), alive, old=None)

    def alone(_: Overview, site: str) -> SiteView:
        raise AssertionError(site)

    monkeypatch.setattr(Overview, "_alone", alone)
    told: list[str] = []
    assert len(Overview(fleet.store).views(SITES, progress=told.append)) == len(SITES)
    assert told == SITES


@pytest.mark.parametrize(
    "changes",
    [
        {layout.SITE_STATUS: b"{}"},
        {layout.status_path("hello", "n1"): b"nonsense: ["},
        {layout.status_path("hello", "n1"): b"{}"},
    ],
)
def test_a_site_that_says_nonsense_is_told_alike(
    fleet: Central, monkeypatch: pytest.MonkeyPatch, changes: dict[str, bytes | None]
) -> None:
    say(fleet.store, SITES[7], changes)
    with pytest.raises(MargoError) as slow:
        slowly(fleet.store, SITES, monkeypatch)
    with pytest.raises(MargoError) as quick:
        Overview(fleet.store).views(SITES)
    assert str(quick.value) == str(slow.value)
    monkeypatch.setattr(Overview, "_together", lambda *_: {})
    with pytest.raises(Refused if layout.SITE_STATUS in changes else MargoError):
        Overview(fleet.store).views(SITES)
