"""What every driver must do, on the real engine and on the fake alike.

A driver's tests subclass `DriverContract` and give it a fixture `harness`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import NAMESPACE_DNS, uuid5

import pytest

from margo_gitops.model.state import State
from margo_gitops.runtime.base import (
    ComponentSpec,
    Driver,
    Observed,
    ObservedComponent,
    Owner,
    Workload,
)
from tests.waiting import until

OURS = Owner("fleet", "north", "node-1")
STRANGER = Owner("fleet", "north", "node-2")
ONE, OTHER = (str(uuid5(NAMESPACE_DNS, name)) for name in ("one", "other"))


class Harness(Protocol):
    """One engine and what the contract needs of it."""

    def driver(self, owner: Owner = OURS) -> Driver:
        """A new driver of the same engine, as an agent has after its restart."""

    def component(self, name: str, greeting: str = "Hello") -> ComponentSpec:
        """A service with a `greeting`, which comes to it as a value; it prints it where it can."""

    def kill(self, id: str, component: str) -> None:
        """End the component's process behind the driver's back, for good."""

    def life(self, id: str, component: str) -> str:
        """What names this one life of the component: another after any restart."""

    def greeting(self, id: str, component: str) -> str:
        """The greeting that it has, as the engine itself tells."""

    def leftovers(self, id: str) -> list[str]:
        """All that the engine still holds of a deployment."""


class DriverContract:
    """The suite; `harness` is the subclass's fixture."""

    @pytest.fixture
    def harness(self) -> Harness:
        raise AssertionError("a subclass gives the harness")

    def test_nothing_is_seen_before_anything_is_applied(self, harness: Harness) -> None:
        assert list(harness.driver().observe()) == []

    def test_a_ready_engine_has_no_complaint(self, harness: Harness) -> None:
        assert harness.driver().available() is None

    def test_what_is_applied_is_seen_with_its_origin(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness, origin="o1"))
        seen = running(harness.driver())
        assert (seen.id, seen.name, seen.origin) == (ONE, "greeter", "o1")
        assert [component.name for component in seen.components] == ["hello"]

    def test_applying_twice_equals_applying_once(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness))
        before = running(harness.driver())
        life = harness.life(ONE, "hello")
        harness.driver().apply(workload(harness))
        assert running(harness.driver()) == before
        assert harness.life(ONE, "hello") == life

    def test_a_changed_origin_replaces(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness, origin="o1", greeting="Hello"))
        harness.driver().apply(workload(harness, origin="o2", greeting="Servus"))
        seen = running(harness.driver())
        assert seen.origin == "o2"
        until(lambda: harness.greeting(ONE, "hello") == "Servus")

    def test_components_keep_their_order(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness, components=("zebra", "ant", "mole")))
        seen = running(harness.driver())
        assert [component.name for component in seen.components] == ["zebra", "ant", "mole"]

    def test_a_dropped_component_goes_away_and_a_new_one_comes(self, harness: Harness) -> None:
        driver = harness.driver()
        driver.apply(workload(harness, origin="o1", components=("first", "second")))
        driver.apply(workload(harness, origin="o2", components=("second", "third")))
        seen = running(harness.driver())
        assert seen.origin == "o2"
        assert [component.name for component in seen.components] == ["second", "third"]

    def test_a_killed_component_is_lost_until_it_is_applied_again(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness))
        running(harness.driver())
        harness.kill(ONE, "hello")
        seen = lost(harness.driver())
        assert [component.state for component in seen.components] == [State.FAILED]
        harness.driver().apply(workload(harness))
        running(harness.driver())

    def test_removing_what_is_not_there_is_quiet(self, harness: Harness) -> None:
        harness.driver().remove(ONE)
        harness.driver().apply(workload(harness, id=OTHER))
        harness.driver().remove(ONE)
        assert [seen.id for seen in harness.driver().observe()] == [OTHER]

    def test_removing_leaves_nothing(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness, components=("first", "second")))
        assert harness.leftovers(ONE)
        harness.driver().remove(ONE)
        harness.driver().remove(ONE)
        assert list(harness.driver().observe()) == []
        assert harness.leftovers(ONE) == []

    def test_what_was_killed_can_be_removed(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness))
        harness.kill(ONE, "hello")
        harness.driver().remove(ONE)
        assert harness.leftovers(ONE) == []

    def test_a_strangers_workload_is_neither_seen_nor_touched(self, harness: Harness) -> None:
        theirs = harness.driver(STRANGER)
        theirs.apply(workload(harness, id=OTHER))
        running(theirs)
        life = harness.life(OTHER, "hello")
        harness.driver().apply(workload(harness))
        harness.driver().remove(OTHER)
        assert [seen.id for seen in harness.driver().observe()] == [ONE]
        assert harness.driver().logs(OTHER, "hello") == ""
        assert [seen.id for seen in theirs.observe()] == [OTHER]
        assert harness.life(OTHER, "hello") == life

    def test_logs_of_nothing_are_empty(self, harness: Harness) -> None:
        assert harness.driver().logs(ONE, "hello") == ""
        harness.driver().apply(workload(harness))
        assert harness.driver().logs(ONE, "no-such") == ""


class SpeakingContract(DriverContract):
    """The suite for engines that run what is applied, and hear what it prints."""

    def test_logs_hold_the_output_and_no_more_than_asked(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness, greeting="Grüezi"))
        until(lambda: "Grüezi" in harness.driver().logs(ONE, "hello"))
        assert len(harness.driver().logs(ONE, "hello", tail=1).splitlines()) == 1


def workload(
    harness: Harness,
    *,
    id: str = ONE,
    origin: str = "o1",
    greeting: str = "Hello",
    components: tuple[str, ...] = ("hello",),
) -> Workload:
    """A workload of greeting services."""
    parts = tuple(harness.component(name, greeting) for name in components)
    return Workload(id, "greeter", origin, parts)


def running(driver: Driver) -> Observed:
    """The one deployment seen, once all its components are installed."""
    return _once(driver, lambda component: component.state is State.INSTALLED)


def lost(driver: Driver) -> Observed:
    """The one deployment seen, once all its components are lost."""
    return _once(driver, lambda component: component.lost)


def _once(driver: Driver, condition: Callable[[ObservedComponent], bool]) -> Observed:
    def only() -> Observed | None:
        seen = list(driver.observe())
        components = [component for item in seen for component in item.components]
        met = len(seen) == 1 and components and all(map(condition, components))
        return seen[0] if met else None

    found = until(only)
    assert found is not None
    return found
