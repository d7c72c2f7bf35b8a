"""Each real driver, killed between any two steps."""

from __future__ import annotations

import pytest

from tests.contracts.crash import WRITES, CrashContract
from tests.runtime.compose_engine import ComposeHarness
from tests.runtime.helm_engine import HelmHarness
from tests.runtime.wasm_engine import WasmHarness

pytestmark = pytest.mark.timeout(300)


class TestWasm(CrashContract):
    steps = WRITES

    @pytest.fixture
    def harness(self, wasm: WasmHarness) -> WasmHarness:
        return wasm


@pytest.mark.docker
class TestCompose(CrashContract):
    @pytest.fixture
    def harness(self, compose: ComposeHarness) -> ComposeHarness:
        return compose


class TestHelm(CrashContract):
    @pytest.fixture
    def harness(self, helm: HelmHarness) -> HelmHarness:
        return helm
