"""`margo app push`, `add` and `lock` on a real registry, as people type them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import margo
from tests.images import busybox
from tests.registry import PASSWORD, RegistryServer, docker_config, registry_server

STACK = """\
services:
  press:
    image: {image}
"""
MARGO = """\
apiVersion: v1
id: press
metadata:
  name: Press
  version: "1.0.0"
  catalog:
    organization:
      - name: margo-gitops
deploymentProfiles:
  - type: compose
    id: compose
    components:
      - name: stack
        properties:
          repository: {repository}
          revision: 1.0.0
        x-margo-gitops-extensions:
          artifact: stack
"""
GONE = "127.0.0.1:1"
"""Nobody answers there."""


@dataclass
class Desk:
    """A fleet of nobody, and the words of its person."""

    folder: Path
    hub: RegistryServer

    def __call__(
        self, *words: str, code: int = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = margo(*words, cwd=self.folder / "fleet", env=env)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code).stdout)

    def package(self, image: str, repository: str, *, local: bool = True) -> Path:
        folder = self.folder / "package"
        (folder / "stack").mkdir(parents=True, exist_ok=True)
        text = MARGO.format(repository=repository)
        if not local:
            text = text[: text.index("        x-margo")]
        (folder / "margo.yaml").write_text(text)
        (folder / "stack" / "compose.yaml").write_text(STACK.format(image=image))
        return folder

    def locked(self, app: str) -> Mapping[str, Any]:
        (component,) = self.json("app", "show", app)["lock"]["components"]
        return dict(component)


@pytest.fixture
def desk(tmp_path: Path, hub: RegistryServer) -> Desk:
    done = margo("init", "fleet", "--open", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return Desk(tmp_path, hub)


def test_a_package_goes_there_and_comes_back(desk: Desk) -> None:
    image, stack = f"{desk.hub.host}/there/press:1", desk.hub.reference("there/stack")
    desk.hub.push(busybox("there"), "there/press", tag="1")
    package, to = desk.package(image, stack), desk.hub.reference("there/app")
    first = desk.json("app", "push", str(package), to, "--components")["pushed"]
    assert [row["sent"] for row in first] == [True, True]
    assert [row["reference"] for row in first] == [f"{stack}:1.0.0", f"{to}:1.0.0"]
    again = desk.json("app", "push", str(package), to, "--components")["pushed"]
    assert [row["sent"] for row in again] == [False, False]
    assert [row["digest"] for row in again] == [row["digest"] for row in first]

    desk("app", "add", f"{to}:1.0.0")
    held = desk.folder / "fleet" / "apps" / "press" / "1.0.0"
    for name in ("margo.yaml", "stack/compose.yaml"):
        assert (held / name).read_bytes() == (package / name).read_bytes()
    locked = desk.locked("press")
    assert [item["reference"] for item in locked["images"]] == [image]
    assert locked["images"][0]["digest"] == desk.hub.at("there/press:1").resolve()[0].digest


def test_a_dry_run_pushes_nothing(desk: Desk) -> None:
    package, to = desk.package("x", "oci://x/y"), desk.hub.reference("dry/app")
    told = desk("app", "push", str(package), to, "--dry-run").stdout
    assert told.startswith("would push press 1.0.0: oci://")
    desk("app", "add", f"{to}:1.0.0", code=4)


def test_a_version_that_is_there_with_other_bytes_is_refused(desk: Desk) -> None:
    to = desk.hub.reference("other/app")
    desk("app", "push", str(desk.package("one", "oci://x/y")), to)
    told = desk("app", "push", str(desk.package("two", "oci://x/y")), to, code=1).stderr
    assert "a version never changes" in told


@pytest.mark.parametrize(
    "to", ["other/app:2.0.0", "other/app:latest", "other/app@sha256:" + "a" * 64]
)
def test_the_tag_is_the_version(desk: Desk, to: str) -> None:
    package = desk.package("one", "oci://x/y")
    told = desk("app", "push", str(package), desk.hub.reference(to), code=2).stderr
    assert "which is 1.0.0" in told


def test_a_component_and_its_image_are_locked_from_a_registry(desk: Desk) -> None:
    image, stack = f"{desk.hub.host}/far/press:1", desk.hub.reference("far/stack")
    desk.hub.push(busybox("far"), "far/press", tag="1")
    desk(
        "app",
        "push",
        str(desk.package(image, stack)),
        desk.hub.reference("far/app"),
        "--components",
    )
    told = desk("app", "add", str(desk.package(image, stack, local=False))).stdout
    assert "pinned to no digest" not in told
    locked = desk.locked("press")
    assert locked["path"] is None
    assert locked["artifact"]["digest"] == desk.hub.at("far/stack:1.0.0").resolve()[0].digest
    assert [item["reference"] for item in locked["images"]] == [image]


def test_what_does_not_answer_stays_open_and_is_locked_later(desk: Desk) -> None:
    image = f"{desk.hub.host}/late/press:1"
    told = desk("app", "add", str(desk.package(image, "oci://x/y"))).stdout
    assert f"{image} of stack is not locked" in told
    assert desk.locked("press").get("images", []) == []
    assert f"{image} of stack is not locked" in desk("app", "lock", "press", code=4).stdout
    desk.hub.push(busybox("late"), "late/press", tag="1")
    assert "Lock press 1.0.0" in desk("app", "lock", "press").stdout
    assert [item["reference"] for item in desk.locked("press")["images"]] == [image]
    assert "everything is locked" in desk("app", "lock", "press@1.0.0").stdout


def test_a_tag_that_moved_is_told_and_changes_nothing(desk: Desk) -> None:
    image = f"{desk.hub.host}/moving/press:1"
    desk.hub.push(busybox("one"), "moving/press", tag="1")
    desk("app", "add", str(desk.package(image, "oci://x/y")))
    assert "stands for what was locked" in desk("app", "lock", "press", "--check").stdout
    before = desk.locked("press")
    desk.hub.push(busybox("two"), "moving/press", tag="1")
    (moved,) = desk.json("app", "lock", "press", "--check", code=1)["moved"]
    assert (moved["name"], moved["locked"]) == (image, before["images"][0]["digest"])
    assert moved["now"] == desk.hub.at("moving/press:1").resolve()[0].digest
    assert "everything is locked" in desk("app", "lock", "press").stdout
    assert desk.locked("press") == before


def test_offline_nobody_is_asked(desk: Desk) -> None:
    package = desk.package(f"{GONE}/press:1", f"oci://{GONE}/stack", local=False)
    told = desk("app", "add", str(package), "--offline").stdout
    assert "pinned to no digest yet" in told
    assert "not locked" not in told
    assert f"{GONE}/stack was not reached" in desk("app", "lock", "press", code=4).stdout
    desk("app", "lock", "press", "--check")


def test_a_registry_that_asks_for_a_login(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with registry_server(tmp_path_factory.mktemp("closed"), closed=True) as closed:
        to, package = closed.reference("press/app"), str(desk.package("x", "oci://x/y"))
        told = desk("app", "push", package, to, code=5).stderr
        assert f"docker login {closed.host}" in told
        login = docker_config(desk.folder / "docker", closed.host)
        assert PASSWORD not in desk("app", "push", package, to, env=login).stdout
        desk("app", "add", f"{to}:1.0.0", "--offline", env=login)


def test_an_archive_by_url_goes_into_git(desk: Desk) -> None:
    stack = desk.folder / "bare.yaml"
    stack.write_text(STACK.format(image=f"{desk.hub.host}/url/press:1"))
    desk.hub.push(busybox("url"), "url/press", tag="1")
    package = desk.package("x", "oci://x/y", local=False)
    text = (package / "margo.yaml").read_text()
    properties = text[text.index("          repository") :]
    url = f"          packageLocation: {stack.as_uri()}\n"
    (package / "margo.yaml").write_text(
        "apiVersion: margo.org/v1-alpha1\nkind: ApplicationDescription\n"
        + text.replace("apiVersion: v1\nid: press\nmetadata:\n", "metadata:\n  id: press\n")
        .replace(properties, url)
        .replace('version: "1.0.0"', 'version: "1.0.0"\n  description: A press')
    )
    desk("app", "add", str(package))
    locked = desk.locked("press")
    assert locked["path"].startswith(".fetched/")
    held = desk.folder / "fleet" / "apps" / "press" / "1.0.0" / locked["path"]
    assert held.read_bytes() == stack.read_bytes()
    assert len(locked["images"]) == 1
    desk("validate", ".")


def test_a_proposal_locks_what_it_would_run(desk: Desk) -> None:
    """What people approve is digests; what is not known yet is not proposed."""
    image = f"{desk.hub.host}/proposed/press:1"
    desk("site", "add", "north")
    desk("app", "add", str(desk.package(image, "oci://x/y")), "--offline")
    told = desk("deploy", "press", "--site", "north", "--pr", code=4).stderr
    assert f"{image} of stack in press 1.0.0 is not locked" in told
    assert "Nothing was proposed" in told
    assert desk.json("pr", "list") == []
    desk.hub.push(busybox("proposed"), "proposed/press", tag="1")
    digest = desk.hub.at("proposed/press:1").resolve()[0].digest
    assert (
        f"image {image} of stack: {digest}"
        in desk("deploy", "press", "--site", "north", "--pr").stdout
    )
    assert "images" not in desk.locked("press")
    desk("pr", "merge", "deploy-press")
    assert desk.locked("press")["images"][0]["digest"] == digest
