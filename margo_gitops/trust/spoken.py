"""A fingerprint as people say it: the first eighty bits, in groups of four digits."""

from __future__ import annotations

import re

_DIGITS = 20
_GROUP = 4


def spoken(digest: str) -> str:
    """`3f2a 99bc 0d41 77e5 c210` for a digest, with or without `sha256:`."""
    digits = digest.removeprefix("sha256:")[:_DIGITS]
    return " ".join(digits[at : at + _GROUP] for at in range(0, _DIGITS, _GROUP))


def heard(said: str, digest: str) -> bool:
    """Whether what somebody typed after listening is this digest: its spoken form, or all of it."""
    typed = _typed(said)
    whole = digest.removeprefix("sha256:")
    return typed in {whole, whole[:_DIGITS]}


def heard_code(said: str, code: str) -> bool:
    """Whether what somebody typed after listening is this code, however it was grouped."""
    return _typed(said) == _typed(code)


def _typed(said: str) -> str:
    return re.sub(r"[\s-]", "", said.lower()).removeprefix("sha256:")
