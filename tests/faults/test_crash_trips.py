"""Sticks, and a process killed at any durable system call: packing, taking in, loading."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from margo_gitops.documents import canonical
from margo_gitops.errors import Missing, Refused
from margo_gitops.model import layout
from margo_gitops.model.trip import Trip, TripLedger
from margo_gitops.roles.trips.office import LEDGER
from margo_gitops.store.tripfile import opened_trip
from tests.engines import require
from tests.faults import tracing
from tests.faults.killing import killed_everywhere
from tests.faults.plant import Plant, copied, plant, run


@pytest.fixture(scope="module", autouse=True)
def strace() -> None:
    require("strace", tracing.problem())


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A plant at rest, but for a change that nobody has packed yet."""
    with plant(tmp_path_factory.mktemp("sticks") / "plant") as made:
        made.commit("Moin")
        subprocess.run(["git", "clone", "-q", made.remote, made.clone], check=True)
        for stick in (_stick(made), _home(made)):
            stick.mkdir()
        yield made


@pytest.fixture(scope="module")
def packed(unpacked: Plant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with copied(unpacked, tmp_path_factory.mktemp("sticks") / "packed") as made:
        _well(_pack(made))
        yield made


@pytest.fixture(scope="module")
def answered(packed: Plant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with copied(packed, tmp_path_factory.mktemp("sticks") / "answered") as made:
        _well(_take_in(made))
        yield made


def test_packing_killed_at_any_durable_call(
    unpacked: Plant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A number may stay unused; a file that is there is whole."""

    def again(plant: Plant) -> None:
        _well(_pack(plant))
        _well(_take_in(plant))
        assert _site_tip(plant, plant.mirror) == _site_tip(plant, plant.remote)

    def result(plant: Plant) -> object:
        return bool(_trips(_stick(plant)))

    tried = killed_everywhere(unpacked, tmp_path, _pack, result, again)
    record_property("tried", tried)


def test_taking_in_killed_at_any_durable_call(
    packed: Plant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    def again(plant: Plant) -> None:
        _well(_take_in(plant))
        assert _site_tip(plant, plant.mirror) == _site_tip(plant, plant.remote)
        assert not list(plant.mirror.glob("quarantine-*/scratch.git/packed-refs"))

    def result(plant: Plant) -> object:
        """What comes last is the return trip: it tells that all else is done."""
        known = [trip.acknowledges for trip in _trips(_home(plant))]
        return [None if one is None else one.number for one in known][-1:]

    tried = killed_everywhere(packed, tmp_path, _take_in, result, again)
    record_property("tried", tried)


def test_loading_killed_at_any_durable_call(
    answered: Plant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    def again(plant: Plant) -> None:
        _well(_load(plant))
        status = layout.status_ref("north")
        assert plant.tip(plant.remote, status) == plant.tip(plant.mirror, status)

    def result(plant: Plant) -> object:
        data = plant.tree(plant.remote, layout.trips_ref("north")).get(LEDGER, b"")
        return canonical.load(data, TripLedger, LEDGER).acknowledged

    tried = killed_everywhere(answered, tmp_path, _load, result, again)
    record_property("tried", tried)


def _margo(*words: str) -> list[str]:
    return [sys.executable, "-m", "margo_gitops", *words]


def _pack(plant: Plant) -> list[str]:
    words = ["trip", "pack", "north", "--out", str(_stick(plant)), "--fleet", str(plant.clone)]
    return _margo(*words)


def _take_in(plant: Plant) -> list[str]:
    where = ["--inbox", str(_stick(plant)), "--outbox", str(_home(plant))]
    return _margo("lo", "run", "--site", "north", "--once", *where, "--state", str(plant.lo))


def _load(plant: Plant) -> list[str]:
    (path,) = _home(plant).glob("*.return.margo.tar")
    return _margo("trip", "load", str(path), "--fleet", str(plant.clone))


def _well(argv: list[str]) -> None:
    done = run(argv)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)


def _stick(plant: Plant) -> Path:
    return plant.root / "stick"


def _home(plant: Plant) -> Path:
    return plant.root / "home"


def _site_tip(plant: Plant, git: Path) -> str | None:
    return plant.tip(git, layout.site_ref("north"))


def _trips(folder: Path) -> list[Trip]:
    """The trips that lie there; one that is there at all is whole."""
    found = []
    for path in folder.glob("*.margo.tar"):
        try:
            with opened_trip(path) as file:
                found.append(file.trip)
        except (Refused, Missing) as error:
            raise AssertionError(f"{path} is neither whole nor absent: {error}") from error
    return found
