"""Engines for the drivers' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.wasm_engine import WasmHarness


@pytest.fixture
def wasm(tmp_path: Path) -> Iterator[WasmHarness]:
    """The real wasm driver; its supervisors end with the test."""
    harness = WasmHarness(tmp_path)
    try:
        yield harness
    finally:
        harness.close()
