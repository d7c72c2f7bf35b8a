"""`margo suspend` and `margo resume`: leave a deployment as its nodes have it, for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import (
    HERE,
    DryRunOption,
    FleetOption,
    JsonOption,
    NameArgument,
    YesOption,
    central,
)

if TYPE_CHECKING:
    from margo_gitops.model.suspension import Suspension
    from margo_gitops.render.edits import Edit
    from margo_gitops.render.main import Main
    from margo_gitops.roles.central import Central

AtOption = Annotated[
    list[str] | None, typer.Option("--at", help="At this site only, repeatable; default all.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(suspend)
    app.command()(resume)


def suspend(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why, for whoever finds it at night.")],
    until: Annotated[
        str | None, typer.Option(help="When it ends by itself, in UTC: 2026-12-01T06:00Z.")
    ] = None,
    at: AtOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Leave a deployment exactly as its nodes have it: no install, upgrade or repair.

    Undeploying it ends that too.

    Example: margo suspend press --reason "maintenance of line 3" --until 2026-12-01T06:00Z
    """
    from margo_gitops.render import edits  # noqa: PLC0415

    def edit(co: Central, main: Main, file: bytes | None) -> Edit:
        made = _suspension(reason, co.branch.who(), until)
        return edits.suspend(main, name, made, at or (), file=file)

    _carry_out(name, edit, at or (), fleet=fleet, as_json=as_json, dry_run=dry_run, yes=yes)


def resume(
    name: NameArgument,
    at: AtOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Let nodes act on a suspended deployment again: they then do all that was left.

    Example: margo resume press --at north
    """
    from margo_gitops.render import edits  # noqa: PLC0415

    def edit(_: Central, main: Main, file: bytes | None) -> Edit:
        return edits.resume(main, name, at or (), file=file)

    _carry_out(name, edit, at or (), fleet=fleet, as_json=as_json, dry_run=dry_run, yes=yes)


def _carry_out(
    name: str,
    edit: Callable[[Central, Main, bytes | None], Edit],
    at: Sequence[str],
    *,
    fleet: Path,
    as_json: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    from margo_gitops.cli.committing import commit, confirm  # noqa: PLC0415
    from margo_gitops.model.layout import intent_path  # noqa: PLC0415
    from margo_gitops.render.main import targeted  # noqa: PLC0415

    with central(fleet) as co:
        main = co.main()
        file = co.store.read(main.commit, intent_path(name))
        made = edit(co, main, file)
        touched = at or targeted(main.intents[name], main.sites)
        confirm(len(touched), yes=yes or dry_run)
        commit(co, made, as_json=as_json, dry_run=dry_run)


def _suspension(reason: str, by: str, until: str | None) -> Suspension:
    from pydantic import ValidationError  # noqa: PLC0415

    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.suspension import Suspension  # noqa: PLC0415

    try:
        return Suspension(reason=reason, by=by, until=until)
    except ValidationError as error:
        wrong = error.errors()[0]["loc"][0]
        expected = {
            "reason": "--reason: expected 1 to 300 characters",
            "until": f"--until {until!r}: expected a minute in UTC, as 2026-12-01T06:00Z",
        }
        raise Usage(expected.get(str(wrong), f"{wrong}: expected at most 100 characters")) from None
