"""A proposal as people read it: what it changes, by sites alike, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["open", "merged", "closed"]


@dataclass(frozen=True, slots=True)
class Group:
    """Sites that a proposal changes in the same way: a heading, the sites, the change in lines."""

    title: str
    sites: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a merged proposal is: sites that run all of it, of so many; those that refused it."""

    running: int
    of: int
    refused: int


@dataclass(frozen=True, slots=True)
class Word:
    """All that is told of one proposal, on a terminal or on a forge.

    `proposer` is None where nothing was stated yet, and in an open fleet. `missing` is what the
    policy still asks for, in words; None where it may be merged; `next` the command that brings it
    on. `merge` is the commit of `main`
    that brought it, `progress` how far sites are with it.
    """

    id: str
    branch: str
    commit: str
    title: str
    reason: str
    proposer: str | None
    records: int
    sites: int
    groups: tuple[Group, ...]
    approvers: tuple[str, ...]
    missing: str | None
    state: State
    next: str = ""
    merge: str | None = None
    progress: Progress | None = None
