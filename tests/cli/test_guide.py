"""The guide's commands, run as they stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.following import followed, remove
from tests.dockerd import Engine
from tests.images import busybox
from tests.registry import RegistryServer
from tests.store.making import git


@pytest.mark.parametrize(
    ("guide", "shown"),
    [("guide-first-fleet.md", "generation"), ("guide-documents.md", "scale/margo.yaml:60:17: ")],
)
def test_every_command_of_the_guides_works(guide: str, shown: str, tmp_path: Path) -> None:
    try:
        assert shown in followed(guide, tmp_path)
    finally:
        _nothing_left(tmp_path / "state")


def test_every_command_of_the_guide_to_trust_works(tmp_path: Path) -> None:
    try:
        shown = followed("guide-trust.md", tmp_path)
        assert "by ada, approved by bob" in shown
        assert "bob: approve, enrol, root" in shown
        assert "held by olga: the new one drops parts" in shown
    finally:
        remove(tmp_path / "state")


@pytest.mark.timeout(300)  # some sixty commands
def test_every_command_of_the_guide_to_the_air_gap_works(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    try:
        shown = followed("guide-air-gap.md", tmp_path, STICK=str(stick))
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
        remove(tmp_path / "state")


@pytest.mark.timeout(300)  # some hundred commands
def test_every_command_of_the_guide_for_a_team_works(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "plant.git")
    remote = str(tmp_path / "plant.git")
    shown = followed("guide-team.md", tmp_path, REMOTE=remote, SITES="s001 s002")
    for word in (
        "2 sites: the site's settings",
        "2 sites: hello: new, hello-wasm 1.0.0",
        "[by ida, approved by finn, gina]",
        "CONFLICT (content): Merge conflict in deployments/hello.yaml",
        "parameter addressee: World -> Press",
        "closed proposal/press",
        "[BREAK-GLASS by ida, approved by finn: line 3 stands still]",
        "A new policy: root 13: by the persons of root 13, 1 of 2 persons with the role root",
        "gina retired: root 15: by the persons of root 14, 1 of 2 persons with the role root",
        "trust: root 15",
        " of jan: approve",
    ):
        assert word in shown, word


@pytest.mark.docker
def test_every_command_of_the_guide_to_workloads_works(
    docker: Engine, hub: RegistryServer, tmp_path: Path
) -> None:
    hub.push(busybox("guide"), "guide/busybox", tag="1")
    more = {"REGISTRY": hub.host, "DOCKER_HOST": docker.host}
    shown = followed("guide-workloads.md", tmp_path, **more)
    assert "every name stands for what was locked" in shown
    assert "install hello: drift" in shown
    assert "line 3 is in audit" in shown
    assert docker("ps", "-aq", "--filter", "label=margo-gitops.site=north") == ""


def _nothing_left(state: Path) -> None:
    """The guide removes its workloads itself; whatever it failed to remove ends here."""
    left = remove(state)
    assert not left, f"the guide left {left[0]}"
