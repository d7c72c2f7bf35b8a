"""Epochs: a branch begins again and nobody loses their place; nobody else may begin one."""

from __future__ import annotations

import pytest

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.fleet import Site
from margo_gitops.model.record import Change
from margo_gitops.render import edits
from margo_gitops.roles.central import Published
from margo_gitops.store.epochs import trailers
from margo_gitops.store.git import Authorship
from margo_gitops.store.local import StoreTransport
from tests.fleet import SimulatedFleet
from tests.render.test_render import twin

NORTH, STATUS = layout.site_ref("north"), layout.status_ref("north")


def running() -> SimulatedFleet:
    fleet = SimulatedFleet({"north": ("n1",)})
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    return fleet


def ask(fleet: SimulatedFleet) -> None:
    """On `main` only: whoever renders begins the epoch."""
    main = fleet.co.main()
    file = fleet.remote.read(main.commit, layout.site_path("north"))
    assert file is not None
    fleet.co.apply(edits.begin_epochs(main, {"north": file}))


def begin(fleet: SimulatedFleet) -> Published:
    ask(fleet)
    (published,) = fleet.co.render()
    return published


def adopted(fleet: SimulatedFleet) -> tuple[int, int]:
    held = fleet.sites["north"].agent.read()
    assert held is not None
    return held.change.epoch, held.change.generation


def forge(fleet: SimulatedFleet, **changes: object) -> None:
    """The site branch's tip with another change.json, as a new history."""
    tip = fleet.remote.refs()[NORTH]
    files = fleet.remote.files(tip)
    change = canonical.load(files[layout.CHANGE], Change, "change.json")
    files[layout.CHANGE] = canonical.dump(Change.model_validate({**change.model_dump(), **changes}))
    author = Authorship("Mallory", "m@example.invalid", 1)
    commit = fleet.remote.write(files, parents=[], author=author, message="forged")
    fleet.remote.move(NORTH, commit, old=tip)


def test_a_new_epoch_changes_nothing_but_where_history_begins() -> None:
    fleet = running()
    before = fleet.remote.refs()[NORTH]
    actions = list(fleet.nodes["n1"].engine.actions)
    published = begin(fleet)
    commit = fleet.remote.commit(published.commit)
    assert commit.parents == ()
    assert trailers(commit.message)["Continues"] == before
    fleet.settle()
    assert adopted(fleet) == (2, 3)
    assert fleet.nodes["n1"].engine.actions == actions
    assert fleet.co.status("north").in_step
    assert all(outcome.quiet and not outcome.troubles for outcome in fleet.poll_all())
    assert fleet.co.render() == []


def test_history_goes_on_in_the_new_epoch_and_another_one_may_follow() -> None:
    fleet = running()
    begin(fleet)
    fleet.set(greeting="Moin")
    fleet.settle()
    assert adopted(fleet) == (2, 4)
    begin(fleet)
    fleet.settle()
    assert adopted(fleet) == (3, 5)
    assert fleet.running() == {"n1": {"hello": "Moin"}}


def test_a_site_that_missed_the_border_and_more_catches_up() -> None:
    fleet = running()
    fleet.sites["north"].link.is_cut = True
    for greeting in ("a", "b"):
        fleet.set(greeting=greeting)
        begin(fleet)
    fleet.set(greeting="c")
    fleet.sites["north"].link.is_cut = False
    fleet.settle()
    assert adopted(fleet) == (3, 7)
    assert fleet.running() == {"n1": {"hello": "c"}}


def test_two_renderers_begin_the_same_epoch() -> None:
    fleet = running()
    ask(fleet)
    other = twin(fleet)
    ours, theirs = fleet.co.render(), other.render()
    assert [item.commit for item in ours] == [item.commit for item in theirs]


def test_a_new_site_may_begin_with_any_epoch() -> None:
    fleet = SimulatedFleet({"north": ("n1",)})
    fleet.co.apply(edits.add_site(fleet.co.main(), Site(id="south", epoch=7)))
    (published,) = fleet.co.render()
    tree = fleet.co.published("south")
    assert tree is not None
    assert (published.generation, tree.change.epoch, tree.change.continues) == (1, 7, None)
    assert fleet.co.render() == []


