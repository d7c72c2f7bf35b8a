"""Images and modules on sticks: only what the site lacks, verified, and an OCI layout to others."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from margo_gitops.errors import Refused, Stalled
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.packing import Packed
from tests.artifacts.test_follow import module
from tests.images import index
from tests.trips.artifacts import deploy, keep, offer, upgrade
from tests.trips.carrying import Box, Carrying

AMD, ARM = b"\0asm amd", b"\0asm arm"


@pytest.fixture
def made(carrying: Carrying, north: Box) -> Carrying:
    """A site at work, and an artifact for two kinds of hosts that is deployed to it now."""
    carrying.round("north")
    image = index({"amd64": module(AMD), "arm64": module(ARM)})
    keep(carrying, image)
    offer(carrying, image.artifact, "2.0.0")
    deploy(carrying, "2.0.0")
    return carrying


def blobs(packed: Packed) -> int:
    return sum(part.name.startswith("oci/blobs/") for part in packed.trip.parts)


def runs(north: Box) -> set[str]:
    engine = north.nodes["n1"].engine
    return {held.spec.digest for parts in engine.held.values() for held in parts.values()}


def test_what_the_hosts_need_comes_with_the_trip(made: Carrying, north: Box) -> None:
    packed = made.round("north")
    assert blobs(packed) == 4  # index, manifest, configuration, layer: of one kind of host
    assert len(runs(north)) == 2
    status = made.fleet.co.status("north")
    assert status.in_step


def test_what_is_there_is_not_brought_again(made: Carrying, north: Box) -> None:
    made.round("north")
    image = module(b"\0asm newer")
    keep(made, image)
    offer(made, image.artifact, "3.0.0")
    upgrade(made, "3.0.0")
    packed = made.round("north")
    assert blobs(packed) == 2  # manifest and layer: the configuration is that of before
    assert blobs(made.pack("north")) == 0
    north.settle()
    assert made.fleet.co.status("north").in_step


def test_a_full_trip_brings_all_again(made: Carrying) -> None:
    made.round("north")
    assert blobs(made.pack("north", Mode.FULL)) == 4


def test_a_lost_trip_is_made_good_by_the_next(made: Carrying, north: Box, tmp_path: Path) -> None:
    assert blobs(made.pack("north", to=tmp_path)) == 4
    assert blobs(made.round("north")) == 4
    assert len(runs(north)) == 2


def test_nobody_knows_what_hosts_there_are(carrying: Carrying) -> None:
    image = module(AMD)
    keep(carrying, image)
    offer(carrying, image.artifact, "2.0.0")
    deploy(carrying, "2.0.0")
    with pytest.raises(Stalled, match="which architecture"):
        carrying.pack("north")
    assert carrying.office.site("north").ledger.number == 0


def test_a_flipped_bit_in_a_blob(made: Carrying, north: Box) -> None:
    before = north.generation
    packed = made.pack("north")
    data = packed.path.read_bytes()
    at = data.index(AMD)
    packed.path.write_bytes(data[:at] + b"\1" + data[at + 1 :])
    outcome = north.poll()
    assert isinstance(outcome.troubles[0], Refused)
    assert outcome.troubles[0].rule == "digest"
    north.settle()
    assert north.generation == before
    made.round("north")
    assert len(runs(north)) == 2


def test_other_tools_read_the_layout(made: Carrying, tmp_path: Path) -> None:
    packed = made.pack("north", to=tmp_path)
    subprocess.run(["tar", "-xf", packed.path, "-C", tmp_path], check=True)
    layout = json.loads((tmp_path / "oci" / "oci-layout").read_text())
    assert layout == {"imageLayoutVersion": "1.0.0"}
    for entry in json.loads((tmp_path / "oci" / "index.json").read_text())["manifests"]:
        blob = tmp_path / "oci" / "blobs" / entry["digest"].replace(":", "/")
        assert blob.stat().st_size == entry["size"]
