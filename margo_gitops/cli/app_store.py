"""`margo app`: the App Store."""

from __future__ import annotations

from typing import Annotated

import typer

from margo_gitops.cli import locking
from margo_gitops.cli.options import (
    HERE,
    DryRunOption,
    FleetOption,
    JsonOption,
    OfflineOption,
    ParamOption,
    SecretOption,
    central,
    parameters,
)
from margo_gitops.cli.output import emit, table

store = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the noun, with the verbs of its locks."""
    locking.register(store)
    app.add_typer(store, name="app", help="The App Store.")


@store.command()
def add(
    package: Annotated[
        str,
        typer.Argument(help="oci://HOST/REPOSITORY:TAG, a folder, a margo.yaml, or GIT-URL#PATH."),
    ],
    offline: OfflineOption = False,
    dry_run: DryRunOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Add an application version, byte for byte, and lock what it names.

    A name that no registry answers for now stays open, and is told: margo app lock.

    Examples: margo app add ./hello-wasm · margo app add https://git.example/apps.git#hello-wasm
    · margo app add oci://registry.example/apps/hello:1.0.0
    """
    from margo_gitops.artifacts.lock import resolve  # noqa: PLC0415
    from margo_gitops.cli.committing import commit  # noqa: PLC0415
    from margo_gitops.cli.locking import completed  # noqa: PLC0415
    from margo_gitops.cli.progress import progress  # noqa: PLC0415
    from margo_gitops.documents import margo  # noqa: PLC0415
    from margo_gitops.documents.check import check  # noqa: PLC0415
    from margo_gitops.render.edits import add_application  # noqa: PLC0415
    from margo_gitops.roles.packages import read  # noqa: PLC0415

    with progress("fetching", None) as advance:
        files = read(package, advance)
    text = files["margo.yaml"]
    description, _ = margo.read_description(text, f"{package}: margo.yaml")
    lock = resolve(description, text, files)
    notes = [str(finding) for finding in check(text, "margo.yaml")]
    if not offline:
        made = completed(description, files, lock)
        lock, files = made.lock, {**files, **made.fetched}
        notes += made.notes
    notes += [
        f"{c.component} of {c.profile} lies at {c.source} and is pinned to no digest yet"
        for c in lock.components
        if c.artifact is None
    ]
    with central(fleet) as co:
        edit = add_application(co.main(), description, files, lock)
        commit(co, edit, as_json=as_json, dry_run=dry_run, notes=notes)


@store.command("list")
def list_(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """List the applications and their versions."""
    with central(fleet) as co:
        found = sorted(co.main().applications.items())
    rows = [
        (
            app_id,
            version,
            application.description.name,
            application.dialect.value,
            " ".join(str(p.id or p.type) for p in application.description.profiles),
        )
        for (app_id, version), application in found
    ]
    if as_json:
        keys = ("id", "version", "name", "dialect", "profiles")
        emit([dict(zip(keys, row, strict=True)) for row in rows], as_json=True)
    else:
        table("App Store", ("id", "version", "name", "dialect", "profiles"), rows)


@store.command()
def show(
    application: Annotated[str, typer.Argument(metavar="APP[@VERSION]")],
    profile: Annotated[str | None, typer.Option(help="This profile only: its id or type.")] = None,
    param: ParamOption = None,
    secret: SecretOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show an application's profiles, parameters with their rules, and pinned components.

    Example: margo app show hello-wasm --param greeting=Moin
    """
    from margo_gitops.cli.choosing import chosen_version  # noqa: PLC0415
    from margo_gitops.cli.values import parameter_lines, profiles_of  # noqa: PLC0415

    app_id, _, wanted = application.partition("@")
    with central(fleet) as co:
        main = co.main()
        found = main.applications[app_id, chosen_version(main, app_id, wanted)]
    description = found.description
    lines = [
        f"{description.id} {description.version}: {description.name} (dialect {found.dialect})"
    ]
    profiles = profiles_of(description, profile, parameters(param, secret))
    for shown in profiles:
        lines.append(f"profile {shown['id']} ({shown['type']}): {', '.join(shown['components'])}")
        lines += parameter_lines(shown["parameters"])
    for locked in found.lock.components:
        pinned = locked.artifact.digest if locked.artifact else "pinned to no digest"
        lines.append(f"component {locked.component}: {pinned}")
        lines += [f"  image {image.reference}: {image.digest}" for image in locked.images]
    value = {
        "description": description.model_dump(mode="json"),
        "dialect": found.dialect.value,
        "profiles": profiles,
        "lock": found.lock.model_dump(mode="json"),
    }
    emit(value, as_json=as_json, text=lines)
