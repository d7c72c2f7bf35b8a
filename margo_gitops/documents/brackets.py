"""Entries between brackets: with one more or one less, the commas still fit."""

from __future__ import annotations

from collections.abc import Iterator

Splice = tuple[int, int, str]
Span = tuple[int, int]


def joined(text: str, opened: int, spans: list[Span], at: int, new: list[str]) -> Splice:
    """The splice that puts entries before the one numbered `at`, spaced as their neighbours are.

    `opened` is where the bracket stands, `spans` are the present entries, at least one.
    """
    comma = "," + text[opened + 1 : spans[0][0]]
    if len(spans) > 1:
        comma = text[spans[-2][1] : spans[-1][0]]
    if comma.strip() != "," or not comma.startswith(",") or len(comma) < 2:
        comma = ", "
    if at:
        end = spans[at - 1][1]
        return end, end, "".join(comma + entry for entry in new)
    start = spans[0][0]
    return start, start, "".join(entry + comma for entry in new)


def without(spans: list[Span], gone: list[bool]) -> Iterator[Splice]:
    """The splices that take entries and their commas away; at least one entry stays."""
    last = max(index for index, is_gone in enumerate(gone) if not is_gone)
    for index in range(last):
        if gone[index]:
            yield spans[index][0], spans[index + 1][0], ""
    if last + 1 < len(spans):
        yield spans[last][1], spans[-1][1], ""
