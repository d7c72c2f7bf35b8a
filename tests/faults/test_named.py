"""Each fault by its name, met by whole roles: nothing is lost, doubled or half done."""

from __future__ import annotations

import pytest

from margo_gitops.errors import LostRace, Refused, Stalled, Unreachable
from margo_gitops.model import layout
from margo_gitops.reconcile import Outcome
from margo_gitops.render import edits
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.sync import fetch_branches, push_main, push_sites
from tests.faults.wrappers import HalfAnswered, YesterdaysRefs, copied, set_clock, through
from tests.fleet import SimulatedFleet

NORTH = {"north": ("n1",)}
SITE, STATUS = layout.site_ref("north"), layout.status_ref("north")
AUTHOR = Authorship("Mallory", "m@example.invalid", 1)
CENTURY = 4_000_000_000


def running(*, greeting: str = "Hello") -> SimulatedFleet:
    """A fleet of one site and one node, at rest, with one deployment."""
    fleet = SimulatedFleet(NORTH)
    fleet.settle()
    fleet.deploy()
    fleet.set(greeting=greeting)
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": greeting}}
    return fleet


def rest(fleet: SimulatedFleet, greeting: str) -> None:
    """It runs what is wanted, everybody agrees, and a further pass does nothing."""
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": greeting}}
    assert fleet.co.status("north").in_step
    assert all(outcome.quiet and not outcome.troubles for outcome in fleet.poll_all())


def rules(outcome: Outcome) -> list[str]:
    return [trouble.rule for trouble in outcome.troubles if isinstance(trouble, Refused)]


def length(store: GitStore, ref: str) -> int:
    return sum(1 for _ in store.history(store.resolve(ref) or ""))


@pytest.mark.parametrize("who", ["north", "n1"])
def test_a_push_whose_answer_is_lost_is_seen_to_have_succeeded(who: str) -> None:
    fleet = running()
    device = fleet.sites.get(who) or fleet.nodes[who]
    far = fleet.remote if who == "north" else fleet.sites["north"].mirror
    ref = STATUS if who == "north" else layout.report_ref("n1")
    link = HalfAnswered(StoreTransport(far))
    through(device, link)
    before = length(far, ref)
    fleet.set(greeting="Moin")
    if who == "n1":
        fleet.sites["north"].poll()
    outcome = device.poll()
    assert [type(trouble) for trouble in outcome.troubles] == [Unreachable]
    assert length(far, ref) == before + 1
    again = device.poll()
    assert again.quiet
    assert not again.troubles
    assert length(far, ref) == before + 1
    assert link.pushes == 1
    rest(fleet, "Moin")


@pytest.mark.parametrize("start", [0, 1_700_000_000, CENTURY])
def test_a_clock_in_1970_and_one_that_jumps_decide_nothing(start: int) -> None:
    fleet = running()
    for number, clock in enumerate((start, 0, CENTURY, 1, start)):
        set_clock(fleet.sites["north"].agent, clock)
        set_clock(fleet.nodes["n1"].agent, clock)
        fleet.set(greeting=f"at {number}")
        rest(fleet, f"at {number}")


def test_a_site_branch_of_another_history_is_refused_and_what_runs_stays() -> None:
    fleet = running()
    tip = fleet.remote.resolve(SITE) or ""
    fleet.set(greeting="Moin")
    new = fleet.remote.resolve(SITE) or ""
    files = fleet.remote.files(new)
    other = fleet.remote.write(files, parents=[], author=AUTHOR, message="unrelated")
    fleet.remote.move(SITE, other, old=new)
    for _ in range(2):
        assert rules(fleet.sites["north"].poll()) == ["descent"]
    assert fleet.sites["north"].mirror.resolve(SITE) == tip
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    fleet.remote.move(SITE, new, old=other)
    rest(fleet, "Moin")


def test_a_status_branch_that_was_deleted_at_the_remote_is_given_again() -> None:
    fleet = running()
    tip = fleet.remote.resolve(STATUS) or ""
    fleet.remote.delete(STATUS, old=tip)
    assert fleet.sites["north"].poll().quiet
    assert fleet.remote.resolve(STATUS) == tip
    rest(fleet, "Hello")


def test_a_status_branch_of_another_history_stops_the_writer_and_not_the_workload() -> None:
    fleet = running()
    tip = fleet.remote.resolve(STATUS) or ""
    files = fleet.remote.files(tip)
    status = files[layout.SITE_STATUS].replace(b'"lo"', b'"other"')
    other = {**files, layout.SITE_STATUS: status}
    strange = fleet.remote.write(other, parents=[], author=AUTHOR, message="stranger")
    fleet.remote.move(STATUS, strange, old=tip)
    fleet.set(greeting="Moin")
    outcome = fleet.sites["north"].poll()
    assert [type(trouble) for trouble in outcome.troubles] == [Stalled]
    fleet.settle()
    assert fleet.remote.resolve(STATUS) == strange
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    fleet.remote.move(STATUS, tip, old=strange)
    rest(fleet, "Moin")


def test_a_cache_that_answers_with_yesterdays_refs_turns_nothing_back() -> None:
    fleet = running()
    cache = YesterdaysRefs(StoreTransport(fleet.remote))
    through(fleet.sites["north"], cache)
    fleet.sites["north"].poll()
    cache.is_stale = True
    through(fleet.sites["north"], StoreTransport(fleet.remote))
    fleet.set(greeting="Moin")
    rest(fleet, "Moin")
    adopted = fleet.sites["north"].mirror.resolve(SITE)
    through(fleet.sites["north"], cache)
    outcome = fleet.sites["north"].poll()
    assert rules(outcome) == ["rollback"]
    assert fleet.sites["north"].mirror.resolve(SITE) == adopted
    assert fleet.running() == {"n1": {"hello": "Moin"}}
    cache.is_stale = False
    rest(fleet, "Moin")


