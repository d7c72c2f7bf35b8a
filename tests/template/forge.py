"""A bare repository in a forge's place: its refs, the environment of its runs, its merge button."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.running import IDENTITY, margo
from tests.template.reading import steps

PROJECT = "plant/fleet"


@dataclass(frozen=True)
class Ran:
    """How a job ended, and all that it printed; its folder stays."""

    code: int
    said: str


@dataclass(frozen=True)
class PullRequest:
    """A request to merge a branch into `main`; from a fork nothing else is here."""

    number: int
    branch: str
    fork: bool = False


@dataclass
class Forge:
    """One repository at `<base>/plant/fleet.git`, and runners that have `margo`."""

    kind: str
    base: Path
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    runs: int = 0

    @property
    def url(self) -> Path:
        """The repository."""
        return self.base / f"{PROJECT}.git"

    def git(self, *words: str) -> str:
        """Run git in the repository; what it printed."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.url,
            env={**os.environ, **IDENTITY},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def refs(self) -> dict[str, str]:
        """Every ref of the repository."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split() for line in lines)

    def request(self, number: int, branch: str, head: str | None = None) -> PullRequest:
        """Open or update one: the forge's own refs of it; `head` is a commit from a fork."""
        tip = head or self.git("rev-parse", f"refs/heads/{branch}")
        tree = self.git("merge-tree", "--write-tree", "main", tip)
        merged = self.git("commit-tree", tree, "-p", "main", "-p", tip, "-m", "merge")
        self.git("update-ref", f"refs/pull/{number}/merge", merged)
        self.git("update-ref", f"refs/merge-requests/{number}/head", tip)
        return PullRequest(number, branch, fork=head is not None)

    def merge(self, how: str, branch: str) -> None:
        """The merge button: `merge`, `squash` or `rebase`, each as the forge itself does it.

        Nobody else merged since the branch began, so a rebase copies its commits, trees and all.
        """
        tip, new = f"refs/heads/{branch}", self.git("rev-parse", "main")
        if how == "rebase":
            for commit in self.git("rev-list", "--reverse", f"main..{tip}").splitlines():
                message = self.git("log", "-1", "--format=%B", commit)
                new = self.git("commit-tree", f"{commit}^{{tree}}", "-p", new, "-m", message)
        else:
            tree = self.git("merge-tree", "--write-tree", "main", tip)
            second = ["-p", tip] if how == "merge" else []
            new = self.git("commit-tree", tree, "-p", new, *second, "-m", f"By {how} (#7)")
        self.git("update-ref", "refs/heads/main", new)

    def on_request(self, job: str, request: PullRequest) -> Ran:
        """Run a job of the file that the request's own commit holds, without any secret."""
        return self._run(job, self._contexts(request), self._requested(request), request)

    def on_main(self, job: str = "publish") -> Ran:
        """Run a job as after a push to `main`."""
        contexts = {
            "github": {
                "event_name": "push",
                "ref": "refs/heads/main",
                "token": "run-token",
                "server_url": str(self.base),
            },
            "secrets": self.secrets,
            "vars": self.variables,
        }
        env = {"GITHUB_REF": "refs/heads/main", "CI_COMMIT_BRANCH": "main"}
        if self.kind == "gitlab":
            env |= {**self.secrets, **self.variables}
        return self._run(job, contexts, env, None)

    def _contexts(self, request: PullRequest) -> dict[str, Any]:
        head = "stranger/fleet" if request.fork else PROJECT
        return {
            "github": {
                "event_name": "pull_request",
                "ref": f"refs/pull/{request.number}/merge",
                "repository": PROJECT,
                "token": "run-token",
                "event": {"pull_request": {"head": {"repo": {"full_name": head}}}},
            }
        }

    def _requested(self, request: PullRequest) -> dict[str, str]:
        return {
            "GITHUB_REF": f"refs/pull/{request.number}/merge",
            "GITHUB_HEAD_REF": request.branch,
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": request.branch,
            "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "stranger/fleet" if request.fork else PROJECT,
        }

    def _run(
        self,
        job: str,
        contexts: Mapping[str, Any],
        env: Mapping[str, str],
        request: PullRequest | None,
    ) -> Ran:
        """Each step in a bash of its own until one fails, in a folder that nothing was in."""
        self.runs += 1
        home = self.base / f"run-{self.runs}"
        work = home / "work"
        work.mkdir(parents=True)
        if self.kind == "gitlab" and request is not None:
            self._runner_clone(work, request)
        said, code = "", 0
        for step in steps(self.kind, job, contexts):
            done = subprocess.run(
                ["bash", "-e", "-c", step.script],
                cwd=work / step.folder,
                env={**self._machine(home), **env, **step.env},
                capture_output=True,
                text=True,
                timeout=110,
                check=False,
            )
            said += done.stdout + done.stderr
            code = done.returncode
            if code:
                break
        return Ran(code, said)

    def _runner_clone(self, work: Path, request: PullRequest) -> None:
        """GitLab's runner clones by itself: shallow, detached, the request's head alone."""
        ref = f"refs/merge-requests/{request.number}/head"
        for words in (
            ["init", "-q", "."],
            ["fetch", "-q", "--depth=20", f"file://{self.url}", ref],
            ["checkout", "-q", "FETCH_HEAD"],
        ):
            subprocess.run(["git", *words], cwd=work, check=True, capture_output=True)

    def _machine(self, home: Path) -> dict[str, str]:
        """A runner's own environment: nothing of ours but the programs."""
        url = str(self.url).removesuffix(".git")
        return {
            "PATH": f"{programs(home)}:{os.environ['PATH']}",
            "HOME": str(home),
            "TMPDIR": str(home),
            "RUNNER_TEMP": str(home),
            "GITHUB_SERVER_URL": str(self.base),
            "GITHUB_REPOSITORY": PROJECT,
            "CI_SERVER_URL": str(self.base),
            "CI_PROJECT_PATH": PROJECT,
            "CI_PROJECT_URL": url,
            "CI_MERGE_REQUEST_PROJECT_URL": url,
            "CI_MERGE_REQUEST_PROJECT_PATH": PROJECT,
        }


def programs(folder: Path) -> Path:
    """A folder with the `margo` of these tests."""
    program = folder / "bin" / "margo"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m margo_gitops "$@"\n')
    program.chmod(0o755)
    return program.parent


@dataclass(frozen=True)
class People:
    """Ada's and Bob's clone of a fleet; who acts is told by the key."""

    clone: Path

    def margo(self, *words: str, by: str = "ada") -> str:
        """Run `margo`, which must succeed; what it printed."""
        done = margo(*words, cwd=self.clone, env={"MARGO_KEY": str(self.clone.parent / by)})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def git(self, *words: str) -> str:
        """Run git, which must succeed; what it printed."""
        env = {**os.environ, **IDENTITY}
        done = subprocess.run(
            ["git", *words], cwd=self.clone, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def edit(self, path: str, old: str, new: str) -> None:
        """Commit one changed word on the branch that is out."""
        file = self.clone / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        self.git("commit", "-q", "-a", "-m", f"Say {new}")

    def secret(self, key: str) -> str:
        """A key as CI gets it."""
        return base64.b64encode((self.clone.parent / key).read_bytes()).decode()
