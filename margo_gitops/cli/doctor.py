"""`margo doctor`: what is missing or misconfigured here, and the command that mends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from margo_gitops.roles.health import Check


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(doctor)


def doctor(
    forge: Annotated[
        bool, typer.Option("--forge", help="Also ask the forge how it is set.")
    ] = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Check this machine, the fleet's clone and its load; exit 1 where something must be mended.

    What the fleet asks of its remote stands beside what hosted forges recommend. With --forge the
    settings of the remote's forge are compared with what the fleet needs.

    Example: margo doctor --forge
    """
    from margo_gitops.roles.health import host_checks, remote_checks  # noqa: PLC0415

    checks: list[Check] = [*host_checks(), *remote_checks(Path(fleet)), *_load(Path(fleet))]
    if forge:
        checks += _forge(Path(fleet))
    lines = [
        f"{'ok  ' if check.ok else 'MEND' if check.needed else 'note'} {check.name}: {check.found}"
        + (f" → {check.cure}" if check.cure and not check.ok else "")
        for check in checks
    ]
    value = [
        {"name": c.name, "ok": c.ok, "needed": c.needed, "found": c.found, "cure": c.cure}
        for c in checks
    ]
    emit(value, as_json=as_json, text=lines)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)


def _load(fleet: Path) -> list[Check]:
    """What the fleet believes and what it asks of its remote.

    Nothing where there is no fleet, or `main` has errors: `margo validate` tells those.
    """
    from margo_gitops.cli.options import central  # noqa: PLC0415
    from margo_gitops.errors import MargoError  # noqa: PLC0415
    from margo_gitops.roles.health import load_checks, trust_checks  # noqa: PLC0415

    if not (fleet / "fleet.yaml").is_file():
        return []
    try:
        with central(fleet) as co:
            main = co.main()
            believed = list(trust_checks(co))
        habits = [site.polling or main.fleet.polling for site in main.sites.values()]
        return [*believed, *load_checks(habits)]
    except MargoError:
        return []


def _forge(fleet: Path) -> list[Check]:
    """How the forge is set, against what the fleet needs; nothing is changed there."""
    import os  # noqa: PLC0415

    from margo_gitops.errors import MargoError  # noqa: PLC0415
    from margo_gitops.forges.base import MAIN  # noqa: PLC0415
    from margo_gitops.forges.choosing import open_forge  # noqa: PLC0415
    from margo_gitops.roles import forgerules  # noqa: PLC0415
    from margo_gitops.roles.health import Check  # noqa: PLC0415
    from margo_gitops.roles.telling import place_of  # noqa: PLC0415
    from margo_gitops.store.git import GitStore  # noqa: PLC0415

    try:
        with GitStore.open(fleet) as store:
            place = place_of(store, os.environ)
        asked = open_forge(place)
        pages = forgerules.Pages.of(place.kind, place.url, place.project)
        checks = list(forgerules.main_checks(asked.rules(MAIN), pages))
        for branch in ("site/any", "preview/any", "overview"):
            replaced = not branch.startswith("site/")
            checks += forgerules.machine_checks(asked.rules(branch), pages, replaced=replaced)
    except MargoError as error:
        return [Check("forge", False, error.problem, error.help or error.then)]
    return checks
