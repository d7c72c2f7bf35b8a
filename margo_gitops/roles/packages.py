"""Margo packages out of git repositories and registries, and into registries.

Specification of 2024: the application registry is a git repository; from 2025 on it is an OCI one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.artifacts import oci_package
from margo_gitops.artifacts.component import repository_name
from margo_gitops.artifacts.lock import MEDIA_TYPES, bytes_of, local_path
from margo_gitops.artifacts.manifest import MANIFEST
from margo_gitops.artifacts.oci_package import Bundled, bundled, tag_of
from margo_gitops.artifacts.package import below, read_package
from margo_gitops.artifacts.reference import SCHEME, Reference, parse_reference
from margo_gitops.artifacts.registry import Registry
from margo_gitops.documents import margo
from margo_gitops.errors import Invalid, Missing, Usage
from margo_gitops.model.application import ApplicationDescription, Component, ProfileType
from margo_gitops.model.layout import MAIN
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import open_transport

Advance = Callable[[str], None]

_COMPONENTS = {
    ProfileType.COMPOSE: "application/vnd.org.margo.component.compose+json",
    ProfileType.CUSTOM: "application/vnd.org.margo.component.wasm+json",
}
_TYPE, _VERSION = "org.margo.component.type", "org.margo.component.version"


@dataclass(frozen=True, slots=True)
class Push:
    """One artifact and where it is to be; a component's, or the package itself."""

    what: str
    to: Reference
    bundled: Bundled


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push; `sent` is False where the registry had it all."""

    push: Push
    sent: bool


def read(package: str, progress: Advance = lambda _: None) -> dict[str, bytes]:
    """The files of a package: `oci://…`, `GIT-URL#PATH`, a folder or its margo.yaml.

    Raises `Invalid`, `Refused` for what is no package, `Unreachable` and `Missing`.
    """
    if package.startswith(SCHEME):
        return from_registry(package, progress)
    return from_git(package) if "#" in package else read_package(Path(package))


def from_git(address: str) -> dict[str, bytes]:
    """The package at `GIT-URL#PATH`, from the repository's main (else master) branch."""
    url, _, folder = address.partition("#")
    transport = open_transport(url)
    tips = transport.refs([MAIN, "refs/heads/master"])
    if not tips:
        raise Missing(f"{transport.name} has neither a main nor a master branch")
    ref = MAIN if MAIN in tips else "refs/heads/master"
    with GitStore.memory() as store:
        transport.fetch(store, {ref: tips[ref]})
        return below(store.files(tips[ref]), folder)


def from_registry(address: str, progress: Advance) -> dict[str, bytes]:
    """The package at `oci://HOST/REPOSITORY:TAG` or `@DIGEST`, every byte by its digest."""
    registry = Registry(parse_reference(address))
    return oci_package.read(registry, *registry.resolve(), progress)


def pushes(files: Mapping[str, bytes], address: str, *, components: bool) -> Iterator[Push]:
    """What is to be in the registry for a package; its components first where they are asked for.

    Raises `Usage` where the tag of `address` is not the package's version, and `Invalid` for a
    component that the package holds but gives no repository.
    """
    description, _ = margo.read_description(files["margo.yaml"], "margo.yaml")
    to = _tagged(address, description)
    for type, component in _held(description) if components else ():
        yield _component(type, component, files)
    yield Push(
        f"{description.id} {description.version}", to, oci_package.written(description, files)
    )


def push(wanted: Push, progress: Advance) -> Pushed:
    """Have it there. Raises `Invalid` where its tag stands for something else already."""
    registry, to = Registry(wanted.to), wanted.to
    try:
        there = registry.resolve()[0].digest
    except Missing:
        there = None
    if there == wanted.bundled.digest:
        return Pushed(wanted, sent=False)
    if there is not None:
        raise Invalid(
            f"{to} is {there[:19]}… already, and this package is {wanted.bundled.digest[:19]}…:"
            " a version never changes",
            help="give the package a new version",
        )
    for name, data in wanted.bundled.blobs.items():
        registry.push_blob(data)
        progress(name[:19])
    registry.push_manifest(wanted.bundled.manifest, MANIFEST, to.tag)
    return Pushed(wanted, sent=True)


def _tagged(address: str, description: ApplicationDescription) -> Reference:
    version = tag_of(description.version)
    to = parse_reference(address)
    given = to.tag if f":{to.tag}" in address.rpartition("/")[2] else None
    if to.digest or given not in {None, version}:
        raise Usage(
            f"{address} asks for another tag than the version, which is {version} (specification,"
            " packages)",
            help=f"{SCHEME}{to.host}/{to.repository}, without a tag",
        )
    return Reference(to.host, to.repository, version)


def _held(description: ApplicationDescription) -> Iterator[tuple[ProfileType, Component]]:
    for profile in description.profiles:
        for component in profile.components:
            if local_path(component) is not None and profile.type in _COMPONENTS:
                yield profile.type, component


def _component(type: ProfileType, component: Component, files: Mapping[str, bytes]) -> Push:
    if not component.repository or not component.revision:
        raise Invalid(
            f"the component {component.name} names no repository and revision to push it to",
            help="properties: {repository: oci://…, revision: 1.0.0}",
        )
    data = bytes_of(component.name, local_path(component) or "", files)
    to = parse_reference(repository_name(component))
    marks = {_TYPE: type.value, _VERSION: component.revision}
    layer = (data, MEDIA_TYPES[type], marks)
    return Push(f"component {component.name}", to, bundled(_COMPONENTS[type], [layer]))
