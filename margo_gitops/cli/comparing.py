"""Two people at the telephone: what one reads out, the other types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write it to this file.")
]


def compare(what: str, said: str | None, digest: str, option: str) -> None:
    """Nothing is believed before a person has typed what another person read out."""
    import sys  # noqa: PLC0415

    from margo_gitops.errors import Refused, Usage  # noqa: PLC0415
    from margo_gitops.trust.spoken import heard, spoken  # noqa: PLC0415

    if said is None:
        if not sys.stdin.isatty():
            raise Usage(f"nobody is here to compare {what}", help=f"{option} FINGERPRINT")
        said = typer.prompt(f"{what}, as the other side reads it to you")
    if not heard(said, digest):
        raise Refused(
            f"{what}: you heard {said[:80]!r}, here it is {spoken(digest)}",
            rule="fingerprint",
            then="nothing was believed",
        )
