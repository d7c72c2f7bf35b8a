"""Forgejo's branch protections and repository settings as one `Rules`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from margo_gitops.forges.base import EVERY, Rules, Unknown

if TYPE_CHECKING:
    from pyforgejo.types.branch_protection import BranchProtection
    from pyforgejo.types.repository import Repository


def rules_of(
    branch: str, listed: Sequence[BranchProtection] | None, repository: Repository
) -> Rules:
    """What guards the branch; `listed` None where this token may not see what is protected.

    A protected branch takes no force push and no deletion here, whatever else it allows.
    """
    hidden = Unknown("only an administrator's token sees branch protection")
    if listed is None:
        return _rules(branch, repository, hidden, None)
    found = _over(branch, listed)
    return _rules(branch, repository, found is not None, found)


def _rules(
    branch: str,
    repository: Repository,
    protected: bool | Unknown,
    found: BranchProtection | None,
) -> Rules:
    hidden = protected if isinstance(protected, Unknown) else None
    loose = hidden or protected is False
    contexts = found.status_check_contexts or () if found and found.enable_status_check else ()
    return Rules(
        branch=branch,
        protected=protected,
        pushers=hidden or ((EVERY,) if found is None else _pushers(found)),
        reviews=hidden or (0 if found is None else int(found.required_approvals or 0)),
        checks=hidden or tuple(sorted(contexts)),
        force_push=loose,
        deletion=loose,
        dismisses_stale=hidden or bool(found and found.dismiss_stale_approvals),
        merges=_merges(repository),
        deletes_head=_switch(repository.default_delete_branch_after_merge),
        queue=False,
    )


def _over(branch: str, listed: Sequence[BranchProtection]) -> BranchProtection | None:
    """The rule over a branch: by its name before one by a pattern."""
    named = [rule for rule in listed if branch in {rule.rule_name, rule.branch_name}]
    wild = [rule for rule in listed if fnmatchcase(branch, rule.rule_name or "")]
    return next(iter([*named, *wild]), None)


def _pushers(found: BranchProtection) -> tuple[str, ...]:
    if not found.enable_push:
        return ()
    if not found.enable_push_whitelist:
        return (EVERY,)
    names = [*(found.push_whitelist_usernames or ()), *(found.push_whitelist_teams or ())]
    keys = ["deploy keys"] if found.push_whitelist_deploy_keys else []
    return tuple(sorted([*names, *keys]))


def _merges(repository: Repository) -> tuple[str, ...] | Unknown:
    ways = {
        "merge": repository.allow_merge_commits,
        "squash": repository.allow_squash_merge,
        "rebase": repository.allow_rebase,
    }
    if all(value is None for value in ways.values()):
        return Unknown("the forge does not tell how the repository merges")
    return tuple(way for way, on in ways.items() if on)


def _switch(value: bool | None) -> bool | Unknown:
    return Unknown("the forge does not tell it") if value is None else value
