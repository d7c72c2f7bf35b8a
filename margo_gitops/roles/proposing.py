"""Proposals: what a change would have sites run, as one statement that people sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Missing, Refused, Stalled
from margo_gitops.model import layout
from margo_gitops.model.approval import Scope, Statement
from margo_gitops.model.record import Record
from margo_gitops.roles.central import Central, MainBranch, Trunk
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.roles.reading import read_main
from margo_gitops.roles.statements import Statements, keep_approval, statement_files
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.trust import merkle
from margo_gitops.trust.approval import Evidence, Judged, judge, read_statement, scope_of
from margo_gitops.trust.signers import whose
from margo_gitops.trust.sshsig import Namespace, Signer
from margo_gitops.trust.statement import leaves_of, state, write_leaves

Purpose = Literal["change", "break-glass"]


@dataclass(frozen=True, slots=True)
class ProposalBranch:
    """`proposal/<id>`: a branch beside `main`, moved by compare-and-swap."""

    store: GitStore
    id: str
    author: Callable[[], Authorship]

    @property
    def ref(self) -> str:
        """The branch."""
        return layout.proposal_ref(self.id)

    def head(self) -> str | None:
        """Its commit; where it does not exist yet, `main`'s, from which it begins."""
        return self.store.resolve(self.ref) or self.store.resolve(layout.MAIN)

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Commit on the branch; `LostRace` where somebody was quicker."""
        old, head = self.store.resolve(self.ref), self.head()
        if head is None:
            raise Stalled("this repository has no main branch", help="margo init DIR")
        new = self.store.amend(head, changes, author=self.author(), message=message)
        self.store.move(self.ref, new, old=old)
        return new

    def who(self) -> str:
        """The name that its commits carry."""
        return self.author().name


def open_proposals(store: GitStore) -> dict[str, str]:
    """Proposal to its commit, of those that `main` does not hold."""
    main = store.resolve(layout.MAIN)
    found = store.refs(layout.PROPOSALS)
    return {
        ref.removeprefix(layout.PROPOSALS): tip
        for ref, tip in sorted(found.items())
        if main is None or not store.is_ancestor(tip, main)
    }


@dataclass(frozen=True, slots=True)
class Look:
    """A proposal as somebody is asked to sign it: its statement, its records, who signed."""

    statement: Statement
    data: bytes
    records: Sequence[Record]
    judged: Judged
    signatures: Mapping[str, bytes]


@dataclass(slots=True)
class Proposing:
    """One proposal, by one person's key. `co` reads the proposal's branch in place of `main`."""

    co: Central
    branch: ProposalBranch
    signer: Signer
    _trust: FleetTrust = field(init=False)

    def __post_init__(self) -> None:
        """Know whom the fleet believes; an open fleet approves nothing."""
        trust = self.co.trust()
        if trust is None:
            raise Invalid("this fleet is open: nothing is signed, nothing approved")
        self._trust = trust

    def create(self, reason: str, purpose: Purpose = "change", *, again: bool = False) -> bytes:
        """Write and sign the statement over all that this branch changes and that needs approval.

        With `again` also over what is published and has no longer what the policy asks: a box that
        lost its state would refuse that. Raises `Invalid` where there is nothing.
        """
        records = self._asked(again=again, glass=purpose == "break-glass")
        if not records:
            raise Invalid(
                f"proposal/{self.branch.id} changes nothing that needs an approval",
                help=f"git diff main...proposal/{self.branch.id}",
            )
        leaves = leaves_of(records)
        made = state(
            self._trust.roots.root.fleet,
            leaves,
            proposal=self.branch.id,
            proposer=self.person(),
            purpose=purpose,
            reason=reason,
        )
        data = canonical.dump(made)
        files = statement_files(data, write_leaves(leaves))
        stale = {path for old in self._own() for path in statement_files(old, b"")} - set(files)
        message = f"Propose {len(records)} records\n\nProposal: {self.branch.id}\n"
        self.branch.commit({**dict.fromkeys(stale), **files}, message)
        keep_approval(self.branch.store, data, self.signer.sign(data, Namespace.APPROVE))
        return data

    def look(self) -> Look:
        """The statement, held against what the branch renders now; nobody signs blindly.

        Raises `Missing` where there is none, `Refused` (rule `approval`) where it is over other
        records than those that the branch asks for.
        """
        own = self._own()
        if not own:
            raise Missing(
                f"proposal/{self.branch.id} has no statement",
                then="nothing was signed",
                help=f"margo pr create {self.branch.id}",
            )
        (data,) = own
        statements, digest = Statements(self.branch.store, self._head()), canonical.digest(data)
        over = frozenset(statements.leaves(digest))
        wanted = [entry.record for entry, _ in self.co.wanted(self.co.main())]
        records = [r for r in wanted if merkle.leaf(canonical.dump(r)) in over]
        if len(records) != len(over):
            raise Refused(
                f"proposal/{self.branch.id} would have sites run other records than those that"
                " its statement is over: main moved on, or the branch was changed",
                rule="approval",
                help=f"margo pr create {self.branch.id}, again",
            )
        signed = statements.held[digest].signatures
        evidence = Evidence(data, list(signed.values()))
        judged = judge(evidence, self._trust.roots.root, self._scopes(records))
        return Look(judged.statement, data, records, judged, signed)

    def approve(self, seen: Look) -> str:
        """Sign exactly what was looked at; the ref that holds the signature."""
        if self.person() == seen.statement.proposer:
            raise Invalid(f"{seen.statement.proposer} proposed it: somebody else must approve")
        signature = self.signer.sign(seen.data, Namespace.APPROVE)
        return keep_approval(self.branch.store, seen.data, signature)

    def merge(self, trunk: MainBranch) -> str:
        """Merge into `main` what has its approvals, with its signatures beside the statement.

        Raises `Waiting` (exit 4) where approvals are missing; nothing is then changed.
        """
        seen = self.look()
        if seen.judged.missing is not None:
            raise Missing(
                f"proposal/{self.branch.id} may not be merged: {seen.judged.missing}",
                then="nothing was changed",
                help=f"margo pr approve {self.branch.id}, by somebody else",
            )
        if not isinstance(trunk, Trunk):
            raise Stalled("a proposal is merged into main")
        (path, *_) = statement_files(seen.data, b"")
        beside = {layout.signed_by(path, id): data for id, data in seen.signatures.items()}
        trailer = f"Proposal: {self.branch.id}"
        tip = self.branch.commit(dict(beside), f"Approvals of {self.branch.id}\n\n{trailer}\n")
        return trunk.merge(tip, f"Merge proposal/{self.branch.id}\n\n{trailer}\n")

    def person(self) -> str:
        """Whose key this is; `Stalled` for one that does not count, or without a pinned root."""
        self.co.require_pinned("nothing was signed")
        name, key_state = whose(self._trust.roots.root, self.signer.key)
        if not name or key_state != "active":
            raise Stalled(
                f"{self.signer.key.fingerprint} is {key_state or 'unknown'} in this fleet",
                then="nothing was signed",
                help="margo trust show",
            )
        return name

    def _asked(self, *, again: bool, glass: bool) -> list[Record]:
        """The records that this branch changes and that lack approvals.

        With `again` also those that are published already; with `glass` also those that need no
        approval: a broken glass passes the freeze windows.
        """
        others = self._before()
        return [
            entry.record
            for entry, published in self.co.wanted(self.co.main())
            if (again and published and self._trust.lacks(entry))
            or (
                not published and entry.record not in others and (glass or self._trust.lacks(entry))
            )
        ]

    def _before(self) -> set[Record]:
        """What `main` asked for where this branch began; nothing where `main` holds it all.

        What others merged and nobody approved yet is none of this proposal's.
        """
        store, main = self.branch.store, self.branch.store.resolve(layout.MAIN)
        if main is None or store.is_ancestor(self._head(), main):
            return set()
        base = next(c.id for c in store.history(self._head()) if store.is_ancestor(c.id, main))
        return {entry.record for entry, _ in self.co.wanted(read_main(store, base))}

    def _scopes(self, records: Sequence[Record]) -> list[Scope]:
        return [scope_of(r, self._trust.trust(r.site).enrolment) for r in records]

    def _own(self) -> list[bytes]:
        """The statement of this proposal; a new one takes the place of the one before."""
        files = self.branch.store.files(self._head(), layout.STATEMENTS)
        found = (data for path, data in files.items() if path.endswith(".json"))
        return [data for data in found if read_statement(data).proposal == self.branch.id]

    def _head(self) -> str:
        return self.co.head()
