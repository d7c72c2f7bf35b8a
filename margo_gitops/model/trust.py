"""Whom a fleet believes: persons, their keys and roles, and the sites and nodes with theirs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from margo_gitops.model.approval import Policy
from margo_gitops.model.base import CommitId, Digest, Flat, Frozen, Labels, OwnDocument, Uuid
from margo_gitops.model.report import Adopted
from margo_gitops.model.suspension import Moment

KeyLine = Annotated[
    str,
    StringConstraints(
        pattern=r"^(ssh-ed25519|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/]{60,400}={0,2}$"
    ),
]
"""A public key as OpenSSH writes it, without a comment."""

Role = Literal["root", "enrol", "publish", "approve", "site-operator"]
"""What a person may sign: roots, enrolments, changes, statements, or a hold at a site."""


class PersonKey(Frozen):
    """One key of a person.

    Only an active one counts for what is not held yet. `retired` says that it was put away in
    order, `revoked` that it may be in other hands: what rests on it should be signed again.
    """

    key: KeyLine = Field(description="The public key, as ssh-keygen writes it.")
    state: Literal["active", "retired", "revoked"] = Field(
        default="active", description="Whether its signatures count."
    )


class Person(Frozen):
    """Somebody, or a machine that publishes; counted once, however many keys there are."""

    keys: tuple[PersonKey, ...] = Field(
        min_length=1, max_length=20, description="Every key that was ever this person's."
    )
    roles: tuple[Role, ...] = Field(description="What this person may sign.")


class Thresholds(Frozen):
    """How many persons must sign."""

    root: int = Field(default=1, ge=1, le=20, description="A new version of the root.")
    enrol: int = Field(default=1, ge=1, le=20, description="An enrolment of a site.")


class TrustRoot(OwnDocument):
    """`trust/root/<version>.json`: who may do what, signed by enough of those before and after.

    Version 1 is pinned at enrolment by its digest, which comes by another way.
    """

    kind: Literal["TrustRoot"] = "TrustRoot"
    fleet: Uuid = Field(description="The fleet's UUID.")
    version: int = Field(ge=1, le=1_000_000, description="Grows by one with each root.")
    previous: Digest | None = Field(
        description="The digest of the root before it; null for the first."
    )
    persons: dict[Flat, Person] = Field(description="Everybody who signs, by name.")
    thresholds: Thresholds = Field(description="How many persons must sign what.")
    policy: Policy = Field(description="Which approvals a change needs.")
    epochs: dict[Flat, int] = Field(
        default={},
        description="How many histories a site's branch may have had, where it is not one.",
        exclude_if=lambda value: not value,
    )


class Enrolment(OwnDocument):
    """`trust/enrolment/<site>/<version>.json`: a site's key, and those of its nodes."""

    kind: Literal["Enrolment"] = "Enrolment"
    fleet: Uuid = Field(description="The fleet's UUID.")
    site: Flat = Field(description="The site.")
    version: int = Field(ge=1, le=1_000_000, description="Grows by one with each enrolment.")
    previous: Digest | None = Field(
        description="The digest of the enrolment before it; null for the first."
    )
    root: int = Field(ge=1, description="The version of the root that it was signed under.")
    key: KeyLine = Field(description="The key of the site's LO.")
    nodes: dict[Flat, KeyLine] = Field(default={}, description="The keys of its nodes, by name.")
    labels: Labels = Field(default={}, description="The labels that the policy selects by.")
    tenant: str | None = Field(default=None, description="Whose site it is, for the policy.")
    floor: int = Field(
        default=0, ge=0, description="The generation that a box without a history must reach."
    )
    status: CommitId | None = Field(
        default=None, description="The last status of the box before, which this one goes on from."
    )
    adopted: Adopted | None = Field(
        default=None, description="What that status says was adopted: records that need no more."
    )

    def key_of(self, node: str | None) -> str | None:
        """The key of a node, or of the site's LO where none is named; None where none is."""
        return self.key if node is None else self.nodes.get(node)


class Hold(OwnDocument):
    """One deployment kept at, or put back to, a record that its site adopted before.

    The site wins on when, the office on what. The newest number counts; it lets go of the
    deployment where `record` is null.
    """

    kind: Literal["Hold"] = "Hold"
    fleet: Uuid = Field(description="The fleet's UUID.")
    site: Flat = Field(description="The site.")
    id: Uuid = Field(description="The deployment's UUID.")
    number: int = Field(ge=1, le=1_000_000, description="Grows with each hold of the deployment.")
    record: Digest | None = Field(description="The record that is kept; null lets go.")
    by: Flat = Field(description="Who holds it, a person with the role site-operator.")
    reason: str = Field(min_length=1, max_length=300, description="Why, for whoever finds it.")
    until: Moment | None = Field(default=None, description="When it ends by itself.")


class Mark(OwnDocument):
    """How far a box has come, beside its key: kept where its repositories may be lost."""

    kind: Literal["Mark"] = "Mark"
    root: int = Field(ge=1, description="The version of the root in force.")
    enrolment: int = Field(ge=1, description="The version of its site's enrolment.")
    vouched: Digest = Field(description="The digest of that enrolment.")
    adopted: Adopted | None = Field(default=None, description="What a site adopted.")
    sequence: int | None = Field(default=None, description="Which placement a node adopted.")


class Invitation(OwnDocument):
    """What a new box is told: where it belongs, and by which root it will know its fleet."""

    kind: Literal["Invitation"] = "Invitation"
    fleet: Uuid = Field(description="The fleet's UUID.")
    root: Digest = Field(description="The digest of the first root; people compare it by voice.")
    site: Flat = Field(description="The site.")
    node: Flat | None = Field(default=None, description="The node; null for the site itself.")


class EnrolRequest(OwnDocument):
    """What a new box asks for; signed by the key that it asks for."""

    kind: Literal["EnrolRequest"] = "EnrolRequest"
    fleet: Uuid = Field(description="The fleet's UUID.")
    root: Digest = Field(description="The first root that it pinned, by digest.")
    site: Flat = Field(description="The site.")
    node: Flat | None = Field(description="The node; null for the site itself.")
    key: KeyLine = Field(description="Its public key.")
