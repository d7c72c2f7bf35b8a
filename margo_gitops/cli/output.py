"""Printing: one JSON value, or tables and lines that stay plain in a pipe.

What is shown comes from branches that others write: nothing in it may move the cursor, colour the
screen, or turn the direction of a line, and so hide what a person is about to sign.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import typer


def emit(value: Any, *, as_json: bool, text: str | Iterable[str] = ()) -> None:
    """The value as JSON, or its text."""
    if as_json:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        typer.echo(_each(text, lambda strange: json.dumps(strange)[1:-1]))
        return
    for line in [text] if isinstance(text, str) else text:
        typer.echo(harmless(line))


def harmless(text: str) -> str:
    """The text with a mark in place of each character that shows nothing but does something."""
    return _each(text, lambda _: "\N{REPLACEMENT CHARACTER}")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal; tab-separated lines without a heading in a pipe."""
    rows = [tuple(harmless(cell) for cell in row) for row in rows]
    if not sys.stdout.isatty():
        if rows:
            typer.echo("\n".join("\t".join(row) for row in rows))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    made = Table(*columns, title=title, title_justify="left")
    for row in rows:
        made.add_row(*row)
    Console(markup=False, highlight=False, emoji=False).print(made)


def _each(text: str, instead: Callable[[str], str]) -> str:
    """The text with something in place of each character that does not print."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else instead(c) for c in text)
