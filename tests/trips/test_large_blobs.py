"""Two gigabytes on a stick, and hostile files: little memory, and no more disk than they state."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from margo_gitops.artifacts.manifest import MANIFEST
from margo_gitops.documents.canonical import digest
from margo_gitops.model.record import Artifact
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from tests.artifacts.test_follow import WASM
from tests.cli.running import IDENTITY
from tests.fleet import SimulatedFleet
from tests.images import CONFIG, described, named
from tests.trips.artifacts import deploy, offer
from tests.trips.carrying import Carrying

GIGABYTES = 2
MOST = 100 << 20
"""Bytes of memory."""


@pytest.mark.timeout(600)
def test_two_gigabytes_stream_in_little_memory(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Packed by one process of its own, taken in by another."""
    carrying = Carrying(SimulatedFleet({"north": ("n1",)}), tmp_path / "boxes")
    offer(carrying, _large(tmp_path / "xdg" / "margo" / "content" / "blobs" / "sha256"), "2.0.0")
    deploy(carrying, "2.0.0")
    carrying.boxes["north"].mirror.close()
    office, stick, state = _on_disk(carrying, tmp_path), tmp_path / "stick", tmp_path / "lo"
    stick.mkdir()
    words = ["trip", "pack", "north", "--out", str(stick), "--arch", "amd64"]
    packing = _memory([*words, "--fleet", str(office)], tmp_path)
    where = ["--inbox", str(stick), "--state", str(state), "--once"]
    taking = _memory(["lo", "run", "--site", "north", *where], tmp_path)
    record_property("MB", (packing >> 20, taking >> 20))
    held = sum(path.stat().st_size for path in state.glob("content/blobs/sha256/*"))
    assert held > GIGABYTES << 30
    assert packing < MOST
    assert taking < MOST


def _large(blobs: Path) -> Artifact:
    """A module of zeros, which takes no room on the disk, in a cache."""
    size = GIGABYTES << 30
    hashed = hashlib.sha256()
    for _ in range(size >> 20):
        hashed.update(bytes(1 << 20))
    blobs.mkdir(parents=True)
    with (blobs / hashed.hexdigest()).open("wb") as file:
        file.truncate(size)
    layer = Artifact(digest=f"sha256:{hashed.hexdigest()}", size=size, media_type=WASM)
    config = described(b"{}", CONFIG)
    value = {"schemaVersion": 2, "mediaType": MANIFEST, "config": named(config)}
    data = json.dumps({**value, "layers": [named(layer)]}).encode()
    for content in (b"{}", data):
        (blobs / digest(content)[7:]).write_bytes(content)
    return described(data, MANIFEST)


def _on_disk(carrying: Carrying, folder: Path) -> Path:
    """The fleet as a bare repository."""
    path, remote = folder / "fleet.git", carrying.fleet.remote
    with GitStore.create(path) as store:
        StoreTransport(remote).fetch(store, remote.refs())
        for ref, id in remote.refs().items():
            store.move(ref, id, old=None)
    return path


_MEASURE = (
    "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]);"
    " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
)
"""A small process between: what starts another lends it its own peak."""


def _memory(words: list[str], folder: Path) -> int:
    """The most memory that `margo` needed, in bytes; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, sys.executable, "-m", "margo_gitops", *words],
        env={**os.environ, **IDENTITY, "XDG_CACHE_HOME": str(folder / "xdg")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout.splitlines()[-1]) << 10
