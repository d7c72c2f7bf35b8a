"""The hooks in the real pre-commit framework, installed from a clone of this project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import IDENTITY
from tests.documents.fleet_tree import fleet, package
from tests.engines import absent, require

PROJECT = Path(__file__).parents[2]
INTENT = "deployments/weigh.yaml"

pytestmark = [pytest.mark.xdist_group("pre-commit"), pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Hooks:
    """pre-commit with this project's hooks, installed once for repositories of many tests."""

    home: Path
    source: Path
    revision: str

    def repository(self, folder: Path, hook: str, files: dict[str, bytes]) -> Repository:
        config = (
            f"repos:\n  - repo: {self.source}\n    rev: {self.revision}\n"
            f"    hooks:\n      - id: {hook}\n"
        )
        made = Repository(folder, self.home)
        folder.mkdir()
        made.git("init", "-q", "-b", "main")
        made.write({**files, ".pre-commit-config.yaml": config.encode()})
        made.run(sys.executable, "-m", "pre_commit", "install")
        return made


@dataclass(frozen=True)
class Repository:
    """A repository in which pre-commit is installed."""

    folder: Path
    home: Path

    def write(self, files: dict[str, bytes]) -> None:
        for path, data in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(data)

    def git(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("git", *words)

    def commit(self) -> tuple[int, str]:
        """The exit code of a commit of what is staged, and what the hook said."""
        done = self.run("git", "commit", "-q", "-m", "change", check=False)
        return done.returncode, done.stdout + done.stderr

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**os.environ, **IDENTITY, "PRE_COMMIT_HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooks]:
    require("pre-commit", _problem())
    base = tmp_path_factory.mktemp("pre-commit")
    source = Repository(base / "source", base / "home")
    _clone(source)
    revision = source.git("rev-parse", "HEAD").stdout.strip()
    made = Hooks(base / "home", base / "source", revision)
    first = made.repository(base / "first", "margo-fleet", fleet())
    done = first.run(sys.executable, "-m", "pre_commit", "install-hooks", check=False)
    if done.returncode != 0:
        absent("pre-commit", f"the hooks cannot be installed: {(done.stdout + done.stderr)[-800:]}")
    yield made
    shutil.rmtree(base / "home", ignore_errors=True)


def _problem() -> str | None:
    if not (PROJECT / ".git").exists():
        return "this is no clone of the project"
    command = [sys.executable, "-m", "pre_commit", "--version"]
    done = subprocess.run(command, capture_output=True, check=False)
    return None if done.returncode == 0 else "pre-commit is not installed"


def _clone(source: Repository) -> None:
    """A plain clone, with what stands in the working tree committed on top."""
    plain = ["git", "clone", "-q", str(PROJECT), str(source.folder)]
    subprocess.run(plain, check=True, capture_output=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        target = source.folder / name
        target.unlink(missing_ok=True)
        if (PROJECT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, target)
    source.git("add", "-A")
    source.git("commit", "-q", "--allow-empty", "-m", "as it stands")


@pytest.fixture
def plant(hooks: Hooks, tmp_path: Path) -> Repository:
    """A fleet with one good commit."""
    made = hooks.repository(tmp_path / "plant", "margo-fleet", fleet())
    made.git("add", "-A")
    code, told = made.commit()
    assert code == 0, told
    return made


def test_a_wrong_deployment_is_refused_with_line_and_rule(plant: Repository) -> None:
    plant.write({INTENT: fleet()[INTENT].replace(b"node: n1", b"node: n9")})
    plant.git("add", "-A")
    code, told = plant.commit()
    assert code == 1
    assert f"{INTENT}:11:9: " in told
    assert "[dangling-node]" in told


def test_removing_what_a_deployment_needs_is_refused(plant: Repository) -> None:
    plant.git("rm", "-rq", "apps", "locks")
    code, told = plant.commit()
    assert code == 1
    assert f"{INTENT}:5:7: " in told
    assert "[dangling-application]" in told


def test_a_mend_that_is_not_staged_does_not_help(plant: Repository) -> None:
    plant.write({INTENT: fleet()[INTENT].replace(b"node: n1", b"node: n9")})
    plant.git("add", "-A")
    plant.write({INTENT: fleet()[INTENT]})
    code, told = plant.commit()
    assert (code, "[dangling-node]" in told) == (1, True)
    assert (plant.folder / INTENT).read_bytes() == fleet()[INTENT]


def test_all_files_finds_what_was_committed_without_the_hook(plant: Repository) -> None:
    plant.write({INTENT: fleet()[INTENT].replace(b"node: n1", b"node: n9")})
    plant.git("commit", "-qam", "past the hook", "--no-verify")
    done = plant.run(sys.executable, "-m", "pre_commit", "run", "--all-files", check=False)
    assert (done.returncode, "[dangling-node]" in done.stdout) == (1, True)


def test_ci_checks_what_lies_between_two_commits(plant: Repository) -> None:
    plant.write({INTENT: fleet()[INTENT].replace(b"node: n1", b"node: n9")})
    plant.git("commit", "-qam", "past the hook", "--no-verify")
    words = ("run", "--from-ref", "HEAD~1", "--to-ref", "HEAD")
    done = plant.run(sys.executable, "-m", "pre_commit", *words, check=False)
    assert (done.returncode, "[dangling-node]" in done.stdout) == (1, True)


def test_an_application_without_its_icon_is_refused(hooks: Hooks, tmp_path: Path) -> None:
    app = {
        path.removeprefix("apps/scale/1.0.0/"): data
        for path, data in package().items()
        if path.startswith("apps/")
    }
    made = hooks.repository(tmp_path / "scale", "margo-app", app)
    made.git("add", "-A")
    assert made.commit()[0] == 0
    made.git("rm", "-q", "resources/icon.png")
    code, told = made.commit()
    assert code == 1
    assert "margo.yaml:8:13: " in told
    assert "[package-file]" in told
