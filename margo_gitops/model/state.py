"""Deployment states as a table: severity and legal moves (specification, DeploymentStatus)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    """The specification's six states of a component and of a deployment."""

    PENDING = "pending"
    INSTALLING = "installing"
    INSTALLED = "installed"
    FAILED = "failed"
    REMOVING = "removing"
    REMOVED = "removed"


SEVERITY: tuple[State, ...] = (
    State.FAILED,
    State.REMOVING,
    State.INSTALLING,
    State.PENDING,
    State.REMOVED,
    State.INSTALLED,
)
"""Most severe first; the specification's text names `removing` twice and `removed` never."""


def overall(states: Iterable[State]) -> State:
    """The deployment's state: the most severe of its components'; pending where there is none."""
    present = set(states)
    return next((state for state in SEVERITY if state in present), State.PENDING)