def test_an_epoch_that_main_takes_back_stays() -> None:
    fleet = running()
    before = fleet.remote.read(fleet.co.head(), layout.site_path("north"))
    begin(fleet)
    fleet.co.branch.commit({layout.site_path("north"): before}, "Take it back")
    assert fleet.co.render() == []
    fleet.set(greeting="Moin")
    fleet.settle()
    assert adopted(fleet) == (2, 4)


HELD = "held"
"""Stands for the commit that the site holds, which is generation 2 of epoch 1."""


@pytest.mark.parametrize(
    ("epoch", "generation", "start", "rule"),
    [
        (2, 3, None, "descent"),
        (2, 3, (HELD, 2), "manifest"),
        (2, 3, ("ab" * 20, 2), "descent"),
        (2, 3, ("ab" * 20, 1), "descent"),
        (2, 3, (HELD, 3), "epoch"),
        (2, 3, (HELD, 900), "epoch"),
        (1, 3, (HELD, 2), "epoch"),
        (2, 2, (HELD, 2), "epoch"),
        (5000, 3, (HELD, 2), "jump"),
        (1, 2, None, "fork"),
    ],
)
def test_a_forged_epoch_is_refused_by_its_clause(
    epoch: int, generation: int, start: tuple[str, int] | None, rule: str
) -> None:
    fleet = running()
    tip = fleet.remote.refs()[NORTH]
    where = start and {"commit": tip if start[0] == HELD else start[0], "generation": start[1]}
    forge(fleet, epoch=epoch, generation=generation, continues=where)
    outcome = fleet.sites["north"].poll()
    assert [t.rule for t in outcome.troubles if isinstance(t, Refused)] == [rule]
    assert adopted(fleet) == (1, 2)


def test_an_epoch_that_forgets_what_the_site_holds_is_refused() -> None:
    """The one who began it had not seen the last generation: that would be a way back."""
    fleet = running()
    other = twin(fleet)
    other.store.delete(STATUS, old=other.store.refs()[STATUS])
    fleet.set(greeting="Moin")
    fleet.settle()
    main = other.main()
    file = other.store.read(main.commit, layout.site_path("north")) or b""
    other.apply(edits.begin_epochs(main, {"north": file}))
    (published,) = other.render()
    StoreTransport(other.store).fetch(fleet.remote, {NORTH: published.commit})
    fleet.remote.move(NORTH, published.commit, old=fleet.remote.refs()[NORTH])
    outcome = fleet.sites["north"].poll()
    assert [t.rule for t in outcome.troubles if isinstance(t, Refused)] == ["descent"]
    assert fleet.running() == {"n1": {"hello": "Moin"}}


def test_the_old_history_is_no_way_back() -> None:
    fleet = running()
    before = fleet.remote.refs()[NORTH]
    published = begin(fleet)
    fleet.settle()
    fleet.remote.move(NORTH, before, old=published.commit)
    outcome = fleet.sites["north"].poll()
    assert [t.rule for t in outcome.troubles if isinstance(t, Refused)] == ["rollback"]
    assert adopted(fleet) == (2, 3)


def test_a_new_epoch_waits_until_a_fork_is_healed() -> None:
    fleet = running()
    earlier = fleet.remote.refs()[NORTH]
    fleet.set(greeting="Moin")
    fleet.settle()
    held = fleet.remote.refs()[NORTH]
    fleet.remote.move(NORTH, earlier, old=held)
    healed, begun = begin(fleet), fleet.co.render()[0]
    assert fleet.remote.commit(healed.commit).parents == (earlier, held)
    assert fleet.remote.commit(begun.commit).parents == ()
    fleet.settle()
    assert adopted(fleet) == (2, 5)
    assert fleet.running() == {"n1": {"hello": "Moin"}}
