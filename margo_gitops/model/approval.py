"""What people approve, and which approvals a change needs (DESIGN section 5)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from margo_gitops.model.base import AppId, Digest, Flat, Frozen, Labels, OwnDocument, Uuid
from margo_gitops.model.suspension import Moment, ending

MAX_RULES = 100


class Scope(Frozen):
    """What a record is about, by which rules select: nothing that a forge could change."""

    site: Flat
    labels: Labels
    tenant: str | None
    application: AppId | None


class Selection(Frozen):
    """Records by site, enrolled label or tenant, and application; what is left out selects all."""

    sites: tuple[Flat, ...] = Field(default=(), description="Sites by name; none selects all.")
    labels: Labels = Field(default={}, description="Labels of the enrolment; each must hold.")
    tenant: str | None = Field(default=None, description="The tenant of the enrolment.")
    applications: tuple[AppId, ...] = Field(
        default=(), description="Applications by id; none selects all, and the site's settings."
    )

    def selects(self, scope: Scope) -> bool:
        """Whether a record of this scope is meant."""
        return (
            (not self.sites or scope.site in self.sites)
            and all(scope.labels.get(key) == value for key, value in self.labels.items())
            and (self.tenant is None or scope.tenant == self.tenant)
            and (not self.applications or scope.application in self.applications)
        )


class ApprovalRule(Selection):
    """So many approvals for what it selects; every rule that selects a record must be met."""

    name: Flat = Field(description="The rule's name, which messages say.")
    approvals: int = Field(ge=0, le=20, description="How many persons must approve.")
    persons: tuple[Flat, ...] = Field(
        default=(), description="Who of them counts; none is everybody with the role approve."
    )


class Freeze(Selection):
    """A time in which nothing that it selects is published, but by break-glass."""

    name: Flat = Field(description="The window's name, which messages say.")
    begins: Moment = Field(description="When it begins, as 2026-12-20T18:00Z.")
    ends: Moment = Field(description="When it ends.")

    @field_validator("begins", "ends")
    @classmethod
    def _in_the_calendar(cls, moment: str) -> str:
        ending(moment)
        return moment

    def holds(self, now: float) -> bool:
        """True from its beginning to its end, by the publisher's clock in seconds since 1970."""
        return ending(self.begins) <= now < ending(self.ends)


class Policy(Frozen):
    """Which approvals a change needs. The proposer's own never counts."""

    approvals: int = Field(
        default=0, ge=0, le=20, description="How many persons must approve anything."
    )
    rules: tuple[ApprovalRule, ...] = Field(
        default=(), max_length=MAX_RULES, description="What needs more than that."
    )
    break_glass: int | None = Field(
        default=None,
        ge=0,
        le=20,
        description="How many approvals do with a reason, when it burns; null: never.",
    )
    freezes: tuple[Freeze, ...] = Field(
        default=(), max_length=MAX_RULES, description="When nothing is published."
    )


class ApprovalPolicy(Policy, OwnDocument):
    """`policies/approvals.yaml`: the source of the policy; in force once a signed root holds it."""

    kind: Literal["ApprovalPolicy"] = "ApprovalPolicy"


class Statement(OwnDocument):
    """The records of one proposal by the head of their tree; what proposer and approvers sign.

    It names no commit and no branch, so that no merge, squash or rebase voids a signature.
    """

    kind: Literal["Statement"] = "Statement"
    fleet: Uuid = Field(description="The fleet's UUID.")
    proposal: Flat = Field(description="The proposal's id.")
    proposer: Flat = Field(description="Who proposes it; this person's approval does not count.")
    purpose: Literal["change", "break-glass"] = Field(
        description="A change in order, or one that does with fewer approvals and stays visible."
    )
    reason: str = Field(max_length=500, description="Why, in words.")
    records: int = Field(ge=1, le=10_000_000, description="How many records it is over.")
    tree: Digest = Field(description="The head of the tree over their bytes (RFC 9162).")


class Proof(OwnDocument):
    """That one record is among those of a statement."""

    kind: Literal["Proof"] = "Proof"
    statement: Digest = Field(description="The digest of the statement.")
    index: int = Field(ge=0, description="Which of its records, from 0.")
    path: str = Field(
        max_length=1400,
        pattern=r"^[A-Za-z0-9+/]*={0,2}$",
        description="The hashes from the record to the head, 32 bytes each, in base64.",
    )
