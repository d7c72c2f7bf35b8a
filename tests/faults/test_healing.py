"""A site branch that was set back or forked beyond what its site adopted is healed by rendering."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.report import SiteStatus
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.local import StoreTransport
from tests.faults.test_named import NORTH, SITE, STATUS, rest, rules, running
from tests.faults.world import Renderer
from tests.faults.wrappers import copied
from tests.fleet import SimulatedFleet

LATER = 2_000_000_000


def clone(fleet: SimulatedFleet) -> Renderer:
    return Renderer(fleet.remote, lambda: LATER)


def without(store: GitStore, commit: str) -> None:
    """Forget a commit, as a clone that never had it."""
    del store.objects._data[commit.encode()]  # type: ignore[union-attr,arg-type]


def set_back(fleet: SimulatedFleet) -> tuple[str, str]:
    """The branch is again where it was before the last change; where it was, and is."""
    old = fleet.remote.resolve(SITE) or ""
    fleet.set(greeting="Moin")
    rest(fleet, "Moin")
    new = fleet.remote.resolve(SITE) or ""
    fleet.remote.move(SITE, old, old=new)
    assert rules(fleet.sites["north"].poll()) == ["rollback"]
    return old, new


def test_a_branch_that_was_set_back_is_healed_by_a_clone_that_holds_what_was_adopted() -> None:
    fleet = running()
    old, new = set_back(fleet)
    person = clone(fleet)
    person.render()
    tip = fleet.remote.resolve(SITE) or ""
    assert fleet.remote.commit(tip).parents == (old, new)
    assert f"Heals: {new}" in fleet.remote.commit(tip).message
    rest(fleet, "Moin")
    assert person.co.render() == []


def test_a_fork_is_healed_by_a_merge_of_both_heads() -> None:
    fleet = running()
    old, new = set_back(fleet)
    stranger, person = clone(fleet), clone(fleet)
    for ref in (STATUS, layout.MAIN):
        tip = stranger.store.resolve(ref) or ""
        assert tip == fleet.remote.resolve(ref)
    without(stranger.store, new)
    stranger.store.delete(STATUS, old=stranger.store.resolve(STATUS) or "")
    stranger.edit("set", "Ahoy")
    stranger.render()
    fork = fleet.remote.resolve(SITE) or ""
    assert fleet.remote.commit(fork).parents == (old,)
    assert rules(fleet.sites["north"].poll()) == ["fork"]
    assert fleet.running() == {"n1": {"hello": "Moin"}}
    person.pull()
    person.render()
    assert fleet.remote.commit(fleet.remote.resolve(SITE) or "").parents == (fork, new)
    rest(fleet, "Ahoy")


def test_where_site_and_clones_lost_it_its_number_is_exceeded() -> None:
    """The node alone still has it, and refuses what is older."""
    fleet = running()
    site, node = fleet.sites["north"], fleet.nodes["n1"]
    snapshot = copied(site.mirror)
    _, new = set_back(fleet)
    site.mirror = snapshot
    site.restart()
    node.link.to = StoreTransport(snapshot)
    node.restart()
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Moin"}}
    assert not fleet.co.status("north").in_step
    person = clone(fleet)
    without(person.store, new)
    person.render()
    rest(fleet, "Moin")
    assert person.co.render() == []


def test_a_site_set_back_beside_a_branch_rewritten_before_that_is_healed_from_what_it_holds() -> (
    None
):
    """Its newest is lost, and the branch went on from before what it still holds."""
    fleet = running()
    site = fleet.sites["north"]
    old = fleet.remote.resolve(SITE) or ""
    fleet.set(greeting="Moin")
    rest(fleet, "Moin")
    holds, snapshot = fleet.remote.resolve(SITE) or "", copied(site.mirror)
    fleet.set(greeting="Ahoy")
    rest(fleet, "Ahoy")
    lost = fleet.remote.resolve(SITE) or ""
    fleet.remote.move(SITE, old, old=lost)
    site.mirror = snapshot
    site.restart()
    fleet.nodes["n1"].link.to = StoreTransport(snapshot)
    fleet.nodes["n1"].restart()
    fleet.settle()
    person = clone(fleet)
    without(person.store, lost)
    person.edit("set", "Servus")
    person.render()
    assert fleet.remote.is_ancestor(holds, fleet.remote.resolve(SITE) or "")
    rest(fleet, "Servus")


def other_site(fleet: SimulatedFleet, status: SiteStatus) -> SiteStatus:
    return _adopting(status, commit=fleet.remote.resolve(layout.site_ref("south")))


def of_main(fleet: SimulatedFleet, status: SiteStatus) -> SiteStatus:
    return _adopting(status, commit=fleet.remote.resolve(layout.MAIN))


def far_away(_: SimulatedFleet, status: SiteStatus) -> SiteStatus:
    return _adopting(status, commit="0" * 40, generation=1 << 40)


def _adopting(status: SiteStatus, **update: object) -> SiteStatus:
    assert status.adopted is not None
    return status.model_copy(update={"adopted": status.adopted.model_copy(update=update)})


@pytest.mark.parametrize("lie", [other_site, of_main, far_away])
def test_a_site_that_names_what_is_none_of_its_generations_is_not_believed(
    lie: Callable[[SimulatedFleet, SiteStatus], SiteStatus],
) -> None:
    fleet = SimulatedFleet({**NORTH, "south": ("s1",)})
    fleet.deploy()
    fleet.settle()
    tip = fleet.remote.resolve(STATUS) or ""
    files = fleet.remote.files(tip)
    status = canonical.load(files[layout.SITE_STATUS], SiteStatus, "status")
    files[layout.SITE_STATUS] = canonical.dump(lie(fleet, status))
    author = Authorship("north", "north@example.invalid", LATER)
    lying = fleet.remote.write(files, parents=[tip], author=author, message="a lie")
    fleet.remote.move(STATUS, lying, old=tip)
    assert clone(fleet).co.render() == []
