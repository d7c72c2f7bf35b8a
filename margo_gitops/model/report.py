"""What a site and a node say of themselves on their status branches."""

from __future__ import annotations

from typing import Literal

from margo_gitops.model.base import CommitId, Digest, Flat, Frozen, OwnDocument, Uuid


class Refusal(Frozen):
    """Something that was not adopted, written once for each commit and reason."""

    commit: CommitId
    rule: str
    message: str


class Agent(Frozen):
    """The program that wrote a report."""

    version: str
    formats: tuple[str, ...]
    instance: str


class Adopted(Frozen):
    """The generation in force."""

    epoch: int
    generation: int
    commit: CommitId
    change: Digest


class NodeState(Frozen):
    """One node as its site knows it.

    `offered` is the node branch's commit, `described` the commit that the node's last report
    describes; None where nothing was heard. They differ while the node is behind.
    """

    offered: CommitId | None
    described: CommitId | None
    report: CommitId | None


class NotPlaced(Frozen):
    """A deployment that no node of the site can run, and why each cannot."""

    id: Uuid
    name: Flat
    why: str


class SiteStatus(OwnDocument):
    """`site.json` on `status/<site>`."""

    kind: Literal["SiteStatus"] = "SiteStatus"
    fleet: Uuid | None
    site: Flat
    trust: Literal["open"] = "open"
    agent: Agent
    adopted: Adopted | None
    nodes: dict[Flat, NodeState]
    not_placed: tuple[NotPlaced, ...] = ()
    missing: tuple[Digest, ...] = ()
    blobs: tuple[Digest, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class NodeReport(OwnDocument):
    """`node.json` on `report/<node>`."""

    kind: Literal["NodeReport"] = "NodeReport"
    site: Flat | None
    node: Flat
    trust: Literal["open"] = "open"
    agent: Agent
    sequence: int
    described: CommitId | None
    refusals: tuple[Refusal, ...] = ()
