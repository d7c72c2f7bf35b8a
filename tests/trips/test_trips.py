"""Trips there and back: what is brought, what is said of it, and what the next one leaves out."""

from __future__ import annotations

import shutil
from pathlib import Path

from margo_gitops.errors import Missing, Refused
from margo_gitops.model import layout
from margo_gitops.model.trip import Counted
from margo_gitops.reconcile import once
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.loading import Loading
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.tripfile import opened_trip
from margo_gitops.trust.trips import code
from tests.fleet import Link
from tests.trips.carrying import Box, Carrying


def test_a_site_without_a_network_runs_what_a_stick_brings(carrying: Carrying, north: Box) -> None:
    packed = carrying.pack("north")
    assert packed.trip.full
    north.settle()
    assert carrying.greeting("n1") == "Hello"
    assert "TAKEN IN: generation" in north.result(packed)
    assert north.status.trips is not None
    assert north.status.trips.taken == Counted(number=1, digest=_digest(packed.path))


def test_the_return_trip_is_the_acknowledgement(carrying: Carrying, north: Box) -> None:
    carrying.pack("north")
    north.settle()
    loaded = carrying.load(north.returned())
    assert loaded.status is not None
    assert carrying.fleet.co.status("north").in_step
    ledger = carrying.office.site("north").ledger
    assert ledger.acknowledged == 1
    carrying.fleet.set(greeting="Moin")
    packed = carrying.pack("north")
    adopted = loaded.status.adopted
    assert adopted is not None
    assert adopted.commit in packed.trip.prerequisites
    assert packed.trip.builds_on == 1
    north.settle()
    assert carrying.greeting("n1") == "Moin"


def test_an_incremental_trip_is_small(carrying: Carrying, north: Box) -> None:
    carrying.round("north")
    carrying.fleet.set(greeting="Moin")
    packed = carrying.round("north")
    assert packed.size <= 8192
    assert carrying.greeting("n1") == "Moin"


def test_a_trip_with_nothing_new_says_so(carrying: Carrying, north: Box) -> None:
    carrying.round("north")
    assert carrying.packing.plan("north").nothing_new
    packed = carrying.round("north")
    assert "NOTHING NEW" in north.result(packed)
    assert packed.path.stat().st_size < 8192
    assert carrying.office.site("north").ledger.acknowledged == packed.trip.number


def test_a_quiet_pass_writes_nothing(carrying: Carrying, north: Box) -> None:
    carrying.round("north")
    before = north.mirror.refs(), sorted(_stamps(north))
    outcome = north.poll()
    assert outcome.quiet
    assert not outcome.troubles
    north.start()
    assert north.poll().quiet
    assert (north.mirror.refs(), sorted(_stamps(north))) == before


def test_a_lost_trip_hurts_nobody(carrying: Carrying, north: Box, tmp_path: Path) -> None:
    carrying.round("north")
    carrying.fleet.set(greeting="lost")
    carrying.pack("north", to=tmp_path)
    carrying.fleet.set(greeting="Moin")
    carrying.round("north")
    assert carrying.greeting("n1") == "Moin"


def test_a_trip_that_comes_late_is_overtaken(
    carrying: Carrying, north: Box, tmp_path: Path
) -> None:
    carrying.round("north")
    carrying.fleet.set(greeting="early")
    late = carrying.pack("north", to=tmp_path)
    carrying.fleet.set(greeting="Moin")
    carrying.round("north")
    shutil.copy(late.path, north.inbox)
    north.settle()
    assert carrying.greeting("n1") == "Moin"
    assert "OVERTAKEN" in north.result(late)


def test_a_trip_that_comes_again_is_nothing_new(carrying: Carrying, north: Box) -> None:
    packed = carrying.round("north")
    said, told = north.status, north.result(packed)
    north.start()
    north.settle()
    assert north.result(packed) == told
    north.inbox.joinpath("north-1.RESULT.txt").unlink()
    north.start()
    north.settle()
    assert "was taken in before" in north.result(packed)
    assert north.status == said


