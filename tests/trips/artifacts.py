"""An application whose module is an OCI artifact, and its blobs in the office's cache."""

from __future__ import annotations

from margo_gitops.artifacts.lock import resolve
from margo_gitops.documents import margo
from margo_gitops.model.fleet import ApplicationRef, Intent, Targets
from margo_gitops.model.record import Artifact
from margo_gitops.render import edits
from tests.fleet import EXAMPLE
from tests.images import Made
from tests.trips.carrying import Carrying


def keep(carrying: Carrying, made: Made) -> None:
    """As if the office had fetched it from a registry before."""
    contents = carrying.packing.blobs.contents
    for digest, data in made.blobs.items():
        contents.put(digest, len(data), data)


def offer(carrying: Carrying, artifact: Artifact, version: str) -> None:
    """The example in the App Store under this version, its module being that artifact."""
    text = (EXAMPLE / "margo.yaml").read_bytes().replace(b'"1.0.0"', f'"{version}"'.encode())
    files = {"margo.yaml": text, "resources/hello.wasm": b"\0asm"}
    description, _ = margo.read_description(text, "margo.yaml")
    lock = resolve(description, text, files)
    pinned = {"artifact": artifact, "path": None}
    parts = tuple(part.model_copy(update=pinned) for part in lock.components)
    co = carrying.fleet.co
    lock = lock.model_copy(update={"components": parts})
    co.apply(edits.add_application(co.main(), description, files, lock))


def deploy(carrying: Carrying, version: str, name: str = "press") -> None:
    """Have it run at the site."""
    co = carrying.fleet.co
    intent = Intent(
        name=name,
        application=ApplicationRef(id="hello-wasm", version=version),
        profile="wasm",
        targets=Targets(sites=("north",)),
    )
    co.apply(edits.deploy(co.main(), intent))
    co.render()


def upgrade(carrying: Carrying, version: str, name: str = "press") -> None:
    """Have another version run there."""
    co = carrying.fleet.co
    co.apply(edits.change(co.main(), name, edits.Settings(version=version)))
    co.render()
