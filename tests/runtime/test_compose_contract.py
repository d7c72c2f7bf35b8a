"""The compose driver, on a real engine, keeps the drivers' contract."""

from __future__ import annotations

import pytest

from tests.contracts.driver import SpeakingContract
from tests.runtime.compose_engine import ComposeHarness

pytestmark = pytest.mark.docker


class TestCompose(SpeakingContract):
    @pytest.fixture
    def harness(self, compose: ComposeHarness) -> ComposeHarness:
        return compose
