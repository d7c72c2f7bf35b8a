"""An attack by what was approved once and is not wanted any more."""

from __future__ import annotations

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import RecordEntry
from margo_gitops.roles.origin import Origin
from margo_gitops.roles.proposals.closing import close
from margo_gitops.roles.statements import Statements
from margo_gitops.trust import merkle
from margo_gitops.trust.sshsig import parse
from margo_gitops.trust.statement import proofs_of
from tests.attacks.forge import Forge, Forged, deployment, running
from tests.attacks.table import THIEF, Tried, attack, without
from tests.trust.world import SignedFleet


@attack(
    who=THIEF,
    stops="each voided record has a successor: margo pr close --void",
    rule="records",
    says="revision 2 of hello does not follow 3",
    off=without("records"),
    remains="until the successor is approved and adopted, what was approved may run",
)
def _approvals_of_a_closed_proposal() -> Tried:
    fleet = running()
    id = fleet.propose(fleet.change(greeting="Moin"))
    fleet.approve(id, "bob")
    stolen = Stolen(fleet, id)
    alice = fleet.proposing(id, "alice")
    void = close(alice, Origin(fleet.remote), void=True, reason="it drops parts").void
    assert void is not None
    fleet.approve(void.id, "bob")
    fleet.merge(void.id)
    fleet.settle()
    forge = Forge(fleet)
    draft = forge.draft()
    stolen.put(draft)
    return forge.offer(draft)


class Stolen:
    """All that the statement of an open proposal and its signatures prove."""

    def __init__(self, fleet: SignedFleet, id: str) -> None:
        person = fleet.proposing(id, "alice")
        self.seen = person.look()
        assert self.seen.stated is not None
        self.stated = self.seen.stated
        self.leaves = Statements(fleet.remote, person.after.head()).leaves(self.stated.digest)

    def put(self, draft: Forged) -> None:
        """In place of what the site has."""
        now = deployment(draft)
        change = next(c for c in self.seen.changes if c.site == now.record.site)
        record, document = change.after.record, change.after.document
        assert document is not None
        entry = RecordEntry(record=record, statement=self.stated.digest)
        draft.entries = [entry if held is now else held for held in draft.entries]
        draft.documents[record.id] = document
        raw = canonical.dump(record)
        proof = proofs_of(self.stated.data, self.leaves)[merkle.leaf(raw)]
        draft.proofs[layout.statement_path(self.stated.digest)] = self.stated.data
        draft.proofs[layout.proof_path(canonical.digest(raw))] = proof
        for signature in self.stated.signatures.values():
            path = f"{layout.approvals_path(self.stated.digest)}{parse(signature).key.id}.sig"
            draft.proofs[path] = signature
