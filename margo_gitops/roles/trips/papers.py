"""What people read beside a trip: the slip for the person at the gate, and the site's result."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from margo_gitops.errors import MargoError
from margo_gitops.model.trip import BLOBS, Counted, Trip
from margo_gitops.store.disk import disk_faults, replacing, sync_folder
from margo_gitops.trust.trips import code

ENDING = ".margo.tar"
RETURN = ".return"


def file_name(trip: Trip) -> str:
    """`north-14.margo.tar`, or `north-9.return.margo.tar` for a return trip."""
    if trip.direction == "up":
        return return_name(trip.site, trip.number)
    return f"{trip.site}-{trip.number}{ENDING}"


def return_name(site: str, number: int) -> str:
    """`north-9.return.margo.tar`."""
    return f"{site}-{number}{RETURN}{ENDING}"


def returns_of(site: str) -> str:
    """The pattern that the names of a site's return trips fit."""
    return f"{site}-*{RETURN}{ENDING}"


def slip_path(path: Path) -> Path:
    """Where the slip of a trip file is."""
    return path.with_name(_stem(path.name) + ".txt")


def result_path(path: Path) -> Path:
    """Where the site's answer to a trip file is, for whoever carries the stick."""
    return path.with_name(_stem(path.name) + ".RESULT.txt")


def slip(trip: Trip, name: str, whole: str, pieces: int = 1) -> str:
    """What the file is and holds, for a person who must let it pass."""
    cut = f" in {pieces} pieces" if pieces > 1 else ""
    lines = [
        *about(trip, f"{name}{cut}"),
        f"sha256   {whole}",
        "",
        _errand(trip, name),
        "",
        "It holds no program that runs by itself, and no secret in plain.",
        f"To look into it: tar -tvf {name}, or margo trip inspect {name}",
        "",
        *(f"{part.digest}  {part.size}  {part.name}" for part in trip.parts),
    ]
    return "\n".join(lines) + "\n"


def about(trip: Trip, name: str) -> list[str]:
    """What a trip says of itself, line by line."""
    way = f"to the site {trip.site}" if trip.direction == "down" else f"from the site {trip.site}"
    blobs = [part for part in trip.parts if part.name.startswith(BLOBS)]
    needs = "nothing: it is a full trip"
    if not trip.full:
        needs = f"trip {trip.builds_on}" if trip.builds_on else "what the reader is known to have"
    return [
        f"margo-gitops: trip {trip.number} {way} of the fleet {trip.fleet}",
        "",
        f"file     {name}",
        f"brings   {_brings(trip)}",
        f"needs    {needs}",
        f"blobs    {len(blobs)}, {sum(part.size for part in blobs)} bytes",
    ]


def result(
    site: str, name: str, words: str, taken: Counted | None, error: MargoError | None
) -> str:
    """What became of a trip at its site, and what to say or bring next."""
    lines = [f"margo-gitops: the site {site} on {name}", ""]
    if words:
        verdict, colon, rest = words.partition(":")
        lines += [f"{verdict.upper()}{colon}{rest}"]
    if error is not None:
        verdict = "NOT TAKEN IN" if taken is None else "BUT NOT ALL WELL"
        rule = getattr(error, "rule", None)
        lines += [f"{verdict}{f' [{rule}]' if rule else ''}: {error}"]
    if taken is not None:
        said = code(site, taken)
        lines += [
            "",
            "Bring the stick home with the return trip that is on it.",
            "If nothing may leave the site, say this to the office:",
            f'margo trip ack {site} {taken.number} --code "{said}"',
        ]
    return "\n".join(lines) + "\n"


def leave(path: Path, text: str) -> None:
    """Write a paper beside a trip, where it is not there already."""
    data = text.encode()
    with disk_faults(path):
        if path.is_file() and path.read_bytes() == data:
            return
        with replacing(path) as file:
            file.write(data)
        sync_folder(path.parent)


def leave_somewhere(paths: Iterable[Path], text: str) -> None:
    """The same at the first of these places that can be written; a stick may be write-protected."""
    for path in paths:
        with suppress(MargoError, OSError):
            leave(path, text)
            return


def _errand(trip: Trip, name: str) -> str:
    """What whoever carries it is to do."""
    if trip.direction == "up":
        return f"At the office: margo trip load {name}"
    answer = result_path(Path(name)).name
    return f"At {trip.site}: leave the stick in until {answer} is on it, read that, bring it home."


def _brings(trip: Trip) -> str:
    if trip.direction == "up":
        return "the site's status" + (
            f", with generation {trip.generation} in force" if trip.generation else ""
        )
    return f"generation {trip.generation} of the desired state"


def _stem(name: str) -> str:
    return name.partition(ENDING)[0]
