"""Waiting for a real process: poll a condition until a deadline, never sleep a guess."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def until(condition: Callable[[], _T], timeout: float = 20.0, *, every: float = 0.02) -> _T:
    """The first truthy answer of `condition`; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {condition}")
        pause.wait(every)
    return answer
