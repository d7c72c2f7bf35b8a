"""git's own daemon for tests: `git://` on loopback, pushes allowed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running import answers, end, free_port, start
from tests.waiting import until


@dataclass(frozen=True)
class GitDaemon:
    """A running daemon; repositories are made below `repos`."""

    repos: Path
    port: int

    def repository(self, name: str, *, exported: bool = True) -> Path:
        """A new bare repository, served if it is `exported`."""
        path = self.repos / name
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
        if exported:
            (path / "git-daemon-export-ok").touch()
        return path

    def url(self, name: str, *, port: int | None = None) -> str:
        """Where a repository is served; `port` is that of something in between."""
        return f"git://127.0.0.1:{port or self.port}/{name}"


def problem() -> str | None:
    """Why no git daemon can be started here."""
    return None if _program() is not None else "git daemon is not installed"


def _program() -> str | None:
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    return shutil.which("git-daemon", path=done.stdout.strip())


@contextmanager
def git_daemon(root: Path) -> Iterator[GitDaemon]:
    """A daemon that ends with the block."""
    program, port = _program(), free_port()
    assert program is not None
    repos = root / "repos"
    repos.mkdir()
    argv = [
        program, "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", f"--base-path={repos}",
        "--enable=receive-pack", "--informative-errors", "--log-destination=stderr", str(repos),
    ]  # fmt: skip
    with (root / "log").open("wb") as log:
        started = start(argv, log)
        try:
            until(lambda: answers(port))
            yield GitDaemon(repos, port)
        finally:
            end(started)
