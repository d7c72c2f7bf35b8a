"""What a node remembers of its deployments between passes: tries that failed, and the last good."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from margo_gitops.model.base import Digest, Flat, Frozen, OwnDocument, Uuid

WORDS = 4096
"""Bytes of an engine's last words that are kept."""


class Tries(Frozen):
    """How often one version of a deployment was tried in vain; gone once it runs soundly."""

    origin: Digest = Field(description="The record that asks for this version.")
    count: int = Field(ge=1, description="How many tries failed, one after the other.")
    final: bool = Field(
        default=False, description="Whether a further try could only give the same answer."
    )
    words: Annotated[str, Field(max_length=WORDS)] = Field(
        description="What the engine said last, without secrets."
    )


class Remembered(Frozen):
    """One deployment: the version to go back to, and the tries of it and of the wanted one."""

    good: Digest | None = Field(
        default=None, description="The record of the last version that ran soundly."
    )
    tries: tuple[Tries, ...] = Field(default=(), max_length=2, description="What failed.")

    def of(self, origin: str) -> Tries | None:
        """The tries of one version."""
        return next((item for item in self.tries if item.origin == origin), None)


class NodeMemory(OwnDocument):
    """`memory.json` on `refs/margo/memory/<node>`. Losing it loses counts, never a workload."""

    kind: Literal["NodeMemory"] = "NodeMemory"
    node: Flat = Field(description="The node that remembers.")
    deployments: dict[Uuid, Remembered] = Field(default={}, description="By the deployment's UUID.")
