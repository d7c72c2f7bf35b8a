"""One proposal and one person: to state what it changes, to look at it, to approve it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Missing, Stalled
from margo_gitops.model import layout
from margo_gitops.model.approval import Scope
from margo_gitops.model.count import count
from margo_gitops.model.record import Record
from margo_gitops.plan.changes import grouped, summary
from margo_gitops.render.main import Main, targeted
from margo_gitops.roles.central import Central
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.roles.proposals.asked import Asked, asked
from margo_gitops.roles.proposals.branch import Preview, ProposalBranch, trunk_of
from margo_gitops.roles.proposals.looking import Look, Stated, apart, require_same
from margo_gitops.roles.proposals.owned import brought
from margo_gitops.roles.reading import read_main
from margo_gitops.roles.statements import Statements, keep_approval, statement_files
from margo_gitops.trust import merkle
from margo_gitops.trust.approval import Evidence, judge, scope_of, unmeetable
from margo_gitops.trust.signers import whose
from margo_gitops.trust.sshsig import Namespace, Signer
from margo_gitops.trust.statement import leaves_of, state, write_leaves

Purpose = Literal["change", "break-glass"]
Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Proposing:
    """One proposal beside `main`, which `co` reads; `signing` gives this person's key.

    Everything is held against what `main` would be with it: what really runs after a merge.
    """

    co: Central
    branch: ProposalBranch
    signing: Callable[[], Signer]
    progress: Progress = silent
    after: Central = field(init=False)
    _found: tuple[object, list[Asked]] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Read what `main` would be in place of `main`."""
        self.after = replace(self.co, branch=Preview(self.branch))

    @property
    def id(self) -> str:
        """The proposal."""
        return self.branch.id

    def create(self, reason: str, purpose: Purpose = "change", *, again: bool = False) -> Look:
        """Write and sign the statement over all that this branch changes and that needs approval.

        With `again` also over what is published and has no longer what the policy asks: a box that
        lost its state would refuse that. Raises `Invalid` where there is nothing.
        """
        trust = self._trust()
        person = self.person()
        found = self._asked()
        stated = [item for item in found if self._needs(trust, item, again, purpose)]
        if not stated:
            raise Invalid(
                f"proposal/{self.id} changes nothing that needs an approval",
                help=f"git diff main...proposal/{self.id}; margo pr merge {self.id}",
            )
        records = [item.entry.record for item in stated]
        self._require_meetable(trust, records, person, purpose)
        leaves = leaves_of(records)
        made = state(
            trust.roots.root.fleet,
            leaves,
            proposal=self.id,
            proposer=person,
            purpose=purpose,
            reason=reason,
        )
        data = canonical.dump(made)
        self._record(data, leaves, stated, reason)
        keep_approval(self.branch.store, data, self.signing().sign(data, Namespace.APPROVE))
        return self._seen(found, data)

    def look(self) -> Look:
        """The proposal as it stands, held against what `main` would be with it.

        Raises `Refused` (rule `approval`) where its statement is over other records than those
        that would then be asked for, `Missing` where there is no such proposal.
        """
        self.branch.tip()
        return self._seen(self._asked(), self._stated())

    def unstated(self) -> Look:
        """All that it changes, as if nothing had been stated yet."""
        return self._seen(self._asked(), None)

    def approve(self, seen: Look) -> str:
        """Sign exactly what was looked at; the ref that holds the signature.

        Raises `Missing` where nothing was stated, `Invalid` for the proposer's own key.
        """
        if self.co.trust() is None:
            raise Invalid(
                "this fleet is open: nothing is signed, nothing approved",
                help=f"margo pr merge {self.id}",
            )
        if seen.stated is None:
            raise Missing(
                f"proposal/{self.id} has no statement",
                then="nothing was signed",
                help=f"margo pr create {self.id}",
            )
        if self.person() == seen.stated.statement.proposer:
            raise Invalid(
                f"{seen.stated.statement.proposer} proposed it: somebody else must approve"
            )
        signature = self.signing().sign(seen.stated.data, Namespace.APPROVE)
        return keep_approval(self.branch.store, seen.stated.data, signature)

    def person(self) -> str:
        """Whose key this is; `Stalled` for one that does not count, or without a pinned root."""
        self.co.require_pinned("nothing was signed")
        signer = self.signing()
        name, key_state = whose(self._trust().roots.root, signer.key)
        if not name or key_state != "active":
            raise Stalled(
                f"{signer.key.fingerprint} is {key_state or 'unknown'} in this fleet",
                then="nothing was signed",
                help="margo trust show",
            )
        return name

    def _trust(self) -> FleetTrust:
        trust = self.after.trust()
        if trust is None:
            raise Invalid("this fleet is open: nothing is signed, nothing approved")
        return trust

    def _asked(self) -> list[Asked]:
        """All that `main` would ask with this proposal, held against `main` without it.

        Read again only where a branch moved.
        """
        store, head, trunk = self.branch.store, self.after.head(), trunk_of(self.branch.store)
        refs = {**store.refs(layout.SITES), **store.refs(layout.STATUSES)}
        at = (head, trunk, frozenset(refs.items()))
        if self._found is None or self._found[0] != at:
            main, before = self.after.main(), self._trunk(trunk, head)
            self._found = at, list(asked(self.after, main, before, progress=self.progress))
        return self._found[1]

    def _trunk(self, trunk: str | None, head: str | None) -> Main | None:
        """`main` without the proposal; None where it holds it all."""
        if trunk is None or trunk == head:
            return None
        return self.co.main() if trunk == self.co.head() else read_main(self.branch.store, trunk)

    def _needs(self, trust: FleetTrust, item: Asked, again: bool, purpose: Purpose) -> bool:
        """Whether a record is to be approved: a changed one that lacks it.

        With `again` also one that is published already, or on `main`, and one whose glass was
        broken; a broken glass also has those that need no approval: it passes the freeze windows.
        """
        if item.published or item.known:
            return again and (trust.lacks(item.entry) or trust.broke_glass(item.entry))
        return purpose == "break-glass" or trust.lacks(item.entry)

    def _record(
        self, data: bytes, leaves: Sequence[bytes], stated: Sequence[Asked], reason: str
    ) -> None:
        """Commit the statement with its records; one before of this proposal goes."""
        files = statement_files(data, write_leaves(leaves), [i.entry.record for i in stated])
        stale = {path for old in self._own() for path in statement_files(old, b"")} - set(files)
        groups = grouped(item.change for item in stated)
        told = "\n".join(f"{len(group.sites)} x {group.title}" for group in groups[:20])
        subject = f"Propose {count(len(stated), 'record')}: {summary(groups)}"
        message = f"{subject}\n\n{reason}\n\n{told}\n"
        self.branch.commit({**dict.fromkeys(stale), **files}, f"{message}\nProposal: {self.id}\n")

    def _seen(self, found: Sequence[Asked], data: bytes | None) -> Look:
        """A look at what is asked for, with the statement over it if there is one."""
        trust = self.after.trust()
        new = [item for item in found if not item.published and not item.known]
        if trust is None or data is None:
            lacks = [trust is not None and trust.lacks(item.entry) for item in new]
            lacking = [item for item, lack in zip(new, lacks, strict=True) if lack]
            free = [item for item, lack in zip(new, lacks, strict=True) if lacking and not lack]
            return self._look(lacking or new, free, len(lacking), None)
        over, named = self._over(data), {}
        for item in found:
            leaf = merkle.leaf(canonical.dump(item.entry.record))
            if leaf in over:
                named[leaf] = item
        if len(named) < len(over):
            require_same(self.id, over, frozenset(named), list(self._apart(data, found, named)))
        stated = {item.entry.record.id for item in named.values()}
        rest = [item for item in new if item.entry.record.id not in stated]
        beyond = sum(1 for item in rest if trust.lacks(item.entry))
        return self._look(list(named.values()), rest, beyond, self._judged(trust, data, named))

    def _look(
        self, stated: Sequence[Asked], free: Iterable[Asked], beyond: int, by: Stated | None
    ) -> Look:
        return Look(
            self.id,
            self.branch.head() or "",
            [item.change for item in stated],
            [item.change for item in free],
            beyond,
            by,
            self._strangers(),
        )

    def _strangers(self) -> list[str]:
        """Sites that a changed intent reaches and that nobody enrolled."""
        trust, store = self.after.trust(), self.branch.store
        main, trunk = self.after.main(), trunk_of(store)
        if trust is None or trunk is None:
            return []
        before = self.co.main().intents
        changed = [i for name, i in main.intents.items() if before.get(name) != i]
        reached = {site for intent in changed for site in targeted(intent, main.sites)}
        return sorted(site for site in reached if not trust.signed(site).enrolment)

    def _judged(self, trust: FleetTrust, data: bytes, named: Mapping[bytes, Asked]) -> Stated:
        signed = self._statements().held[canonical.digest(data)].signatures
        scopes = [self._scope(trust, item.entry.record) for item in named.values()]
        judged = judge(Evidence(data, list(signed.values())), trust.roots.root, scopes)
        return Stated(data, signed, judged)

    def _require_meetable(
        self, trust: FleetTrust, records: Sequence[Record], proposer: str, purpose: Purpose
    ) -> None:
        if purpose == "break-glass":
            return
        scopes = [self._scope(trust, record) for record in records]
        if problem := unmeetable(trust.roots.root, scopes, proposer):
            raise Stalled(
                f"nobody could approve proposal/{self.id}: {problem}",
                then="nothing was stated",
                help="margo trust add NAME KEY --role approve, or margo trust policy",
            )

    def _scope(self, trust: FleetTrust, record: Record) -> Scope:
        return scope_of(record, trust.trust(record.site).enrolment)

    def _over(self, data: bytes) -> frozenset[bytes]:
        """The leaves that a statement is over."""
        return frozenset(self._statements().leaves(canonical.digest(data)))

    def _apart(
        self, data: bytes, found: Sequence[Asked], named: Mapping[bytes, Asked]
    ) -> Iterator[str]:
        """What became of each record that was stated and is not asked for now."""
        now = {item.entry.record.id: item.entry.record for item in found}
        sites = self.after.main().sites
        for record in self._statements().records(canonical.digest(data)):
            if merkle.leaf(canonical.dump(record)) not in named:
                yield apart(record, now.get(record.id), there=record.site in sites)

    def _statements(self) -> Statements:
        return Statements(self.branch.store, self.after.head())

    def _stated(self) -> bytes | None:
        """The statement of this proposal, where it has one."""
        own = self._own()
        if len(own) > 1:
            raise Invalid(
                f"proposal/{self.id} holds {len(own)} statements of its own",
                help=f"margo pr create {self.id}, again",
            )
        return own[0] if own else None

    def _own(self) -> list[bytes]:
        """The statements of this proposal."""
        store = self.branch.store
        return list(brought(store, self.id, self.branch.head(), trunk_of(store)).values())
