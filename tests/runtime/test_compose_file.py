"""Values on their way into a compose file, and mounts on their way out of the archive."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from margo_gitops.errors import Invalid
from margo_gitops.runtime.base import ComponentSpec
from margo_gitops.runtime.compose_file import (
    Places,
    binds,
    counts,
    env_file,
    environment,
    runnable,
)
from margo_gitops.runtime.docker import Docker, Project
from tests.dockerd import Engine

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
NASTY = st.text(st.sampled_from(list("\\\"'$#{}=:`\n\r\t ab\\0x")), max_size=12)


def component(**values: Any) -> ComponentSpec:
    return ComponentSpec("stack", Path("none"), "sha256:0", values)


@pytest.mark.docker
@given(st.lists(TEXT | NASTY, min_size=1, max_size=40))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_compose_reads_every_value_as_it_was_given(docker: Engine, values: list[str]) -> None:
    named = {f"V{number}": value for number, value in enumerate(values)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        web = {"image": "x", "environment": {key: f"${{{key}}}" for key in named}}
        (folder / "compose.yaml").write_text(json.dumps({"services": {"web": web}}))
        (folder / "values.env").write_text(env_file(named), encoding="utf-8", newline="")
        project = Project("p", folder, folder / "compose.yaml", (folder / "values.env",))
        resolved = Docker(docker.host).config(project)
    found = resolved["services"]["web"]["environment"]
    # What is resolved is interpolated once more when it is run, so compose doubles each dollar.
    assert {key: text.replace("$$", "$") for key, text in found.items()} == named


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (7, "7"), (1.5, "1.5"), (("a", 1, True), "a,1,true")],
)
def test_values_are_spelled_as_an_environment_has_them(value: object, text: str) -> None:
    assert environment(component(A=value)) == {"A": text}


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A=B", "a.b", "A\nB", "Ä"])
def test_a_pointer_that_is_no_variable_is_invalid(name: str) -> None:
    with pytest.raises(Invalid, match="no environment variable"):
        environment(component(**{name: "x"}))


@pytest.mark.parametrize("name", ["PATH", "HOME", "DOCKER_HOST", "COMPOSE_FILE", "DOCKER_NEW"])
def test_a_pointer_that_steers_docker_is_invalid(name: str) -> None:
    with pytest.raises(Invalid, match="steers docker"):
        environment(component(**{name: "x"}))


@pytest.mark.parametrize("value", ["a\0b", {"a": 1}, None, [["a"]]])
def test_a_value_that_no_variable_can_hold_is_invalid_and_not_shown(value: object) -> None:
    with pytest.raises(Invalid, match="the value of A is a") as caught:
        environment(component(A=value))
    assert "\0" not in str(caught.value)


def test_values_beyond_all_measure_are_invalid() -> None:
    with pytest.raises(Invalid, match="at most"):
        environment(component(A="x" * 200_000))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "v" / "read", tmp_path / "v" / "mounts", tmp_path / "data")
    (places.read / "conf").mkdir(parents=True)
    (places.read / "conf" / "web.conf").write_text("text")
    return places


def mounted(places: Places, *sources: object) -> list[Path]:
    mounts = [{"type": "bind", "source": str(source), "target": "/x"} for source in sources]
    config = {"services": {"web": {"image": "x", "volumes": mounts}}}
    service = runnable(config, places, {})["services"]["web"]
    return [Path(mount["source"]) for mount in service["volumes"]]


def test_mounts_lie_side_by_side_so_that_no_container_can_redirect_another(
    places: Places,
) -> None:
    inside = ("conf", "conf/web.conf", "data", "data/deep", ".")
    sources = mounted(places, *(places.read / path for path in inside))
    assert {source.parent for source in sources} == {places.mounts, places.data}
    assert len(set(sources)) == len(inside)
    assert (sources[0] / "web.conf").read_text() == sources[1].read_text() == "text"
    assert all(source.is_dir() for source in sources[2:4])
    assert mounted(places, places.read / "data") == [sources[2]]


def test_a_copy_once_made_is_the_containers_own(places: Places) -> None:
    (copy,) = mounted(places, places.read / "conf")
    (copy / "web.conf").write_text("changed by a container")
    assert mounted(places, places.read / "conf") == [copy]
    assert (copy / "web.conf").read_text() == "changed by a container"
    assert (places.read / "conf" / "web.conf").read_text() == "text"


def test_paths_of_the_host_stay_as_they_are(places: Places) -> None:
    assert mounted(places, "/srv/data") == [Path("/srv/data")]


def test_labels_are_added_and_not_interpolated(places: Places) -> None:
    service = {"image": "x", "labels": {"a": "1", "ours": "spoofed"}}
    made = runnable({"services": {"web": service}}, places, {"ours": "$HOME"})
    assert made["services"]["web"]["labels"] == {"a": "1", "ours": "$$HOME"}


def test_services_are_counted() -> None:
    services = {
        "one": {},
        "three": {"deploy": {"replicas": 3}},
        "none": {"scale": 0},
        "both": {"scale": 2, "deploy": {"resources": {}}},
    }
    assert counts({"services": services}) == {"one": 1, "three": 3, "none": 0, "both": 2}


def test_only_files_of_ours_are_held_on_to(tmp_path: Path) -> None:
    def config(source: str, **more: object) -> dict[str, Any]:
        return {"services": {"web": {"volumes": [{"type": "bind", "source": source}]}}, **more}

    assert binds(config(f"{tmp_path}/data/x"), tmp_path)
    assert not binds(config("/srv"), tmp_path)
    assert binds(config("/srv", configs={"c": {"file": f"{tmp_path}/c"}}), tmp_path)
    assert not binds(config("/srv", secrets={"s": {"environment": "X"}}), tmp_path)
