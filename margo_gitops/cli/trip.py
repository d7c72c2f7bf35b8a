"""`margo trip`: what people carry to sites without a network, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from margo_gitops.cli.options import HERE, DryRunOption, FleetOption, JsonOption, central
from margo_gitops.cli.output import emit, table
from margo_gitops.cli.progress import bytes_progress

if TYPE_CHECKING:
    from margo_gitops.model.trip import Trip
    from margo_gitops.roles.trips.office import Office
    from margo_gitops.roles.trips.packing import Load, Packed

trip = typer.Typer(no_args_is_help=True)

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Trip files.")]
SiteArgument = Annotated[str, typer.Argument(help="The site.")]


def register(app: typer.Typer) -> None:
    """Add the noun, and its other name."""
    app.add_typer(trip, name="trip", help="What people carry to sites without a network.")
    app.add_typer(trip, name="bundle", hidden=True)


@trip.command("pack")
def pack(
    sites: Annotated[list[str], typer.Argument(metavar="SITE…", help="The sites.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The stick, or a folder.")],
    full: Annotated[
        bool, typer.Option("--full", help="All of it, for a site that lost something.")
    ] = False,
    blind: Annotated[
        bool,
        typer.Option("--blind", help="Nothing ever comes back: build on the last full trip."),
    ] = False,
    split: Annotated[
        str | None, typer.Option(metavar="SIZE", help="In pieces of at most this, such as 2Gi.")
    ] = None,
    arch: Annotated[
        list[str] | None, typer.Option(help="For hosts of this kind, too; repeatable.")
    ] = None,
    dry_run: DryRunOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Pack a trip for each site: what it is not known to have, and images by digest.

    A trip is a file and a slip for the person at the gate. It builds on what the site last
    acknowledged; a lost one hurts nobody, for the next holds all of it again.

    Example: margo trip pack north south --out /media/stick
    """
    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.quantity import bytes_of  # noqa: PLC0415
    from margo_gitops.roles.trips.base import Mode  # noqa: PLC0415
    from margo_gitops.roles.trips.packing import Packing  # noqa: PLC0415

    if full and blind:
        raise Usage("--full and --blind: found both, expected one of them")
    mode = Mode.FULL if full else Mode.BLIND if blind else Mode.ACKNOWLEDGED
    most = None if split is None else bytes_of(split)
    with _office(fleet) as office, bytes_progress("packing") as advance:
        packing = Packing(office, _blobs(), tuple(arch or ()), advance)
        loads = [packing.plan(site, mode) for site in dict.fromkeys(sites)]
        if dry_run:
            emit([_load(load) for load in loads], as_json=as_json, text=map(_load_line, loads))
            return
        packed = [packing.pack(load, out, most) for load in loads]
    lines = [_packed_line(item, load) for item, load in zip(packed, loads, strict=True)]
    lines += [f"note: {note}" for item in packed for note in item.notes]
    emit([_packed(item) for item in packed], as_json=as_json, text=lines)


@trip.command("inspect")
def inspect(files: FilesArgument, as_json: JsonOption = False) -> None:
    """Show what a trip says of itself, and whether each byte is as it says. No fleet is needed.

    Whether to believe what it says is another question: margo trip verify.

    Example: margo trip inspect /media/stick/north-14.margo.tar
    """
    from margo_gitops.roles.trips.verifying import require_parts  # noqa: PLC0415
    from margo_gitops.store.tripfile import opened_trip  # noqa: PLC0415

    values, lines = [], []
    with bytes_progress("reading") as advance:
        for path in files:
            with opened_trip(path) as file:
                require_parts(file, advance)
                values.append({"file": str(path), "digest": file.digest, **_dump(file.trip)})
                lines += [*_about(path, file.trip), f"digest   {file.digest}", ""]
    lines.append("each part is as TRIP.json says; whether to believe that: margo trip verify")
    emit(values, as_json=as_json, text=lines)


