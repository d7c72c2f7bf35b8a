"""`margo doctor`: what is missing or misconfigured here, and the command that mends it."""

from __future__ import annotations

from pathlib import Path

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption
from margo_gitops.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(doctor)


def doctor(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """Check this machine and the fleet's clone; exit 1 where something must be mended.

    Example: margo doctor --json
    """
    from margo_gitops.roles.health import Check, host_checks, remote_checks  # noqa: PLC0415

    checks: list[Check] = [*host_checks(), *remote_checks(Path(fleet))]
    lines = [
        f"{'ok  ' if check.ok else 'MEND' if check.needed else 'none'} {check.name}: {check.found}"
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
