"""The reason of what runs: from the person's commit to the node's last action."""

from __future__ import annotations

from collections.abc import Iterator

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.roles.approvers import approvals
from margo_gitops.roles.central import Central


def story(co: Central, site: str, name: str) -> Iterator[dict[str, str]]:
    """One chain of reasons for each node of a site that has the deployment."""
    tree = co.published(site)
    if tree is None:
        return
    records = {e.record.id: e.record for e in tree.change.records if e.record.name == name}
    told = approvals(co.trust())
    for view in co.status(site).deployments:
        record = records.get(view.id)
        if record is None:
            continue
        source = co.store.commit(tree.change.source)
        asked = next(iter(co.store.history(source.id, layout.intent_path(name), limit=1)), source)
        yield {
            "deployment": f"{name} at {site}" + (f" on {view.node}" if view.node else ""),
            "asked by": f"{asked.id[:12]} {asked.author}: {asked.message.splitlines()[0]}",
            "record": f"revision {record.revision}, {record.action} {record.version},"
            f" {canonical.digest(canonical.dump(record))[:19]}…",
            "approved": told.get(view.statement or "", ""),
            "generation": str(tree.change.generation),
            "state": view.state,
            "because": view.why,
            "now": f"keep: as wanted by generation {tree.change.generation}"
            if view.state == "installed"
            else "",
        }
