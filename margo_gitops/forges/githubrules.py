"""GitHub's two ways to guard a branch, classic protection and rulesets, as one `Rules`. Pure."""

from __future__ import annotations

from typing import Any

from margo_gitops.forges.base import EVERY, Rules, Unknown

_WAYS = {
    "merge": "allow_merge_commit",
    "squash": "allow_squash_merge",
    "rebase": "allow_rebase_merge",
}


def rules_of(branch: str, classic: Any, sets: Any, repository: Any) -> Rules:
    """What guards the branch; each is the forge's answer, or the status in place of one.

    Classic protection is told to administrators only: 404 says that there is none, 403 that this
    token may not know. Raises `TypeError`, `AttributeError` or `ValueError` for no such answers.
    """
    kept = {} if classic == 404 else classic
    found = [rule for rule in sets if isinstance(rule, dict)] if isinstance(sets, list) else []
    by = {str(rule.get("type")): dict(rule.get("parameters") or {}) for rule in found}
    if isinstance(kept, int):
        return _by_sets(branch, by, repository)
    reviews = dict(kept.get("required_pull_request_reviews") or {})
    asked = by.get("pull_request", {})
    return Rules(
        branch=branch,
        protected=bool(kept) or bool(by),
        pushers=_pushers(kept, reviews, by),
        reviews=max(_count(reviews), _count(asked)),
        checks=tuple(sorted({*_contexts(kept), *_set_contexts(by)})),
        force_push="non_fast_forward" not in by and _on(kept, "allow_force_pushes", bare=True),
        deletion="deletion" not in by and _on(kept, "allow_deletions", bare=True),
        dismisses_stale=bool(reviews.get("dismiss_stale_reviews"))
        or bool(asked.get("dismiss_stale_reviews_on_push")),
        merges=_merges(repository),
        deletes_head=_of(repository, "delete_branch_on_merge"),
        queue="merge_queue" in by,
    )


def _by_sets(branch: str, by: dict[str, dict[str, Any]], repository: Any) -> Rules:
    """Where classic protection is not told: what rulesets forbid is known, the rest is not."""
    hidden = Unknown("only an administrator's token sees classic branch protection")
    asked = by.get("pull_request")
    return Rules(
        branch=branch,
        protected=True if by else hidden,
        pushers=() if asked is not None else hidden,
        reviews=hidden if asked is None else _count(asked),
        checks=tuple(sorted(_set_contexts(by))) or hidden,
        force_push=False if "non_fast_forward" in by else hidden,
        deletion=False if "deletion" in by else hidden,
        dismisses_stale=hidden,
        merges=_merges(repository),
        deletes_head=_of(repository, "delete_branch_on_merge"),
        queue="merge_queue" in by,
    )


def _pushers(kept: dict[str, Any], reviews: dict[str, Any], by: dict[str, Any]) -> tuple[str, ...]:
    bypass = dict(reviews.get("bypass_pull_request_allowances") or {})
    around = _names(bypass)
    if reviews or "pull_request" in by:
        loose = not _on(kept, "enforce_admins", bare=False) and "pull_request" not in by
        return tuple(sorted({*around, *(["administrators"] if loose else [])}))
    if {"update", "creation"} & by.keys():
        return ()
    limits = kept.get("restrictions")
    return (EVERY,) if limits is None else tuple(sorted(_names(dict(limits))))


def _names(holders: dict[str, Any]) -> set[str]:
    keys = {"users": "login", "teams": "slug", "apps": "slug"}
    return {str(one[key]) for kind, key in keys.items() for one in holders.get(kind) or []}


def _count(reviews: dict[str, Any]) -> int:
    return int(reviews.get("required_approving_review_count") or 0)


def _contexts(kept: dict[str, Any]) -> set[str]:
    return set(map(str, (kept.get("required_status_checks") or {}).get("contexts") or []))


def _set_contexts(by: dict[str, dict[str, Any]]) -> set[str]:
    asked = by.get("required_status_checks", {}).get("required_status_checks") or []
    return {str(check["context"]) for check in asked}


def _on(kept: dict[str, Any], name: str, *, bare: bool) -> bool:
    """A switch of classic protection; `bare` is what holds without any protection."""
    return bool((kept.get(name) or {}).get("enabled")) if kept else bare


def _merges(repository: Any) -> tuple[str, ...] | Unknown:
    if not isinstance(repository, dict) or "allow_squash_merge" not in repository:
        return Unknown("only a token that may write sees how the repository merges")
    return tuple(way for way, key in _WAYS.items() if repository.get(key))


def _of(repository: Any, name: str) -> bool | Unknown:
    if not isinstance(repository, dict) or name not in repository:
        return Unknown("only a token that may write sees the repository's settings")
    return bool(repository[name])
