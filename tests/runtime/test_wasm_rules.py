"""The wasm driver's pure rules: settings, environment, back-off, states; and its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.errors import Invalid
from margo_gitops.model.state import State
from margo_gitops.runtime.base import ComponentSpec
from margo_gitops.runtime.supervisor import FIRST_DELAY, LONG_LIFE, LONGEST_DELAY, next_delay
from margo_gitops.runtime.wasm_folder import judge
from margo_gitops.runtime.wasm_settings import LEAST_MEMORY, MOST_MEMORY, environment, settings
from margo_gitops.runtime.wasm_spec import Phase, Record, Spec, read_record, read_spec, save

SPEC = Spec(
    identity="sha256:1",
    owner="fleet/north/node-1",
    id="id",
    name="greeter",
    origin="o1",
    component="hello",
    position=0,
    digest="sha256:2",
    artifact="/a",
    compiled="/c",
    job=False,
    args=[],
    environment={},
    directories={},
    memory=LEAST_MEMORY,
    fuel=0,
)


def component(asked: Mapping[str, Any] | None = None, **values: Any) -> ComponentSpec:
    return ComponentSpec("hello", Path("x"), "sha256:0", values, settings=asked or {})


def test_what_an_author_does_not_say_has_a_default() -> None:
    asked = settings(component())
    assert (asked.job, asked.args, asked.directories, asked.fuel) == (False, (), {}, 0)
    assert asked.memory == 64 << 20


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memroy", "64Mi"),
        ("kind", "daemon"),
        ("kind", ["job"]),
        ("memory", "64MB"),
        ("memory", "1Ki"),
        ("memory", "2Gi"),
        ("memory", True),
        ("memory", 64),
        ("fuel", -1),
        ("fuel", True),
        ("fuel", 1.5),
        ("fuel", 1 << 53),
        ("args", "--all"),
        ("args", [1]),
        ("args", ["a\0b"]),
        ("args", ["x"] * 65),
        ("args", ["x" * 4097]),
        ("args", {"a": "b"}),
        *(
            ("directories", [path])
            for path in (
                "data",
                "",
                "/",
                "//",
                "/a/../b",
                "/..",
                "/a//b",
                "/a/",
                "/a/.",
                "/" + "é" * 99,
            )
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(key: str, value: object) -> None:
    with pytest.raises(Invalid, match=f"setting {key}: found"):
        settings(component({key: value}))


@given(st.text(st.characters(), max_size=40) | st.text("/.a%", max_size=9))
def test_a_granted_directory_is_one_folder_of_its_own(guest: str) -> None:
    try:
        folders = settings(component({"directories": [guest, "/data"]})).directories
    except Invalid:
        return
    assert all("/" not in name and name not in {"", ".", ".."} for name in folders.values())
    assert len(set(folders.values())) == len(folders)


@given(st.integers(1, 1 << 40), st.sampled_from(["Ki", "Mi", "Gi", "Ti"]))
def test_memory_is_bounded(amount: int, unit: str) -> None:
    try:
        memory = settings(component({"memory": f"{amount}{unit}"})).memory
    except Invalid:
        return
    assert LEAST_MEMORY <= memory <= MOST_MEMORY


@pytest.mark.parametrize(
    "value", [None, {"a": 1}, object(), "a\0b", "\ud800", [["x"]], [None], b"x"]
)
def test_a_value_that_no_variable_holds_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(Invalid, match="the value of SECRET"):
        environment(component(SECRET=value))
    with pytest.raises(Invalid) as caught:
        environment(component(SECRET=["hunter2", value]))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "A=B", "A\0", "\ud800"])
def test_a_name_that_is_no_variable_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="no environment variable"):
        environment(ComponentSpec("hello", Path("x"), "sha256:0", {name: "x"}))


def test_too_large_an_environment_is_refused() -> None:
    with pytest.raises(Invalid, match="bytes as environment"):
        environment(component(A="x" * (128 << 10)))


@given(st.lists(st.floats(0, 200), min_size=1, max_size=20))
def test_back_off_doubles_up_to_a_minute_and_forgets_after_a_long_life(lives: list[float]) -> None:
    delay = 0.0
    for lived in lives:
        before, delay = delay, next_delay(delay, lived)
        assert FIRST_DELAY <= delay <= LONGEST_DELAY
        if lived >= LONG_LIFE or not before:
            assert delay == FIRST_DELAY
        else:
            assert delay == min(before * 2, LONGEST_DELAY)


@pytest.mark.parametrize(
    ("job", "phase", "living", "state", "lost"),
    [
        (False, None, True, State.INSTALLING, False),
        (False, None, False, State.FAILED, True),
        (False, Phase.STARTING, True, State.INSTALLING, False),
        (False, Phase.RUNNING, True, State.INSTALLED, False),
        (False, Phase.RUNNING, False, State.FAILED, True),
        (False, Phase.BACKOFF, True, State.FAILED, False),
        (False, Phase.BACKOFF, False, State.FAILED, True),
        (True, Phase.RUNNING, True, State.INSTALLED, False),
        (True, Phase.RUNNING, False, State.FAILED, True),
        (True, Phase.COMPLETED, True, State.INSTALLED, False),
        (True, Phase.COMPLETED, False, State.INSTALLED, False),
        (True, Phase.FAILED, True, State.FAILED, False),
        (True, Phase.FAILED, False, State.FAILED, False),
    ],
)
def test_states_as_a_table(
    job: bool, phase: Phase | None, living: bool, state: State, lost: bool
) -> None:
    record = Record(phase, SPEC.identity, "o1", 1, error="why") if phase else None
    seen = judge(SPEC._replace(job=job), record, living=living)
    assert (seen.state, seen.lost) == (state, lost)


def test_a_spec_and_a_record_come_back_as_they_were_written(tmp_path: Path) -> None:
    record = Record(Phase.BACKOFF, SPEC.identity, "o1", 7, 3, 1, "exited with code 1")
    save(tmp_path / "spec.json", SPEC._replace(environment={"A": "é\n"}, args=["-v"]))
    save(tmp_path / "state.json", record)
    assert read_spec(tmp_path) == SPEC._replace(environment={"A": "é\n"}, args=["-v"])
    assert read_record(tmp_path, SPEC.identity) == record
    assert read_record(tmp_path, "sha256:another") is None


@pytest.mark.parametrize("data", ["", "null", "[]", "{", '{"phase": "dancing"}', '{"owner": 1}'])
def test_a_damaged_file_is_as_none(tmp_path: Path, data: str) -> None:
    for name in ("spec.json", "state.json"):
        (tmp_path / name).write_text(data)
    assert read_spec(tmp_path) is None
    assert read_record(tmp_path) is None
