"""What a forge must be set to for a fleet, against what it is set to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from margo_gitops.forges.base import EVERY, Rules, Unknown
from margo_gitops.forges.choosing import Kind
from margo_gitops.forges.text import APPROVALS
from margo_gitops.roles.health import Check

VALIDATE = "validate"
PROPOSAL = "proposal"
"""The jobs of the CI that check a proposal, and its approvals, as `repo-template` names them."""

_BRANCHES = {
    "github": "settings/rules",
    "gitlab": "-/settings/repository",
    "forgejo": "settings/branches",
}
_MERGING = {
    "github": "settings",
    "gitlab": "-/settings/merge_requests",
    "forgejo": "settings",
}


@dataclass(frozen=True, slots=True)
class Pages:
    """Where a person changes the settings of one project."""

    branches: str
    merging: str

    @classmethod
    def of(cls, kind: Kind, url: str, project: str) -> Pages:
        """Those of a project on a forge."""
        base = f"{url}/{project}"
        return cls(f"{base}/{_BRANCHES[kind]}", f"{base}/{_MERGING[kind]}")


def main_checks(rules: Rules, pages: Pages) -> Iterator[Check]:
    """What `main` needs: a request for each change, the checks, no way around."""
    at = pages.branches
    yield _switch("main protected", rules.protected, f"{at}: protect the branch main")
    yield _pushers(rules, at)
    queue = rules.queue is True
    for name in (VALIDATE, PROPOSAL if queue else APPROVALS):
        yield _required(rules.checks, name, at)
    yield _never("force push to main", rules.force_push, f"{at}: forbid force pushes to main")
    yield _never("deletion of main", rules.deletion, f"{at}: forbid that main is deleted")
    yield _reviews(rules)
    yield _stale(rules)
    yield _merges(rules, pages.merging)
    yield _never(
        "proposal branches deleted after a merge",
        rules.deletes_head,
        f"{pages.merging}: turn off that branches are deleted after a merge;"
        " margo deletes a proposal once it is published",
    )
    if queue:
        yield _queue(rules, at)


def machine_checks(rules: Rules, pages: Pages, *, replaced: bool = False) -> Iterator[Check]:
    """What a branch that machines write needs: that they may push, without a request.

    One that is `replaced` is one commit without a parent, which is pushed by force.
    """
    named = f"{rules.branch.partition('/')[0]}{'/*' if '/' in rules.branch else ''}"
    name, at = f"push to {named}", pages.branches
    if isinstance(rules.pushers, Unknown):
        yield _unknown(name, rules.pushers)
    elif not rules.pushers:
        cure = f"{at}: let whoever publishes push to {named}, without a request"
        yield Check(name, False, "nobody may", cure)
    elif rules.pushers == (EVERY,):
        yield Check(name, True, "whoever may write")
    else:
        yield Check(name, True, f"by {', '.join(rules.pushers)}: the publisher must be one of them")
    if replaced and rules.force_push is False:
        cure = f"{at}: allow force pushes to {named}, to whoever publishes"
        yield Check(f"force push to {named}", False, "forbidden: it is one commit, replaced", cure)


def _queue(rules: Rules, at: str) -> Check:
    """Nobody sets a status on the commits of a merge queue."""
    if isinstance(rules.checks, Unknown) or APPROVALS not in rules.checks:
        return Check("merge queue", True, f"does not wait for {APPROVALS}")
    found = f"waits for {APPROVALS}, which nobody sets on its commits: for ever"
    return Check("merge queue", False, found, f"{at}: require {PROPOSAL} in place of {APPROVALS}")


def _switch(name: str, value: bool | Unknown, cure: str) -> Check:
    if isinstance(value, Unknown):
        return _unknown(name, value)
    return Check(name, value, "yes" if value else "no", "" if value else cure)


def _never(name: str, value: bool | Unknown, cure: str) -> Check:
    if isinstance(value, Unknown):
        return _unknown(name, value)
    return Check(name, not value, "allowed" if value else "no", cure if value else "")


def _pushers(rules: Rules, at: str) -> Check:
    name, found = "push to main", rules.pushers
    if isinstance(found, Unknown):
        return _unknown(name, found)
    if not found:
        return Check(name, True, "by a request only")
    cure = f"{at}: ask for a request before a merge into main, for the CI's account too"
    if EVERY in found:
        return Check(name, False, "whoever may write, without a request", cure)
    return Check(name, False, f"by {', '.join(found)}, past the request", cure, needed=False)


def _required(checks: tuple[str, ...] | Unknown, name: str, at: str) -> Check:
    title = f"required check {name}"
    if isinstance(checks, Unknown):
        return _unknown(title, checks)
    if EVERY in checks:
        return Check(title, True, "every check must succeed")
    if any(name in check for check in checks):
        return Check(title, True, "required")
    found = f"required are {', '.join(checks) or 'none'}"
    cure = f"{at}: require the check {name} for main; it must have run once to be offered"
    return Check(title, False, found, cure)


def _reviews(rules: Rules) -> Check:
    name, found = "reviews asked for", rules.reviews
    if isinstance(found, Unknown):
        return _unknown(name, found)
    said = f"{found} clicks" if found else "none: signatures decide"
    return Check(name, True, said, needed=False)


def _stale(rules: Rules) -> Check:
    name, found = "clicks after a push", rules.dismisses_stale
    if isinstance(found, Unknown):
        return _unknown(name, found)
    said = "asked for again; signatures stay for as long as the records do" if found else "stay"
    return Check(name, True, said, needed=False)


def _merges(rules: Rules, at: str) -> Check:
    name, found = "ways to merge", rules.merges
    if isinstance(found, Unknown):
        return _unknown(name, found)
    cure = "" if found else f"{at}: allow one"
    return Check(name, bool(found), ", ".join(found) or "none", cure)


def _unknown(name: str, found: Unknown) -> Check:
    cure = "ask again with a token that may see it"
    return Check(name, False, f"not known: {found.reason}", cure, needed=False)
