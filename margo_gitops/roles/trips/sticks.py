"""The two folders of a site by which people bring and take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sticks:
    """Where trips arrive, and where return trips are left; a mount that comes and goes."""

    inbox: Path | None = None
    outbox: Path | None = None
