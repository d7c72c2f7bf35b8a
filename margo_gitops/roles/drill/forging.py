"""Trip files made by hands that should not: another seal, other words, the same parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.model.trip import Trip
from margo_gitops.store.tripfile import opened_trip, write_trip
from margo_gitops.trust.sshsig import Signer
from margo_gitops.trust.trips import seal

Change = Callable[[Trip], Trip]


def resealed(path: Path, out: Path, signer: Signer | None, change: Change = lambda t: t) -> Path:
    """A copy sealed by another key, by none where `signer` is None, with TRIP.json changed."""
    to = out / path.name
    with opened_trip(path) as file:
        trip = change(file.trip)
        sources = {part.name: _bytes(b"".join(file.read(part))) for part in file.trip.parts}
    write_trip(to, trip, seal(canonical.dump(trip), signer), sources)
    return to


def _bytes(data: bytes) -> Callable[[], list[bytes]]:
    return lambda: [data]
