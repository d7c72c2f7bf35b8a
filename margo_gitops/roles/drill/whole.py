"""What git itself does with a repository, and says of it."""

from __future__ import annotations

from pathlib import Path

from margo_gitops.process import run
from margo_gitops.roles.drill.casebook import expect

PATIENCE = 120.0


def fsck(repository: Path) -> None:
    """`Astray` with git's words where it finds anything missing or damaged."""
    words = ["git", "-C", str(repository), "fsck", "--full", "--no-dangling", "--no-progress"]
    done = run(words, timeout=PATIENCE)
    expect(done.code == 0, f"git fsck: {done.err.strip()[:200]}")


def packed(repository: Path) -> None:
    """Put all its objects into one file: it is copied hundreds of times."""
    done = run(["git", "-C", str(repository), "repack", "-a", "-d", "-q"], timeout=PATIENCE)
    expect(done.code == 0, f"git repack: {done.err.strip()[:200]}")
