"""What the drill's sticks carry: the example's module as an image by digest, in many versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.artifacts.lock import MEDIA_TYPES, resolve
from margo_gitops.artifacts.manifest import MANIFEST
from margo_gitops.artifacts.oci_package import EMPTY, bundled
from margo_gitops.artifacts.package import read_package
from margo_gitops.documents import canonical, margo
from margo_gitops.model.application import ApplicationDescription, ProfileType
from margo_gitops.model.record import ApplicationLock, Artifact

_VERSION = b'version: "1.0.0"'
_MODULE = "resources/hello.wasm"


@dataclass(frozen=True, slots=True)
class Version:
    """One version: what goes into the App Store, and the blobs that a registry would hold."""

    description: ApplicationDescription
    files: Mapping[str, bytes]
    lock: ApplicationLock
    blobs: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Goods:
    """Versions of the application in this folder of examples."""

    examples: Path
    application: str = "hello-wasm"
    profile: str = "wasm"

    def version(self, version: str) -> Version:
        """A version whose module is like no other's, pinned to a manifest as registries have it."""
        files = dict(read_package(self.examples / self.application))
        text = files["margo.yaml"].replace(_VERSION, f'version: "{version}"'.encode())
        module = files[_MODULE] + _section(version.encode())
        files |= {"margo.yaml": text, _MODULE: module}
        description, _ = margo.read_description(text, "margo.yaml")
        made = bundled("application/wasm", [(module, MEDIA_TYPES[ProfileType.CUSTOM], {})])
        artifact = Artifact(digest=made.digest, size=len(made.manifest), media_type=MANIFEST)
        lock = resolve(description, text, files)
        pinned = {"artifact": artifact, "path": None}
        components = tuple(part.model_copy(update=pinned) for part in lock.components)
        blobs = {
            made.digest: made.manifest,
            canonical.digest(module): module,
            canonical.digest(EMPTY): EMPTY,
        }
        return Version(
            description, files, lock.model_copy(update={"components": components}), blobs
        )


def _section(data: bytes) -> bytes:
    """A custom section of a module, which no engine looks at."""
    name = b"drill"
    body = bytes([len(name)]) + name + data
    return bytes([0, len(body)]) + body
