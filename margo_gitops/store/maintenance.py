"""Keeping a repository small with git's own tools: refs packed, objects packed, old ones gone.

dulwich's own packing of refs loses them where the disk is full, so git does it. Each tool takes
git's locks and writes beside what is there before it removes anything, so a kill at any instant
leaves the repository whole. Nothing young is ever removed: what a push or a pass is writing right
now is not reachable yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.errors import MargoError, Stalled
from margo_gitops.process import run

YOUNG = "1.day.ago"
"""Unreachable objects that are younger stay: somebody may be writing what will reach them."""

TIMEOUT = 600.0

_NICE = 15
_CONFIG = ("pack.useBitmaps=false", "repack.writeBitmaps=false", "pack.threads=1", "gc.auto=0",
           "pack.windowMemory=16m", "core.fsync=committed,reference,objects")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Caps:
    """What a repository may hold before it is worth tidying up."""

    loose: int = 1000
    packs: int = 20
    refs: int = 200


@dataclass(frozen=True, slots=True)
class Size:
    """What lies in a git directory: loose objects, packs, loose refs, and bytes on the disk."""

    loose: int
    packs: int
    refs: int
    bytes: int

    def exceeds(self, caps: Caps) -> bool:
        """Whether one of the numbers is above its cap."""
        return self.loose > caps.loose or self.packs > caps.packs or self.refs > caps.refs


def measure(git: Path) -> Size:
    """Count what lies in a git directory; what vanishes meanwhile counts as gone."""
    loose = packs = refs = total = 0
    for folder, _, files in os.walk(git):
        where = list(Path(folder).relative_to(git).parts) or ["."]
        total += sum(_bytes(Path(folder) / name) for name in files)
        if where[0] == "refs":
            refs += len(files)
        elif where == ["objects", "pack"]:
            packs += sum(name.endswith(".pack") for name in files)
        elif where[0] == "objects" and len(where[-1]) == 2:
            loose += len(files)
    return Size(loose, packs, refs, total)


def pack_refs(git: Path) -> None:
    """All refs into one file: 20,000 loose ones make every push four times as slow."""
    _git(git, "pack-refs", "--all")


def tidy(git: Path, *, young: str = YOUNG) -> None:
    """Pack refs and objects, and drop what nothing reaches and is older than `young`.

    Raises `Stalled` where git is not installed or says no, `Unreachable` where it takes longer than
    `TIMEOUT`; the repository is whole in any case.
    """
    pack_refs(git)
    _git(git, "repack", "-d", "-A", "-q", f"--unpack-unreachable={young}")
    _git(git, "prune", f"--expire={young}")


@dataclass(slots=True)
class Keeper:
    """Tidies one repository on a timer, and only where it is above its caps.

    `clock` counts seconds and never back. A fault is kept in `trouble` and tried again after the
    next interval: an agent never stops because its store could not be tidied.
    """

    git: Path
    clock: Callable[[], float]
    every: float = 3600.0
    caps: Caps = Caps()
    young: str = YOUNG
    trouble: MargoError | None = None
    _due: float = field(default=0.0, init=False)

    def keep(self) -> bool:
        """Tidy up if it is time; True where something was done."""
        if self.clock() < self._due:
            return False
        self._due = self.clock() + self.every
        if not measure(self.git).exceeds(self.caps):
            return False
        try:
            tidy(self.git, young=self.young)
        except MargoError as error:
            self.trouble = error
            return False
        self.trouble = None
        return True


def _git(git: Path, *words: str) -> None:
    options = [part for setting in _CONFIG for part in ("-c", setting)]
    argv = ["nice", f"-n{_NICE}", "git", f"--git-dir={git}", *options, *words]
    done = run(argv, timeout=TIMEOUT)
    if done.code != 0:
        raise Stalled(
            f"git {words[0]} in {git} said: {(done.err.strip() or done.out.strip())[-500:]}",
            then="the repository is as it was; it is tried again later",
            help=f"git --git-dir={git} fsck; df -h {git}",
        )


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0
