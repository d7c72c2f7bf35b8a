"""What a site hands its nodes: `node/<node>`, one host's share, byte for byte (DESIGN 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Placement
from margo_gitops.render.site import document_path
from margo_gitops.status.node import NodeView
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.trust.adoption import Desired


def placement_at(store: GitStore, tip: str) -> Placement:
    """The placement that a node branch holds; `Refused` (rule `format`) where it is none."""
    data = store.read(tip, layout.PLACEMENT)
    return canonical.load(data or b"", Placement, layout.PLACEMENT)


@dataclass(frozen=True, slots=True)
class Shares:
    """The node branches of a site's mirror; the LO alone writes them."""

    store: GitStore
    author: str
    now: Callable[[], int]

    def hand_over(self, desired: Desired, node: str, placement: Placement) -> str | None:
        """Commit a node's share; None where it was handed this very placement before."""
        ref = layout.node_ref(node)
        tip = self.store.resolve(ref)
        if tip is not None and placement_at(self.store, tip) == placement:
            return None
        records = desired.records
        paths = [layout.CHANGE, layout.SETTINGS] + [
            document_path(records[placed.id]) for placed in placement.deployments
        ]
        files = {path: desired.files[path] for path in paths}
        files[layout.PLACEMENT] = canonical.dump(placement)
        commit = self.store.write(
            files,
            parents=[] if tip is None else [tip],
            author=Authorship(self.author, "agent@margo-gitops.invalid", self.now()),
            message=f"{node}: sequence {placement.sequence}\n\n"
            f"Source: {desired.commit}\nGeneration: {desired.change.generation}\n",
        )
        self.store.move(ref, commit, old=tip)
        return commit

    def used(self, node: str, view: NodeView | None, held: Placement | None) -> int:
        """The number that the node's next share must exceed.

        A site that was set back to an earlier state may give a number away twice. The node keeps
        the first share of it and refuses the second, so that number is used up for us.
        """
        if view is None:
            return 0
        report = view.report
        twice = held is not None and report.sequence == held.sequence
        other = report.described != self.store.resolve(layout.node_ref(node))
        return report.sequence + (twice and other)
