"""Container images made here, as registries hold them: blobs by digest, and what leads to them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from margo_gitops.artifacts.manifest import INDEX, MANIFEST
from margo_gitops.documents.canonical import digest
from margo_gitops.model.record import Artifact
from margo_gitops.runtime.base import Image
from tests.dockerd import REST, root

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
HERE = "amd64"


@dataclass(frozen=True)
class Made:
    """An artifact and every blob that it leads to."""

    artifact: Artifact
    blobs: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        return self.blobs[self.artifact.digest]


def described(data: bytes, media_type: str) -> Artifact:
    return Artifact(digest=digest(data), size=len(data), media_type=media_type)


def named(artifact: Artifact, **more: Any) -> dict[str, Any]:
    """A descriptor, as manifests have them."""
    plain = {
        "mediaType": artifact.media_type,
        "digest": artifact.digest,
        "size": artifact.size,
    }
    return plain | more


def manifest(config: tuple[bytes, str], *layers: tuple[bytes, str]) -> Made:
    """A manifest of these contents and their media types."""
    parts = [described(*part) for part in (config, *layers)]
    data = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": named(parts[0]),
            "layers": [named(part) for part in parts[1:]],
        }
    ).encode()
    blobs = {digest(content): content for content, _ in (config, *layers)}
    return Made(described(data, MANIFEST), {**blobs, digest(data): data})


def busybox(greeting: str = "Hello", *, ballast: int = 0) -> Made:
    """An image that runs; its greeting is in its environment and in a layer of its own.

    `ballast` is bytes that the layer has more, as an engine unpacks it.
    """
    files = {"greeting": greeting.encode() + bytes(ballast)}
    return image(files, command=REST, variables=(f"GREETING={greeting}",))


def image(
    files: Mapping[str, bytes], *, command: Sequence[str] = (), variables: Sequence[str] = ()
) -> Made:
    """An image of busybox and these files, which are a layer of their own."""
    tars = [root(), _packed(files)]
    config = {
        "architecture": HERE,
        "os": "linux",
        "config": {"Cmd": list(command), "Env": [*variables, "PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
        "history": [{"created_by": "margo-gitops"}],
    }
    layers = [(gzip.compress(tar, mtime=0), LAYER) for tar in tars]
    return manifest((json.dumps(config).encode(), CONFIG), *layers)


def _packed(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def index(of: Mapping[str, Made]) -> Made:
    """One artifact for several architectures of Linux."""
    entries = [
        named(made.artifact, platform={"architecture": name, "os": "linux"})
        for name, made in of.items()
    ]
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    blobs = {key: value for made in of.values() for key, value in made.blobs.items()}
    return Made(described(data, INDEX), {**blobs, digest(data): data})


def pinned(made: Made, reference: str, folder: Path) -> Image:
    """An image as a driver gets it, its files in a folder."""
    files = {}
    for key, data in made.blobs.items():
        files[key] = folder / key.removeprefix("sha256:")
        files[key].write_bytes(data)
    document = json.loads(made.data)
    return Image(
        reference=reference,
        manifest=made.artifact,
        id=document["config"]["digest"],
        layers=tuple(layer["digest"] for layer in document["layers"]),
        files=files,
    )
