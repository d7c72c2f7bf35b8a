"""A node's report: each deployment's state after a pass, as one tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical, margo
from margo_gitops.errors import Failing, MargoError, Refused, Waiting
from margo_gitops.model import layout
from margo_gitops.model.application import OWN_EXTENSIONS
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.memory import WORDS
from margo_gitops.model.observed import Observed, ObservedComponent
from margo_gitops.model.report import NodeReport
from margo_gitops.model.state import State, overall
from margo_gitops.model.status import ComponentStatus, DeploymentStatus, StatusError
from margo_gitops.model.wanted import Wanted
from margo_gitops.status.contents import contents_of

MESSAGE_LIMIT = 600


@dataclass(frozen=True, slots=True)
class Seen:
    """One wanted deployment after a pass: what the engine holds, what failed, what was done.

    `underway` is the state of what is not as wanted yet while a pass is at work on it, `suspended`
    why nothing is done about it.
    """

    wanted: Wanted
    observed: Observed | None
    failure: MargoError | None = None
    action: str | None = None
    underway: State | None = None
    suspended: str | None = None


def deployment_status(
    seen: Seen, *, device_id: str, generation: int, before: DeploymentStatus | None
) -> DeploymentStatus:
    """The specification's status of one deployment; the overall state is the most severe one.

    The reason of the last action stays (`why`) until another action or other desired bytes.
    """
    wanted = seen.wanted
    components = tuple(_component(name, seen) for name in wanted.components)
    held = {} if before is None else before.extensions.get(OWN_EXTENSIONS, {})
    why = seen.action
    if why is None and held.get("origin") == wanted.origin:
        why = held.get("why")
    own = {"driver": wanted.driver, "origin": wanted.origin, "why": why}
    if seen.suspended:
        own["suspended"] = seen.suspended
    return DeploymentStatus(
        deployment_id=wanted.id,
        device_id=device_id,
        adopted=generation,
        state=overall(component.state for component in components),
        error=None if seen.failure is None else _error(seen.failure, wanted.name, WORDS),
        components=components,
        extensions={OWN_EXTENSIONS: own},
    )


def removed_status(before: DeploymentStatus, *, generation: int, why: str) -> DeploymentStatus:
    """The last word on a deployment that an approved record removed."""
    gone = in_state(before, State.REMOVED, generation=generation)
    return gone.model_copy(update={"extensions": {OWN_EXTENSIONS: {"why": why}}})


def in_state(before: DeploymentStatus, state: State, *, generation: int) -> DeploymentStatus:
    """The same deployment with all of its components in one state."""
    components = tuple(ComponentStatus(name=c.name, state=state) for c in before.components)
    update = {"adopted": generation, "state": state, "error": None, "components": components}
    return before.model_copy(update=update)


def node_files(
    report: NodeReport,
    capabilities: DeviceCapabilities,
    statuses: Mapping[str, DeploymentStatus],
) -> dict[str, bytes]:
    """The tree of `report/<node>`; `statuses` is by deployment name."""
    files = {
        layout.capabilities_path(report.node): margo.write_capabilities(capabilities),
        **{
            layout.status_path(name, report.node): margo.write_status(status)
            for name, status in statuses.items()
        },
    }
    if report.trust == "signed":
        beside = contents_of(files, layout.NODE_REPORT)
        report = report.model_copy(update={"contents": beside})
    return {layout.NODE_REPORT: canonical.dump(report), **files}


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node's report as its site read and checked it."""

    report: NodeReport
    capabilities: DeviceCapabilities
    statuses: Mapping[str, DeploymentStatus]


def read_node(node: str, files: Mapping[str, bytes]) -> NodeView:
    """A node's report from its branch; `Refused` for what is not one: a node is a stranger."""
    if layout.NODE_REPORT not in files or layout.capabilities_path(node) not in files:
        raise Refused(f"report/{node} holds no node.json with capabilities", rule="format")
    report = canonical.load(files[layout.NODE_REPORT], NodeReport, f"report/{node}")
    if report.node != node:
        raise Refused(f"report/{node} says that it is of {report.node}", rule="node")
    path = layout.capabilities_path(node)
    capabilities, _ = margo.read_capabilities(files[path], f"report/{node}:{path}")
    statuses = {
        path.split("/")[1]: margo.read_status(data, f"report/{node}:{path}")
        for path, data in files.items()
        if path.startswith("deployments/") and path.endswith(f"/{node}.json")
    }
    return NodeView(report, capabilities, statuses)


def _component(name: str, seen: Seen) -> ComponentStatus:
    present = {} if seen.observed is None else {c.name: c for c in seen.observed.components}
    component = present.get(name)
    current = seen.observed is not None and seen.observed.origin == seen.wanted.origin
    if not seen.underway and seen.failure and (component is None or not current):
        state = _unmet(seen.failure)
        return ComponentStatus(name=name, state=state, error=_error(seen.failure, name))
    if seen.underway and (component is None or not current or component.state is State.FAILED):
        return ComponentStatus(name=name, state=seen.underway)
    if component is None or (seen.suspended and not current):
        return ComponentStatus(name=name, state=State.PENDING)
    return ComponentStatus(name=name, state=component.state, error=_component_error(component))


def _unmet(failure: MargoError) -> State:
    """The state of what does not run as wanted: tried, waited for, or over for now."""
    if isinstance(failure, Failing):
        return State.INSTALLING
    return State.PENDING if isinstance(failure, Waiting) else State.FAILED


def _component_error(component: ObservedComponent) -> StatusError | None:
    if component.state is not State.FAILED:
        return None
    message = component.detail[:MESSAGE_LIMIT]
    return StatusError(code="failed", source=component.name, message=message)


def _error(failure: MargoError, source: str, limit: int = MESSAGE_LIMIT) -> StatusError:
    code = failure.rule if isinstance(failure, Refused) else type(failure).__name__.lower()
    return StatusError(code=code, source=source, message=_cut(str(failure), limit))


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")
