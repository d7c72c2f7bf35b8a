"""What a forge is asked and what it answers, the same for all three."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

MAIN = "main"
EVERY = "*"
"""In `Rules`: every check, or everybody who may write."""

RequestState = Literal["open", "merged", "closed"]
CheckState = Literal["pending", "success", "failure"]


@dataclass(frozen=True, slots=True)
class Request:
    """A pull or merge request into `main`; `head` is the commit that it shows."""

    number: int
    url: str
    state: RequestState
    head: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment of our own; `request` is the number of the request that it stands under."""

    id: int
    request: int
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """A named state of a commit, one line for people."""

    name: str
    state: CheckState
    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A setting that could not be read, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What guards a branch, as far as the forge tells it to this token.

    `pushers` may push without a request: `(EVERY,)` is whoever may write, `()` nobody. `checks`
    must have succeeded before a merge. `merges` are the ways to merge that are allowed.
    """

    branch: str
    protected: bool | Unknown
    pushers: tuple[str, ...] | Unknown
    reviews: int | Unknown
    checks: tuple[str, ...] | Unknown
    force_push: bool | Unknown
    deletion: bool | Unknown
    dismisses_stale: bool | Unknown
    merges: tuple[str, ...] | Unknown
    deletes_head: bool | Unknown
    queue: bool | Unknown


@dataclass(frozen=True, slots=True)
class Limits:
    """How many characters a forge takes."""

    title: int
    body: int
    comment: int
    check: int


class Forge(Protocol):
    """One project on one forge.

    Every method raises `Stalled` where a person must act (no access, no such project, a request
    that the forge will not have) and `Unreachable` where it may go better later (no answer, a
    limit of the forge, a broken answer). What is asked twice is there once.
    """

    name: str
    limits: Limits
    sees_merges: bool
    """Whether it finds by itself that a request's commits came into `main`, and says merged."""

    def request(self, branch: str) -> Request | None:
        """The request from this branch of this project: the open one, else the newest."""

    def open(self, branch: str, title: str, body: str) -> Request:
        """Open a request; the one that is open already where somebody was quicker."""

    def update(self, request: Request, title: str, body: str) -> None:
        """Give it another title and body."""

    def close(self, request: Request) -> None:
        """Close it without merging."""

    def comments(self, request: Request) -> tuple[Comment, ...]:
        """Our own comments that carry the marker, oldest first: nobody else's is believed."""

    def add(self, request: Request, text: str) -> None:
        """Write a comment."""

    def replace(self, comment: Comment, text: str) -> None:
        """Give a comment another text."""

    def remove(self, comment: Comment) -> None:
        """Take a comment away; quiet where it is gone already."""

    def checks(self, commit: str) -> tuple[Check, ...]:
        """The newest of each name."""

    def check(self, commit: str, check: Check) -> None:
        """Set one."""

    def clicks(self, request: Request) -> tuple[str, ...]:
        """Who clicked approve and did not take it back, in order of their names."""

    def rules(self, branch: str) -> Rules:
        """What guards a branch; what this token may not see is `Unknown`."""
