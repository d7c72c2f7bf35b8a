"""What a plain bundle never carries, and a trip does: images there, and the site's word back."""

from __future__ import annotations

from pathlib import Path

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.artifacts.lock import resolve
from margo_gitops.documents import margo
from margo_gitops.model import layout
from margo_gitops.model.fleet import ApplicationRef, Intent, Targets
from margo_gitops.render import edits
from margo_gitops.roles.trips.base import Mode
from margo_gitops.roles.trips.blobs import Blobs
from margo_gitops.roles.trips.packing import Packing
from margo_gitops.store.tripfile import BUNDLE
from tests.artifacts.test_follow import module
from tests.fleet import EXAMPLE, SimulatedFleet
from tests.images import Made
from tests.store.making import git
from tests.trips.boxes import Box, Desk
from tests.trips.making import entries, written

LAYER = b"\0asm a module too large for git"
FORCED = "+refs/*:refs/*"


def _deployed(fleet: SimulatedFleet, made: Made) -> None:
    """The example, its module an image of a registry."""
    text = (EXAMPLE / "margo.yaml").read_bytes().replace(b'"1.0.0"', b'"2.0.0"')
    files = {"margo.yaml": text, "resources/hello.wasm": b"\0asm"}
    description, _ = margo.read_description(text, "margo.yaml")
    lock = resolve(description, text, files)
    pinned = {"artifact": made.artifact, "path": None}
    parts = tuple(part.model_copy(update=pinned) for part in lock.components)
    lock = lock.model_copy(update={"components": parts})
    fleet.co.apply(edits.add_application(fleet.co.main(), description, files, lock))
    intent = Intent(
        name="hello",
        application=ApplicationRef(id="hello-wasm", version="2.0.0"),
        profile="wasm",
        targets=Targets(sites=("north",)),
    )
    fleet.co.apply(edits.deploy(fleet.co.main(), intent))
    fleet.co.render()


def test_a_bundle_brings_no_image_and_no_word_back_and_a_trip_both(tmp_path: Path) -> None:
    fleet, made = SimulatedFleet({"north": ()}), module(LAYER)
    _deployed(fleet, made)
    desk, box = Desk(fleet.co, tmp_path / "cache"), Box(tmp_path / "box", None)
    cache = ContentStore(tmp_path / "cache")
    for digest, data in made.blobs.items():
        cache.put(digest, len(data), data)
    packing = Packing(desk.office, Blobs(cache, lambda *_: ()), ("amd64",))
    trip = packing.pack(packing.plan("north", Mode.FULL), tmp_path).path

    git(tmp_path, "init", "-q", "--bare", "clone")
    bundle = written(tmp_path / "bundle", dict(entries(trip.read_bytes()))[BUNDLE])
    git(tmp_path / "clone", "fetch", "-q", str(bundle), FORCED)
    objects = git(
        tmp_path / "clone", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"
    )
    contents = [git(tmp_path / "clone", "cat-file", "-p", id) for id in objects.split()]
    assert not any(LAYER.decode() in content for content in contents)
    status = layout.status_ref("north")
    assert fleet.remote.resolve(status) is None

    assert box.bring(trip).troubles == ()
    held = ContentStore(tmp_path / "box" / "content")
    for digest, data in made.blobs.items():
        path = held.path(digest)
        assert path is not None
        assert path.read_bytes() == data
    loaded = desk.load(box.answer())
    assert loaded.moved == (status,)
    assert "trip 1 was taken in there" in loaded.words
    assert fleet.remote.resolve(status) == box.mirror.resolve(status)
