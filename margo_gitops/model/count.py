"""A number of things, in words."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """So many of it, in words: `1 record`, `2 records`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
