"""What the gate of a site says of trips that are not for it, or not as they were sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model.record import Artifact
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.blobs import blob_part, layout_parts
from margo_gitops.store.tripfile import BUNDLE, Source, opened_trip, write_trip
from margo_gitops.trust.trips import seal
from tests.fleet import SimulatedFleet
from tests.trips.boxes import Box, Desk

BLOB = b"a layer\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An open fleet with something to carry."""
    fleet = SimulatedFleet({"north": (), "south": ()})
    fleet.deploy()
    return Desk(fleet.co, tmp_path / "cache")


def test_a_trip_of_another_site_is_not_called_overtaken(desk: Desk, tmp_path: Path) -> None:
    box = Box(tmp_path / "box", None)
    for _ in range(2):
        box.bring(desk.pack(tmp_path / "out", Mode.FULL).path)
    other = desk.pack(tmp_path / "out", site="south").path
    (trouble,) = box.bring(other).troubles
    assert isinstance(trouble, Refused)
    assert trouble.rule == "site"
    assert "overtaken" not in box.said(other)


def _with_blob(desk: Desk, out: Path) -> Path:
    """A trip with a blob, as one for an image has."""
    packed = desk.pack(out, Mode.FULL)
    with opened_trip(packed.path) as file:
        bundle = b"".join(file.read(file.trip.parts[0]))
        trip, sealed = file.trip, file.seal
    media = "application/vnd.oci.image.layer.v1.tar"
    artifact = Artifact(digest=canonical.digest(BLOB), size=len(BLOB), media_type=media)
    contents = {BUNDLE: bundle, blob_part(artifact).name: BLOB}
    papers = layout_parts([artifact])
    contents |= {part.name: data for part, data in papers.items()}
    parts = sorted([blob_part(artifact), *papers], key=lambda part: part.name)
    trip = trip.model_copy(update={"parts": (trip.parts[0], *parts)})
    sealed = seal(canonical.dump(trip), None)
    write_trip(packed.path, trip, sealed, {n: _given(d) for n, d in contents.items()})
    return packed.path


def _given(data: bytes) -> Source:
    return lambda: [data]


@pytest.mark.parametrize("content", [BLOB, b'{"imageLayoutVersion"', b'"manifests"'])
@pytest.mark.parametrize("stores", [True, False])
def test_a_flip_in_a_part_that_the_site_has_no_use_for_is_found(
    desk: Desk, tmp_path: Path, content: bytes, *, stores: bool
) -> None:
    path = _with_blob(desk, tmp_path / "out")
    data = bytearray(path.read_bytes())
    data[data.rindex(content)] ^= 1
    path.write_bytes(data)
    box = Box(tmp_path / "box", None)
    assert box.agent.post is not None
    if not stores:
        box.agent.post.arrivals.contents = None
    (trouble, *_) = box.bring(path).troubles
    assert isinstance(trouble, Refused)
    assert trouble.rule == "digest"
    assert box.tip is None
