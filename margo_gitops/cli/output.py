"""Printing: one JSON value, or tables and lines that stay plain in a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer


def emit(value: Any, *, as_json: bool, text: str | Iterable[str] = ()) -> None:
    """The value as JSON, or its text."""
    if as_json:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
        return
    for line in [text] if isinstance(text, str) else text:
        typer.echo(line)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal; tab-separated lines without a heading in a pipe."""
    rows = [tuple(row) for row in rows]
    if not sys.stdout.isatty():
        if rows:
            typer.echo("\n".join("\t".join(row) for row in rows))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    shown = Table(*columns, title=title, title_justify="left")
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)
