"""What a person left open: the newest version, the first profile that fits."""

from __future__ import annotations

import re

from margo_gitops.errors import Invalid
from margo_gitops.model.fleet import Intent
from margo_gitops.render.edits import checked
from margo_gitops.render.main import Main, application_of
from margo_gitops.roles.central import Central
from margo_gitops.roles.placeable import unplaceable


def chosen_version(main: Main, app: str, version: str) -> str:
    """The version as asked for, else the newest in the App Store by its numbers."""
    known = sorted((v for a, v in main.applications if a == app), key=_numbers)
    if not known:
        stored = ", ".join(sorted({a for a, _ in main.applications})) or "nothing"
        raise Invalid(f"the App Store has no {app}: it has {stored}", help="margo app add PACKAGE")
    if version and version not in known:
        raise Invalid(f"the App Store has {app} {', '.join(known)}, not {version}")
    return version or known[-1]


def chosen_profile(co: Central, main: Main, intent: Intent, asked: str | None) -> Intent:
    """The profile as asked for, else the first of the author's that every site can place."""
    description = application_of(main, intent).description
    if asked is not None:
        return intent.model_copy(update={"profile": asked})
    offered = [
        intent.model_copy(update={"profile": str(profile.id or profile.type)})
        for profile in description.profiles
    ]
    for candidate in offered:
        if not unplaceable(co.store, checked(main, candidate), candidate.name):
            return candidate
    return offered[0]


def _numbers(version: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers by value, words by letter; a pre-release before its release."""
    core, dash, rest = version.partition("-")
    parts = [*re.split(r"[._+]", core.removeprefix("v")), *([rest] if dash else ["~"])]
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)
