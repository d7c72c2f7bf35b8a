"""`margo init`, `margo clone`, `margo up`: a fleet's repository, and the fleet on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption, KeyOption, central
from margo_gitops.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(init)
    app.command()(clone)
    app.command()(up)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    open_: Annotated[
        bool, typer.Option("--open", help="An open fleet: nothing is signed.")
    ] = False,
    key: KeyOption = None,
    person: Annotated[
        str | None, typer.Option(help="Your name in the fleet: a-z, 0-9 and -; default git's.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The fleet's name; default the folder's.")
    ] = None,
    poll: Annotated[str, typer.Option(help="How often sites ask: 30s, 5m, 1h.")] = "5m",
    render: Annotated[
        str, typer.Option(help="Who renders the sites: here, whoever changes something; or ci.")
    ] = "here",
    as_json: JsonOption = False,
) -> None:
    """Make a new fleet repository from the template, signed with your key.

    You are its first person, with every role. No site believes anything that its persons did not
    sign.

    Example: margo init plant --person ada

    Example: margo init plant --person ada --render ci

    Example: margo init trial --open
    """
    import uuid  # noqa: PLC0415

    from margo_gitops.cli.template import template_files  # noqa: PLC0415
    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.fleet import Fleet, Polling  # noqa: PLC0415
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.render.edits import new_fleet  # noqa: PLC0415
    from margo_gitops.roles.founding import found, person_of  # noqa: PLC0415
    from margo_gitops.store.clone import Clone  # noqa: PLC0415

    if render not in {"here", "ci"}:
        raise Usage(f"--render {render[:20]!r}: expected here or ci")
    fleet = Fleet(
        render="ci" if render == "ci" else "here",
        id=str(uuid.uuid4()),
        name=flat(name or folder.resolve().name.lower(), "fleet name"),
        polling=Polling(interval=poll),
    )
    edit = new_fleet(fleet, template_files())
    files = {path: data for path, data in edit.changes.items() if data is not None}
    value = {"fleet": fleet.name, "id": fleet.id, "folder": str(folder)}
    if open_:
        Clone.init(folder, files, edit.message)
        told = f"fleet {fleet.name} in {folder}, open: nothing is signed. Next: margo site add SITE"
        emit({**value, "trust": "open"}, as_json=as_json, text=told)
        return
    made = found(folder, fleet, files, edit.message, key=key, person=person_of(person))
    emit(
        {**value, "trust": "signed", "root": made.root, "person": made.person, "key": made.key},
        as_json=as_json,
        text=[
            f"fleet {fleet.name} in {folder}, signed by {made.person} with {made.key}",
            f"its root: {made.spoken}",
            "Next: margo site add SITE, margo site invite SITE",
        ],
    )


def clone(
    url: Annotated[str, typer.Argument(help="A path, http(s):// URL or .bundle file.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    as_json: JsonOption = False,
) -> None:
    """Clone a fleet with narrow refspecs: main, the sites and their status.

    Example: margo clone https://git.example/plant.git plant
    """
    from margo_gitops.store.clone import Clone  # noqa: PLC0415
    from margo_gitops.store.transport import open_transport, redacted  # noqa: PLC0415
    from margo_gitops.trust.spoken import spoken  # noqa: PLC0415

    url = str(Path(url).absolute()) if Path(url).exists() else url  # it is named from elsewhere
    made = Clone.clone(url, folder, open_transport(url))
    with central(folder) as co:
        trust = co.trust()
    root = None if trust is None else trust.roots.pinned
    text = [f"cloned {redacted(url)} into {folder}"]
    if root is not None:
        text.append(
            f"it is signed; its root says {spoken(root)}. Have a person read it to you, then:"
            " margo trust pin FINGERPRINT"
        )
    value = {"folder": str(folder), "remote": redacted(url), "main": made.head(), "root": root}
    emit(value, as_json=as_json, text=text)


def up(
    fleet: FleetOption = HERE,
    runtime: Annotated[str, typer.Option(help="auto, or wasm,compose,helm.")] = "auto",
) -> None:
    """Run the whole fleet on this machine, in the foreground; Ctrl-C ends its workloads too.

    Sites and nodes of a signed fleet that are enrolled nowhere yet are enrolled here.

    Example: margo up --runtime wasm
    """
    from margo_gitops.roles.launch import up as run_fleet  # noqa: PLC0415
    from margo_gitops.roles.ownboxes import enrol_here  # noqa: PLC0415

    where = fleet.resolve()
    with central(where) as co:
        run_fleet(where, runtime, typer.echo, lambda boxes, nodes: enrol_here(co, boxes, nodes))
