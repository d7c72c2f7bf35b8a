"""Every name of an application version resolved once, to a digest: components and their images.

What does not answer stays open and is told; no node runs it until it is locked. What is locked
already is left as it is: a version never changes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.artifacts.component import payload, repository_name
from margo_gitops.artifacts.download import download
from margo_gitops.artifacts.image_names import images_of
from margo_gitops.artifacts.lock import LIMIT, MEDIA_TYPES, bytes_of
from margo_gitops.artifacts.reference import parse_reference
from margo_gitops.artifacts.registry import Registry
from margo_gitops.artifacts.signature import require_signed
from margo_gitops.documents.canonical import digest
from margo_gitops.errors import Invalid, MargoError, Missing, Stalled, Unreachable
from margo_gitops.model.application import ApplicationDescription, Component, Profile, ProfileType
from margo_gitops.model.base import ParameterValue
from margo_gitops.model.record import ApplicationLock, Artifact, LockedComponent, LockedImage
from margo_gitops.runtime import helm_chart
from margo_gitops.runtime.archive import is_archive, unpack
from margo_gitops.runtime.compose_file import spelled

FETCHED = ".fetched"
"""The folder of a version for what came by URL; a package has no hidden files of its own."""

_READ = {".yaml", ".yml", ".env", ""}
Advance = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Open:
    """A name that is not resolved yet, and why."""

    component: str
    name: str
    why: MargoError


@dataclass(frozen=True, slots=True)
class Moved:
    """A name that stands for something else than when it was locked."""

    component: str
    name: str
    locked: str
    now: str


@dataclass
class Locking:
    """One look at registries; each name is asked for once, a host that is silent not again."""

    progress: Advance = lambda _: None
    open: list[Open] = field(default_factory=list)
    fetched: dict[str, bytes] = field(default_factory=dict)
    """Archives that a description names by URL, by the path that they get beside the package."""

    _known: dict[str, tuple[Artifact, bytes]] = field(default_factory=dict)
    _silent: dict[str, MargoError] = field(default_factory=dict)

    def complete(
        self,
        description: ApplicationDescription,
        package: Mapping[str, bytes],
        lock: ApplicationLock,
    ) -> ApplicationLock:
        """The lock with what could be resolved; `open` then says what could not.

        An archive that a description names by URL is in `fetched` then: it goes into git. Raises
        `Refused` and `Invalid` for what is there and is not what it should be.
        """
        components = tuple(
            self._completed(description, locked, package) for locked in lock.components
        )
        return lock.model_copy(update={"components": components})

    def moved(self, description: ApplicationDescription, lock: ApplicationLock) -> list[Moved]:
        """What names stand for now, where that is not what the lock pinned; changes nothing."""
        return list(self._moved(description, lock))

    def _completed(
        self,
        description: ApplicationDescription,
        locked: LockedComponent,
        package: Mapping[str, bytes],
    ) -> LockedComponent:
        profile, component = _of(description, locked)
        if locked.artifact is None:
            locked = self._pinned(component, MEDIA_TYPES[profile.type], locked, package)
        if locked.artifact is None or profile.type is ProfileType.CUSTOM:
            return locked
        data = self._data(component, locked, {**package, **self.fetched})
        if data is None:
            return locked
        names = self._named(profile, component, data, description)
        kept = {image.reference: image for image in locked.images}
        images = (*kept.values(), *self._images(component.name, sorted(set(names) - set(kept))))
        return locked.model_copy(update={"images": images})

    def _named(
        self,
        profile: Profile,
        component: Component,
        data: bytes,
        description: ApplicationDescription,
    ) -> tuple[str, ...]:
        """The images that a compose file or chart names with the description's own values."""
        values = _defaults(description, component.name)
        if profile.type is ProfileType.COMPOSE:
            texts = {
                name: text for name, value in values.items() if (text := spelled(value)) is not None
            }
            return images_of(compose_files(data), texts)
        try:
            return chart_images(data, values)
        except (Invalid, Stalled) as error:
            self.open.append(Open(component.name, "what its chart names", error))
            return ()

    def _pinned(
        self,
        component: Component,
        media_type: str,
        locked: LockedComponent,
        package: Mapping[str, bytes],
    ) -> LockedComponent:
        if component.repository:
            found = self._resolve(component.name, repository_name(component))
            return locked.model_copy(update={"artifact": found and found[0]})
        url = component.package_location
        data = None if url is None else self._fetched(component, url, package)
        if url is None or data is None:
            return locked
        path = f"{FETCHED}/{digest(data)[7:19]}-{component.name}"
        self.fetched[path] = data
        artifact = Artifact(digest=digest(data), size=len(data), media_type=media_type)
        return locked.model_copy(update={"artifact": artifact, "path": path})

    def _fetched(
        self, component: Component, url: str, package: Mapping[str, bytes]
    ) -> bytes | None:
        """The archive at a URL, signed by the key that the component names, if it names one."""
        try:
            data = download(url, LIMIT)
            if component.key_location:
                require_signed(data, url, component.key_location, package)
        except (Unreachable, Missing, Stalled) as error:
            self.open.append(Open(component.name, url, error))
            return None
        finally:
            self.progress(url)
        return data

    def _data(
        self, component: Component, locked: LockedComponent, package: Mapping[str, bytes]
    ) -> bytes | None:
        """The bytes of a pinned component; None where its registry does not answer."""
        if locked.artifact is None or locked.path is not None:
            return bytes_of(component.name, locked.path or "", package)
        try:
            return payload(component, locked.artifact)
        except (Unreachable, Missing, Stalled) as error:
            self.open.append(Open(component.name, repository_name(component), error))
            return None

    def _images(self, component: str, names: list[str]) -> Iterator[LockedImage]:
        for name in names:
            if found := self._resolve(component, name):
                yield LockedImage(reference=name, **found[0].model_dump())

    def _moved(self, description: ApplicationDescription, lock: ApplicationLock) -> Iterator[Moved]:
        for locked in lock.components:
            component = _of(description, locked)[1]
            pins = [(image.reference, image.digest) for image in locked.images]
            if locked.path is None and locked.artifact and component.repository:
                pins.insert(0, (repository_name(component), locked.artifact.digest))
            for name, pinned in pins:
                found = self._resolve(component.name, name)
                if found and found[0].digest != pinned:
                    yield Moved(component.name, name, pinned, found[0].digest)

    def _resolve(self, component: str, name: str) -> tuple[Artifact, bytes] | None:
        try:
            return self._asked(name)
        except (Unreachable, Missing, Stalled) as error:
            self.open.append(Open(component, name, error))
            return None

    def _asked(self, name: str) -> tuple[Artifact, bytes]:
        if name not in self._known:
            reference = parse_reference(name)
            if error := self._silent.get(reference.host):
                raise error
            try:
                self._known[name] = Registry(reference).resolve()
            except (Unreachable, Stalled) as error:
                self._silent[reference.host] = error
                raise
            finally:
                self.progress(name)
        return self._known[name]


