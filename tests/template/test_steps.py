"""The steps of the template's CI files, run against a bare repository as each forge would."""

from __future__ import annotations

import subprocess

import pytest

from margo_gitops.model import layout
from tests.cli.running import margo
from tests.template.conftest import Plant

MERGES = {"github": "merge", "gitlab": "squash", "forgejo": "rebase"}
BRANCH = "proposal/moin"


def propose(plant: Plant) -> None:
    """Ada would have north greet in another way."""
    people = plant.people
    people.git("switch", "-q", "-c", BRANCH)
    people.edit("deployments/hello.yaml", "profile:", "parameters: {greeting: Moin}\nprofile:")
    people.git("switch", "-q", "main")
    people.margo("pr", "create", "moin", "--reason", "they asked")


def published(plant: Plant) -> dict[str, str]:
    """The refs that CI writes."""
    own = (layout.SITES, layout.RENDERED, layout.OVERVIEW, layout.ARTIFACTS)
    return {ref: id for ref, id in plant.forge.refs().items() if ref.startswith(own)}


@pytest.mark.parametrize("plant", MERGES, indirect=True)
def test_a_proposal_is_checked_merged_published_once_and_told(plant: Plant) -> None:
    people, forge = plant.people, plant.forge
    propose(plant)
    request = forge.request(7, BRANCH)
    assert forge.on_request("validate", request).code == 0
    waits = forge.on_request("proposal", request)
    assert (waits.code, "Moin" in waits.said) == (1, True), waits.said
    people.margo("pr", "approve", "moin", "--yes", by="bob")
    signed = forge.on_request("proposal", request)
    assert signed.code == 0, signed.said

    before = published(plant)
    forge.merge(MERGES[forge.kind], BRANCH)
    told = margo("pull", cwd=people.clone)
    assert told.returncode == 0, told.stderr
    assert "commits that CI rendered nothing of" in people.margo("status")
    ran = forge.on_main()
    assert ran.code == 0, ran.said
    after = published(plant)
    assert after[layout.RENDERED_MAIN] == forge.refs()[layout.MAIN]
    assert after["refs/heads/site/north"] != before["refs/heads/site/north"]
    document = forge.git("show", "site/north:deployments/hello.yaml")
    assert "Moin" in document

    assert forge.on_main().code == 0
    assert published(plant) == after
    people.margo("pull")
    assert "CI" not in people.margo("status")
    assert people.secret("ci") not in waits.said + signed.said + ran.said
    runs = forge.base.glob("run-*/**/*")
    assert not [file for file in runs if file.is_file() and b"PRIVATE KEY" in file.read_bytes()]


@pytest.mark.parametrize("plant", ["github"], indirect=True)
def test_a_rewritten_main_publishes_nothing(plant: Plant) -> None:
    forge = plant.forge
    assert forge.on_main().code == 0
    propose(plant)
    plant.people.margo("pr", "approve", "moin", "--yes", by="bob")
    tree, parent = forge.git("rev-parse", f"{BRANCH}^{{tree}}"), forge.git("rev-parse", "main~3")
    other = forge.git("commit-tree", tree, "-p", parent, "-m", "as if it had never been")
    forge.git("update-ref", "refs/heads/main", other)
    before = published(plant)
    ran = forge.on_main()
    assert (ran.code, "main was rewritten" in ran.said) == (5, True), ran.said
    assert published(plant) == before


def test_a_fork_is_validated_without_secrets_and_is_told_where_to_sign(plant: Plant) -> None:
    forge, people = plant.forge, plant.people
    people.git("switch", "-q", "-c", BRANCH)
    people.edit("deployments/hello.yaml", "profile:", "parameters: {greeting: Moin}\nprofile:")
    people.git("push", "-q", "origin", f"HEAD:refs/stranger/{BRANCH}")
    stranger = forge.request(8, BRANCH, forge.git("rev-parse", f"refs/stranger/{BRANCH}"))
    assert forge.on_request("validate", stranger).code == 0
    told = forge.on_request("proposal", stranger)
    assert (told.code, "From a fork nothing can be signed" in told.said) == (1, True), told.said

    people.edit("deployments/hello.yaml", "- north", "- nowhere")
    people.git("push", "-q", "origin", f"HEAD:refs/stranger/{BRANCH}")
    wrong = forge.request(8, BRANCH, forge.git("rev-parse", f"refs/stranger/{BRANCH}"))
    found = forge.on_request("validate", wrong)
    assert (found.code, "[dangling-site]" in found.said) == (1, True), found.said


@pytest.mark.parametrize("plant", ["github"], indirect=True)
def test_what_is_no_proposal_asks_nobody(plant: Plant) -> None:
    people, forge = plant.people, plant.forge
    people.git("switch", "-q", "-c", "words")
    people.edit("README.md", "# A Margo fleet", "# Our fleet")
    people.git("push", "-q", "origin", "words")
    told = forge.on_request("proposal", forge.request(9, "words"))
    assert (told.code, "words is no proposal" in told.said) == (0, True), told.said


def test_a_hostile_name_of_a_branch_is_a_name(plant: Plant) -> None:
    """What a forge lets through as a branch must not be a command."""
    name = "proposal/$(touch${IFS}pwned);touch${IFS}pwned"
    subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)
    plant.forge.git("update-ref", f"refs/heads/{name}", "main")
    ran = plant.forge.on_request("proposal", plant.forge.request(10, name))
    assert (ran.code, "is no proposal id" in ran.said) == (2, True), ran.said
    assert not list(plant.forge.base.rglob("pwned"))


@pytest.mark.parametrize("plant", ["github"], indirect=True)
def test_what_people_are_told_fails_no_deployment(plant: Plant) -> None:
    forge = plant.forge
    forge.git("update-ref", f"{layout.OVERVIEW}/old", "main")  # so that it cannot be a branch
    ran = forge.on_main()
    assert (ran.code, "The overview stays as it was" in ran.said) == (0, True), ran.said
    assert forge.refs()[layout.RENDERED_MAIN] == forge.refs()[layout.MAIN]


@pytest.mark.parametrize("plant", ["github"], indirect=True)
def test_what_ci_lacks_is_named(plant: Plant) -> None:
    forge = plant.forge
    whole, forge.variables = forge.variables, {}
    ran = forge.on_main()
    assert (ran.code, "MARGO_ROOT is not set" in ran.said) == (5, True), ran.said
    forge.variables = {"MARGO_ROOT": "0000 1111 2222 3333 4444"}
    ran = forge.on_main()
    assert (ran.code, "MARGO_PUBLISH_KEY" in ran.said) == (3, False), ran.said
    forge.variables, forge.secrets = whole, {}
    ran = forge.on_main()
    assert (ran.code, "MARGO_PUBLISH_KEY is not set" in ran.said) == (5, True), ran.said
