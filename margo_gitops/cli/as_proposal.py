"""`--pr`: the words that turn a verb's edit into a proposal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

PrOption = Annotated[bool, typer.Option("--pr", help="Propose it instead, for others to approve.")]
PrIdOption = Annotated[
    str | None, typer.Option("--id", help="The proposal's id; default the verb and the name.")
]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", help="Why, for those who approve a proposal.")
]


@dataclass(frozen=True, slots=True)
class AsProposal:
    """What `--pr` was given with; `verb` makes the id where none was given."""

    verb: str
    id: str | None
    reason: str | None


def as_proposal(verb: str, id: str | None, reason: str | None, *, pr: bool) -> AsProposal | None:
    """The proposal that a verb is to make, if it is; `Usage` for words that only fit one."""
    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.layout import flat  # noqa: PLC0415

    if not pr and (id or reason):
        raise Usage("--id and --reason belong to a proposal", help="--pr")
    return AsProposal(verb, id and flat(id, "proposal id"), reason) if pr else None