def test_a_trip_whose_base_never_came_names_the_trip_to_bring(
    carrying: Carrying, north: Box, tmp_path: Path
) -> None:
    carrying.round("north")
    carrying.fleet.set(greeting="lost")
    lost = carrying.pack("north", to=tmp_path)
    trip = Counted(number=lost.trip.number, digest=_digest(lost.path))
    Loading(carrying.office).acknowledge("north", 2, code("north", trip))
    carrying.fleet.set(greeting="Moin")
    packed = carrying.pack("north")
    north.settle()
    assert carrying.greeting("n1") == "Hello"
    assert "bring trip 2 or any full trip" in north.result(packed)
    assert isinstance(north.poll().troubles[0], Missing)
    shutil.copy(lost.path, north.inbox)
    north.settle()
    assert carrying.greeting("n1") == "Moin"


def test_a_full_trip_brings_a_box_back_that_lost_everything(
    carrying: Carrying, north: Box, tmp_path: Path
) -> None:
    carrying.round("north")
    carrying.fleet.set(greeting="Moin")
    carrying.round("north")
    before = carrying.office.site("north").ledger
    north.mirror.close()
    anew = Box(carrying.fleet, "north", tmp_path / "anew")
    carrying.boxes["north"] = anew
    carrying.pack("north", Mode.FULL)
    anew.settle()
    assert carrying.greeting("n1") == "Moin"
    loaded = carrying.load(anew.returned())
    assert before.returned is not None
    assert loaded.number > before.returned.number
    assert loaded.moved == (layout.status_ref("north"),)


def test_a_return_trip_that_comes_again_is_nothing_new(carrying: Carrying, north: Box) -> None:
    carrying.pack("north")
    north.settle()
    path = north.returned()
    carrying.load(path)
    before = carrying.fleet.remote.refs()
    assert carrying.load(path).moved == ()
    assert carrying.fleet.remote.refs() == before


def test_an_emptied_stick_gets_the_same_return_trip_again(carrying: Carrying, north: Box) -> None:
    carrying.pack("north")
    north.settle()
    path = north.returned()
    before = path.read_bytes()
    path.unlink()
    north.poll()
    assert path.read_bytes() == before


def test_a_refused_trip_is_told_at_home(carrying: Carrying, north: Box) -> None:
    carrying.round("north")
    carrying.fleet.set(greeting="Moin")
    packed = carrying.pack("north")
    data = bytearray(packed.path.read_bytes())
    data[-1500] ^= 1
    packed.path.write_bytes(data)
    outcome = north.poll()
    assert isinstance(outcome.troubles[0], Refused)
    north.settle()
    assert "NOT TAKEN IN" in north.result(packed)
    loaded = carrying.load(north.returned())
    assert any(packed.path.name in word for word in loaded.words)
    assert any(packed.path.name in why for why in carrying.fleet.co.status("north").refusals)
    carrying.round("north")
    assert carrying.greeting("n1") == "Moin"
    assert carrying.fleet.co.status("north").refusals == ()


def test_sticks_and_the_network_in_any_order(carrying: Carrying, north: Box) -> None:
    link = Link(StoreTransport(carrying.fleet.remote))
    carrying.round("north")
    carrying.fleet.set(greeting="by network")
    early = carrying.pack("north", to=carrying.folder)
    north.agent.upstream = north.agent.branch.upstream = link
    north.settle()
    assert carrying.greeting("n1") == "by network"
    shutil.copy(early.path, north.inbox)
    north.settle()
    assert "NOTHING NEW" in north.result(early)
    carrying.fleet.set(greeting="by stick")
    link.is_cut = True
    carrying.pack("north")
    north.settle()
    assert carrying.greeting("n1") == "by stick"
    carrying.load(north.returned())
    link.mend()
    outcome = once(north.agent)
    assert not outcome.troubles
    assert carrying.fleet.co.status("north").in_step


def test_no_stick_there_is_no_trouble(carrying: Carrying, north: Box) -> None:
    carrying.round("north")
    shutil.rmtree(north.inbox)
    shutil.rmtree(north.outbox)
    outcome = north.poll()
    assert outcome.quiet
    assert not outcome.troubles


def _digest(path: Path) -> str:
    with opened_trip(path) as file:
        return file.digest


def _stamps(box: Box) -> list[tuple[str, int]]:
    return [(str(path), path.stat().st_mtime_ns) for path in box.folder.glob("*box/*")]
