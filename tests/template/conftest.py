"""A signed fleet whose CI renders, at a forge; made once, copied for each test."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import margo
from tests.template.forge import PROJECT, Forge, People

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-wasm"


@dataclass(frozen=True)
class Plant:
    """People, their clone, and the forge that both push to."""

    people: People
    forge: Forge


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """North runs hello by everybody's leave; since then Bob must approve, and CI renders."""
    base = tmp_path_factory.mktemp("plant")
    for name in ("ada", "bob", "ci"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(base / name)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    url = base / f"{PROJECT}.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(url)], check=True)
    margo("init", "clone", "--person", "ada", "--key", str(base / "ada"), cwd=base)
    people = People(base / "clone")
    people.git("remote", "add", "origin", str(url))
    people.margo("site", "add", "north")
    people.margo("device", "add", "north", "n1")
    people.margo("app", "add", str(EXAMPLE))
    _enrol(people, base, url)
    people.margo("deploy", "hello-wasm", "--site", "north", "--name", "hello")
    people.margo("trust", "add", "bob", str(base / "bob.pub"), "--role", "approve")
    people.margo("trust", "add", "ci", str(base / "ci.pub"), "--role", "publish")
    people.edit("policies/approvals.yaml", "approvals: 0", "approvals: 1")
    people.margo("trust", "policy")
    people.edit("fleet.yaml", "kind: Fleet", "kind: Fleet\nrender: ci")
    people.margo("push")
    return base


def _enrol(people: People, base: Path, url: Path) -> None:
    """The site's box comes in; it is needed for nothing else here."""
    people.margo("site", "invite", "north", "--out", str(base / "invite.json"))
    root = first_root(people)
    words = ["lo", "enroll", "--invite", str(base / "invite.json"), "--root", root]
    done = margo(*words, "--out", "request.json", "--state", "north", cwd=base)
    assert done.returncode == 0, done.stderr
    heard = done.stdout.partition("read to the office: ")[2].splitlines()[0]
    request = str(base / "request.json")
    people.margo("site", "accept", "north", "--request", request, "--heard", heard)


def first_root(people: People) -> str:
    """The fingerprint that a person reads aloud."""
    told = people.margo("trust", "show").partition("first root: ")[2]
    return told.splitlines()[0].strip()


@pytest.fixture(params=["github", "gitlab"])
def plant(request: pytest.FixtureRequest, founded: Path, tmp_path: Path) -> Plant:
    """The fleet at one kind of forge; Forgejo's steps are GitHub's (`test_files` compares them)."""
    base = tmp_path / "plant"
    shutil.copytree(founded, base)
    people = People(base / "clone")
    people.git("remote", "set-url", "origin", str(base / f"{PROJECT}.git"))
    return Plant(
        people,
        Forge(
            request.param,
            base,
            secrets={"MARGO_PUBLISH_KEY": people.secret("ci")},
            variables={"MARGO_ROOT": first_root(people)},
        ),
    )
