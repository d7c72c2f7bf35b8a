"""Two weeks of sticks that are lost, late, repeated and damaged; and boxes that are replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.roles.trips.base import Mode
from tests.faults.remembering import remembering
from tests.trips.fortnight import Fortnight
from tests.trips.simulate import run

SEED = int(os.environ.get("MARGO_TRIPS_SEED", "1"))
FORTNIGHTS = 10


@pytest.fixture(autouse=True)
def _remembering() -> Iterator[None]:
    with remembering():
        yield


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(SEED, SEED + FORTNIGHTS))
def test_after_two_weeks_and_one_good_round_trip_all_is_in_step(seed: int, tmp_path: Path) -> None:
    run(seed, tmp_path)


@pytest.mark.parametrize("what", ["mirror", "box"])
def test_a_site_that_lost_something_needs_one_full_trip(what: str, tmp_path: Path) -> None:
    world = Fortnight(2, tmp_path, [])
    world.round_trip("north")
    world.die("north", what)
    for desk in world.desks:
        desk.pull()
    world.round_trip("north")
    world.require_in_step("north")


def test_another_box_takes_nothing_from_a_host_that_it_never_heard_of(tmp_path: Path) -> None:
    world = Fortnight(2, tmp_path, [])
    world.round_trip("north")
    world.die("north", "box")
    for desk in world.desks:
        desk.pull()
    world.asked["north"] = Mode.FULL  # before the host spoke to the new box
    world.round_trip("north")
    assert not [verb for verb, _ in world.halls["north"].node.engine.actions if verb == "remove"]
    world.require_in_step("north")


def test_a_late_full_trip_after_a_loss_splits_no_status_for_good(tmp_path: Path) -> None:
    world = Fortnight(2, tmp_path, [])
    hall, late = world.halls["south"], world.couriers.stick()
    world.desks[0].pack("south", Mode.FULL, late)
    world.round_trip("south")  # the office knows more of the site than the late stick does
    world.die("south", "mirror")
    (word,) = hall.visit(late, calm=True)
    assert "TAKEN IN" in word
    (back,) = late.glob("*.return.margo.tar")
    assert "went two ways" in world.desks[0].load(back)
    world.round_trip("south")
    world.require_in_step("south")


def test_one_stick_serves_several_sites(tmp_path: Path) -> None:
    world = Fortnight(2, tmp_path, [])
    stick, desk = world.couriers.stick(), world.desks[0]
    for site in world.halls:
        desk.pack(site, Mode.ACKNOWLEDGED, stick)
    for hall in world.halls.values():
        hall.visit(stick, calm=True)
    results = [path.read_text() for path in stick.glob("*.RESULT.txt")]
    assert len(results) == 3
    assert all("NOTHING NEW" in words for words in results)
    for file in stick.glob("*.return.margo.tar"):
        assert "was taken in there" in desk.load(file)
    for site in world.halls:
        world.require_in_step(site)


def test_a_stick_with_nothing_for_a_site_is_the_wrong_one(tmp_path: Path) -> None:
    world = Fortnight(2, tmp_path, [])
    stick = world.couriers.stick()
    world.desks[0].pack("north", Mode.FULL, stick)
    (word,) = world.halls["south"].visit(stick, calm=True)
    assert "NOT TAKEN IN [site]: trip 1: it is for the site north, this is south" in word
