"""Images that come by digest: given to the engine from files, named by what they are, cleared away.

The archive has Docker's layout and OCI's at once: an engine of before 25 reads the first only. An
image that the engine has already is used as it is, whoever brought it. One that we bring carries a
tag of its owner's, so that the engine itself tells what may be cleared away.
"""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from margo_gitops.errors import Failing
from margo_gitops.runtime.base import Image
from margo_gitops.runtime.docker import Docker

_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYOUT = {"imageLayoutVersion": "1.0.0"}


class Images:
    """The images that a driver brought into an engine, tagged `REPOSITORY:<digest in hex>`."""

    def __init__(self, docker: Docker, repository: str) -> None:
        self._docker = docker
        self._repository = repository
        self._lock = threading.Lock()
        self._users = 0

    @contextmanager
    def used(self) -> Iterator[None]:
        """Nothing is cleared away while somebody brings and starts."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1

    def hold(self, image: Image, *, timeout: float) -> str:
        """What the engine calls the image; it is given to it first where it has it not.

        An engine names an image by its configuration, or (containerd's store) by its manifest: both
        say all. Raises `Failing` where it does not take it, `Unreachable`.
        """
        if found := self._named(image):
            return found
        tag = f"{self._repository}:{image.id.removeprefix('sha256:')}"
        said = self._docker.load(lambda stream: write_archive(image, tag, stream), timeout=timeout)
        if found := self._named(image):
            return found
        raise Failing(f"the engine did not take the image {image.reference}: {said}")

    def collect(self, needed: Iterable[str]) -> None:
        """Take our tags from all others; the engine then drops what nobody uses."""
        with self._lock:
            if self._users:
                return
            wanted = {id.removeprefix("sha256:") for id in needed}
            for tag in self._docker.tags(self._repository):
                if tag not in wanted:
                    self._docker.drop_image(f"{self._repository}:{tag}")

    def _named(self, image: Image) -> str | None:
        names = (image.id, image.manifest.digest)
        lacking = self._docker.lacks(names)
        return next((name for name in names if name not in lacking), None)


def write_archive(image: Image, tag: str, stream: IO[bytes]) -> None:
    """The image as a tar, in blocks, for `docker load`."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for digest, path in image.files.items():
            with path.open("rb") as file:
                _add(tar, _blob(digest), file, path.stat().st_size)
        for name, value in _described(image, tag).items():
            data = json.dumps(value).encode()
            _add(tar, name, io.BytesIO(data), len(data))


def _described(image: Image, tag: str) -> dict[str, object]:
    manifest = image.manifest
    named = {"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": tag}
    entry = {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": manifest.size,
        "annotations": named,
    }
    docker = {
        "Config": _blob(image.id),
        "RepoTags": [tag],
        "Layers": [_blob(layer) for layer in image.layers],
    }
    return {
        "oci-layout": _LAYOUT,
        "index.json": {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]},
        "manifest.json": [docker],
    }


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _add(tar: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    tar.addfile(info, file)
