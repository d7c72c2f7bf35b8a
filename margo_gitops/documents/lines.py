"""Lines of a text, by the offsets of its characters."""

from __future__ import annotations

import re

_BLOCK_SCALAR = re.compile(r"[|>][0-9+-]{0,2}[ \t]*(?:#.*)?\r?$", re.MULTILINE)


def column(text: str, at: int) -> int:
    """How many characters stand before `at` on its line; a byte order mark is none."""
    start = text.rfind("\n", 0, at) + 1
    return at - start - (start == 0 and text.startswith("\ufeff"))


def starts_its_line(text: str, at: int) -> bool:
    """True where nothing but spaces stands before `at` on its line."""
    return not text[at - column(text, at) : at].strip(" ")


def line_end(text: str, at: int) -> int:
    """Where the line of `at` ends, before its line end."""
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if end > at and text[end - 1] == "\r" else end


def next_line(text: str, at: int) -> int:
    """Where the line after that of `at` starts, or the text's end.

    At the start of a line, that line has not begun: its own start is the answer.
    """
    if text[at - 1 : at] == "\n":
        return at
    return text.find("\n", at) + 1 or len(text)


def break_near(text: str, at: int) -> str:
    """The line end in use around `at`: of its line, else of the one before, else LF."""
    end = text.find("\n", at)
    if end < 0:
        end = text.rfind("\n", 0, at)
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def below(text: str, at: int, indent: int, lines: list[str]) -> tuple[int, int, str]:
    """The splice that puts lines under the line of `at`; a missing last line end stays missing."""
    start, end = next_line(text, at), break_near(text, at)
    new = end.join(" " * indent + line for line in lines)
    ended = text[start - 1 : start] == "\n"
    return start, start, new + end if ended else end + new


def whole(text: str, start: int, end: int) -> tuple[int, int, str]:
    """The splice that takes the lines from `start` to `end` away."""
    return start - column(text, start), next_line(text, end), ""


def ended_as(text: str, changed: str) -> str:
    """The changed text without a last line end where the text had none.

    A block scalar may need it, so beside one it stays.
    """
    if text.endswith("\n") or _BLOCK_SCALAR.search(changed):
        return changed
    return changed.removesuffix("\n").removesuffix("\r")
