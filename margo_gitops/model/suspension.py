"""A deployment that is left as it is: why, by whom, until when."""

from __future__ import annotations

from calendar import monthrange, timegm
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from margo_gitops.model.base import Frozen

Moment = Annotated[str, StringConstraints(pattern=r"^2\d{3}-\d\d-\d\dT\d\d:\d\dZ$")]
"""A minute in UTC, as 2026-12-01T06:00Z."""

_SANE = timegm((2026, 1, 1, 0, 0, 0))


class Suspension(Frozen):
    """Nodes leave the deployment exactly as it is: no install, upgrade, repair or removal."""

    reason: str = Field(min_length=1, max_length=300, description="Why, for whoever finds it.")
    by: str = Field(min_length=1, max_length=100, description="Who suspended it.")
    until: Moment | None = Field(
        default=None,
        description="When it ends by itself, as 2026-12-01T06:00Z; without it, by margo resume.",
    )

    @field_validator("until")
    @classmethod
    def _in_the_calendar(cls, until: str | None) -> str | None:
        if until is not None:
            ending(until)
        return until

    def holds(self, now: float) -> bool:
        """True before its end. A clock before this was written knows no end (invariant 10)."""
        if self.until is None or now < _SANE:
            return True
        return now < ending(self.until)

    def __str__(self) -> str:
        until = f" until {self.until}" if self.until else ""
        return f"suspended by {self.by}{until}: {self.reason}"


def ending(moment: Moment) -> int:
    """Seconds since 1970 of such a moment; `ValueError` where the calendar or clock has no such."""
    year, month, day = (int(part) for part in moment[:10].split("-"))
    hour, minute = int(moment[11:13]), int(moment[14:16])
    known = 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    if not known or hour > 23 or minute > 59:
        raise ValueError(f"{moment} is in no calendar")
    return timegm((year, month, day, hour, minute, 0))
