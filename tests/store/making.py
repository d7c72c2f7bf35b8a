"""Commits and git's own opinion of them, for the tests of the store."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from margo_gitops.store.git import Authorship, GitStore

AUTHOR = Authorship("Ada", "ada@example.org", 1_700_000_000)


def commit(
    store: GitStore,
    files: Mapping[str, bytes] | None = None,
    *parents: str,
    message: str = "A change",
    time: int = 1_700_000_000,
) -> str:
    """A stored commit, dated so many seconds after 1970."""
    return store.write(
        {"a/file": b"content\n"} if files is None else files,
        parents=parents,
        author=Authorship("Ada", "ada@example.org", time),
        message=message,
    )


def chain(store: GitStore, length: int, ref: str | None = None) -> list[str]:
    """A line of commits, each one minute after its parent; `ref` ends at the last."""
    ids: list[str] = []
    for number in range(length):
        files = {"a/file": f"{number}\n".encode(), "b": b"same\n"}
        ids.append(commit(store, files, *ids[-1:], time=1_700_000_000 + 60 * number))
    if ref is not None:
        store.move(ref, ids[-1], old=store.resolve(ref))
    return ids


def git(folder: Path, *words: str, input: bytes = b"") -> str:
    """What git prints; its failure fails the test."""
    return run_git(folder, *words, input=input).decode().strip()


def run_git(folder: Path, *words: str, input: bytes = b"") -> bytes:
    """The bytes that git prints."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "gc.auto=0"]
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, input=input, capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")
    return done.stdout


def fsck(folder: Path) -> None:
    """Fails the test unless git finds the repository without fault."""
    assert not git(folder, "fsck", "--strict", "--no-dangling", "--no-progress")
