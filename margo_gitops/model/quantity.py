"""Amounts with a unit: memory and storage in bytes, lengths of time in seconds."""

from __future__ import annotations

import re

from margo_gitops.errors import Invalid

_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60}
_STRICT = ("Gi", "Mi", "Ki")
_QUANTITY = re.compile(r"([0-9]{1,15}) ?([KMGTPE]i)")
_MARGO_TIME = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")
_OWN_TIME = re.compile(r"([0-9]{1,6})(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def bytes_of(text: str) -> int:
    """Bytes of `59Gi`; also of `59 Gi`, which real devices write. Raises `Invalid` for the rest."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise Invalid(f"found {text!r}, expected a whole number and Ki, Mi, Gi, Ti, Pi or Ei")
    return int(match[1]) * _BINARY[match[2]]


def quantity(size: int, *, up: bool = False) -> str:
    """The strict form of a number of bytes, in the largest of Ki, Mi and Gi that fits exactly.

    What is no whole number of Ki is rounded down (an offer never promises more than there is), or
    `up` for a need. Terabytes stay in Gi: memory knows no larger unit (specification, resources).
    """
    kibi = -(-size // 1024) if up else size // 1024
    unit = next(u for u in _STRICT if kibi * 1024 % _BINARY[u] == 0 and (kibi or u == "Ki"))
    return f"{kibi * 1024 // _BINARY[unit]}{unit}"


def seconds_of(text: str) -> int:
    """Seconds of a component's timeout such as `8m30s`; `5m` and `90s` are read as well.

    Raises `Invalid` for anything else.
    """
    match = _MARGO_TIME.fullmatch(text)
    if match is None or not text:
        raise Invalid(f"found {text!r}, expected minutes and seconds such as 8m30s")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def duration_seconds(text: str) -> float:
    """Seconds of one of our own durations (`model.fleet.Duration`), such as `500ms` or `5m`.

    Raises `Invalid` for anything else.
    """
    match = _OWN_TIME.fullmatch(text)
    if match is None:
        raise Invalid(f"found {text!r}, expected a length of time such as 500ms, 30s, 5m or 1h")
    return int(match[1]) * _SECONDS[match[2]]
