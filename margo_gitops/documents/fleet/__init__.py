"""Rules across the files of a repository: what one document alone cannot say. Pure.

`survey` puts together what `judge` found out of each file, `breaches` what the files break
together, and `placed` gives each breach its line.
"""

from __future__ import annotations

from margo_gitops.documents.fleet import (
    devices,
    files,
    history,
    intents,
    locks,
    packages,
    places,
    sitetree,
)
from margo_gitops.documents.fleet.breach import Breach
from margo_gitops.documents.fleet.every import breaches
from margo_gitops.documents.fleet.facts import Verdict, judge
from margo_gitops.documents.fleet.places import Layout, is_document
from margo_gitops.documents.fleet.survey import Survey, survey
from margo_gitops.documents.fleet.view import Edited, Files, View
from margo_gitops.documents.rule import Rule

__all__ = [
    "RULES",
    "Breach",
    "Edited",
    "Files",
    "Layout",
    "Survey",
    "Verdict",
    "View",
    "breaches",
    "is_document",
    "judge",
    "survey",
]

RULES: tuple[Rule, ...] = (
    *files.RULES,
    *places.RULES,
    *intents.RULES,
    *packages.RULES,
    *locks.RULES,
    *devices.RULES,
    *history.RULES,
    *sitetree.RULES,
)
"""Every rule of this package, as `margo validate --explain` prints them."""
