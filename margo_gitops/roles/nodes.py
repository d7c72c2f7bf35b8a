"""The nodes of one site: their reports read, their shares handed over.

A node on this host, or on its disk, uses the site's mirror itself. One that is served has a
repository of its own (docs/decisions/0005): its report is read there and nothing of it enters the
mirror, its share is put there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from margo_gitops.documents import canonical
from margo_gitops.errors import MargoError, Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Placement, document_path
from margo_gitops.model.report import Refusal
from margo_gitops.plan.placement import NodeFacts, SitePlan
from margo_gitops.roles.beliefs import Beliefs
from margo_gitops.roles.proofs import require_report, signed
from margo_gitops.roles.serving.repositories import NodeRepositories
from margo_gitops.status.node import NodeView, read_node
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.trust.accounting import evidence_paths
from margo_gitops.trust.holding import hold_files
from margo_gitops.trust.offer import Desired
from margo_gitops.trust.share import entries_of


@dataclass(frozen=True, slots=True)
class SiteView:
    """The site's nodes as their branches show them, each report with its commit.

    `troubles` are reports that were refused, `refused` the same by node.
    """

    reports: Mapping[str, NodeView]
    commits: Mapping[str, str]
    placements: Mapping[str, Placement]
    troubles: tuple[MargoError, ...] = ()
    refused: Mapping[str, Refusal] = field(default_factory=dict)

    @property
    def architectures(self) -> frozenset[str]:
        """Those of the nodes that have reported."""
        told = (report.capabilities for report in self.reports.values())
        return frozenset(name for item in told for name in item.architectures)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The shares that were written, and the nodes' repositories that could not be reached."""

    commits: tuple[str, ...]
    troubles: tuple[MargoError, ...] = ()


@dataclass(slots=True)
class SiteNodes:
    """`store` is the site's mirror, `served` the repositories of those that are served.

    With `beliefs` shares are signed, and a report counts only with its node's signature.
    """

    store: GitStore
    served: NodeRepositories | None
    beliefs: Beliefs | None = None
    _seen: dict[str, tuple[str, NodeView]] = field(default_factory=dict)

    def names(self, desired: Desired) -> Sequence[str]:
        """The nodes of the settings, and those that once were and have a share to give back."""
        named = {node.id for node in desired.settings.nodes}
        handed = {ref.removeprefix(layout.NODES) for ref in self.store.refs(layout.NODES)}
        return sorted(named | handed)

    def observe(self, desired: Desired) -> SiteView:
        """Each node's report and placement; what one node wrote never hides another's."""
        reports: dict[str, NodeView] = {}
        commits: dict[str, str] = {}
        placements: dict[str, Placement] = {}
        troubles: list[MargoError] = []
        refused: dict[str, Refusal] = {}
        for node in self.names(desired):
            if (tip := self.store.resolve(layout.node_ref(node))) is not None:
                placements[node] = self._placement(tip)
            try:
                if (found := self._report(node)) is not None:
                    commits[node], reports[node] = found
            except MargoError as error:
                troubles.append(error)
                if isinstance(error, Refused) and (at := self._reported(node)) is not None:
                    problem = error.problem[:600]
                    refused[node] = Refusal(commit=at, rule=error.rule, message=problem)
        return SiteView(reports, commits, placements, tuple(troubles), refused)

    def facts(self, desired: Desired, observed: SiteView) -> dict[str, NodeFacts]:
        """What placing asks of each node."""
        return {
            node: NodeFacts(
                capabilities=report.capabilities if report is not None else None,
                held=observed.placements.get(node),
                sequence=self._sequence(node, report, observed.placements.get(node)),
            )
            for node in self.names(desired)
            for report in [observed.reports.get(node)]
        }

    def hand_over(self, desired: Desired, plan: SitePlan, author: Authorship) -> HandedOver:
        """Hand each node its share, where that differs from what it was handed before."""
        commits = tuple(
            commit
            for node, placement in plan.placements.items()
            if (commit := self._write(desired, node, placement, author)) is not None
        )
        return HandedOver(commits, tuple(self._offer(plan)))

    def _offer(self, plan: SitePlan) -> Iterator[MargoError]:
        """One node's repository in trouble keeps no share from another's."""
        if self.served is None:
            return
        for node in plan.placements:
            try:
                self.served.offer(self.store, node)
            except MargoError as error:
                yield error

    def _reported(self, node: str) -> str | None:
        """The commit of a node's report, wherever it lies."""
        tip = None if self.served is None else self.served.reported(node)
        return tip or self.store.resolve(layout.report_ref(node))

    def _report(self, node: str) -> tuple[str, NodeView] | None:
        tip = None if self.served is None else self.served.reported(node)
        if self.served is not None and tip is not None:
            if self._seen.get(node, ("",))[0] != tip:
                self._seen[node] = tip, self._read(node, self.served.report(node, tip))
            return self._seen[node]
        tip = self.store.resolve(layout.report_ref(node))
        return None if tip is None else (tip, self._read(node, self.store.files(tip)))

    def _read(self, node: str, files: Mapping[str, bytes]) -> NodeView:
        if self.beliefs is not None:
            require_report(node, files, self.beliefs.held())
        return read_node(node, files)

    def _sequence(self, node: str, view: NodeView | None, held: Placement | None) -> int:
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

    def _placement(self, tip: str) -> Placement:
        data = self.store.read(tip, layout.PLACEMENT)
        return canonical.load(data or b"", Placement, layout.PLACEMENT)

    def _write(
        self, desired: Desired, node: str, placement: Placement, author: Authorship
    ) -> str | None:
        ref = layout.node_ref(node)
        tip = self.store.resolve(ref)
        if tip is not None and self._placement(tip) == placement:
            return None
        records = desired.records
        paths = [layout.CHANGE, layout.SETTINGS] + [
            document_path(records[placed.id]) for placed in placement.deployments
        ]
        files = {path: desired.files[path] for path in paths}
        files[layout.PLACEMENT] = canonical.dump(placement)
        if self.beliefs is not None:
            entries = entries_of(placement, desired.change, desired.files)
            proofs = evidence_paths(desired.files, entries)
            files |= {path: desired.files[path] for path in proofs}
            files |= hold_files(desired.files, {placed.id for placed in placement.deployments})
            files = signed(files, layout.PLACEMENT, self.beliefs.identity.key)
        commit = self.store.write(
            files,
            parents=[] if tip is None else [tip],
            author=author,
            message=f"{node}: sequence {placement.sequence}\n\n"
            f"Source: {desired.commit}\nGeneration: {desired.change.generation}\n",
        )
        self.store.move(ref, commit, old=tip)
        return commit
