"""The driver of compose components: one compose project each, known by its labels.

All that is needed to observe and to remove is in the engine: identity in the containers' labels,
what they were started from in the label of a marker volume (`compose_state.Marker`).
`ROOT/DEPLOYMENT/COMPONENT/` holds the unpacked archive, copies that containers mount, and `data/`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.errors import Failing, Invalid, MargoError, Missing, Waiting
from margo_gitops.model.application import ProfileType
from margo_gitops.model.observed import Observed, ObservedComponent
from margo_gitops.model.state import State
from margo_gitops.runtime import compose_component as parts
from margo_gitops.runtime.base import ComponentSpec, Owner, Workload
from margo_gitops.runtime.compose_component import Prepared
from margo_gitops.runtime.compose_images import Images
from margo_gitops.runtime.compose_state import Marker, Started, judge, observed, read_marker
from margo_gitops.runtime.docker import Container, Docker, Project

_FLEET, _SITE, _NODE = (f"margo-gitops.{key}" for key in ("fleet", "site", "node"))
_ID, _NAME, _COMPONENT = (f"margo-gitops.{key}" for key in ("deployment", "name", "component"))
_MARKER = "margo-gitops.marker"
_PORT_TAKEN = ("port is already allocated", "address already in use")
_POLL = 0.25


class ComposeDriver:
    """Runs components of type `compose` on docker, or on podman through its socket.

    `host` is the engine's address (None: what docker takes for default), `root` a folder of this
    driver's own, made where it is missing. Implements `Driver`.

    A component is an archive with one top-level directory (specification, component artifacts) or
    a bare compose file. Its values interpolate the file; they reach a container only where the file
    says so. A mount of something in the archive gives containers a copy of it, made anew for each
    version; a mount of something that is not there is data. Named volumes and data stay on update
    and go with their component. Images that are pinned are given to the engine from files and run
    by their digest; others are run only by a digest of their own, or where the policy says so.
    """

    type = ProfileType.COMPOSE
    name = "compose"

    def __init__(self, root: Path, owner: Owner, *, host: str | None = None) -> None:
        self._root = root.absolute()
        self._owner = owner
        self._docker = Docker(host)
        self._images = Images(self._docker, self._key("images"))

    def available(self) -> str | None:
        """None if an engine and the compose plugin answer here, else why not."""
        return self._docker.problem()

    def observe(self) -> Sequence[Observed]:
        """Every deployment of this owner; its origin is empty where it was not started whole.

        Raises `Unreachable` where the engine does not answer.
        """
        containers = self._docker.containers(self._labels())
        markers = self._markers()
        names = {_label(c, _ID): _label(c, _NAME) for c in containers}
        names |= {marker.id: marker.name for marker in markers.values()}
        return [
            observed(id, name, markers.get(id), _of_each_component(containers, id))
            for id, name in sorted(names.items())
        ]

    def apply(self, workload: Workload) -> None:
        """Make exactly these components run, in order; containers that are right go on running.

        All is checked before anything is touched, so what may never run leaves what runs alone.
        Raises `Refused` for what the archive or the policy forbids, `Invalid` for what is wrong
        with the file or its values, `Missing` for an image that cannot be had, `Failing` where a
        service fails or needs longer than the component's timeout, `Unreachable`.
        """
        _refuse_twins(workload)
        before = self._markers().get(workload.id)
        with self._images.used(), _disk(workload):
            todo = {
                component.name: self._prepare(workload, component)
                for component in workload.components
                if not self._settled(workload.id, component, before)
            }
            names = {component.name for component in workload.components}
            self._drop(workload.id, self._known(workload.id, before) - names)
            self._bring(workload, before, todo)
        self._clear_images()

    def remove(self, deployment_id: str) -> None:
        """Stop it and leave nothing of it, neither its named volumes nor its data.

        Quiet where there is nothing. Raises `Unreachable`, and `Waiting` where the engine did not
        do it.
        """
        self._drop(deployment_id, self._known(deployment_id, self._markers().get(deployment_id)))
        parts.delete(self._root / self._key(deployment_id))
        self._docker.drop_volume(self._key(deployment_id))
        self._clear_images()

    def logs(self, deployment_id: str, component: str, tail: int = 100) -> str:
        """The last lines of output of the component's services; empty where there is none."""
        if not self._containers(deployment_id, component):
            return ""
        lines = self._docker.logs(self._project(deployment_id, component), tail).splitlines()
        return "\n".join(lines[-tail:])

    def _bring(
        self, workload: Workload, before: Marker | None, todo: Mapping[str, Prepared]
    ) -> None:
        held = {started.name: started for started in (before.components if before else ())}
        now = before
        for component in workload.components:
            if prepared := todo.get(component.name):
                started = held.pop(component.name, prepared.started)
                if now and now.component(component.name):
                    # Said first: were this start cut short, what runs is neither old nor new.
                    now = self._mark(now, workload, "", held)
                # Files that came anew are not those that running containers still hold.
                recreate = prepared.fresh and started.binds and started == prepared.started
                self._start(workload, component, prepared, recreate=recreate)
                held[component.name] = prepared.started
            if component.wait:
                self._await(workload, component, held[component.name])
            if prepared and component is not workload.components[-1]:
                now = self._mark(now, workload, "", held)
        self._mark(now, workload, workload.origin, held)

    def _settled(self, id: str, component: ComponentSpec, marker: Marker | None) -> bool:
        """True where exactly this was started whole, nothing of it is lost, nor are its files."""
        started = marker and marker.component(component.name)
        if not started or started.spec != parts.digest_of(component):
            return False
        if (
            started.binds
            and not parts.folder_of(self._folder(id, component.name), component).is_dir()
        ):
            return False
        return not self._judged(id, started).lost

    def _prepare(self, workload: Workload, component: ComponentSpec) -> Prepared:
        folder = self._folder(workload.id, component.name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return parts.prepare(
            self._docker,
            component,
            folder=folder,
            project=self._key(workload.id, component.name),
            labels={
                **self._labels(),
                _ID: workload.id,
                _NAME: workload.name,
                _COMPONENT: component.name,
            },
            policy=workload.policy,
            images=self._images,
        )

    def _start(
        self, workload: Workload, component: ComponentSpec, prepared: Prepared, *, recreate: bool
    ) -> None:
        with parts.written(prepared.files):
            words = self._docker.up(prepared.project, timeout=component.timeout, recreate=recreate)
        if words is not None:
            raise self._fault(workload, component, prepared, words)
        parts.tidy(self._folder(workload.id, component.name), component)

    def _fault(
        self, workload: Workload, component: ComponentSpec, prepared: Prepared, words: str
    ) -> MargoError:
        who = f"component {component.name} of {workload.name}"
        if lacking := self._docker.lacks(prepared.images):
            return Missing(f"{who}: no image {', '.join(lacking)} on this host or in a registry")
        told = f"{who} did not start: {parts.without_secrets(words, component)}"
        if any(sign in words for sign in _PORT_TAKEN):
            return Invalid(told, then="it is tried again when its deployment changes")
        return Failing(told)

    def _await(self, workload: Workload, component: ComponentSpec, started: Started) -> None:
        # Not by `up --wait`: that one fails as soon as a job has ended well.
        deadline = time.monotonic() + component.timeout
        who = f"component {component.name} of {workload.name}"
        while (seen := self._judged(workload.id, started)).state is not State.INSTALLED:
            if seen.state is State.FAILED:
                raise Failing(f"{who} failed: {seen.detail}")
            if time.monotonic() > deadline:
                raise Failing(f"{who} is not ready after {component.timeout:g} s: {seen.detail}")
            time.sleep(_POLL)

    def _drop(self, id: str, components: Iterable[str]) -> None:
        for component in sorted(components):
            self._docker.down(self._project(id, component))
            parts.delete(self._folder(id, component))

    def _mark(
        self, now: Marker | None, workload: Workload, origin: str, held: Mapping[str, Started]
    ) -> Marker:
        """Say in the engine what was started; `held` may still name what was dropped."""
        names = [component.name for component in workload.components]
        marker = Marker(
            id=workload.id,
            name=workload.name,
            origin=origin,
            components=tuple(held[name] for name in names if name in held),
        )
        if marker != now:
            text = canonical.dump(marker).decode()
            labels = {**self._labels(), _ID: workload.id, _MARKER: text}
            self._docker.make_volume(self._key(workload.id), labels)
        return marker

    def _judged(self, id: str, started: Started) -> ObservedComponent:
        return judge(started.name, self._containers(id, started.name), started.services)

    def _clear_images(self) -> None:
        started = (item for marker in self._markers().values() for item in marker.components)
        self._images.collect(image for item in started for image in item.images)

    def _known(self, id: str, marker: Marker | None) -> set[str]:
        """The components that the engine holds anything of."""
        running = {_label(container, _COMPONENT) for container in self._containers(id)}
        return running | {started.name for started in (marker.components if marker else ())}

    def _containers(self, id: str, component: str | None = None) -> list[Container]:
        narrower = {_ID: id} if component is None else {_ID: id, _COMPONENT: component}
        return self._docker.containers({**self._labels(), **narrower})

    def _markers(self) -> dict[str, Marker]:
        texts = self._docker.volume_labels(self._labels(), _MARKER)
        return {marker.id: marker for text in texts if (marker := read_marker(text))}

    def _labels(self) -> dict[str, str]:
        return {_FLEET: self._owner.fleet, _SITE: self._owner.site, _NODE: self._owner.node}

    def _key(self, *names: str) -> str:
        """A name in the engine and on disk: of this owner only, and fit for both."""
        owner = self._owner
        text = "\0".join((owner.fleet, owner.site, owner.node, *names))
        return f"margo-{hashlib.sha256(text.encode()).hexdigest()[:20]}"

    def _folder(self, id: str, component: str) -> Path:
        return self._root / self._key(id) / self._key(id, component)

    def _project(self, id: str, component: str) -> Project:
        # With no folder given, compose would look for a file where the agent happens to run.
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Project(self._key(id, component), self._root)


def _of_each_component(containers: Sequence[Container], id: str) -> dict[str, list[Container]]:
    ours = [container for container in containers if _label(container, _ID) == id]
    names = sorted({_label(container, _COMPONENT) for container in ours})
    return {name: [c for c in ours if _label(c, _COMPONENT) == name] for name in names}


def _label(container: Container, key: str) -> str:
    return container.labels.get(key, "")


def _refuse_twins(workload: Workload) -> None:
    names = [component.name for component in workload.components]
    if twins := {name for name in names if names.count(name) > 1}:
        raise Invalid(f"{workload.name} has two components named {', '.join(sorted(twins))}")


@contextmanager
def _disk(workload: Workload) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Waiting(f"{workload.name}: this host's disk says: {error.strerror}") from error
