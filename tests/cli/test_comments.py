"""What a person wrote in a deployment's file survives the verbs that change it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import IDENTITY, margo

HELLO = Path(__file__).parents[2] / "examples" / "hello-wasm"
PATH = "deployments/hello-wasm.yaml"


MINE = """\
# Owner: line 2. Ask them first.
apiVersion: margo-gitops/v1
kind: DeploymentIntent
name: hello-wasm
application: {id: hello-wasm, version: "1.0.0"}   # the store's
profile: wasm
targets:
    sites:
    # not in the order of the alphabet
    - south   # hall 2
    - north
parameters:
    greeting:   'Moin'   # as they say here
"""


def commit(fleet: Path, text: str) -> None:
    """A person's own commit of the file."""
    (fleet / PATH).write_bytes(text.encode())
    for words in (("add", "."), ("commit", "-qm", "mine")):
        subprocess.run(["git", *words], cwd=fleet, env={**os.environ, **IDENTITY}, check=True)


def changed(fleet: Path, *words: str) -> str:
    """The file after a command that works."""
    done = margo(*words, cwd=fleet)
    assert done.returncode == 0, done.stderr
    return (fleet / PATH).read_bytes().decode()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet with one deployment, whose file a person wrote over."""
    folder = tmp_path_factory.mktemp("comments")
    done = [margo("init", "plant", "--open", cwd=folder)]
    plant = folder / "plant"
    for site in ("south", "north", "west"):
        done += [margo("site", "add", site, cwd=plant)]
        done += [margo("device", "add", site, "n1", cwd=plant)]
    done += [margo("app", "add", str(HELLO), cwd=plant)]
    done += [margo("deploy", "hello-wasm", "--site", "south", cwd=plant)]
    assert [d.stderr for d in done if d.returncode] == []
    held = (plant / PATH).read_text()
    commit(plant, MINE.replace("wasm\ntargets", f"{field(held, 'profile')}\ntargets"))
    return plant


@pytest.fixture
def fleet(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "plant", symlinks=True)


def field(text: str, name: str) -> str:
    return text.split(f"\n{name}: ")[1].splitlines()[0]


def test_a_parameter_changes_its_own_bytes_only(fleet: Path) -> None:
    held = (fleet / PATH).read_text()
    after = changed(fleet, "set", "hello-wasm", "--param", "greeting=Ahoi, 'tis me")
    assert after == held.replace("'Moin'", "'Ahoi, ''tis me'")


def test_a_site_comes_and_goes_beside_the_comments(fleet: Path) -> None:
    held = (fleet / PATH).read_text()
    after = changed(fleet, "set", "hello-wasm", "--add-site", "west", "--drop-site", "south")
    told = held.replace("    - south   # hall 2\n", "").replace(
        "- north\n", "- north\n    - west\n"
    )
    assert after == told


def test_an_override_is_added_below_and_the_rest_stays(fleet: Path) -> None:
    held = (fleet / PATH).read_text()
    after = changed(fleet, "set", "hello-wasm", "--at", "north:greeting=Hi")
    assert after.startswith(held)
    assert "greeting: Hi" in after.removeprefix(held)


def test_rollback_restores_the_bytes_of_the_past_commit(fleet: Path) -> None:
    held = (fleet / PATH).read_text()
    changed(fleet, "set", "hello-wasm", "--param", "greeting=Hi")
    assert changed(fleet, "rollback", "hello-wasm") == held


def test_a_value_behind_an_alias_is_left_to_the_person(fleet: Path) -> None:
    held = (fleet / PATH).read_text().replace("'Moin'", "&hi Moin")
    commit(fleet, held + "overrides:\n    north: {parameters: {greeting: *hi}}\n")
    before = (fleet / PATH).read_bytes()
    done = margo("set", "hello-wasm", "--param", "greeting=Hi", cwd=fleet)
    assert (done.returncode, "by hand" in done.stderr) == (1, True), done.stderr
    assert f"{PATH}:13:" in done.stderr
    assert (fleet / PATH).read_bytes() == before
