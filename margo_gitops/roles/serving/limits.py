"""How much of the server one node or one address may hold: what is left is for the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from margo_gitops.roles.pace import Pace

PER_NODE = 2
"""Requests of one node at once: one, and one that it gave up and that is not ended yet."""

PER_ADDRESS = 8
"""Connections of one address at once that are answered, or wait to be."""

PUSH_EVERY = 0.5
"""Seconds between two pushes of one node, once it has made a few at once."""


@dataclass(slots=True)
class Places:
    """At most `most` places for each name; used by many threads."""

    most: int
    _held: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str) -> bool:
        """A place, if there is one left; to be given back."""
        with self._lock:
            if self._held[name] >= self.most:
                return False
            self._held[name] += 1
            return True

    def give_back(self, name: str) -> None:
        """The place is free again."""
        with self._lock:
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]


@dataclass(slots=True)
class Paces:
    """How often each name may push; used by many threads."""

    clock: Callable[[], float]
    _paces: dict[str, Pace] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def may(self, name: str) -> bool:
        """Whether it may now; counted if so."""
        with self._lock:
            pace = self._paces.setdefault(name, Pace(self.clock))
            if not pace.may(PUSH_EVERY):
                return False
            pace.spend()
            return True
