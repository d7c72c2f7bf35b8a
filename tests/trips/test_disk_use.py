"""A hostile trip never takes more disk than it states, however much it unpacks to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from margo_gitops.errors import Refused, Stalled
from margo_gitops.model import layout
from margo_gitops.model.trip import BLOBS, TripPart
from margo_gitops.roles.trips.base import Mode
from margo_gitops.store import quarantine
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.tripfile import BUNDLE
from tests.fleet import SimulatedFleet
from tests.trips.boxes import Box, Desk
from tests.trips.making import again, bundle_of, entries, framed, said, written

SLACK = 512 << 10
"""Bytes beside: the scratch store's own files, indexes, what the site says of it."""

ADA = Authorship("Ada", "ada@example.invalid", 1)


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    """A trip that is right, of an open fleet."""
    fleet = SimulatedFleet({"north": ()})
    fleet.deploy()
    return Desk(fleet.co, tmp_path / "cache").pack(tmp_path / "out", Mode.FULL).path.read_bytes()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A site with its mirror on a disk."""
    return Box(tmp_path / "box", None, mirror=GitStore.create(tmp_path / "box" / "mirror.git"))


def written_by(work: Callable[[], object]) -> int:
    """The bytes that this process wrote meanwhile, wherever to."""
    before = _wrote()
    work()
    return _wrote() - before


def test_a_bundle_that_unpacks_to_a_thousand_times_as_much(
    good: bytes, box: Box, tmp_path: Path
) -> None:
    ref = layout.site_ref("north")
    with GitStore.memory() as bombs:
        files = {f"deployments/{n}.yaml": bytes([n]) * (15 << 20) for n in range(20)}
        tip = bombs.write(files, parents=[], author=ADA, message="hostile\n")
        bundle = bundle_of(bombs, {ref: tip})
    trip = written(
        tmp_path / "north-1.margo.tar", again(good, None, {BUNDLE: bundle}, refs={ref: tip})
    )
    wrote = written_by(lambda: _is_refused(box, trip, "too-large"))
    assert sum(map(len, files.values())) > 500 * len(bundle)
    assert wrote <= quarantine.ROOM * len(bundle) + SLACK
    assert _left(box) == []


def test_a_blob_that_is_stated_and_not_there(good: bytes, box: Box, tmp_path: Path) -> None:
    """Ten gigabytes are promised, and none come."""
    data = again(good, None, {BLOBS + "00" * 32: b"x"})
    trip = said(data)
    large = TripPart(name=trip.parts[1].name, size=10 << 30, digest=trip.parts[1].digest)
    content = entries(again(good, None, None, parts=(trip.parts[0], large)))
    path = written(tmp_path / "north-1.margo.tar", framed(content))
    assert written_by(lambda: _is_refused(box, path, "truncated")) < SLACK


def test_a_blob_that_is_not_what_it_is_stated_to_be(good: bytes, box: Box, tmp_path: Path) -> None:
    blob = os.urandom(4 << 20)
    data = again(good, None, {BLOBS + "00" * 32: blob})
    path = written(tmp_path / "north-1.margo.tar", data)
    wrote = written_by(lambda: _is_refused(box, path, "digest"))
    assert wrote <= len(data) + SLACK
    assert not list((box.folder / "content").rglob("*.part"))
    assert box.tip is None


def test_a_disk_with_no_room_for_it_is_told_first(
    good: bytes, box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "north-1.margo.tar", good)
    monkeypatch.setattr(quarantine, "ROOM", 1 << 40)
    (trouble, *_) = box.bring(path).troubles
    assert isinstance(trouble, Stalled)
    assert "are free" in trouble.problem
    monkeypatch.undo()
    assert box.bring(path).troubles == ()
    assert box.tip is not None


def _is_refused(box: Box, path: Path, rule: str) -> None:
    (trouble, *_) = box.bring(path).troubles
    assert isinstance(trouble, Refused)
    assert trouble.rule == rule


def _left(box: Box) -> list[Path]:
    """What a quarantine left behind."""
    assert box.mirror.path is not None
    return list(box.mirror.path.glob("quarantine-*"))


def _wrote() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])
