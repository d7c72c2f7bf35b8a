"""One air-gapped site, signed or open, at work for the first time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import SimulatedFleet
from tests.trips.carrying import Box, Carrying
from tests.trust.world import SignedFleet


@pytest.fixture(params=["signed", "open"])
def any_fleet(request: pytest.FixtureRequest) -> SimulatedFleet:
    kind = SignedFleet if request.param == "signed" else SimulatedFleet
    return kind({"north": ("n1",)})


@pytest.fixture
def carrying(any_fleet: SimulatedFleet, tmp_path: Path) -> Iterator[Carrying]:
    """An office, and a site that nothing was brought to yet."""
    made = Carrying(any_fleet, tmp_path)
    made.fleet.deploy()
    yield made
    for box in made.boxes.values():
        box.mirror.close()


@pytest.fixture
def north(carrying: Carrying) -> Box:
    return carrying.boxes["north"]
