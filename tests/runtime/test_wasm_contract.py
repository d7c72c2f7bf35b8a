"""The wasm driver, with real supervisors, keeps the drivers' contract."""

from __future__ import annotations

import pytest

from tests.contracts.driver import SpeakingContract
from tests.runtime.wasm_engine import WasmHarness


class TestWasm(SpeakingContract):
    @pytest.fixture
    def harness(self, wasm: WasmHarness) -> WasmHarness:
        return wasm
