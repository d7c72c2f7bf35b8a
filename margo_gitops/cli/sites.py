"""`margo site`: the sites of the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import (
    HERE,
    DryRunOption,
    FleetOption,
    JsonOption,
    YesOption,
    central,
    pairs,
)
from margo_gitops.cli.output import emit, table

if TYPE_CHECKING:
    from margo_gitops.render.edits import Edit
    from margo_gitops.roles.central import Central

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    site: Annotated[str, typer.Argument(help="The site's id: a-z, 0-9 and -.")],
    region: Annotated[str | None, typer.Option(help="Its region.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Its tenant.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="K=V, repeatable.")] = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Add a site.

    Example: margo site add north --region eu --label line=1
    """
    from margo_gitops.cli.committing import commit  # noqa: PLC0415
    from margo_gitops.model.fleet import Site  # noqa: PLC0415
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.render.edits import add_site  # noqa: PLC0415

    labels = {key: str(value) for key, value in pairs(label or [], "--label").items()}
    with central(fleet) as co:
        wanted = Site(id=flat(site, "site id"), region=region, tenant=tenant, labels=labels)
        commit(co, add_site(co.main(), wanted), as_json=as_json)


@app.command()
def epoch(
    site: Annotated[list[str], typer.Argument(help="The sites' ids.")],
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Begin a new history of a site's branch, so that the old one can be dropped.

    The branch starts again with a commit that has no parent and names the last one; nothing at the
    site changes. The push is no fast-forward: the remote must let you force site branches.

    Example: margo site epoch north && margo push
    """
    from margo_gitops.cli.committing import commit, confirm  # noqa: PLC0415
    from margo_gitops.model.layout import flat, site_path  # noqa: PLC0415
    from margo_gitops.render.edits import begin_epochs  # noqa: PLC0415

    with central(fleet) as co:
        main = co.main()
        ids = sorted({flat(id, "site id") for id in site})
        files = {id: co.store.read(main.commit, site_path(id)) or b"" for id in ids}
        edit = begin_epochs(main, files)
        if co.trust() is not None:
            edit = _allowed(co, edit, ids)
        if not dry_run:
            confirm(len(ids), yes=yes)
        commit(co, edit, as_json=as_json, dry_run=dry_run)


def _allowed(co: Central, edit: Edit, sites: list[str]) -> Edit:
    """With the root that lets these branches begin again; a signed fleet lets nothing else."""
    from margo_gitops.cli.options import person_signer  # noqa: PLC0415
    from margo_gitops.render.edits import Edit  # noqa: PLC0415
    from margo_gitops.roles.trusted import ceremony, with_epochs  # noqa: PLC0415

    held = ceremony(co, person_signer(co.store, None))
    root = held.next_root(with_epochs(held.roots.root, sites), edit.message)
    return Edit({**edit.changes, **root.changes}, root.message)


@app.command("list")
def list_(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """List the sites."""
    with central(fleet) as co:
        sites = list(co.main().sites.values())
    if as_json:
        emit([site.model_dump(mode="json") for site in sites], as_json=True)
    else:
        rows = [
            (
                s.id,
                s.region or "",
                s.tenant or "",
                " ".join(f"{k}={v}" for k, v in s.labels.items()),
            )
            for s in sites
        ]
        table("Sites", ("site", "region", "tenant", "labels"), rows)


@app.command()
def show(
    site: Annotated[str, typer.Argument(help="The site's id.")],
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show one site as it is described."""
    from margo_gitops.documents import own  # noqa: PLC0415
    from margo_gitops.errors import Invalid  # noqa: PLC0415

    with central(fleet) as co:
        found = co.main().sites.get(site)
    if found is None:
        raise Invalid(f"there is no site {site}", help="margo site list")
    emit(found.model_dump(mode="json"), as_json=as_json, text=own.write(found).decode())


def _pairs(labels: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in labels.items())
