"""From a node's share to workloads for its drivers, and from what they did to statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from margo_gitops.documents import margo
from margo_gitops.errors import Invalid, MargoError
from margo_gitops.model.application import ProfileType
from margo_gitops.model.base import FromSite
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.model.observed import Observed
from margo_gitops.model.quantity import seconds_of
from margo_gitops.model.record import ComponentArtifact, Record, document_path
from margo_gitops.model.state import State
from margo_gitops.model.status import DeploymentStatus
from margo_gitops.model.wanted import Wanted
from margo_gitops.plan.workloads import Action, Plan
from margo_gitops.reconcile import Pass
from margo_gitops.roles.provisions import Provisions
from margo_gitops.runtime.base import ComponentSpec, Workload
from margo_gitops.runtime.secrets import Secrets
from margo_gitops.status.node import Seen, deployment_status, in_state, removed_status
from margo_gitops.trust.share import Share


@dataclass(frozen=True, slots=True)
class Target:
    """What a node is to run of one deployment, and the record and document that ask for it."""

    wanted: Wanted
    record: Record
    document: bytes


DRIVER_OF = {ProfileType.COMPOSE: "compose", ProfileType.HELM: "helm", ProfileType.CUSTOM: "wasm"}


@dataclass(frozen=True, slots=True)
class Reality:
    """What the engines hold, by driver, and which did not answer."""

    running: Mapping[str, Sequence[Observed]]
    silent: Mapping[str, MargoError]


@dataclass(frozen=True, slots=True)
class Results:
    """What was done, what failed (by deployment id), and what the engines hold after it."""

    done: tuple[Action, ...]
    failures: Mapping[str, MargoError]
    after: Reality


EdgePass = Pass[Share, Reality, Plan, Results]


def workload(
    target: Target, provisions: Provisions, secrets: Secrets, policy: RuntimePolicy
) -> Workload:
    """A wanted deployment with its verified files, and the node's secrets in their places.

    Raises `Invalid` for a component that no lock pins to a digest, `Missing` for bytes that have
    not come yet and for a secret that this node does not have.
    """
    wanted = target.wanted
    return Workload(
        id=wanted.id,
        name=wanted.name,
        origin=wanted.origin,
        components=tuple(
            _component(wanted.deployment, name, target.record, provisions, secrets)
            for name in wanted.components
        ),
        policy=policy,
    )


def _component(
    deployment: ApplicationDeployment,
    name: str,
    record: Record,
    provisions: Provisions,
    secrets: Secrets,
) -> ComponentSpec:
    component = next(c for c in deployment.components if c.name == name)
    pinned = [a for a in record.artifacts if a.component == name]
    artifact = next((a for a in pinned if a.image is None), None)
    if artifact is None:
        raise Invalid(
            f"the component {name} of {deployment.name} is pinned to no digest, and this node runs"
            " nothing that is not",
            help=f"margo app show {deployment.application_id}",
        )
    file = provisions.file(artifact)
    values = deployment.values_for(name)
    named = {key: value.from_site for key, value in values.items() if isinstance(value, FromSite)}
    return ComponentSpec(
        name=name,
        artifact=file.path,
        digest=file.digest,
        values={**values, **{key: secrets(secret) for key, secret in named.items()}},
        secrets=frozenset(named),
        pins={a.image: a.digest for a in pinned if a.image is not None},
        images=tuple(provisions.image(a) for a in pinned if runs_image(deployment, a)),
        settings=component.settings,
        wait=component.wait,
        timeout=300.0 if component.timeout is None else seconds_of(component.timeout),
    )


def targets_of(share: Share) -> list[Target]:
    """The deployments of a share, each with the record digest that it comes from."""
    records = share.running
    return [
        target_of(placed.record, records[placed.id], share.files[document_path(records[placed.id])])
        for placed in share.placement.deployments
    ]


def target_of(origin: str, record: Record, document: bytes, why: str = "") -> Target:
    """One deployment of a node by the digest of its record, its record and its document."""
    deployment, _ = margo.read_deployment(document, record.name)
    driver = DRIVER_OF[deployment.type]
    return Target(Wanted(record.id, record.name, origin, driver, deployment, why), record, document)


def wanted_of(share: Share) -> list[Wanted]:
    """The same without records and documents."""
    return [target.wanted for target in targets_of(share)]


def artifacts_of(share: Share) -> list[ComponentArtifact]:
    """All that this node needs for the deployments of its share."""
    records = list(share.running.values())
    needed = [a for record in records for a in record.artifacts if a.image is None]
    for record in (record for record in records if any(a.image for a in record.artifacts)):
        document = share.files[document_path(record)]
        deployment, _ = margo.read_deployment(document, record.name)
        needed += [a for a in record.artifacts if runs_image(deployment, a)]
    return needed


def runs_image(deployment: ApplicationDeployment, artifact: ComponentArtifact) -> bool:
    """Whether this node's engine runs the image: a cluster fetches its images itself."""
    return artifact.image is not None and deployment.type is ProfileType.COMPOSE


def declared_of(share: Share, node: str) -> DeviceCapabilities | None:
    """What people declared of a node; None where they did not."""
    text = next((item.declared for item in share.settings.nodes if item.id == node), None)
    return None if text is None else _declared(text, node)


@lru_cache(maxsize=1)
def _declared(text: str, node: str) -> DeviceCapabilities:
    """Parsed once, not at each pass: it changes with the site's settings only."""
    return margo.read_capabilities(text.encode(), f"capabilities of {node}")[0]


@dataclass(frozen=True, slots=True)
class Notes:
    """What is to be said of deployments whatever a pass did, by id.

    `told` stands in their way, `underway` is just being done, `suspended` is why they are left.
    """

    told: Mapping[str, MargoError] = field(default_factory=dict)
    underway: Mapping[str, State] = field(default_factory=dict)
    suspended: Mapping[str, str] = field(default_factory=dict)


def statuses_of(
    done: EdgePass, before: Mapping[str, DeploymentStatus], device_id: str, notes: Notes
) -> dict[str, DeploymentStatus]:
    """Every placed deployment's status, and the last word on what was removed."""
    after = {item.id: item for items in done.results.after.running.values() for item in items}
    actions = {action.id: str(action) for action in done.results.done}
    generation = done.desired.change.generation
    statuses = {}
    for item in wanted_of(done.desired):
        silent = done.results.after.silent.get(item.driver)
        failure = notes.told.get(item.id) or done.results.failures.get(item.id) or silent
        seen = Seen(
            item,
            after.get(item.id),
            failure,
            actions.get(item.id),
            notes.underway.get(item.id),
            notes.suspended.get(item.id),
        )
        statuses[item.name] = deployment_status(
            seen, device_id=device_id, generation=generation, before=before.get(item.name)
        )
    for name, status in before.items():
        record = done.desired.records.get(status.deployment_id)
        gone = status.deployment_id not in after
        if name not in statuses and status.deployment_id in notes.underway:
            statuses[name] = in_state(
                status, notes.underway[status.deployment_id], generation=generation
            )
        elif name not in statuses and record is not None and record.action == "remove" and gone:
            why = f"removed by revision {record.revision}"
            statuses[name] = removed_status(status, generation=generation, why=why)
    return statuses
