"""A node's plan: wanted and observed in, actions with their reasons out."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.observed import Observed
from margo_gitops.model.parameters import told
from margo_gitops.model.wanted import Wanted


class Verb(StrEnum):
    """The four verbs of a plan. `install` also puts back what drifted, as its reason says."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    REMOVE = "remove"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do or to leave, and why (invariant 8); `drift`: it had run and was lost."""

    verb: Verb
    id: str
    name: str
    driver: str
    why: str
    drift: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in order: removals first, so that their room is free; and what is left alone."""

    actions: tuple[Action, ...]
    kept: tuple[Action, ...] = ()


def make_plan(
    wanted: Sequence[Wanted],
    observed: Mapping[str, Sequence[Observed]],
    *,
    removable: Container[str],
    before: Mapping[str, ApplicationDeployment],
    commit: str,
    held: Mapping[str, str] | None = None,
) -> Plan:
    """The actions that make what runs equal to what is wanted; none where it is.

    `observed` maps each driver that answered to all that it holds; nothing is planned for another.
    `removable` are the deployments that a remove record or a higher placement took away: what is
    merely missing from the desired state goes on running (invariant 5). `before` holds the
    deployments as adopted before, to say what changed; `commit` is the one that asks for all this.
    `held` are those that are left as they are, and why: nothing is done to them.
    """
    running = {(driver, item.id): item for driver, items in observed.items() for item in items}
    keep = {(item.driver, item.id) for item in wanted}
    source = commit[:12]
    removals = [
        Action(Verb.REMOVE, id, item.name, driver, f"no longer wanted by {source}")
        for (driver, id), item in sorted(running.items())
        if (driver, id) not in keep and id in removable
    ]
    decided = [
        _decided(
            item,
            running.get((item.driver, item.id)),
            before.get(item.id),
            source,
            (held or {}).get(item.id),
        )
        for item in wanted
        if item.driver in observed
    ]
    return Plan(
        (*removals, *(action for action in decided if action.verb is not Verb.KEEP)),
        tuple(action for action in decided if action.verb is Verb.KEEP),
    )


def _decided(
    wanted: Wanted,
    running: Observed | None,
    before: ApplicationDeployment | None,
    source: str,
    held: str | None,
) -> Action:
    def act(verb: Verb, why: str, *, drift: bool = False) -> Action:
        return Action(verb, wanted.id, wanted.name, wanted.driver, why, drift)

    if held is not None:
        return act(Verb.KEEP, held)
    if running is None and before == wanted.deployment:
        why = f"drift: nothing of it is running, wanted by {source}"
        return act(Verb.INSTALL, wanted.why or why, drift=True)
    if running is None:
        return act(Verb.INSTALL, wanted.why or f"new in {source}")
    if running.origin != wanted.origin:
        why = f"{', '.join(differences(before, wanted.deployment))} in {source}"
        return act(Verb.UPGRADE, wanted.why or why)
    if drift := _drift(wanted, running):
        return act(Verb.INSTALL, f"drift: {drift}, wanted by {source}", drift=True)
    return act(Verb.KEEP, wanted.why or f"as wanted by {source}")


def _drift(wanted: Wanted, running: Observed) -> str:
    present = {component.name: component for component in running.components}
    missing = [f"{name} is missing" for name in wanted.components if name not in present]
    lost = [
        f"{component.name} is {component.detail or component.state}"
        for component in running.components
        if component.lost
    ]
    return ", ".join(missing + lost)


def differences(
    before: ApplicationDeployment | None, after: ApplicationDeployment
) -> tuple[str, ...]:
    """Which fields differ, in a person's words; never empty."""
    if before is None:
        return ("its record changed",)
    found = [
        f"parameter {name}: {_value(before, name)} -> {_value(after, name)}"
        for name in sorted(set(before.parameters) | set(after.parameters))
        if before.parameters.get(name) != after.parameters.get(name)
    ]
    then, now = ({c.name: c for c in d.components} for d in (before, after))
    found += [
        f"component {name}: {_revision(then, name)} -> {_revision(now, name)}"
        for name in sorted(set(then) | set(now))
        if then.get(name) != now.get(name)
    ]
    found += [
        f"{field.replace('_', ' ')} changed"
        for field in ("type", "device_id", "requirements", "eligibility")
        if getattr(before, field) != getattr(after, field)
    ]
    return tuple(found) or ("its record changed",)


def _value(deployment: ApplicationDeployment, name: str) -> str:
    parameter = deployment.parameters.get(name)
    if parameter is None or parameter.value is None:
        return "none"
    return told(name, parameter.value)


def _revision(components: Mapping[str, object], name: str) -> str:
    component = components.get(name)
    return "none" if component is None else str(getattr(component, "revision", None) or "changed")
