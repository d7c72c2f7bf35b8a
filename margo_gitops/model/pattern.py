"""`regexMatch` is a stranger's program: it runs in linear time and bounded memory, or not at all.

RE2 has no backtracking, so no pattern can hang a check. What it cannot run (look-around,
back-references) is reported to the author instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 1000
"""Characters of a pattern that is run."""

_MEMORY = 1 << 20


def unusable_pattern(rules: Mapping[str, Any]) -> str | None:
    """Why the entry's `regexMatch` is not run, in words; None where it is, or there is none."""
    pattern = rules.get("regexMatch")
    if pattern is None:
        return None
    if not isinstance(pattern, str):
        return f"found {pattern!r}, expected a regular expression as text"
    if len(pattern) > LONGEST:
        return f"found a pattern of {len(pattern)} characters, expected at most {LONGEST}"
    compiled = _compiled(pattern)
    return f"the pattern cannot be run: {compiled}" if isinstance(compiled, str) else None


def matches(pattern: str, text: str) -> bool:
    """True where the pattern is found anywhere in the text, or cannot be run."""
    compiled = _compiled(pattern) if len(pattern) <= LONGEST else ""
    printable = text.encode("utf-8", "replace").decode()
    return isinstance(compiled, str) or compiled.search(printable) is not None


def _compiled(pattern: str) -> Any:
    """RE2's own cached object, or the reason why there is none."""
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415

    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it is no regular expression"
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    except UnicodeEncodeError:
        return "it is no UTF-8 text"
