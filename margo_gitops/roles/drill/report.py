"""The drill's table."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from margo_gitops.roles.drill.casebook import Verdict

LONGEST = 200
"""Letters of what was said that the table shows; `--json` has all of them."""

COLUMNS = ("case", "", "tried", "said", "ended")


def row(verdict: Verdict) -> tuple[str, ...]:
    """A case as a line of the table."""
    found = verdict.found
    rule = f"[{found.rule}] " if found.rule else ""
    tried = found.tried + (f" ({found.times} times)" if found.times > 1 else "")
    said = shorten(f"{rule}{found.said}", LONGEST, placeholder=" …")
    return (verdict.name, "ok" if verdict.ok else "FAIL", tried, said, found.ended)


def summary(verdicts: Sequence[Verdict]) -> str:
    """The last line."""
    bad = [verdict.name for verdict in verdicts if not verdict.ok]
    times = sum(verdict.found.times for verdict in verdicts)
    took = sum(verdict.seconds for verdict in verdicts)
    if bad:
        return (
            f"{len(bad)} of {len(verdicts)} cases did not end where they should: {', '.join(bad)}"
        )
    return f"{len(verdicts)} cases, {times} trials, {took:.0f} s: each ended where it should"
