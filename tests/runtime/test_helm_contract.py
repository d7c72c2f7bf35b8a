"""The helm driver, with Helm 3 and 4 on a real API server, keeps the drivers' contract."""

from __future__ import annotations

import pytest

from tests.contracts.driver import DriverContract
from tests.runtime.helm_engine import HelmHarness


class TestHelm(DriverContract):
    @pytest.fixture
    def harness(self, helm: HelmHarness) -> HelmHarness:
        return helm
