"""Locks: every component of an application resolved once, to a digest (DESIGN sections 2 and 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from margo_gitops.documents import archive, canonical
from margo_gitops.errors import Invalid
from margo_gitops.model.application import (
    ApplicationDescription,
    Component,
    Profile,
    ProfileType,
)
from margo_gitops.model.record import ApplicationLock, Artifact, Content, LockedComponent

LIMIT = 5 << 20
"""Bytes of an artifact that travels in git."""

MEDIA_TYPES = {
    ProfileType.COMPOSE: "application/vnd.org.margo.component.compose.tar+gzip",
    ProfileType.HELM: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    ProfileType.CUSTOM: "application/wasm",
}


def resolve(
    description: ApplicationDescription, margo_yaml: bytes, package: Mapping[str, bytes]
) -> ApplicationLock:
    """The lock of one application version.

    `package` is path to bytes of the whole package. A component that names a file or folder of the
    package (`x-margo-gitops-extensions: {artifact: PATH}`, or a relative `packageLocation`) is
    pinned to its bytes; one that lies elsewhere stays unpinned (`artifact` null), and no node
    runs it until it is. Raises `Invalid` for a path that the package lacks or that is too large.
    """
    return ApplicationLock(
        application=description.id,
        version=description.version,
        description=Content(digest=canonical.digest(margo_yaml), size=len(margo_yaml)),
        components=tuple(
            _locked(profile, component, package)
            for profile in description.profiles
            for component in profile.components
        ),
    )


def contents(lock: ApplicationLock, package: Mapping[str, bytes]) -> Iterable[bytes]:
    """The bytes of every pinned artifact, made from the package again; each has its digest."""
    for locked in lock.components:
        if locked.artifact is None or locked.path is None:
            continue
        data = bytes_of(locked.component, locked.path, package)
        if canonical.digest(data) != locked.artifact.digest:
            raise Invalid(
                f"{locked.path} of {lock.application} {lock.version} is not what its lock pinned:"
                f" found {canonical.digest(data)[:19]}…, expected {locked.artifact.digest[:19]}…",
                help="add the changed package under a new version",
            )
        yield data


def _locked(
    profile: Profile, component: Component, package: Mapping[str, bytes]
) -> LockedComponent:
    path = local_path(component)
    artifact = None
    if path is not None:
        data = bytes_of(component.name, path, package)
        artifact = Artifact(
            digest=canonical.digest(data), size=len(data), media_type=MEDIA_TYPES[profile.type]
        )
    return LockedComponent(
        profile=profile.id or profile.type,
        component=component.name,
        source=component.repository or component.package_location or "",
        artifact=artifact,
        path=path,
    )


def local_path(component: Component) -> str | None:
    """The path in the package that a component names; None where it lies elsewhere."""
    named = component.local
    if named is None:
        return None
    path = named.removeprefix("./").rstrip("/")
    if path.startswith("/") or ".." in path.split("/"):
        raise Invalid(f"the component {component.name} names {named!r}, outside its package")
    return path


def bytes_of(component: str, path: str, package: Mapping[str, bytes]) -> bytes:
    """A component of the package: a file as it is, a folder as the archive of it, under its name.

    Raises `Invalid` where the package does not hold it, or it is too large for git.
    """
    folder = {
        f"{component}/{name.removeprefix(path + '/')}": data
        for name, data in package.items()
        if name.startswith(path + "/")
    }
    if path not in package and not folder:
        raise Invalid(f"the component {component} names {path}, which the package does not hold")
    data = package[path] if path in package else archive.pack(folder)
    if len(data) > LIMIT:
        raise Invalid(f"{path} has {len(data)} bytes; in git travel at most {LIMIT}")
    return data
