"""What people read on a forge about a proposal: title, body, the one comment, the checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from margo_gitops.forges.base import Check, Limits
from margo_gitops.forges.plain import bare, code, cut, plain, several
from margo_gitops.model.count import count
from margo_gitops.model.proposal import Group, Word

MARKER = "<!-- margo-gitops -->"
APPROVALS = "margo/approvals"
SITES = "margo/sites"

GITHUB = Limits(title=256, body=65_536, comment=65_536, check=140)
GITLAB = Limits(title=255, body=1_000_000, comment=1_000_000, check=255)
FORGEJO = Limits(title=255, body=65_536, comment=65_536, check=255)
"""Forgejo names no limit for a comment: what GitHub takes is enough to read."""

_GROUP = "\n\n### "
_LINES = 40
_SITES = 20
_ROOM = 200
"""Characters kept free for the line that says where the rest is."""


def title(word: Word, limits: Limits) -> str:
    """The request's title; never one that makes it a draft."""
    return cut(f"Proposal {bare(word.id, 63)}: {bare(word.title, 120)}", limits.title)


def body(word: Word, limits: Limits) -> str:
    """What the request says for as long as it is open."""
    proposer = "somebody" if word.proposer is None else plain(word.proposer, 80)
    lines = [
        f"Why: {plain(word.reason, 500)}",
        "",
        f"Proposed by {proposer}: {_count(word)}. What sites will run is in the comment.",
        "",
        f"It is approved by signatures: {code(f'margo pr approve {word.id}')}.",
        "A click here is shown, and counts for nothing.",
    ]
    return cut("\n".join([MARKER, *lines]), limits.body)


def comment(word: Word, clicks: Sequence[str], limits: Limits, before: str = "") -> str:
    """The one comment: where the proposal stands, and what sites will run, largest group first.

    `before` is the comment as it is: of a merged proposal whose groups are not known any more, what
    it says of them stays.
    """
    head = "\n".join([MARKER, *_standing(word, clicks)])
    if not word.groups and (kept := before.replace("\r\n", "\n").find(_GROUP)) >= 0:
        return cut(head + before.replace("\r\n", "\n")[kept:].rstrip(), limits.comment)
    shown, rest = _fitting(word, limits.comment - _ROOM - len(head))
    return cut("\n".join([head, *shown, *rest]), limits.comment)


def needs_preview(word: Word, clicks: Sequence[str], limits: Limits) -> bool:
    """Whether the comment sends people to the preview branch."""
    head = "\n".join([MARKER, *_standing(word, clicks)])
    return bool(_fitting(word, limits.comment - _ROOM - len(head))[1])


def _fitting(word: Word, room: int) -> tuple[list[str], list[str]]:
    """Whole groups for as long as there is room, and the line that says where the rest is."""
    shown: list[str] = []
    for group in word.groups:
        text = "\n".join(["", *_group(group, _LINES)])
        room -= len(text) + 1
        if room < 0:
            break
        shown.append(text)
    left, branch = len(word.groups) - len(shown), code(preview_branch(word))
    if left:
        return shown, [f"\nthe rest ({left} more): branch {branch}"]
    large = any(len(g.lines) > _LINES or len(g.sites) > _SITES for g in word.groups)
    return shown, [f"\nall sites and lines: branch {branch}"] if large else []


def approvals(word: Word, limits: Limits) -> Check:
    """Whether the proposal has its signatures: for its tip."""
    if word.missing is None:
        said = f"approved by {', '.join(word.approvers)}" if word.approvers else "none is asked for"
        return Check(APPROVALS, "success", cut(bare(said, limits.check), limits.check))
    step = f"; next: {bare(_next(word), 90)}"
    said = cut(bare(word.missing, limits.check), limits.check - len(step))
    return Check(APPROVALS, "pending", f"{said}{step}")


def sites(word: Word) -> Check | None:
    """How far the merged proposal has come: for its merge; None before there is a progress."""
    progress = word.progress
    if progress is None:
        return None
    said = f"runs at {progress.running} of {progress.of} sites"
    if progress.refused:
        return Check(SITES, "failure", f"{said}, refused at {progress.refused}")
    done = progress.running >= progress.of
    return Check(SITES, "success" if done else "pending", said)


def preview_branch(word: Word) -> str:
    """Where the whole grouped diff is."""
    return f"preview/{word.id}"


def preview(word: Word) -> dict[str, bytes]:
    """The files of the preview branch: every group, every line, every site."""
    lines = [
        f"# {plain(word.title)}",
        "",
        f"Why: {plain(word.reason, 500)}",
        "",
        f"{_count(word)}.",
    ]
    for group in word.groups:
        lines += ["", *_group(group, None)]
    return {"README.md": ("\n".join(lines) + "\n").encode("utf-8", "replace")}


def _standing(word: Word, clicks: Sequence[str]) -> Iterator[str]:
    if word.state == "closed":
        yield f"**Closed**: {_count(word)}."
    elif word.state == "merged":
        yield f"**Merged**: {_count(word)}."
    elif word.missing is None:
        yield f"**It may be merged**: {_count(word)}; {code(f'margo pr merge {word.id}')}"
    else:
        yield f"**{plain(word.missing, 300)}**: {_count(word)}."
        yield f"Next: {code(_next(word))}"
    if word.progress is not None:
        refused = f", refused at {word.progress.refused}" if word.progress.refused else ""
        yield f"\nIt runs at {word.progress.running} of {word.progress.of} sites{refused}."
    if word.approvers or word.state == "open":
        yield f"\nApproved by {several(word.approvers) or 'nobody yet'}."
    if clicks:
        yield f"Clicked approve on the forge, which is no signature: {several(tuple(clicks))}."


def _group(group: Group, most: int | None) -> Iterator[str]:
    yield f"### {plain(group.title)}"
    yield ""
    shown = group.lines[:most]
    yield from (f"- {code(line)}" for line in shown)
    if len(shown) < len(group.lines):
        yield f"- and {len(group.lines) - len(shown)} more lines"
    named = several(group.sites, _SITES if most else len(group.sites), code)
    yield f"\n{len(group.sites)} {'site' if len(group.sites) == 1 else 'sites'}: {named}"


def _next(word: Word) -> str:
    """The command that brings it on: as a rule, a signature."""
    return word.next or f"margo pr approve {word.id}"


def _count(word: Word) -> str:
    return f"{count(word.records, 'record')} at {count(word.sites, 'site')}"
