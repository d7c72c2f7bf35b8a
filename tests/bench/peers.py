"""What people use today: git in a shell loop, and `ansible-pull`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.bench.measure import Sample, command
from tests.bench.world import SITE, World

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "margo-bench"
ANSIBLE = "ansible-core>=2.19,<2.20"
_FETCH = f"git fetch -q origin refs/heads/site/{SITE}"
_POLL = f"{_FETCH} && git diff --quiet HEAD FETCH_HEAD"
_CHANGE = f"{_POLL} || {{ git reset -q --hard FETCH_HEAD && cp deployments/* ../shell-files/; }}"
_STATUS = """
blob=$(date +%N | git hash-object -w --stdin) &&
tree=$(printf '100644 blob %s\\tsite.json\\n' $blob | git mktree) &&
old=$(git rev-parse -q --verify refs/heads/status/shell || true) &&
commit=$(git commit-tree ${old:+-p $old} -m status $tree) &&
git update-ref refs/heads/status/shell $commit &&
git push -q origin refs/heads/status/shell
"""


class Shell:
    """A clone of the site's branch alone, and the loop over it."""

    def __init__(self, world: World, folder: Path) -> None:
        self._clone = folder / "shell"
        (folder / "shell-files").mkdir()
        branch = f"site/{SITE}"
        words = ("clone", "-q", "--single-branch", "-b", branch, world.url, str(self._clone))
        subprocess.run(["git", *words], check=True)

    def poll(self) -> Sample:
        """Nothing new: fetch and diff."""
        return self._run(_POLL)

    def change(self) -> Sample:
        """Fetch, diff, reset, copy the files."""
        return self._run(_CHANGE)

    def status(self) -> Sample:
        """One commit by git's plumbing, and its push."""
        return self._run(_STATUS)

    def _run(self, script: str) -> Sample:
        return command(["sh", "-c", script], cwd=self._clone, env=environment(self._clone.parent))


class Ansible:
    """`ansible-pull` from a virtual environment of its own."""

    def __init__(self, world: World, folder: Path, programs: Path) -> None:
        self._world = world
        self._folder = folder / "ansible"
        (self._folder / "target").mkdir(parents=True)
        self._programs = programs

    def pull(self) -> Sample:
        """With `-o`: the playbook runs only where something changed."""
        words: list[str | Path] = [self._programs / "ansible-pull"]
        words += ["-o", "-U", self._world.url, "-C", "pull/north"]
        words += ["-d", self._folder / "clone", "-i", "localhost,", "local.yml"]
        more = {
            "BENCH_TARGET": str(self._folder / "target"),
            "ANSIBLE_PYTHON_INTERPRETER": str(self._programs / "python"),
            "PATH": f"{self._programs}:{os.environ['PATH']}",
        }
        return command(words, cwd=self._folder, env={**environment(self._folder), **more})


def ansible_programs() -> Path | None:
    """The programs of ansible-core, installed once beside other caches; None where it cannot be."""
    programs = CACHE / "ansible" / "bin"
    if (programs / "ansible-pull").exists():
        return programs
    try:
        subprocess.run([sys.executable, "-m", "venv", programs.parent], check=True)
        subprocess.run([programs / "pip", "-q", "install", ANSIBLE], check=True, timeout=600)
    except (OSError, subprocess.SubprocessError):
        return None
    return programs


def environment(home: Path) -> Mapping[str, str]:
    """A person without any configuration of git."""
    who = {f"GIT_{role}_{what}": "ada@example.invalid" for role in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    return {**os.environ, **who, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
