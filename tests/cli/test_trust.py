"""Two people, plain git between them, and a site that believes neither the forge nor the merge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from margo_gitops.roles.agents import drivers
from margo_gitops.runtime.base import Owner
from tests.cli.running import IDENTITY, margo
from tests.trust.keys import written

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-wasm"


@dataclass
class Office:
    """Ada's clone and Bob's, a bare repository between them, and a box for the site."""

    folder: Path

    def run(self, who: str, *words: str, cwd: Path | None = None, code: int = 0) -> str:
        """`margo` with this person's key."""
        env = {"MARGO_KEY": str(self.folder / f"key-{who}")}
        done = margo(*words, cwd=cwd or self.folder / who, env=env)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json(self, who: str, *words: str) -> dict[str, str]:
        """The same, its value."""
        found: dict[str, str] = json.loads(self.run(who, *words, "--json"))
        return found

    def git(self, who: str, *words: str) -> str:
        """Plain git in this person's clone."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder / who,
            env={**os.environ, **IDENTITY},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def site(self, remote: Path | str, code: int = 0) -> str:
        """One pass of the site and its host."""
        words = ("--with-node", "n1", "--runtime", "wasm", "--once", "--state", str(self.state))
        run = ("lo", "run", "--site", "north", "--remote", str(remote), *words)
        return self.run("ada", *run, code=code)

    @property
    def state(self) -> Path:
        """Where the site's agents keep theirs."""
        return self.folder / "north"

    def greeting(self) -> str:
        """What runs."""
        specs = list(self.state.glob("en-n1/wasm/*/*/spec.json"))
        (spec,) = specs
        return spec.read_text().partition('"GREETING": "')[2].partition('"')[0]


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The office as each test finds it; a copy lies beside it, for what it names has this path."""
    folder = tmp_path_factory.mktemp("office") / "now"
    folder.mkdir()
    made = Office(folder)
    _begin(made)
    for driver in drivers(made.state / "en-n1", Owner("", "north", "n1"), ("wasm",)).values():
        for found in driver.observe():
            driver.remove(found.id)
    shutil.copytree(folder, folder.with_name("before"), symlinks=True)
    return made


@pytest.fixture
def office(beginning: Office) -> Iterator[Office]:
    made = beginning
    shutil.rmtree(made.folder)
    shutil.copytree(made.folder.with_name("before"), made.folder, symlinks=True)
    made.site(made.folder / "plant.git")
    yield made
    for driver in drivers(made.state / "en-n1", Owner("", "north", "n1"), ("wasm",)).values():
        for found in driver.observe():
            driver.remove(found.id)


def _begin(made: Office) -> None:
    """Ada's fleet of one site, its host and its deployment, and Bob who may approve."""
    tmp_path = made.folder
    for name in ("ada", "bob"):
        written(name, tmp_path / f"key-{name}")
    made.run("ada", "init", "ada", "--person", "ada", cwd=tmp_path)
    bare = tmp_path / "plant.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    made.git("ada", "remote", "add", "origin", str(bare))
    made.run("ada", "site", "add", "north")
    made.run("ada", "device", "add", "north", "n1")
    made.run("ada", "app", "add", str(EXAMPLE))
    _enrol(made)
    made.run("ada", "deploy", "hello-wasm", "--site", "north", "--name", "hello")
    made.run("ada", "trust", "add", "bob", str(tmp_path / "key-bob.pub"), "--role", "approve")
    made.run("ada", "push")
    made.site(bare)
    policy = made.folder / "ada" / "policies" / "approvals.yaml"
    policy.write_text(policy.read_text().replace("approvals: 0", "approvals: 1", 1))
    made.git("ada", "commit", "-qam", "Two pairs of eyes")
    made.run("ada", "trust", "policy")
    made.run("ada", "push")
    made.site(bare)
    made.run("bob", "clone", str(bare), "bob", cwd=tmp_path)
    made.git("bob", "config", "user.name", "Bob")
    made.git("bob", "config", "user.email", "bob@example.invalid")


def _enrol(made: Office) -> None:
    spoken = made.json("ada", "site", "invite", "north", "--out", "../north.json")["spoken"]
    made.run("ada", "device", "invite", "north", "n1", "--out", "../n1.json")
    for kind, invite, state in (("lo", "north", made.state), ("en", "n1", made.state / "en-n1")):
        words = ("--invite", f"../{invite}.json", "--root", spoken, "--out", f"../{invite}.req")
        heard = made.json("ada", kind, "enroll", *words, "--state", str(state))["spoken"]
        noun = ("site", "accept", "north") if kind == "lo" else ("device", "accept", "north", "n1")
        made.run("ada", *noun, "--request", f"../{invite}.req", "--heard", heard)


