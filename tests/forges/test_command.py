"""`margo pr sync` and `margo doctor --forge`, from a real clone to each double."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import margo
from tests.cli.test_trust import EXAMPLE
from tests.forges.conftest import Stand
from tests.forges.double import BRANCH, TOKEN, Fault
from tests.store.making import git
from tests.trust.keys import written


@dataclass(frozen=True)
class Clone:
    """Ada's clone; Bob's key lies beside it."""

    folder: Path

    def run(self, *words: str, who: str = "ada", code: int = 0, token: str = TOKEN) -> str:
        """`margo` in it."""
        env = {"MARGO_KEY": str(self.folder / f"key-{who}"), "MARGO_FORGE_TOKEN": token}
        done = margo(*words, cwd=self.folder / "plant", env=env)
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert TOKEN not in said
        assert "Traceback" not in said
        return said

    def value(self, *words: str, code: int = 0) -> Any:
        """The same, its value."""
        said = self.run(*words, "--json", code=code)
        return json.loads(said[said.index("[") : said.rindex("]") + 1])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed fleet whose policy asks for one approval, and proposal 17 in it."""
    folder = tmp_path_factory.mktemp("office")
    for name in ("ada", "bob"):
        written(name, folder / f"key-{name}")
    clone = Clone(folder)
    key = ("--person", "ada", "--key", "key-ada")
    assert margo("init", "plant", *key, cwd=folder).returncode == 0
    subprocess.run(["git", "init", "-qb", "main", "--bare", str(folder / "hub")], check=True)
    git(folder / "plant", "remote", "add", "origin", "../hub")
    clone.run("site", "add", "north")
    clone.run("app", "add", str(EXAMPLE))
    said = json.loads(clone.run("site", "invite", "north", "--out", "../invite", "--json"))
    box = ("--invite", "../invite", "--root", said["spoken"], "--state", "../box")
    heard = json.loads(clone.run("lo", "enroll", *box, "--out", "../request", "--json"))["spoken"]
    clone.run("site", "accept", "north", "--request", "../request", "--heard", heard)
    clone.run("trust", "add", "bob", "../key-bob.pub", "--role", "approve")
    policy = folder / "plant" / "policies" / "approvals.yaml"
    policy.write_text(policy.read_text().replace("approvals: 0", "approvals: 1", 1))
    git(folder / "plant", "commit", "-qam", "Two pairs of eyes")
    clone.run("trust", "policy")
    clone.run("push")
    words = (
        "--site",
        "north",
        "--name",
        "hello",
        "--pr",
        "--id",
        "17",
        "--reason",
        "fixes #1 @all",
    )
    clone.run("deploy", "hello-wasm", *words)
    return folder


@pytest.fixture
def clone(office: Path, tmp_path: Path, stand: Stand) -> Clone:
    """One of its own, whose git config names the double."""
    made = Clone(Path(shutil.copytree(office, tmp_path / "copy", symlinks=True)))
    plant = made.folder / "plant"
    git(plant, "config", "margo.forge", stand.double.kind)
    git(plant, "config", "margo.forgeUrl", stand.double.url)
    git(plant, "config", "margo.forgeProject", stand.project)
    stand.double.branches[BRANCH] = git(plant, "rev-parse", BRANCH).strip()
    return made


def test_a_proposal_on_its_forge(clone: Clone, stand: Stand) -> None:
    double = stand.double
    tip = double.branches[BRANCH]
    (planned,) = clone.value("pr", "sync", "17", "--dry-run")
    assert len(planned["steps"]) == 3
    assert double.written == []
    assert clone.value("pr", "sync")[0]["steps"] == planned["steps"]
    pending = double.status(tip, "margo/approvals")
    assert pending is not None
    assert pending[0] == "pending"
    assert "1 approvals for the rule" in pending[1]
    (comment,) = double.texts()
    assert "hello" in comment
    assert "@all" not in comment
    assert "branch `preview/17`" in comment
    hub = clone.folder / "hub"
    assert "deploymentProfile" in git(hub, "show", "preview/17:README.md")
    double.click("eve")
    clone.run("pr", "approve", "17", who="bob")
    approved = double.status(double.branches[BRANCH], "margo/approvals")
    assert approved == ("success", "approved by bob")
    assert "no signature: eve" in double.texts()[0]
    assert clone.run("pr", "sync").strip() == f"{BRANCH}: in step"
    clone.run("pr", "merge", "17")
    assert "refs/heads/preview/17" not in git(hub, "for-each-ref")
    double.finish(1, merged=True)
    assert "margo/sites" in clone.run("pr", "sync")
    merge = git(clone.folder / "plant", "rev-parse", "main").strip()
    assert double.status(merge, "margo/sites") == ("pending", "runs at 0 of 1 sites")
    assert double.texts()[0].startswith("<!-- margo-gitops -->\n**Merged**")
    assert "### " in double.texts()[0]


@pytest.mark.parametrize("stand", ["gitlab"], indirect=True)
def test_the_forge_is_away(clone: Clone, stand: Stand) -> None:
    stand.double.faults = [Fault("502")]
    assert "answered 502" in clone.run("pr", "sync", code=4)
    assert "no token" in clone.run("pr", "sync", code=5, token="")
    said = clone.run("pr", "approve", "17", who="bob")  # nothing of the fleet waits for it
    assert "it may be merged" in said
    assert "the forge was not told" in said


@pytest.mark.parametrize("stand", ["github"], indirect=True)
def test_doctor_asks_the_forge(clone: Clone, stand: Stand) -> None:
    before = {check["name"]: check for check in clone.value("doctor", "--forge", code=1)}
    assert before["main protected"]["needed"]
    assert stand.double.url in before["main protected"]["cure"]
    assert before["push to site/*"]["ok"]
    stand.double.protect("classic")
    after = {check["name"]: check for check in clone.value("doctor", "--forge")}
    assert after["main protected"]["ok"]
    assert after["required check margo/approvals"]["ok"]
    assert stand.double.written == []
