"""What a site and a node say of themselves on their status branches."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from margo_gitops.model.base import CommitId, Digest, Flat, Frozen, OwnDocument, Uuid
from margo_gitops.model.trip import TripsWord


class Refusal(Frozen):
    """Something that was not adopted, written once for each commit and reason."""

    commit: CommitId = Field(description="The commit that was not adopted.")
    rule: str = Field(description="The rule that it breaks.")
    message: str = Field(description="What was found and expected.")


class Agent(Frozen):
    """The program that wrote a report."""

    version: str = Field(description="The version of the program.")
    formats: tuple[str, ...] = Field(description="The formats that it reads.")
    instance: str = Field(description="Which running program; another after a reinstallation.")


class Adopted(Frozen):
    """The generation in force."""

    epoch: int = Field(description="Counts the histories of the site.")
    generation: int = Field(description="The generation in force.")
    commit: CommitId = Field(description="The commit that holds it.")
    change: Digest = Field(description="The digest of its change.json.")


class NodeState(Frozen):
    """One node as its site knows it.

    `offered` is the node branch's commit, `described` the commit that the node's last report
    describes; None where nothing was heard. They differ while the node is behind.
    """

    offered: CommitId | None = Field(description="The commit of the node's branch.")
    described: CommitId | None = Field(
        description="The commit that the node's last report describes."
    )
    report: CommitId | None = Field(description="The commit of the node's last report.")
    refused: Refusal | None = Field(
        default=None,
        description="A report under the node's name that the site did not take.",
        exclude_if=lambda value: value is None,
    )


class NotPlaced(Frozen):
    """A deployment that no node of the site can run, and why each cannot."""

    id: Uuid = Field(description="The deployment's UUID.")
    name: Flat = Field(description="The deployment's name.")
    why: str = Field(description="Why each node cannot run it, in words.")


class SiteStatus(OwnDocument):
    """`site.json` on `status/<site>`."""

    kind: Literal["SiteStatus"] = "SiteStatus"
    fleet: Uuid | None = Field(description="The fleet's UUID; null where nothing was adopted yet.")
    site: Flat = Field(description="The site that reports.")
    trust: Literal["open", "signed"] = Field(
        default="open", description="An open fleet is unsigned; every status says so."
    )
    root: int | None = Field(
        default=None,
        description="The version of the root that the site believes; null in an open fleet.",
        exclude_if=lambda value: value is None,
    )
    contents: dict[str, Digest] = Field(
        default={},
        description="For each folder of a signed status the digest over its files.",
        exclude_if=lambda value: not value,
    )
    agent: Agent = Field(description="The program that wrote this.")
    adopted: Adopted | None = Field(
        description="The generation in force; null where there is none yet."
    )
    held: Adopted | None = Field(
        default=None,
        description="What the site holds, where its state was set back and that is older.",
        exclude_if=lambda value: value is None,
    )
    nodes: dict[Flat, NodeState] = Field(description="The nodes of the site, by name.")
    not_placed: tuple[NotPlaced, ...] = Field(
        default=(), description="Deployments that no node can run."
    )
    holds: dict[Uuid, str] = Field(
        default={},
        description="Deployments that people of the site keep as they were: who, and why.",
        exclude_if=lambda value: not value,
    )
    missing: tuple[Digest, ...] = Field(
        default=(), description="Digests of artifacts that the site needs and lacks."
    )
    blobs: tuple[Digest, ...] = Field(
        default=(), description="Digests of the artifacts that the site holds."
    )
    refusals: tuple[Refusal, ...] = Field(default=(), description="What the site did not adopt.")
    trips: TripsWord | None = Field(
        default=None,
        description="What came by stick; null where nothing ever did.",
        exclude_if=lambda value: value is None,
    )


class NodeReport(OwnDocument):
    """`node.json` on `report/<node>`."""

    kind: Literal["NodeReport"] = "NodeReport"
    site: Flat | None = Field(description="The site of the node; null where none is known yet.")
    node: Flat = Field(description="The node that reports.")
    trust: Literal["open", "signed"] = Field(
        default="open", description="An open fleet is unsigned; every status says so."
    )
    contents: dict[str, Digest] = Field(
        default={},
        description="For each folder of a signed report the digest over its files.",
        exclude_if=lambda value: not value,
    )
    records: tuple[Digest, ...] = Field(
        default=(),
        description="The digests of the records that a node of a signed fleet adopted.",
        exclude_if=lambda value: not value,
    )
    enrolment: int | None = Field(
        default=None,
        description="The version of the enrolment that the placement was made under.",
        exclude_if=lambda value: value is None,
    )
    agent: Agent = Field(description="The program that wrote this.")
    sequence: int = Field(description="The sequence of the placement that it follows.")
    described: CommitId | None = Field(
        description="The commit of the node's branch that it describes."
    )
    refusals: tuple[Refusal, ...] = Field(default=(), description="What the node did not adopt.")