def compose_files(data: bytes) -> dict[str, bytes]:
    """Path to bytes of what compose may read of a component's archive, or bare compose file.

    Raises `Refused` (rule `archive`) as `runtime.archive.unpack` does.
    """
    with tempfile.TemporaryDirectory(prefix="margo-lock-") as scratch:
        packed = Path(scratch, "component")
        packed.write_bytes(data)
        if not is_archive(packed):
            return {"compose.yaml": data}
        folder = Path(scratch, "unpacked")
        unpack(packed, folder)
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.suffix in _READ
        }


def _of(description: ApplicationDescription, locked: LockedComponent) -> tuple[Profile, Component]:
    for profile in description.profiles:
        if (profile.id or profile.type) == locked.profile:
            for component in profile.components:
                if component.name == locked.component:
                    return profile, component
    raise Invalid(
        f"the lock of {description.id} {description.version} names {locked.component} of"
        f" {locked.profile}, which the description does not have",
        help="margo validate",
    )


def chart_images(data: bytes, values: Mapping[str, ParameterValue]) -> tuple[str, ...]:
    """The images that a chart names; raises as `runtime.helm_chart.images_of` does."""
    with tempfile.TemporaryDirectory(prefix="margo-lock-") as scratch:
        packed = Path(scratch, "chart.tgz")
        packed.write_bytes(data)
        return helm_chart.images_of(packed, values, Path(scratch, "work"))


def _defaults(description: ApplicationDescription, component: str) -> dict[str, ParameterValue]:
    """The values that a component gets where nobody gives others, by pointer."""
    return {
        target.pointer: parameter.value
        for parameter in description.parameters.values()
        for target in parameter.targets
        if component in target.components and parameter.value is not None
    }