@trip.command("verify")
def verify(files: FilesArgument, fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """Check a trip as its reader will: unpacked, walked, signatures asked. Nothing is taken in.

    Example: margo trip verify /media/stick/north-14.margo.tar
    """
    from margo_gitops.roles.trips import verifying  # noqa: PLC0415
    from margo_gitops.store.tripfile import opened_trip  # noqa: PLC0415

    values, lines = [], []
    with _office(fleet) as office, bytes_progress("reading") as advance:
        for path in files:
            with opened_trip(path) as file:
                found = verifying.verify(office, file, advance)
            values.append({"file": str(path), "ok": True, "found": found})
            lines += [f"{path.name}: good", *(f"  {word}" for word in found)]
    emit(values, as_json=as_json, text=lines)


@trip.command("load")
def load(files: FilesArgument, fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """Load the return trips that came home: status, and so what the next trip may leave out.

    Example: margo trip load /media/stick/north-9.return.margo.tar
    """
    from margo_gitops.roles.trips.loading import Loading  # noqa: PLC0415
    from margo_gitops.store.tripfile import opened_trip  # noqa: PLC0415

    values, lines = [], []
    with _office(fleet) as office:
        for path in files:
            with opened_trip(path) as file:
                found = Loading(office).load(file)
            value = {"site": found.site, "number": found.number, "moved": found.moved}
            values.append({"file": str(path), **value, "words": found.words})
            lines += [f"{found.site}: {word}" for word in found.words]
    emit(values, as_json=as_json, text=lines)


@trip.command("ack")
def ack(
    site: SiteArgument,
    number: Annotated[int, typer.Argument(help="The trip.")],
    code: Annotated[str, typer.Option(help="What the site's people read from the RESULT.txt.")],
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Note that a trip was taken in, where only a spoken word may leave the site.

    Example: margo trip ack north 14 --code "3f2a 99bc 0d"
    """
    from margo_gitops.roles.trips.loading import Loading  # noqa: PLC0415

    with _office(fleet) as office:
        ledger = Loading(office).acknowledge(site, number, code)
    value = {"site": site, "acknowledged": ledger.acknowledged}
    emit(value, as_json=as_json, text=f"{site}: trip {ledger.acknowledged} was taken in")


@trip.command("ledger")
def ledger(site: SiteArgument, fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """Show the trips of a site: which were taken in, overtaken, or are not heard of yet.

    Example: margo trip ledger north
    """
    with _office(fleet) as office:
        found = office.site(site).ledger
    rows = []
    for sent in found.sent:
        kind = "full" if sent.full else "builds on what was known"
        state = _state(sent.number, found.acknowledged, found.number)
        rows.append((str(sent.number), f"generation {sent.generation}", kind, state))
    if as_json:
        emit(_dump(found), as_json=True)
        return
    table(f"Trips of {site}", ("trip", "brings", "kind", "state"), rows)
    last = "none was loaded" if found.returned is None else f"{found.returned.number} was loaded"
    typer.echo(f"return trips: {last}" if rows else f"no trip was packed for {site} yet")


def _state(number: int, acknowledged: int | None, last: int) -> str:
    if acknowledged is not None and number == acknowledged:
        return "taken in"
    if acknowledged is not None and number < acknowledged:
        return "done with: a later one was taken in"
    return "not heard of yet" if number == last else "not heard of yet; the next holds all of it"


@contextmanager
def _office(fleet: Path) -> Iterator[Office]:
    """The fleet's clone with its remote, or a bare repository, which is one itself."""
    from margo_gitops.roles.trips.office import Office  # noqa: PLC0415
    from margo_gitops.store.transport import open_transport  # noqa: PLC0415

    with central(fleet) as co:
        url = co.store.setting("remote.origin.url")
        yield Office(co, None if url is None else open_transport(url))


def _blobs() -> Any:
    import os  # noqa: PLC0415

    from margo_gitops.artifacts.content import ContentStore  # noqa: PLC0415
    from margo_gitops.artifacts.registry import registries  # noqa: PLC0415
    from margo_gitops.roles.trips.blobs import Blobs, cache_folder  # noqa: PLC0415

    return Blobs(ContentStore(cache_folder(os.environ.get, Path.home())), registries)


def _dump(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = document.model_dump(mode="json", by_alias=True)
    return found


def _load(load: Load) -> dict[str, Any]:
    return {
        "site": load.site.name,
        "generation": load.change.generation,
        "refs": dict(load.refs),
        "prerequisites": load.prerequisites,
        "buildsOn": None if load.base is None else load.base.trip,
        "full": not load.prerequisites,
        "blobs": [{"digest": blob.digest, "size": blob.size} for blob in load.blobs],
        "nothingNew": load.nothing_new,
        "dryRun": True,
    }


def _load_line(load: Load) -> str:
    if load.nothing_new:
        return f"{load.site.name}: would pack a trip that says: nothing new"
    size = sum(blob.size for blob in load.blobs)
    kind = "a full trip" if not load.prerequisites else _on(load)
    return (
        f"{load.site.name}: would pack generation {load.change.generation}, {kind},"
        f" {len(load.blobs)} blobs of {size} bytes"
    )


def _on(load: Load) -> str:
    number = None if load.base is None else load.base.trip
    return "on what it reported" if number is None else f"on trip {number}"


def _packed(item: Packed) -> dict[str, Any]:
    value = {"file": str(item.path), "bytes": item.size, "notes": item.notes}
    return {**value, "trip": _dump(item.trip)}


def _packed_line(item: Packed, load: Load) -> str:
    told = "nothing new, and it says so" if load.nothing_new else _kind(item.trip)
    return f"{item.path}: trip {item.trip.number}, {item.size} bytes, {told}"


def _kind(trip: Trip) -> str:
    return f"generation {trip.generation}" + (", full" if trip.full else "")


def _about(path: Path, trip: Trip) -> list[str]:
    from margo_gitops.roles.trips import papers  # noqa: PLC0415

    return papers.about(trip, path.name)
