"""What an enrolled node makes of its branch: the chain followed, and how far it had come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from margo_gitops.roles.beliefs import Beliefs, Identity
from margo_gitops.roles.proofs import signed_report
from margo_gitops.store.git import GitStore
from margo_gitops.trust.share import Share, Shared


@dataclass(slots=True)
class Believing:
    """`reports` is the node's own branch, which tells it where it stood when its state is lost."""

    node: str
    store: GitStore
    reports: str
    identity: Identity
    beliefs: Beliefs = field(init=False)

    def __post_init__(self) -> None:
        """Keep the chain under the node's name."""
        self.beliefs = Beliefs(self.node, self.store, self.identity)

    def offer(self, tip: str, files: Mapping[str, bytes]) -> Shared:
        """The branch's tip with what this node believes; `Refused` where the chain is broken."""
        trust = self.beliefs.learn(files)
        self.beliefs.require_mine(trust, self.node)
        since, known = self._before()
        return Shared(self.node, tip, files, trust, since, known)

    def mark(self, share: Share) -> None:
        """How far it came, before its branch moves."""
        self.beliefs.mark(sequence=share.placement.sequence)

    def _before(self) -> tuple[tuple[int, int], frozenset[str]]:
        """Its last placement by mark or by its own signed report, and the records of that."""
        mark = self.identity.marks.read()
        since = (0, 0) if mark is None else (mark.enrolment, mark.sequence or 0)
        tip = self.store.resolve(self.reports)
        files = {} if tip is None else self.store.files(tip)
        report = signed_report(files, str(self.identity.key.key))
        if report is None:
            return since, frozenset()
        return max(since, (report.enrolment or 0, report.sequence)), frozenset(report.records)
