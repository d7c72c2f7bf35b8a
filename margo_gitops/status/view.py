"""What a person reads: desired against reported, per site, deployment and node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from margo_gitops.documents import canonical, margo, written
from margo_gitops.model import layout
from margo_gitops.model.application import OWN_EXTENSIONS
from margo_gitops.model.record import Change, Record
from margo_gitops.model.report import Refusal, SiteStatus
from margo_gitops.model.status import DeploymentStatus
from margo_gitops.status.site import reason


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """One deployment on one node; `node` is None while none runs it.

    `state` is the specification's, or `waiting` (nothing heard of this revision yet), `stale` (the
    report describes an older generation) or `not placed`. `statement` is the digest of the one that
    approved it.
    """

    name: str
    id: str
    application: str
    version: str
    node: str | None
    state: str
    why: str
    components: Mapping[str, str]
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class SiteView:
    """One site: the generation published, the one adopted, and when it was last heard.

    `heard` is the status commit's time in seconds since 1970, None for a site never heard.
    """

    site: str
    desired: int | None
    adopted: int | None
    heard: int | None
    deployments: tuple[DeploymentView, ...]
    refusals: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def in_step(self) -> bool:
        """True where the site runs what is published, and all of it is installed."""
        settled = {"installed", "removed"}
        return (
            self.desired is not None
            and self.desired == self.adopted
            and not self.refusals
            and all(view.state in settled for view in self.deployments)
        )


def site_view(
    site: str, change: Change | None, files: Mapping[str, bytes], heard: int | None
) -> SiteView:
    """Compare a site's published change with its status branch's files."""
    status = None
    if layout.SITE_STATUS in files:
        status = canonical.load(files[layout.SITE_STATUS], SiteStatus, layout.SITE_STATUS)
    adopted = None if status is None or status.adopted is None else status.adopted.generation
    records = () if change is None else tuple(entry.record for entry in change.records)
    reported = dict(_reported(files))
    return SiteView(
        site=site,
        desired=None if change is None else change.generation,
        adopted=adopted,
        heard=heard,
        deployments=tuple(_stated(_views(records, reported, status), change)),
        refusals=()
        if status is None
        else (
            *(f"{r.commit[:12]} [{r.rule}]: {r.message}" for r in _refusals(status)),
            *_sticks(status),
        ),
        missing=() if status is None else status.missing,
    )


def _reported(files: Mapping[str, bytes]) -> Iterable[tuple[tuple[str, str], DeploymentStatus]]:
    """(deployment id, node) to what the node said."""
    for path, data in sorted(files.items()):
        parts = path.removesuffix(".json").split("/")
        if parts[0] == "deployments" and len(parts) == 3:
            status = written.read_status(data) or margo.read_status(data, path)
            yield (status.deployment_id, parts[2]), status


def _views(
    records: Iterable[Record],
    reported: Mapping[tuple[str, str], DeploymentStatus],
    status: SiteStatus | None,
) -> Iterable[DeploymentView]:
    unplaced = {} if status is None else {item.id: item.why for item in status.not_placed}
    for record in sorted(records, key=lambda record: (record.name, record.target)):
        if record.application is None:
            continue
        mine = {node: said for (id, node), said in reported.items() if id == record.id}
        if record.action == "remove":
            yield from (_removed(record, node, said) for node, said in mine.items())
        elif mine:
            held = None if status is None else status.holds.get(record.id)
            yield from (_running(record, node, said, held) for node, said in mine.items())
        else:
            state = "not placed" if record.id in unplaced else "waiting"
            why = unplaced.get(record.id, "nothing heard of it yet")
            yield _view(record, layout.node_of(record.target), state, why, {})


def _refusals(status: SiteStatus) -> Iterable[Refusal]:
    """What the site did not adopt, then what it did not take from its nodes."""
    yield from status.refusals
    yield from (node.refused for node in status.nodes.values() if node.refused is not None)


def _sticks(status: SiteStatus) -> Iterable[str]:
    """The trips that the site did not take in, since it took in one."""
    trips = () if status.trips is None else status.trips.refused
    return (f"{trip.file} [{trip.rule}]: {trip.message}" for trip in trips)


def _stated(views: Iterable[DeploymentView], change: Change | None) -> Iterable[DeploymentView]:
    """With the statement that each rests on, where there is one."""
    entries = () if change is None else change.records
    by = {entry.record.id: entry.statement for entry in entries if entry.statement is not None}
    return (replace(view, statement=by[view.id]) if view.id in by else view for view in views)


def _running(record: Record, node: str, said: DeploymentStatus, held: str | None) -> DeploymentView:
    """Green only for the very bytes that are wanted; an older revision's report is stale.

    What people at the site hold is as they want it, and not as the office does.
    """
    origin = said.extensions.get(OWN_EXTENSIONS, {}).get("origin")
    current = origin == canonical.digest(canonical.dump(record))
    components = {component.name: str(component.state) for component in said.components}
    state = str(said.state) if current else "stale"
    why = reason(said) if current else f"describes generation {said.adopted}, an older revision"
    if held is not None:
        state, why = "held", held
    return _view(record, node, state, why, components)


def _removed(record: Record, node: str, said: DeploymentStatus) -> DeploymentView:
    state = "removed" if said.state == "removed" else "removing"
    return _view(record, node, state, reason(said), {})


def _view(
    record: Record, node: str | None, state: str, why: str, components: Mapping[str, str]
) -> DeploymentView:
    return DeploymentView(
        name=record.name,
        id=record.id,
        application=record.application or "",
        version=record.version or "",
        node=node,
        state=state,
        why=why,
        components=components,
    )
