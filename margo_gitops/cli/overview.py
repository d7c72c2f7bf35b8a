"""`margo overview`: the fleet as pages on a branch that a forge shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption, central
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from margo_gitops.store.git import GitStore
    from margo_gitops.store.transport import Transport


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(overview)


def overview(
    push: Annotated[bool, typer.Option("--push", help="Also replace the remote's.")] = False,
    max_age: Annotated[
        str, typer.Option(metavar="TIME", help="Leave one that is younger: 30m, 1h.")
    ] = "1h",
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write the branch overview: what runs where, as pages for people; CI does it as a rule.

    It has one commit, replaced where the pages differ; no machine reads it.

    Example: margo overview --push
    """
    import time  # noqa: PLC0415

    from margo_gitops.cli.progress import progress  # noqa: PLC0415
    from margo_gitops.model.quantity import duration_seconds  # noqa: PLC0415
    from margo_gitops.roles import pages  # noqa: PLC0415

    age = int(duration_seconds(max_age))
    with central(fleet) as co:
        remote = _remote(co.store) if push else None
        if remote is not None:
            pages.bring_overview(co.store, remote)
        sites = co.sites()
        with progress("reading", len(sites)) as advance:
            views = co.statuses(sites, progress=advance)
        files = pages.fleet_pages(co, views)
        done = pages.write_overview(co.store, files, max_age=age, clock=time.time)
        pushed = remote is not None and pages.push_overview(co.store, remote)
    text = f"overview at {done.commit[:12]}" if done.kept is None else f"kept: {done.kept}"
    value = {"commit": done.commit, "kept": done.kept, "pushed": pushed}
    emit(value, as_json=as_json, text=text)


def _remote(store: GitStore) -> Transport:
    from margo_gitops.errors import Stalled  # noqa: PLC0415
    from margo_gitops.store.transport import open_transport  # noqa: PLC0415

    url = store.setting("remote.origin.url")
    if url is None:
        raise Stalled("this clone has no remote", help="git remote add origin URL")
    return open_transport(url)
