"""The docker program when it, its plugin or its engine is missing, hangs or lies."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from margo_gitops.errors import Unreachable
from margo_gitops.runtime import docker
from margo_gitops.runtime.compose import ComposeDriver
from margo_gitops.runtime.docker import Docker, Project
from tests.contracts.driver import ONE, OURS
from tests.dockerd import Engine


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH: env, sh and timeout, and what a test puts there."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("env", "sh", "sleep", "timeout"):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def fake(folder: Path, script: str) -> None:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_host_without_docker_says_so(programs: Path) -> None:
    assert Docker(None).problem() == "the program docker was not found on this host"
    with pytest.raises(Unreachable, match="the program docker was not found"):
        Docker(None).containers({})


def test_a_silent_engine_is_named_without_its_credentials(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(programs, "echo cannot connect >&2; exit 1")
    told = "no Docker engine answers at ssh://edge/x; is dockerd running?"
    assert Docker("ssh://ann:secret@edge/x").problem() == told
    monkeypatch.setenv("DOCKER_HOST", "tcp://u:p@10.0.0.1:2375")
    assert "at tcp://10.0.0.1:2375;" in str(Docker(None).problem())


def test_a_socket_that_one_may_not_use_is_told_apart(programs: Path) -> None:
    fake(programs, "echo permission denied while trying to connect >&2; exit 1")
    assert "may not use" in str(Docker("unix:///x").problem())


def test_a_missing_plugin_is_told_apart(programs: Path) -> None:
    fake(programs, '[ "$1" = compose ] && exit 1; echo 20.10')
    assert Docker(None).problem() == "the docker compose plugin is missing"
    project = Project("p", programs)
    with pytest.raises(Unreachable, match="plugin is missing"):
        Docker(None).config(project)


def test_an_engine_that_hangs_is_given_up(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the children of the program: a plugin that hangs would keep our pipe open."""
    monkeypatch.setattr(docker, "_READ", 0.3)
    fake(programs, "sleep 600 & sleep 600")
    before = time.monotonic()
    with pytest.raises(Unreachable):
        Docker(None).containers({})
    assert time.monotonic() - before < 10


def test_nothing_is_observed_or_removed_while_no_engine_answers(
    programs: Path, tmp_path: Path
) -> None:
    fake(programs, "exit 1")
    driver = ComposeDriver(tmp_path / "root", OURS, host="unix:///nowhere.sock")
    assert "unix:///nowhere.sock" in str(driver.available())
    for ask in (driver.observe, lambda: driver.remove(ONE), lambda: driver.logs(ONE, "hello")):
        with pytest.raises(Unreachable, match=r"no Docker engine answers"):
            ask()


def test_a_container_that_goes_between_two_questions_is_no_fault(programs: Path) -> None:
    fake(
        programs,
        'if [ "$1" = ps ]; then echo a; echo b; exit 0; fi\n'
        'echo \'{"labels":{},"state":"running","exit_code":0,"out_of_memory":false,'
        '"health":"","restart":"no"}\'\n'
        "echo 'Error: No such container: b' >&2; exit 1",
    )
    assert [container.state for container in Docker(None).containers({})] == ["running"]


def test_an_answer_that_is_cut_short_is_no_answer(programs: Path) -> None:
    fake(programs, '[ "$1" = ps ] && echo a && exit 0\necho unexpected EOF >&2; exit 1')
    with pytest.raises(Unreachable, match="EOF|answers"):
        Docker(None).containers({})


def test_the_program_sees_only_what_it_needs_of_the_environment(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_TOKEN", "secret")
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", "secret")
    fake(programs, f"env > {programs}/seen")
    assert Docker(None).containers({}) == []
    seen = (programs / "seen").read_text().splitlines()
    assert {line.partition("=")[0] for line in seen} <= {*docker.KEPT, *SWITCHES, "PWD"}


SWITCHES = ("COMPOSE_EXPERIMENTAL_GIT_REMOTE", "COMPOSE_EXPERIMENTAL_OCI_REMOTE")


@pytest.mark.docker
def test_a_ready_engine_has_no_complaint_and_one_without_compose_has(
    docker: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Docker(docker.host).problem() is None
    for name in ("DOCKER_CONFIG", "HOME"):
        monkeypatch.setenv(name, os.fspath(tmp_path))
    assert Docker(docker.host).problem() in {None, "the docker compose plugin is missing"}
