"""The fake driver keeps the contract of the real ones, so tests against it do not lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from margo_gitops.errors import Stalled, Unreachable
from margo_gitops.runtime.base import ComponentSpec, Driver, Owner
from tests.contracts.driver import ONE, OURS, SpeakingContract, workload
from tests.runtime.fake import FakeDriver, FakeEngine


class FakeHarness:
    def __init__(self) -> None:
        self.engine = FakeEngine()

    def driver(self, owner: Owner = OURS) -> Driver:
        return FakeDriver(owner, engine=self.engine)

    def component(self, name: str, greeting: str = "Hello") -> ComponentSpec:
        return ComponentSpec(name, Path("unread"), "sha256:" + "0" * 64, {"GREETING": greeting})

    def kill(self, id: str, component: str) -> None:
        self.engine.kill(id, component)

    def life(self, id: str, component: str) -> str:
        return str(self.engine.held[id][component].life)

    def greeting(self, id: str, component: str) -> str:
        return str(self.engine.held[id][component].spec.values["GREETING"])

    def leftovers(self, id: str) -> list[str]:
        return list(self.engine.held.get(id, {}))


class TestFake(SpeakingContract):
    @pytest.fixture
    def harness(self) -> FakeHarness:
        return FakeHarness()


def test_only_real_changes_are_actions() -> None:
    harness = FakeHarness()
    for _ in range(2):
        harness.driver().apply(workload(harness))
    for _ in range(2):
        harness.driver().remove(ONE)
    assert harness.engine.actions == [("apply", ONE), ("remove", ONE)]


def test_a_broken_engine_breaks_as_told() -> None:
    harness = FakeHarness()
    harness.engine.fail_apply = Stalled("no room")
    with pytest.raises(Stalled, match="no room"):
        harness.driver().apply(workload(harness))
    harness.engine.down = True
    assert harness.driver().available() is not None
    for call in (
        harness.driver().observe,
        lambda: harness.driver().apply(workload(harness)),
        lambda: harness.driver().remove(ONE),
        lambda: harness.driver().logs(ONE, "hello"),
    ):
        with pytest.raises(Unreachable):
            call()
    assert harness.engine.actions == []
