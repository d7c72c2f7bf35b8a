"""What a node writes on its report branch, and reads there of what it said before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.delegation import delegated
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.report import Agent, NodeReport, Refusal
from margo_gitops.roles.branch import OwnBranch
from margo_gitops.roles.proofs import signed, signed_report
from margo_gitops.roles.workloads import EdgePass, Notes, declared_of, statuses_of
from margo_gitops.runtime.base import Driver
from margo_gitops.status.node import NodeView, node_files, read_node
from margo_gitops.trust.share import Share
from margo_gitops.trust.sshsig import Signer


@dataclass(frozen=True, slots=True)
class Reporter:
    """The reports of one node. `facts` reads what the host offers, under its device id.

    `signer` is the node's key; None in an open fleet.
    """

    node: str
    agent: Agent
    branch: OwnBranch
    facts: Callable[[str, Mapping[str, Driver]], DeviceCapabilities]
    signer: Signer | None = None

    def write(
        self,
        done: EdgePass,
        notes: Notes,
        refusals: tuple[Refusal, ...] | None,
        drivers: Mapping[str, Driver],
    ) -> str | None:
        """The commit that says it all; None where the last one says the same.

        Without `refusals` those that were said before stand.
        """
        before = self.said()
        if refusals is None:
            refusals = () if before is None else before.report.refusals
        share = done.desired
        device = self._device_id(share)
        statuses = {} if before is None else before.statuses
        report = NodeReport(
            site=share.placement.site,
            node=self.node,
            trust="open" if self.signer is None else "signed",
            records=() if self.signer is None else tuple(sorted(share.adopted)),
            enrolment=share.placement.enrolment,
            agent=self.agent,
            sequence=share.placement.sequence,
            described=share.commit,
            refusals=refusals,
        )
        files = node_files(
            report,
            delegated(declared_of(share, self.node), self.facts(device, drivers)),
            statuses_of(done, statuses, device, notes),
        )
        if self.signer is not None:
            files = signed(files, layout.NODE_REPORT, self.signer)
        return self.branch.write(files, self._message(done))

    def said(self) -> NodeView | None:
        """The last report, in a signed fleet only one of this key; None before the first."""
        files = self.branch.files()
        if self.signer is not None and signed_report(files, str(self.signer.key)) is None:
            return None
        return read_node(self.node, files) if files else None

    def _device_id(self, share: Share) -> str:
        named = {node.id: node.device_id for node in share.settings.nodes}
        return named.get(self.node, f"{share.placement.site}/{self.node}")

    def _message(self, done: EdgePass) -> str:
        lines = [f"Reason: {action}" for action in done.results.done]
        sequence = done.desired.placement.sequence
        trailers = "\n".join([f"Source: {done.desired.commit}", *lines])
        return f"{self.node}: report of sequence {sequence}\n\n{trailers}\n"


def is_of(agent: Agent, signer: Signer | None = None) -> Callable[[Mapping[str, bytes]], bool]:
    """Whether a report's files are of this very installation."""

    def is_mine(files: Mapping[str, bytes]) -> bool:
        if signer is not None:
            said = signed_report(files, str(signer.key))
            return said is not None and said.agent.instance == agent.instance
        report = canonical.load(files.get(layout.NODE_REPORT, b""), NodeReport, layout.NODE_REPORT)
        return report.agent.instance == agent.instance

    return is_mine
