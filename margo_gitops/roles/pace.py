"""How often an agent may speak: a few words at once, then one for each interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

BURST = 10
"""Words that may follow at once: a deployment and its result are seen as they happen."""


@dataclass(slots=True)
class Pace:
    """A bucket of words, filled by one every `seconds`; `clock` counts seconds and never back."""

    clock: Callable[[], float]
    _left: float = BURST
    _seen: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin with a full bucket."""
        self._seen = self.clock()

    def may(self, seconds: float) -> bool:
        """Whether a word may be said now."""
        now = self.clock()
        self._left = min(BURST, self._left + (now - self._seen) / max(seconds, 0.001))
        self._seen = now
        return self._left >= 1

    def spend(self) -> None:
        """A word was said; an urgent one may be said from an empty bucket too."""
        self._left = max(0.0, self._left - 1)
