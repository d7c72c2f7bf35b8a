"""GitLab's protected branches and project settings as one `Rules`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from margo_gitops.forges.base import EVERY, Rules, Unknown

_NOBODY = 0
_WAYS = {
    "merge": ("merge",),
    "rebase_merge": ("rebase", "merge"),
    "ff": ("rebase",),
}


def rules_of(
    branch: str, listed: Sequence[Mapping[str, Any]] | None, project: Mapping[str, Any]
) -> Rules:
    """What guards the branch; `listed` None where this token may not see what is protected.

    GitLab has no check by name: with "pipelines must succeed" every one counts. Raises `KeyError`,
    `TypeError` or `ValueError` for what is no such answer.
    """
    hidden = Unknown("only a maintainer's token sees which branches are protected")
    found = None if listed is None else _over(branch, listed)
    every = bool(project.get("only_allow_merge_if_pipeline_succeeds"))
    reviews = project.get("approvals_before_merge")
    return Rules(
        branch=branch,
        protected=hidden if listed is None else found is not None,
        pushers=hidden if listed is None else (EVERY,) if found is None else _pushers(found),
        reviews=Unknown("this edition asks for none") if reviews is None else int(reviews),
        checks=(EVERY,) if every else (),
        force_push=hidden if listed is None else found is None or bool(found["allow_force_push"]),
        deletion=hidden if listed is None else found is None,
        dismisses_stale=_switch(project, "reset_approvals_on_push"),
        merges=_ways(project),
        deletes_head=_switch(project, "remove_source_branch_after_merge"),
        queue=bool(project.get("merge_trains_enabled")),
    )


def _over(branch: str, listed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The entry that guards a branch: by its name before one by a pattern."""
    named = [one for one in listed if one["name"] == branch]
    wild = [one for one in listed if fnmatchcase(branch, str(one["name"]))]
    return next(iter([*named, *wild]), None)


def _pushers(found: Mapping[str, Any]) -> tuple[str, ...]:
    levels = found.get("push_access_levels") or []
    allowed = [one for one in levels if one.get("access_level") != _NOBODY]
    names = {str(one.get("access_level_description") or "somebody") for one in allowed}
    return tuple(sorted(names))


def _ways(project: Mapping[str, Any]) -> tuple[str, ...] | Unknown:
    method = project.get("merge_method")
    if method not in _WAYS:
        return Unknown("the project does not tell how it merges")
    squash = () if project.get("squash_option") == "never" else ("squash",)
    return (*_WAYS[method], *squash)


def _switch(project: Mapping[str, Any], name: str) -> bool | Unknown:
    value = project.get(name)
    return Unknown("this edition does not tell it") if value is None else bool(value)
