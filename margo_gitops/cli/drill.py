"""`margo drill`: a live site without a network, taken through all that can befall its sticks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import JsonOption
from margo_gitops.cli.output import emit, table
from margo_gitops.cli.progress import progress

if TYPE_CHECKING:
    from margo_gitops.roles.drill.casebook import Verdict


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(drill)


def drill(
    case: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This case only; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the places of the damage.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Play in this new folder, and keep it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a live site, made for this in a temporary folder, through all that befalls sticks.

    Each case ends with a good trip that must bring the site to the newest state. It needs no
    network and no root.

    Examples: margo drill · margo drill --case lost --case replayed · margo drill --json
    """
    from margo_gitops.cli.template import carried  # noqa: PLC0415
    from margo_gitops.roles.drill.report import COLUMNS, row, summary  # noqa: PLC0415
    from margo_gitops.roles.drill.running import chosen, drilled, playground, scene  # noqa: PLC0415

    cases = chosen(case or [])
    folder = playground(keep)
    examples = Path(str(carried("examples")))
    with (
        progress("drill", len(cases)) as advance,
        scene(folder, examples, seed=seed, keep=keep is not None) as made,
    ):
        verdicts = drilled(made, cases, advance)
    if as_json:
        value = {"seed": seed, "cases": [verdict.as_json() for verdict in verdicts]}
        emit(value, as_json=True)
    else:
        table(f"margo drill, seed {seed}", COLUMNS, map(row, verdicts))
        emit(None, as_json=False, text=summary(verdicts))
    _end(verdicts)


def _end(verdicts: list[Verdict]) -> None:
    if not all(verdict.ok for verdict in verdicts):
        raise typer.Exit(1)