class Clone:
    """A person's clone of the fleet, in memory, with a renderer in it."""

    def __init__(self, remote: GitStore) -> None:
        self.store = GitStore.memory()
        self.far = StoreTransport(remote)
        self.co = Central(self.store, BareMain(self.store, lambda: AUTHOR))
        self.pull()

    def pull(self, *, main: bool = True) -> None:
        found = fetch_branches(self.store, self.far)
        held = self.store.resolve(layout.MAIN)
        if main and found.main and found.main != held:
            self.store.move(layout.MAIN, found.main, old=held)

    def set(self, greeting: str) -> None:
        change = edits.Settings(parameters={"greeting": greeting})
        self.co.apply(edits.change(self.co.main(), "hello", change))

    def push(self) -> None:
        push_main(self.store, self.far)
        push_sites(self.store, self.far)


def test_a_stale_renderer_loses_the_race_and_then_is_held_by_lineage() -> None:
    fleet = running()
    early, late = Clone(fleet.remote), Clone(fleet.remote)
    early.set("Moin")
    push_main(early.store, early.far)
    late.pull()
    late.set("Ahoy")
    late.co.render()
    late.push()
    published = fleet.remote.resolve(SITE)
    early.co.render()
    with pytest.raises(LostRace, match="site/north"):
        push_sites(early.store, early.far)
    early.pull(main=False)
    with pytest.raises(Stalled, match="does not descend"):
        early.co.render()
    assert fleet.remote.resolve(SITE) == published
    rest(fleet, "Ahoy")
    early.pull()
    assert early.co.render() == []


def test_two_renderers_of_one_main_make_one_commit() -> None:
    fleet = running()
    one, two = Clone(fleet.remote), Clone(fleet.remote)
    one.set("Moin")
    push_main(one.store, one.far)
    two.pull()
    assert [item.commit for item in one.co.render()] == [item.commit for item in two.co.render()]
    one.push()
    two.push()
    rest(fleet, "Moin")


@pytest.mark.parametrize("passes", [0, 1, 3])
def test_an_lo_restored_from_a_snapshot_follows_its_own_later_word(passes: int) -> None:
    fleet = running()
    site, node = fleet.sites["north"], fleet.nodes["n1"]
    snapshot = copied(site.mirror)
    for number in range(passes):
        fleet.set(greeting=f"later {number}")
        fleet.settle(2)
    said = fleet.remote.resolve(STATUS) or ""
    actions = len(node.engine.actions)
    site.mirror = snapshot
    site.restart()
    node.link.to = StoreTransport(snapshot)
    node.restart()
    fleet.settle()
    assert len(node.engine.actions) == actions
    assert fleet.remote.is_ancestor(said, fleet.remote.resolve(STATUS) or "")
    fleet.set(greeting="after")
    rest(fleet, "after")


def test_an_en_restored_from_a_snapshot_does_nothing_twice() -> None:
    fleet = running()
    node = fleet.nodes["n1"]
    snapshot = copied(node.store)
    fleet.set(greeting="Moin")
    rest(fleet, "Moin")
    actions = list(node.engine.actions)
    node.store = snapshot
    node.restart()
    rest(fleet, "Moin")
    assert list(node.engine.actions) == actions


def test_an_en_that_was_wiped_with_its_engine_runs_again_what_it_should() -> None:
    fleet = running()
    node = fleet.nodes["n1"]
    node.store = GitStore.memory()
    node.engine.held.clear()
    node.engine.owners.clear()
    node.restart()
    rest(fleet, "Hello")


@pytest.mark.parametrize("known", [False, True], ids=["no-record-yet", "not-placed-yet"])
def test_a_share_from_before_a_deployment_removes_nothing_from_an_en_that_was_wiped(
    known: bool,
) -> None:
    fleet = SimulatedFleet(NORTH)
    site, node = fleet.sites["north"], fleet.nodes["n1"]
    if known:
        fleet.deploy()
    site.poll()  # of a node that has not reported nothing is known, so it gets nothing
    snapshot = copied(site.mirror)
    if not known:
        fleet.deploy()
    fleet.settle()
    actions = list(node.engine.actions)
    site.link.is_cut = True
    site.mirror = snapshot
    site.restart()
    node.store = GitStore.memory()
    node.link.to = StoreTransport(snapshot)
    node.restart()
    node.poll()
    assert node.engine.actions == actions
    site.link.is_cut = False
    rest(fleet, "Hello")
    assert node.engine.actions == actions


def test_an_lo_restored_to_before_it_heard_of_a_node_takes_nothing_from_it() -> None:
    fleet = SimulatedFleet(NORTH)
    fleet.deploy()
    site, node = fleet.sites["north"], fleet.nodes["n1"]
    site.poll()
    snapshot = copied(site.mirror)
    fleet.settle()
    actions = len(node.engine.actions)
    site.mirror = snapshot
    site.restart()
    for number in range(3):  # its shares are numbered beyond the one that the node has
        fleet.set(greeting=f"meanwhile {number}")
        site.poll()
    node.link.to = StoreTransport(snapshot)
    node.restart()
    rest(fleet, "meanwhile 2")
    assert [verb for verb, _ in node.engine.actions[actions:]] == ["apply"]