def propose(office: Office) -> None:
    """A change by Ada, approved by Bob on his own machine."""
    office.git("ada", "switch", "-qc", "proposal/moin")
    intent = office.folder / "ada" / "deployments" / "hello.yaml"
    text = intent.read_text().replace("profile:", "parameters: {greeting: Moin}\nprofile:")
    intent.write_text(text)
    office.git("ada", "commit", "-qam", "Greet in Low German")
    office.git("ada", "switch", "-q", "main")
    office.run("ada", "pr", "create", "moin", "--reason", "they asked")
    office.run("ada", "push")
    office.run("bob", "pr", "approve", "moin", code=5)
    office.run("bob", "trust", "pin", office.json("ada", "site", "invite", "north")["spoken"])
    office.run("bob", "pr", "approve", "moin")
    office.run("bob", "push")
    office.run("ada", "pull")


def merged(office: Office) -> None:
    office.git("ada", "merge", "-q", "--no-ff", "-m", "Merge moin", "proposal/moin")


def squashed(office: Office) -> None:
    office.git("ada", "merge", "-q", "--squash", "proposal/moin")
    office.git("ada", "commit", "-qm", "Moin, squashed")


def rebased(office: Office) -> None:
    """After something else went into main."""
    office.run("ada", "site", "add", "south")
    office.git("ada", "rebase", "-q", "main", "proposal/moin")
    office.git("ada", "switch", "-q", "main")
    office.git("ada", "merge", "-q", "--ff-only", "proposal/moin")


@pytest.mark.parametrize("merge", [merged, squashed, rebased])
def test_two_people_and_plain_git_approve_and_a_site_adopts_from_a_bundle(
    office: Office, merge: Callable[[Office], None]
) -> None:
    propose(office)
    merge(office)
    assert "north: generation" in office.run("ada", "render").replace("site/", "")
    bundle = office.folder / "trip.bundle"
    office.git("ada", "bundle", "create", "-q", str(bundle), "site/north", "status/north")
    assert office.greeting() == "Hello"
    told = office.site(bundle)
    assert "upgrade hello: parameter greeting: Hello -> Moin" in told
    assert office.greeting() == "Moin"
    (site, *_) = json.loads(office.run("ada", "status", "--json"))
    assert site["deployments"][0]["approved"] == "by ada, approved by bob"


def test_a_merge_without_approval_is_published_to_nobody(office: Office) -> None:
    office.git("ada", "switch", "-qc", "proposal/moin")
    intent = office.folder / "ada" / "deployments" / "hello.yaml"
    intent.write_text(
        intent.read_text().replace("profile:", "parameters: {greeting: Moin}\nprofile:")
    )
    office.git("ada", "commit", "-qam", "Greet in Low German")
    office.git("ada", "switch", "-q", "main")
    office.run("ada", "pr", "create", "moin", "--reason", "they asked")
    told = office.run("ada", "pr", "merge", "moin", code=4)
    assert "0 of 1 approvals for the rule every-change" in told
    merged(office)
    assert "nothing to render" in office.run("ada", "render")
    assert "hello: merged, waits: hello" in office.run("ada", "status")


def test_what_the_forge_changes_is_refused_with_exit_code_3(office: Office) -> None:
    bare = office.folder / "plant.git"
    forged = office.folder / "forged"
    subprocess.run(["git", "clone", "-q", "-b", "site/north", str(bare), str(forged)], check=True)
    document = forged / "deployments" / "hello.yaml"
    document.write_text(document.read_text().replace("Hello", "Pwned"))
    for words in (["commit", "-qam", "A word of my own"], ["push", "-q"]):
        subprocess.run(["git", *words], cwd=forged, env={**os.environ, **IDENTITY}, check=True)
    told = office.site(bare, code=3)
    assert "the same number with other bytes is a fork" in told
    assert office.greeting() == "Hello"
    office.run("ada", "pull")
    assert "[fork]: site/north" in office.run("ada", "status")


def test_who_proposes_does_not_approve_and_a_stranger_signs_nothing(office: Office) -> None:
    propose(office)
    assert "somebody else must approve" in office.run("ada", "pr", "approve", "moin", code=1)
    written("mallory", office.folder / "key-mallory")
    told = office.run("mallory", "pr", "approve", "moin", cwd=office.folder / "bob", code=5)
    assert "is unknown in this fleet" in told


def test_a_clone_without_a_pin_signs_nothing(office: Office) -> None:
    told = office.run("bob", "trust", "add", "eve", str(office.folder / "key-bob.pub"), code=5)
    assert "nothing is signed on hearsay" in told
    wrong = office.run("bob", "trust", "pin", "0000 0000 0000 0000 0000", code=3)
    assert "main holds the root" in wrong
    spoken = office.json("ada", "site", "invite", "north")["spoken"]
    office.run("bob", "trust", "pin", spoken)


def test_a_fingerprint_that_was_heard_otherwise_enrols_nobody(office: Office) -> None:
    words = ("--invite", "../north.json", "--state", str(office.folder / "new"))
    told = office.run("ada", "lo", "enroll", *words, "--root", "dead beef", code=3)
    assert "you heard 'dead beef'" in told
    assert not (office.folder / "new").exists()
    assert "nobody is here to compare" in office.run("ada", "lo", "enroll", *words, code=2)
