"""Real engines: absent ones skip their tests and say why; required ones must be there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def required() -> frozenset[str]:
    """The engines that `MARGO_REQUIRE` names: with them missing, a test fails."""
    return frozenset(filter(None, os.environ.get("MARGO_REQUIRE", "").split(",")))


def absent(engine: str, problem: str) -> NoReturn:
    """End this test: skipped with the reason, or failed where the engine is required."""
    if engine in required():
        pytest.fail(f"MARGO_REQUIRE names {engine}, but {problem}", pytrace=False)
    pytest.skip(f"{engine}: {problem}")


def require(engine: str, problem: str | None) -> None:
    """Go on if there is no problem with the engine, else end the test."""
    if problem is not None:
        absent(engine, problem)
