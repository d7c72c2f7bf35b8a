"""What is said of a component, from what the engine says of its containers."""

from __future__ import annotations

from typing import Any

import pytest

from margo_gitops.documents import canonical
from margo_gitops.model.observed import ObservedComponent
from margo_gitops.model.state import State
from margo_gitops.runtime.compose_state import SERVICE, Marker, Started, judge, read_marker
from margo_gitops.runtime.docker import Container


def container(service: str = "web", **fields: Any) -> Container:
    usual = {
        "state": "running",
        "exit_code": 0,
        "out_of_memory": False,
        "health": "",
        "restart": "no",
    }
    return Container(labels={SERVICE: service}, **{**usual, **fields})


def judged(*containers: Container, **services: int) -> ObservedComponent:
    return judge("stack", containers, services or {"web": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"health": "healthy"},
        {"state": "exited"},
        {"state": "exited", "restart": ""},
        {"state": "exited", "restart": "on-failure"},
    ],
)
def test_running_healthy_or_done_is_installed(fields: dict[str, Any]) -> None:
    assert judged(container(**fields)) == ObservedComponent("stack", State.INSTALLED)


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"state": "exited", "exit_code": 137}, "service web exited (137)"),
        (
            {"state": "exited", "exit_code": 137, "out_of_memory": True},
            "service web exited (137, out of memory)",
        ),
        ({"state": "exited", "restart": "always"}, "service web exited (0)"),
        ({"state": "exited", "restart": "unless-stopped"}, "service web exited (0)"),
        ({"state": "created"}, "service web was never started"),
        ({"state": "dead"}, "service web is dead"),
        ({"state": "removing"}, "service web is removing"),
    ],
)
def test_what_its_engine_does_not_bring_back_is_lost(fields: dict[str, Any], detail: str) -> None:
    seen = judged(container(**fields))
    assert seen == ObservedComponent("stack", State.FAILED, detail, lost=True)


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"state": "restarting", "exit_code": 1}, "service web exited (1) and is restarted"),
        ({"health": "unhealthy"}, "service web is unhealthy"),
        ({"state": "paused"}, "service web is paused"),
    ],
)
def test_what_starting_again_would_not_mend_is_not_lost(
    fields: dict[str, Any], detail: str
) -> None:
    seen = judged(container(**fields))
    assert seen == ObservedComponent("stack", State.FAILED, detail, lost=False)


def test_a_service_whose_health_is_not_known_yet_is_being_installed() -> None:
    seen = judged(container("db"), container(health="starting"), db=1, web=1)
    assert seen == ObservedComponent("stack", State.INSTALLING, "service web is starting")


def test_a_missing_service_and_a_missing_replica_are_lost() -> None:
    seen = judged(container(), web=2, db=1)
    assert (seen.state, seen.lost) == (State.FAILED, True)
    assert seen.detail == "service db is not there; service web is not there"


def test_a_service_scaled_to_nothing_is_not_missing() -> None:
    assert judged(container(), web=1, spare=0).state is State.INSTALLED


def test_a_marker_reads_back_and_a_strangers_label_is_none() -> None:
    started = Started(name="stack", spec="sha256:0", services={"web": 2}, binds=True)
    marker = Marker(id="i", name="n", origin="o", components=(started,))
    assert read_marker(canonical.dump(marker).decode()) == marker
    assert marker.component("stack") == started
    assert marker.component("other") is None
    assert read_marker("") is None
    assert read_marker('{"id": 1}') is None
