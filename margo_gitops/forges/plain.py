"""What people wrote, so that a forge shows it and does nothing else with it.

Forges read mentions, references, closing words, commands and HTML out of any text. Names, reasons
and values come from whoever may propose: here they lose all of that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

UNSEEN = "\u200b"
"""Put behind a character that a forge would act on: nothing shows, nothing is found."""

_MARKS = re.compile(r"([\\`*_{}\[\]()|~^+=])")
_ACTS = re.compile(r"([@#!%$~&:^]|\b(?i:www)|\b[A-Z]{2,}-(?=\d))")
_DOTS = re.compile(r"\.(?=\w)")
_NAME = re.compile(r"(?!.*@(?!sha256:))[A-Za-z0-9._/+@:=, -]{1,200}")
_CONTROL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def bare(value: str, most: int = 200) -> str:
    """One line without anything that a forge acts on, for places that know no Markdown."""
    return _ACTS.sub(rf"\1{UNSEEN}", one_line(value, most))


def plain(value: str, most: int = 200) -> str:
    """One line of Markdown that shows the value and does nothing."""
    text = _ACTS.sub(rf"\1{UNSEEN}", _MARKS.sub(r"\\\1", one_line(value, most)))
    text = _DOTS.sub(rf".{UNSEEN}", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(value: str) -> str:
    """Something to copy, as code: forges look for nothing there. Where it is no name, `plain`."""
    return f"`{value}`" if _NAME.fullmatch(value) and value == value.strip() else plain(value)


def several(
    values: tuple[str, ...], most: int = 20, show: Callable[[str], str] = lambda v: plain(v, 80)
) -> str:
    """Names with commas, in the order in which they come; of very many the first."""
    said = ", ".join(show(value) for value in values[:most])
    return said if len(values) <= most else f"{said} and {len(values) - most} more"


def one_line(value: str, most: int) -> str:
    """At most so many characters, none of which moves or hides others."""
    shown = "".join(" " if unicodedata.category(c) in _CONTROL else c for c in value[: most * 4])
    return cut(" ".join(shown.split()), most)


def cut(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
