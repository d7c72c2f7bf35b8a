"""A Margo package in a registry: one manifest, every file a layer (specification, packages).

Written so that the same package gives the same digest everywhere; read as something that a stranger
made: a title is a path only after it was looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from margo_gitops.artifacts.follow import Source, whole
from margo_gitops.artifacts.manifest import INDEXES, MANIFEST, Descriptor, Manifest, read_manifest
from margo_gitops.artifacts.package import MAX_BYTES, MAX_FILES, bounded
from margo_gitops.documents.canonical import digest
from margo_gitops.errors import Invalid, Refused
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.record import Artifact

APPLICATION = "application/vnd.margo.app.v1+json"
_SPELLINGS = {APPLICATION, "application/vnd.org.margo.app.v1+json"}
"""The registry page of the specification has the first, a concept page the second."""

DESCRIPTION = "application/vnd.margo.app.description.v1+yaml"
_RESOURCE = "application/vnd.margo.app.{kind}.v1+{format}"
_RESOURCES = ("icon", "descriptionFile", "licenseFile", "releaseNotes")
_OTHER = "application/octet-stream"
_FORMATS = {"jpg": "jpeg", "md": "markdown", "svg": "svg+xml", "txt": "plain"}

TITLE = "org.opencontainers.image.title"
_KIND = "org.margo.app.resource"

EMPTY = b"{}"
_EMPTY = "application/vnd.oci.empty.v1+json"
_ROOT = "margo.yaml"
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Bundled:
    """A manifest to be pushed, and the blobs that it names, by digest."""

    manifest: bytes
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return digest(self.manifest)


def bundled(
    artifact_type: str,
    layers: list[tuple[bytes, str, Mapping[str, str]]],
) -> Bundled:
    """An artifact of layers, each with its media type and annotations, and no configuration."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": _described(EMPTY, _EMPTY, {}),
        "layers": [_described(*layer) for layer in layers],
    }
    blobs = {digest(data): data for data in (EMPTY, *(layer[0] for layer in layers))}
    return Bundled(json.dumps(manifest, separators=(",", ":")).encode(), blobs)


def written(description: ApplicationDescription, files: Mapping[str, bytes]) -> Bundled:
    """The package as one artifact: the description first, its other files by their names."""
    kinds = _kinds(description)
    others = sorted(set(files) - {_ROOT})
    layers: list[tuple[bytes, str, Mapping[str, str]]] = [
        (files[_ROOT], DESCRIPTION, {TITLE: _ROOT}),
        *((files[name], *_resource(name, kinds.get(name))) for name in others),
    ]
    return bundled(APPLICATION, layers)


def tag_of(version: str) -> str:
    """The tag of a version; `+` cannot stand in one (specification, packages)."""
    return version.replace("+", "_")


def read(
    source: Source, artifact: Artifact, data: bytes, progress: Callable[[str], None]
) -> dict[str, bytes]:
    """Path to bytes of the files of the package whose manifest is `data`.

    The description is `margo.yaml`, whatever it is called there. Raises `Refused` (rule `package`)
    for what is no package or has a file name that is no plain path, `Invalid` for one that is too
    large, and as `Source` does.
    """
    manifest = _package(artifact, data)
    layers = dict(_named(manifest))
    if sum(layer.size for layer in layers.values()) > MAX_BYTES or len(layers) > MAX_FILES:
        raise Invalid(
            f"the package {artifact.digest[:19]}… has more than {MAX_FILES} files or"
            f" {MAX_BYTES >> 20} MiB"
        )
    files = {}
    for name, layer in layers.items():
        files[name] = whole(source, layer.artifact, MAX_BYTES)
        progress(name)
    return bounded(files.items(), artifact.digest[:19])


def _package(artifact: Artifact, data: bytes) -> Manifest:
    if artifact.media_type in INDEXES:
        raise _refused(artifact.digest, "an index, expected the manifest of one package")
    manifest = read_manifest(data, artifact)
    kind = manifest.artifact_type or manifest.config.media_type
    if kind not in _SPELLINGS:
        raise _refused(artifact.digest, f"{ascii(kind)[:80]}, expected {APPLICATION}")
    return manifest


def _named(manifest: Manifest) -> Iterator[tuple[str, Descriptor]]:
    """The layers by their paths in the package, each path once."""
    described = [layer for layer in manifest.layers if layer.media_type == DESCRIPTION]
    if len(described) != 1:
        raise _refused("the package", f"{len(described)} descriptions, expected one")
    yield _ROOT, described[0]
    seen = {_ROOT}
    for layer in manifest.layers:
        if layer is described[0]:
            continue
        name = _plain(layer.annotations.get(TITLE, ""))
        if name in seen:
            raise _refused("the package", f"{name} twice, expected each file once")
        seen.add(name)
        yield name, layer


def _plain(title: str) -> str:
    name = title.removeprefix("./")
    parts = name.split("/")
    bad = len(name) > _LONGEST or not name.isprintable() or "\\" in name
    if bad or any(not part or part.startswith(".") for part in parts):
        raise _refused(
            "the package", f"a file called {ascii(title)[:80]}, expected a plain path inside it"
        )
    return name


def _refused(what: str, found: str) -> Refused:
    short = what[:19] + "…" if what.startswith("sha256:") else what
    return Refused(f"{short} is no Margo package: found {found}", rule="package")


def _kinds(description: ApplicationDescription) -> dict[str, str]:
    """The resources that the catalogue names, by path."""
    named = description.catalog.get("application")
    found = named if isinstance(named, dict) else {}
    return {
        str(found[kind]).removeprefix("./"): kind
        for kind in _RESOURCES
        if isinstance(found.get(kind), str)
    }


def _resource(name: str, kind: str | None) -> tuple[str, dict[str, str]]:
    if kind is None:
        return _OTHER, {TITLE: name}
    ending = name.rpartition(".")[2].lower()
    media_type = _RESOURCE.format(kind=kind, format=_FORMATS.get(ending, ending))
    return media_type, {TITLE: name, _KIND: kind}


def _described(data: bytes, media_type: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    named = {"mediaType": media_type, "digest": digest(data), "size": len(data)}
    return {**named, **({"annotations": dict(annotations)} if annotations else {})}
