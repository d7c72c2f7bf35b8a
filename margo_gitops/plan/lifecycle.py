"""Tries, pauses, giving up and going back: what a node does with a version that does not run.

A version that fails is tried again after a second, two, four, up to five minutes. After a number of
tries it is given up: the last version that ran soundly comes back, and the bad one is not tried
again before its desired bytes change. A version that once ran soundly is never given up: whatever
stopped it lies outside of it.
"""

from __future__ import annotations

from margo_gitops.model.memory import WORDS, Remembered, Tries

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds between two tries."""

CEILING = 5
"""Tries of a version where there is one to go back to: half a minute of pauses."""

CEILING_ALONE = 10
"""Tries where there is none: about nine minutes of pauses."""

PROVEN = 60.0
"""Seconds for which a version has to run without a fault to be the one to go back to."""


def pause(count: int) -> float:
    """Seconds to wait after so many failed tries."""
    return min(FIRST_PAUSE * 2.0 ** min(count - 1, 20), LONGEST_PAUSE)


def given_up(memory: Remembered, origin: str) -> bool:
    """True where this version is not tried any more."""
    tries = memory.of(origin)
    if tries is None or origin == memory.good:
        return False
    ceiling = CEILING_ALONE if memory.good is None else CEILING
    return tries.final or tries.count >= ceiling


def failed(memory: Remembered, origin: str, words: str, *, final: bool = False) -> Remembered:
    """One more try of this version was in vain."""
    before = memory.of(origin)
    count = 1 if before is None else before.count + 1
    tries = Tries(origin=origin, count=count, final=final, words=_cut(words))
    others = tuple(item for item in memory.tries if item.origin != origin)
    return memory.model_copy(update={"tries": (*others, tries)[-2:]})


def sound(memory: Remembered, origin: str, *, proven: bool) -> Remembered:
    """This version runs without a fault, and `proven` says that it has for long enough.

    The first version that runs at all is one to go back to; a later one has to be proven.
    """
    if not proven:
        return memory if memory.good else memory.model_copy(update={"good": origin})
    tries = tuple(item for item in memory.tries if item.origin != origin)
    return memory.model_copy(update={"good": origin, "tries": tries})


def only(memory: Remembered, wanted: str) -> Remembered:
    """Without the tries of versions that are neither wanted nor good: something changed."""
    tries = tuple(item for item in memory.tries if item.origin in {wanted, memory.good})
    return memory.model_copy(update={"tries": tries})


def _cut(words: str) -> str:
    """The end of what was said: that is where an engine names the cause."""
    return words.encode()[-WORDS:].decode(errors="ignore")
