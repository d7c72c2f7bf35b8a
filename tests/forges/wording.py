"""A proposal in words, as tests need it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from margo_gitops.model.proposal import Word
from tests.forges.double import BRANCH, HEAD

_WORD = Word(
    id="17",
    branch=BRANCH,
    commit=HEAD,
    title="Greet",
    reason="they asked for it",
    proposer="ada",
    records=800,
    sites=800,
    groups=(),
    approvers=(),
    missing="1 of 2 approvals for the rule safety",
    state="open",
)


def word(title: str = "Greet", **given: Any) -> Word:
    """Proposal 17, with what is given."""
    return replace(_WORD, title=title, **given)
