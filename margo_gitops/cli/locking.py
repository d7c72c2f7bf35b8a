"""`margo app lock` and `margo app push`: the App Store and registries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import HERE, DryRunOption, FleetOption, JsonOption, central
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from margo_gitops.model.application import ApplicationDescription
    from margo_gitops.model.record import ApplicationLock
    from margo_gitops.roles.locking import Open


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(lock)
    app.command()(push)


def lock(
    application: Annotated[str, typer.Argument(metavar="APP[@VERSION]")],
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether a name has moved since.")
    ] = False,
    dry_run: DryRunOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Resolve what is still open in an application's lock; what is locked never changes.

    With --check every name is asked for again: exit 1 where one stands for something else now.
    Sites go on with what was locked.

    Examples: margo app lock hello · margo app lock hello@1.0.0 --check
    """
    from margo_gitops.cli.choosing import chosen_version  # noqa: PLC0415
    from margo_gitops.cli.committing import commit  # noqa: PLC0415
    from margo_gitops.render.edits import lock_application  # noqa: PLC0415

    app_id, _, wanted = application.partition("@")
    with central(fleet) as co:
        main = co.main()
        version = chosen_version(main, app_id, wanted)
        found = main.applications[app_id, version]
        if check:
            _check(found.description, found.lock, as_json=as_json)
            return
        made = completed(found.description, co.package(app_id, version), found.lock)
        if made.lock == found.lock:
            _nothing(found.description, made.notes, as_json=as_json)
            return
        edit = lock_application(found.lock, made.lock, made.fetched)
        commit(co, edit, as_json=as_json, dry_run=dry_run, notes=made.notes)
        _say(made.notes)


def push(
    package: Annotated[str, typer.Argument(help="A folder, a margo.yaml, or GIT-URL#PATH.")],
    to: Annotated[str, typer.Argument(metavar="oci://HOST/REPOSITORY")],
    components: Annotated[
        bool, typer.Option("--components", help="Its components too, where they name a repository.")
    ] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish a package in a registry, tagged with its version; quiet where it is there.

    The same package has the same digest everywhere. A version that is there with other bytes is
    refused.

    Example: margo app push ./hello-wasm oci://registry.example/apps/hello-wasm
    """
    from margo_gitops.cli.progress import progress  # noqa: PLC0415
    from margo_gitops.documents.check import check  # noqa: PLC0415
    from margo_gitops.documents.findings import refuse_errors  # noqa: PLC0415
    from margo_gitops.roles import packages  # noqa: PLC0415

    files = packages.read(package)
    refuse_errors(check(files["margo.yaml"], f"{package}: margo.yaml"))
    wanted = list(packages.pushes(files, to, components=components))
    done = {}
    with progress("pushing", sum(len(item.bundled.blobs) for item in wanted)) as advance:
        for item in wanted if not dry_run else ():
            done[item.what] = packages.push(item, advance).sent
    rows = [
        {
            "what": item.what,
            "reference": f"oci://{item.to}",
            "digest": item.bundled.digest,
            "sent": done.get(item.what, False),
        }
        for item in wanted
    ]
    words = {True: "pushed", False: "there already"}
    text = [
        f"{'would push' if dry_run else words[bool(row['sent'])]} {row['what']}: {row['reference']}"
        f" {row['digest']}"
        for row in rows
    ]
    emit({"dryRun": dry_run, "pushed": rows}, as_json=as_json, text=text)


@dataclass(frozen=True, slots=True)
class Completed:
    """A lock with what registries answered, and in words what they did not."""

    lock: ApplicationLock
    fetched: Mapping[str, bytes]
    notes: list[str]


def completed(
    description: ApplicationDescription, files: Mapping[str, bytes], lock: ApplicationLock
) -> Completed:
    """Ask registries for all that is open in a lock, with progress."""
    from margo_gitops.cli.progress import progress  # noqa: PLC0415
    from margo_gitops.roles.locking import Locking  # noqa: PLC0415

    with progress("locking", None) as advance:
        locking = Locking(advance)
        made = locking.complete(description, files, lock)
    return Completed(made, locking.fetched, [_open(item) for item in locking.open])


def _check(description: ApplicationDescription, lock: ApplicationLock, *, as_json: bool) -> None:
    from margo_gitops.cli.progress import progress  # noqa: PLC0415
    from margo_gitops.roles.locking import Locking  # noqa: PLC0415

    with progress("asking for", None) as advance:
        locking = Locking(advance)
        moved = locking.moved(description, lock)
    value = {
        "moved": [
            {"component": m.component, "name": m.name, "locked": m.locked, "now": m.now}
            for m in moved
        ],
        "open": [_open(item) for item in locking.open],
    }
    text = [
        f"{m.name} of {m.component} moved: locked {m.locked}, now {m.now}; sites go on with what"
        " was locked"
        for m in moved
    ]
    text += [_open(item) for item in locking.open]
    emit(value, as_json=as_json, text=text or ["every name stands for what was locked"])
    if moved or locking.open:
        raise typer.Exit(1 if moved else 4)


def _nothing(description: ApplicationDescription, notes: list[str], *, as_json: bool) -> None:
    """Say that nothing could be added to the lock, and why."""
    named = f"{description.id} {description.version}"
    text = notes or [f"{named}: everything is locked"]
    emit({"commit": None, "rendered": [], "notes": notes}, as_json=as_json, text=text)
    _say(notes)


def _say(notes: list[str]) -> None:
    """Exit 4 where something is still open: it may answer later."""
    if notes:
        raise typer.Exit(4)


def _open(item: Open) -> str:
    return f"{item.name} of {item.component} is not locked: {item.why.problem}"
