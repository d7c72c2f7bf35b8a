"""The office: what it builds on, by word or blind; its ledger, and what its remote confirmed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from margo_gitops.errors import Invalid, Stalled
from margo_gitops.model import layout
from margo_gitops.roles.trips.base import EVERY, Mode
from margo_gitops.roles.trips.loading import Loading
from margo_gitops.store.bundle import read_header
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.tripfile import BUNDLE, opened_trip
from tests.trips.carrying import Box, Carrying


def test_a_spoken_code_acknowledges(carrying: Carrying, north: Box) -> None:
    packed = carrying.pack("north")
    north.settle()
    said = north.result(packed).splitlines()[-1].partition("--code ")[2].strip('"')
    ledger = Loading(carrying.office).acknowledge("north", 1, said)
    assert ledger.acknowledged == 1
    carrying.fleet.set(greeting="Moin")
    assert not carrying.pack("north").trip.full
    north.settle()
    assert carrying.greeting("n1") == "Moin"


@pytest.mark.parametrize(("number", "said"), [(1, "0000 0000 00"), (7, "0000 0000 00")])
def test_a_wrong_code_acknowledges_nothing(carrying: Carrying, number: int, said: str) -> None:
    carrying.pack("north")
    with pytest.raises(Invalid):
        Loading(carrying.office).acknowledge("north", number, said)
    assert carrying.office.site("north").ledger.acknowledged is None


def test_blind_trips_build_on_the_last_full_one(carrying: Carrying, north: Box) -> None:
    full = [carrying.pack("north", Mode.BLIND).trip.full for _ in range(2 * EVERY)]
    assert [number for number, is_full in enumerate(full, 1) if is_full] == [1, 1 + EVERY]
    north.settle()
    assert carrying.greeting("n1") == "Hello"


def test_any_blind_trip_suffices_after_its_full_one(
    carrying: Carrying, north: Box, tmp_path: Path
) -> None:
    carrying.pack("north", Mode.BLIND)
    north.settle()
    for value in ("one", "two", "three"):
        carrying.fleet.set(greeting=value)
        last = carrying.pack("north", Mode.BLIND, to=tmp_path)
    shutil.copy(last.path, north.inbox)
    north.settle()
    assert carrying.greeting("n1") == "three"


def test_an_office_that_lost_its_ledger_counts_on_from_the_site(
    carrying: Carrying, north: Box
) -> None:
    carrying.round("north")
    carrying.round("north")
    ref = layout.trips_ref("north")
    carrying.fleet.remote.delete(ref, old=carrying.fleet.remote.resolve(ref) or "")
    packed = carrying.pack("north")
    assert packed.trip.number == 1
    north.settle()
    north.returned().unlink()
    north.poll()
    carrying.load(north.returned())
    carrying.fleet.set(greeting="Moin")
    assert carrying.round("north").trip.number == 3
    assert carrying.greeting("n1") == "Moin"


def test_a_folder_that_is_not_there_takes_no_number(carrying: Carrying, tmp_path: Path) -> None:
    with pytest.raises(Stalled):
        carrying.pack("north", to=tmp_path / "nowhere")
    assert carrying.office.site("north").ledger.number == 0


def test_what_the_remote_has_not_confirmed_is_not_packed(
    carrying: Carrying, tmp_path: Path
) -> None:
    far = GitStore.memory()
    StoreTransport(carrying.fleet.remote).fetch(far, carrying.fleet.remote.refs())
    for ref, id in carrying.fleet.remote.refs().items():
        far.move(ref, id, old=None)
    confirmed = far.resolve(layout.site_ref("north"))
    carrying.office = type(carrying.office)(
        carrying.fleet.co, StoreTransport(far), carrying.office.now
    )
    carrying.fleet.set(greeting="not pushed")
    packed = carrying.pack("north", to=tmp_path)
    assert packed.trip.refs[layout.site_ref("north")] == confirmed
    assert "margo push" in packed.notes[0]
    assert far.resolve(layout.trips_ref("north")) is not None


def test_the_bundle_says_what_trip_json_says(carrying: Carrying, tmp_path: Path) -> None:
    packed = carrying.pack("north", to=tmp_path)
    with opened_trip(packed.path) as file:
        part = file.trip.parts[0]
        assert part.name == BUNDLE
        (tmp_path / "refs.bundle").write_bytes(b"".join(file.read(part)))
    with (tmp_path / "refs.bundle").open("rb") as bundle:
        assert dict(read_header(bundle).refs) == packed.trip.refs
