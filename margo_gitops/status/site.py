"""A site's report: its own word and its nodes', as one tree with a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from margo_gitops.documents import canonical, margo
from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.errors import Invalid
from margo_gitops.model import layout
from margo_gitops.model.application import OWN_EXTENSIONS, ProfileType
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.record import Record
from margo_gitops.model.report import SiteStatus
from margo_gitops.model.status import DeploymentStatus
from margo_gitops.status.contents import contents_of
from margo_gitops.status.node import NodeView

_TRUST = {
    "open": "The fleet is open: unsigned.",
    "signed": "Signed by the site; the signature is beside site.json.",
}
_DIALECTS = {"B": Dialect.B, "C": Dialect.C2}


def site_files(
    status: SiteStatus,
    nodes: Mapping[str, NodeView],
    records: Mapping[str, Record],
    dialect: str = "app",
) -> dict[str, bytes]:
    """The tree of `status/<site>`: the site's own word and its nodes' statuses of known records.

    Capabilities are in the site's dialect, where that has words for what the node can run and for
    its labels, else in D.
    """
    files: dict[str, bytes] = {}
    for node, view in sorted(nodes.items()):
        files[layout.capabilities_path(node)] = _offer(view.capabilities, dialect)
        for name, deployment in sorted(view.statuses.items()):
            if deployment.deployment_id in records:
                files[layout.status_path(name, node)] = margo.write_status(deployment)
    files["README.md"] = _readme(status, nodes).encode()
    if status.trust == "signed":
        beside = contents_of(files, layout.SITE_STATUS)
        status = status.model_copy(update={"contents": beside})
    return {layout.SITE_STATUS: canonical.dump(status), **files}


def _offer(capabilities: DeviceCapabilities, dialect: str) -> bytes:
    wanted = _DIALECTS.get(dialect)
    if wanted is not None:
        with suppress(Invalid):  # it has no such word
            data = margo.write(Kind.CAPABILITIES, capabilities, wanted)
            if _told(data) == (wanted, capabilities.deployment_types):
                return data
    return margo.write_capabilities(capabilities)


@lru_cache(maxsize=256)
def _told(data: bytes) -> tuple[Dialect, frozenset[ProfileType]]:
    """What a reader takes from it; asked at each pass, of the same bytes nearly always."""
    said, spoken = margo.read_capabilities(data, "capabilities")
    return spoken, said.deployment_types


def _readme(status: SiteStatus, nodes: Mapping[str, NodeView]) -> str:
    """The page that a forge shows on the status branch."""
    adopted = status.adopted
    lines = [
        f"# Status of site {status.site}",
        "",
        f"Written by the site's own Local Orchestrator; never edit it. {_TRUST[status.trust]}",
        "",
        "No desired state adopted yet."
        if adopted is None
        else f"Adopted generation {adopted.generation} at `{adopted.commit[:12]}`.",
        "",
        "| deployment | node | state | reason |",
        "|---|---|---|---|",
    ]
    lines += _rows(nodes)
    lines += [
        f"| {item.name} | none | not placed | {_cell(item.why)} |" for item in status.not_placed
    ]
    lines += [
        f"\nRefused `{r.commit[:12]}` [{r.rule}]: {_cell(r.message)}" for r in status.refusals
    ]
    return "\n".join(lines) + "\n"


def _rows(nodes: Mapping[str, NodeView]) -> Sequence[str]:
    return [
        f"| {name} | {node} | {deployment.state} | {_cell(reason(deployment))} |"
        for node, view in sorted(nodes.items())
        for name, deployment in sorted(view.statuses.items())
    ]


def reason(status: DeploymentStatus) -> str:
    """Why a deployment is in its state: suspended, its or a component's error, the last action."""
    own = status.extensions.get(OWN_EXTENSIONS, {})
    errors = [status.error, *(component.error for component in status.components)]
    found = next((error.message for error in errors if error is not None), None)
    return "; ".join(filter(None, (str(own.get("suspended") or ""), found))) or str(
        own.get("why") or ""
    )


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").replace("`", "'").split())
