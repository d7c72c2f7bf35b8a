"""What the engine's containers say of a component. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field, ValidationError

from margo_gitops.model.base import Frozen
from margo_gitops.model.observed import Observed, ObservedComponent
from margo_gitops.model.state import State, overall
from margo_gitops.runtime.docker import Container

SERVICE = "com.docker.compose.service"

_ENDS = frozenset({"", "no", "on-failure"})
"""Restart policies under which a container that exits with 0 has done its work."""


class Started(Frozen):
    """A component that was started whole.

    `spec` is the digest over all that it was started from, `services` how many containers each of
    its services has, `binds` whether they hold on to files of ours, `images` those that we brought
    by digest.
    """

    name: str
    spec: str
    services: dict[str, int]
    binds: bool
    images: tuple[str, ...] = Field(default=(), exclude_if=lambda value: not value)


class Marker(Frozen):
    """What no container can hold: a label cannot change while its container goes on running.

    It stands in the label of an empty volume, written last. Losing it costs a start that finds
    nothing to do. `origin` is empty while an apply is under way.
    """

    id: str
    name: str
    origin: str
    components: tuple[Started, ...]

    def component(self, name: str) -> Started | None:
        """The component of that name, if it was started whole."""
        return next((item for item in self.components if item.name == name), None)


def read_marker(text: str) -> Marker | None:
    """The marker of a label's text; None where another program wrote it."""
    try:
        return Marker.model_validate_json(text)
    except ValidationError:
        return None


def observed(
    id: str, name: str, marker: Marker | None, containers: Mapping[str, Sequence[Container]]
) -> Observed:
    """A deployment by its marker and its containers, these by component."""
    started = {item.name: item for item in (marker.components if marker else ())}
    return Observed(
        id=id,
        name=name,
        origin=marker.origin if marker else "",
        components=tuple(
            judge(
                component,
                containers.get(component, ()),
                started[component].services if component in started else {},
            )
            for component in dict.fromkeys([*started, *containers])
        ),
    )


def judge(
    name: str, containers: Sequence[Container], services: Mapping[str, int]
) -> ObservedComponent:
    """The component's state: installed where all its services run, or ended as they should.

    A container that its engine restarts by itself is not lost; one that exited, was never started
    or is not there is.
    """
    found = [_judged(container) for container in containers]
    present = [container.labels.get(SERVICE, "") for container in containers]
    found += [
        (State.FAILED, True, f"service {service} is not there")
        for service, count in services.items()
        if present.count(service) < count
    ]
    return ObservedComponent(
        name=name,
        state=overall(state for state, _, _ in found) if found else State.INSTALLED,
        detail="; ".join(sorted({detail for _, _, detail in found if detail})),
        lost=any(lost for _, lost, _ in found),
        restarts=sum(container.restarts for container in containers),
    )


def _judged(container: Container) -> tuple[State, bool, str]:
    who = f"service {container.labels.get(SERVICE, '?')}"
    code = f"{container.exit_code}{', out of memory' if container.out_of_memory else ''}"
    if container.state == "running":
        return _healthy(container.health, who)
    if container.state == "exited" and not container.exit_code and container.restart in _ENDS:
        return State.INSTALLED, False, ""
    words = {
        "exited": f"exited ({code})",
        "restarting": f"exited ({code}) and is restarted",
        "created": "was never started",
    }
    lost = container.state not in {"restarting", "paused"}
    return State.FAILED, lost, f"{who} {words.get(container.state, f'is {container.state}')}"


def _healthy(health: str, who: str) -> tuple[State, bool, str]:
    if health == "starting":
        return State.INSTALLING, False, f"{who} is starting"
    if health == "unhealthy":
        return State.FAILED, False, f"{who} is unhealthy"
    return State.INSTALLED, False, ""
