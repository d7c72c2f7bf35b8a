"""`margo convert`: a Margo document in another dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from margo_gitops.cli.options import JsonOption
from margo_gitops.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(convert)


def convert(
    file: Annotated[Path, typer.Argument(help="A Margo document, YAML or JSON.")],
    to: Annotated[str, typer.Option("--to", help="A, B, B2, C-, C, C2, C' (or CP), D.")],
    allow_loss: Annotated[
        bool, typer.Option("--allow-loss", help="Leave out what the dialect has no place for.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write here instead of to standard output.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a document in another dialect; exit 1 where that would lose something.

    Each loss is named on standard error, with its place and what to do.

    Example: margo convert apps/scale/1.2.0/margo.yaml --to D --out scale-d.yaml
    """
    from margo_gitops.documents.convert import convert as converted  # noqa: PLC0415
    from margo_gitops.documents.dialects import Dialect  # noqa: PLC0415
    from margo_gitops.errors import Invalid, Usage  # noqa: PLC0415

    try:
        dialect = Dialect(to)
    except ValueError as error:
        known = ", ".join(d for d in Dialect if d is not Dialect.S)
        raise Usage(f"--to {to!r}: expected one of {known}") from error
    if not file.is_file():
        raise Invalid(f"there is no file {file}")
    result = converted(file.read_bytes(), str(file), dialect, allow_loss=allow_loss)
    text = result.data.decode("utf-8")
    if out is not None:
        _write(out, result.data)
    value = {"dialect": dialect.value, "losses": result.losses, "out": out and str(out)}
    if as_json:
        emit(value if out else {**value, "document": text}, as_json=True)
        return
    for loss in result.losses:
        typer.echo(loss, err=True)
    if out is None:
        typer.echo(text, nl=False)


def _write(out: Path, data: bytes) -> None:
    from margo_gitops.store.disk import disk_faults, replacing, sync_folder  # noqa: PLC0415

    with disk_faults(out):
        with replacing(out) as file:
            file.write(data)
        sync_folder(out.parent)
