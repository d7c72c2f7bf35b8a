"""A repository on a disk: opened, made whole or not at all, its locks waited for."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

from margo_gitops.errors import LostRace, MargoError, Stalled
from margo_gitops.store.disk import disk_faults, sync_all, sync_file
from margo_gitops.store.reflock import TEMPORARY, Held

LOCK_PATIENCE = 5.0
"""Seconds that another's lock on a ref is waited for; git holds one for milliseconds."""

QUARANTINE = "quarantine-"
"""How the folder of a scratch store begins that sees this repository's objects."""

LOCK_DEAD = 600.0
"""Seconds after which a lock is taken for that of a process that is no more."""

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tfsync = committed,reference
"""


def open_repo(path: Path) -> Repo:
    """The repository at `path`, bare or with a work tree; `Stalled` if there is none to read."""
    try:
        repo = Repo(path)
    except (NotGitRepository, UnsupportedVersion, UnsupportedExtension, ValueError) as error:
        raise Stalled(
            f"{path} is no git repository that can be read: {error}", help="margo doctor"
        ) from error
    except OSError as error:
        raise Stalled(f"{path} cannot be opened: {error.strerror}", help="margo doctor") from error
    if repo.object_format.name != "sha1":
        repo.close()
        raise Stalled(f"{path} is a {repo.object_format.name} repository, expected sha1")
    return repo


def require_whole(git: Path | None) -> None:
    """`Stalled` for a shallow repository: of its history only a part is here."""
    if git is not None and (git / "shallow").exists():
        raise Stalled(
            f"{git} is a shallow clone: it does not hold the whole history of main",
            then="nothing was rendered",
            help="git fetch --unshallow origin, or margo clone URL",
        )


def make_bare(path: Path) -> None:
    """Make a bare repository whose unborn branch is `main`; quiet if another made it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=path.parent, prefix=".new-"))
    try:
        Repo.init_bare(made, default_branch=b"main").close()
        (made / "config").write_text(_CONFIG)
        made.chmod(0o755)
        for file in filter(Path.is_file, made.rglob("*")):
            sync_file(file)
        sync_all([made, *filter(Path.is_dir, made.rglob("*"))])
        _settle(made, path)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def patiently(ref: str, action: Callable[[], bool]) -> bool:
    """Do what takes a ref's lock, again for `LOCK_PATIENCE` seconds while another holds it.

    Raises `LostRace` if that one goes on holding it, `Stalled` if it is as old as a dead one's.
    """
    from tenacity import (  # noqa: PLC0415
        Retrying,
        retry_if_exception_type,
        stop_after_delay,
        wait_random_exponential,
    )

    again = Retrying(
        retry=retry_if_exception_type(Held),
        stop=stop_after_delay(LOCK_PATIENCE),
        wait=wait_random_exponential(multiplier=0.005, max=0.2),
        reraise=True,
    )
    try:
        with disk_faults(ref):
            return again(action)
    except Held as error:
        raise _held(ref, error.lock) from error


def leftovers(git: Path) -> Iterator[Path]:
    """The files that only a running or a killed writer has: locks and temporary ones."""
    yield from git.glob("*.lock")
    yield from git.glob(f"{TEMPORARY}*")
    yield from (git / "refs").rglob("*.lock")
    yield from (git / "objects").glob("tmp_pack_*")
    yield from (git / "objects" / "pack").glob("*.lock")
    yield from (git / "objects").glob("??/tmp_obj_*")


def remove_leftovers(git: Path, older: float) -> list[Path]:
    """Remove the leftovers that are older than so many seconds; returns them.

    One from the future is from before the clock was set back: no writer of now has it.
    """
    left = [path for path in leftovers(git) if _age(path) >= older]
    for path in left:
        path.unlink(missing_ok=True)
    folders = [path for path in git.glob(f"{QUARANTINE}*") if _age(path) >= older]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return left + folders


def _age(path: Path) -> float:
    return abs(time.time() - path.stat().st_mtime)


def _settle(made: Path, path: Path) -> None:
    try:
        made.rename(path)
    except OSError as error:
        if not (path / "HEAD").exists():
            raise Stalled(f"{path} is there already, and is no git repository") from error
    sync_all([path.parent])


def _held(ref: str, lock: Path) -> MargoError:
    try:
        age = _age(lock)
    except FileNotFoundError:
        age = 0.0
    if age < LOCK_DEAD:
        return LostRace(f"another process holds {ref}: its lock is {lock}")
    return Stalled(
        f"{ref} has been locked for {age:.0f} s by {lock}: its process is likely dead",
        then="the old state stays, whole",
        help=f"rm {lock}",
    )
