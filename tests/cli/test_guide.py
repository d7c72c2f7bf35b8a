"""The guide's commands, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from margo_gitops.roles.agents import drivers
from margo_gitops.runtime.base import Owner
from tests.cli.running import IDENTITY
from tests.dockerd import Engine
from tests.images import busybox
from tests.registry import RegistryServer

ROOT = Path(__file__).parents[2]


def commands(guide: str) -> str:
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


@pytest.mark.parametrize(
    ("guide", "shown"),
    [("guide-first-fleet.md", "generation"), ("guide-documents.md", "scale/margo.yaml:60:17: ")],
)
def test_every_command_of_the_guides_works(guide: str, shown: str, tmp_path: Path) -> None:
    try:
        assert shown in _followed(guide, tmp_path)
    finally:
        _nothing_left(tmp_path / "state")


def test_every_command_of_the_guide_to_trust_works(tmp_path: Path) -> None:
    try:
        shown = _followed("guide-trust.md", tmp_path)
        assert "by ada, approved by bob" in shown
        assert "bob: approve, enrol, root" in shown
        assert "held by olga: the new one drops parts" in shown
    finally:
        _remove(tmp_path / "state")


@pytest.mark.timeout(300)  # some sixty commands
def test_every_command_of_the_guide_to_the_air_gap_works(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    try:
        shown = _followed("guide-air-gap.md", tmp_path, STICK=str(stick))
        for word in (
            "TAKEN IN: generation 3 is in force",
            "OVERTAKEN: trip 4 was taken in before",
            "NOT TAKEN IN [truncated]: north-5.margo.tar has ",
            "north: trip 5 was taken in",
            "north-8.margo.tar.2-of-4",
            "the site south on south-1.margo.tar",
            "upgrade hello: parameter greeting: Moin -> Hej",
            "remove hello",
        ):
            assert word in shown, word
    finally:
        _remove(tmp_path / "state")


@pytest.mark.docker
def test_every_command_of_the_guide_to_workloads_works(
    docker: Engine, hub: RegistryServer, tmp_path: Path
) -> None:
    hub.push(busybox("guide"), "guide/busybox", tag="1")
    more = {"REGISTRY": hub.host, "DOCKER_HOST": docker.host}
    shown = _followed("guide-workloads.md", tmp_path, **more)
    assert "every name stands for what was locked" in shown
    assert "install hello: drift" in shown
    assert "line 3 is in audit" in shown
    assert docker("ps", "-aq", "--filter", "label=margo-gitops.site=north") == ""


def _followed(guide: str, tmp_path: Path, **more: str) -> str:
    """What a person who types the guide's commands sees."""
    bin = tmp_path / "bin"
    bin.mkdir()
    program = bin / "margo"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m margo_gitops "$@"\n')
    program.chmod(0o755)
    env = {
        **os.environ,
        **IDENTITY,
        "PATH": f"{bin}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "EXAMPLES": str(ROOT / "examples"),
        "STATE": str(tmp_path / "state"),
        **more,
    }
    script = "set -eux\nmkdir -p $STATE\n" + commands(guide)
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _nothing_left(state: Path) -> None:
    """The guide removes its workloads itself; whatever it failed to remove ends here."""
    left = _remove(state)
    assert not left, f"the guide left {left[0]}"


def _remove(state: Path) -> list[Path]:
    """End the workloads of a guide; those that it left."""
    left = []
    for where in sorted(state.glob("*/en-*")):
        spec = next(where.glob("wasm/*/*/spec.json"), None)
        if spec is not None:
            left.append(spec)
            owner = Owner(*json.loads(spec.read_text("utf-8"))["owner"].split("/"))
            for driver in drivers(where, owner, ("wasm",)).values():
                for found in driver.observe():
                    driver.remove(found.id)
    return left
