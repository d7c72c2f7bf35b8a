"""What somebody is shown of a proposal before they decide: what it changes, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model.approval import Statement
from margo_gitops.model.count import count
from margo_gitops.model.record import Record
from margo_gitops.plan.changes import RecordChange
from margo_gitops.trust.approval import Judged


@dataclass(frozen=True, slots=True)
class Stated:
    """The statement of a proposal: its bytes, its signatures by key, and how it is judged."""

    data: bytes
    signatures: Mapping[str, bytes]
    judged: Judged

    @property
    def statement(self) -> Statement:
        """The statement."""
        return self.judged.statement

    @property
    def digest(self) -> str:
        """What names it: the sha256 of its bytes."""
        return canonical.digest(self.data)


@dataclass(frozen=True, slots=True)
class Look:
    """A proposal at one commit: what it changes at its sites, and what people signed.

    `changes` are those that the statement is over; before there is one, all that the proposal
    changes. `free` needs no approval, `beyond` needs one and is in no statement yet. `strangers`
    are sites that it would reach and that are not enrolled: they get nothing yet.
    """

    id: str
    commit: str
    changes: Sequence[RecordChange]
    free: Sequence[RecordChange]
    beyond: int
    stated: Stated | None
    strangers: Sequence[str] = ()

    @property
    def records(self) -> list[Record]:
        """The records that people sign."""
        return [change.after.record for change in self.changes]

    @property
    def all(self) -> list[RecordChange]:
        """Everything that it changes."""
        return [*self.changes, *self.free]

    @property
    def applications(self) -> set[tuple[str, str]]:
        """The application versions that sites would run by it."""
        records = (change.after.record for change in self.all)
        return {
            (r.application, r.version)
            for r in records
            if r.action == "set" and r.application is not None and r.version is not None
        }

    @property
    def sites(self) -> int:
        """How many sites it changes."""
        return len({change.site for change in self.all})

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved it."""
        return () if self.stated is None else tuple(sorted(self.stated.judged.approvers))

    @property
    def missing(self) -> str | None:
        """What it lacks before it may be merged, in words; None where it may."""
        if self.stated is None:
            return f"{count(self.beyond, 'record')} not stated yet" if self.beyond else None
        if self.stated.judged.missing is not None:
            return self.stated.judged.missing
        if self.beyond:
            return f"{count(self.beyond, 'record')} changed after it was stated"
        return None

    @property
    def next(self) -> str:
        """The command that brings it on."""
        if self.missing is None:
            return f"margo pr merge {self.id}"
        return f"margo pr {'create' if self.beyond else 'approve'} {self.id}"


def require_same(
    id: str, over: frozenset[bytes], found: frozenset[bytes], changed: Sequence[str]
) -> None:
    """`Refused` (rule `approval`) where a statement is over records that are not asked for now.

    `changed` says which, as far as it is known.
    """
    lacking = len(over - found)
    if not lacking:
        return
    shown = [*changed[:5], *([f"and {len(changed) - 5} more"] if len(changed) > 5 else [])]
    told = f": {'; '.join(shown)}" if shown else ""
    raise Refused(
        f"proposal/{id} would have sites run other records than {lacking} of the {len(over)} that"
        f" its statement is over{told}",
        rule="approval",
        then="its approvals count for those records alone, and nothing was changed",
        help=f"margo pr diff {id}; margo pr create {id}, again",
    )


def apart(before: Record, now: Record | None, *, there: bool) -> str:
    """How a record that was stated differs from what is asked for now, in words.

    `there` says whether the site still is.
    """
    where = f"{before.site}: {before.name}"
    if now is None:
        return f"{where} {'is not asked for any more' if there else 'has no site any more'}"
    if now.replaces != before.replaces:
        return f"{where} was revision {before.revision} and is {now.revision}: another came first"
    words = [
        name
        for name in ("application", "version", "target", "requirements", "document", "artifacts")
        if getattr(before, name) != getattr(now, name)
    ]
    return f"{where} has another {' and '.join(words) or 'action'}"
