"""A person's clone: `main` in a working tree, driven with git so that it stays theirs.

Only files that a verb names are touched, and only if nobody was editing them. The other branches
have no working tree; `sync` keeps them.
"""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from margo_gitops.errors import LostRace, MargoError, Refused, Stalled
from margo_gitops.model.layout import MAIN, SITES, STATUSES
from margo_gitops.store import sync
from margo_gitops.store.disk import disk_faults, replacing
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.gitprogram import answer, git, merged_tree, must, said
from margo_gitops.store.names import checked_parts
from margo_gitops.store.proposed import push_proposals
from margo_gitops.store.sync import PullResult
from margo_gitops.store.transport import Transport, Update

__all__ = ["Clone", "PullResult"]

_ARGUMENTS = 500
_IDENT = re.compile(r"(?P<name>[^<]*) <(?P<mail>[^>]*)> (?P<time>[0-9]+) [+-][0-9]{4}")
_Old = tuple[bytes, int] | None


class Clone:
    """One clone, by any path inside its working tree; `Stalled` if there is none."""

    def __init__(self, path: Path) -> None:
        top = answer(path, "rev-parse", "--show-toplevel") if path.is_dir() else None
        if not top:
            raise Stalled(
                f"{path} is in no working tree of git", help="margo init DIR, or margo clone URL"
            )
        self.path = Path(top)

    def head(self) -> str | None:
        """The commit of `main`, None before the first; `Stalled` if another branch is out."""
        branch = answer(self.path, "symbolic-ref", "-q", "HEAD")
        if branch != MAIN:
            name = (branch or "a detached commit").removeprefix("refs/heads/")
            raise Stalled(
                f"{self.path} has {name} checked out, expected main",
                then="nothing was changed",
                help="git switch main",
            )
        return answer(self.path, "rev-parse", "-q", "--verify", MAIN + "^{commit}")

    def remote(self) -> str | None:
        """The URL of `origin`."""
        return answer(self.path, "config", "--get", "remote.origin.url")

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Write these files of `main` (None deletes one), commit them alone, return the commit.

        Nothing to change: the commit that is there. Raises `Stalled` for a path with uncommitted
        changes, `Refused` (rule `tree`) for one outside or through a link, `LostRace` if another
        git holds the index, and `Invalid` with a hook's words; the files are then as before.
        """
        head = self.head()
        targets = {path: self._target(path) for path in changes}
        self._require_clean(changes)
        with disk_faults(self.path):
            before = {path: _content(target) for path, target in targets.items()}
            due = {
                path: data
                for path, data in changes.items()
                if data != (old[0] if (old := before[path]) else None)
            }
            if due or head is None:
                with self._undoing({path: before[path] for path in due}, head):
                    for path, data in due.items():
                        _put(targets[path], data, before[path])
                    self._record(due, message)
        commit = self.head()
        if commit is None:
            raise LostRace(f"main of {self.path} vanished while it was committed to")
        return commit

    def who(self) -> str:
        """The name of whoever commits here; `Stalled` where git does not know it."""
        return self.author().name

    def author(self) -> Authorship:
        """Whoever commits here, now; `Stalled` where git does not know it."""
        done = git(self.path, "var", "GIT_AUTHOR_IDENT")
        named = _IDENT.fullmatch(done.out.strip())
        if done.code != 0 or named is None:
            raise said(done, "var")
        return Authorship(named["name"], named["mail"], int(named["time"]))

    def join(self, base: str, commit: str, message: str) -> str:
        """The commit that merges one into another, signed where git is told to; no ref moves.

        It is a commit of its own also where `main` could just move on: the merge is seen. Raises
        `Stalled` where git finds no one tree of both.
        """
        tree = merged_tree(self.path, base, commit)
        signs = answer(self.path, "config", "--type=bool", "--get", "commit.gpgSign") == "true"
        words = ["commit-tree", *(["-S"] if signs else []), "-p", base, "-p", commit, "-m", message]
        done = git(self.path, "-c", "core.fsync=all", *words, tree)
        if done.code != 0:
            raise said(done, "commit-tree")
        return done.out.strip()

    def forward(self, base: str, commit: str) -> None:
        """Move `main` and its files from `base`, or from before it, to a commit that follows it.

        Raises `LostRace` where `main` has moved on meanwhile, `Stalled` where a file is edited.
        """
        ours = self.head()
        with GitStore.open(self.path) as store:
            if ours is None or not store.is_ancestor(ours, base):
                raise LostRace(f"main is at {ours}, expected {base}")
        self._forward(commit)

    def pull(self, transport: Transport) -> PullResult:
        """Bring `main`, the site branches and the statuses; nothing of ours is lost.

        Raises `Stalled` if `main` went two ways, or if a file that came is being edited here.
        """
        ours = self.head()
        with GitStore.open(self.path) as store:
            found = sync.fetch_branches(store, transport)
            if found.main is None:
                return found
            sync.remember(store, MAIN, found.main)
            if ours == found.main or (ours and store.is_ancestor(found.main, ours)):
                ahead = (MAIN,) if ours != found.main else ()
                return PullResult(ours, found.moved, (*ahead, *found.ahead))
            if ours and not store.is_ancestor(ours, found.main):
                raise Stalled(
                    f"main went two ways: {ours[:12]} here, {found.main[:12]} at {transport.name}",
                    then="both are kept; nothing of yours was changed",
                    help="git pull --rebase",
                )
        self._forward(found.main)
        return PullResult(found.main, (MAIN, *found.moved), found.ahead)

    def push(self, transport: Transport) -> tuple[Update, ...]:
        """Push `main` and confirm it, then the artifacts, then the site branches; what went out.

        Raises `LostRace` if the remote's `main` must be pulled first (invariant 2).
        """
        with GitStore.open(self.path) as store:
            pushed = sync.push_main(store, transport)
            for update in pushed:
                sync.remember(store, MAIN, update.new)
            pushed += sync.push_artifacts(store, transport)
            pushed += push_proposals(store, transport)
            pushed += sync.push_sites(store, transport)
            pushed += sync.push_rendered(store, transport)
        return tuple(pushed)

    @staticmethod
    def init(path: Path, files: Mapping[str, bytes], message: str) -> Clone:
        """A new repository with `main` and its first commit; `Stalled` if the folder is in use."""
        with _fresh(path):
            must(path, "init", "-q", "-b", "main")
            clone = Clone(path)
            clone.commit(files, message)
        return clone

    @staticmethod
    def clone(url: str, path: Path, transport: Transport) -> Clone:
        """A narrow clone: `main` checked out, site and status branches as local branches."""
        with _fresh(path):
            must(path, "init", "-q", "-b", "main")
            clone = Clone(path)
            clone._track(url)
            with GitStore.open(path) as store:
                found = sync.fetch_branches(store, transport)
                if found.main is None:
                    raise Stalled(f"{transport.name} has no branch main: it holds no fleet")
                sync.remember(store, MAIN, found.main)
            clone._forward(found.main)
        return clone

    def _track(self, url: str) -> None:
        must(self.path, "config", "remote.origin.url", url)
        for ref in (MAIN, SITES + "*", STATUSES + "*"):
            theirs = ref.replace("refs/heads/", "refs/remotes/origin/")
            must(self.path, "config", "--add", "remote.origin.fetch", f"+{ref}:{theirs}")
        must(self.path, "config", "branch.main.remote", "origin")
        must(self.path, "config", "branch.main.merge", MAIN)

    def _forward(self, commit: str) -> None:
        done = git(self.path, "merge", "-q", "--ff-only", "--no-autostash", commit)
        if done.code != 0:
            problem = said(done, "merge")
            if isinstance(problem, LostRace):
                raise problem
            raise Stalled(
                f"main cannot move on to {commit[:12]}: {problem.problem}",
                then="nothing of yours was changed",
                help="git stash, or git commit; then margo pull",
            )

    def _target(self, path: str) -> Path:
        target = self.path
        for part in checked_parts(path):
            target /= part
            if target.is_symlink():
                raise Refused(f"{path!r} goes through the link {target}", rule="tree")
            if target.is_file() and target != self.path / path:
                raise Refused(f"{path!r} goes through the file {target}", rule="tree")
        if target.is_dir():
            raise Refused(f"{path!r} is a folder", rule="tree")
        return target

    def _require_clean(self, paths: Iterable[str]) -> None:
        rest = iter(paths)
        while some := list(islice(rest, _ARGUMENTS)):
            words = ["--porcelain", "-z", "--untracked-files=all", "--ignored", "--", *some]
            done = git(self.path, "status", *words)
            if done.code != 0:
                raise said(done, "status")
            dirty = [entry[3:] for entry in done.out.split("\0") if entry]
            if dirty:
                raise Stalled(
                    f"{dirty[0]} has changes that are not committed",
                    then="nothing was changed",
                    help=f"git diff -- {dirty[0]}; then commit it, or git checkout -- {dirty[0]}",
                )

    def _record(self, due: Mapping[str, object], message: str) -> None:
        if due:
            must(self.path, "add", "--all", paths=due)
            must(self.path, "commit", "-q", "--only", "-m", message, paths=due)
        else:
            must(self.path, "commit", "-q", "--allow-empty", "-m", message)

    @contextmanager
    def _undoing(self, before: Mapping[str, _Old], head: str | None) -> Iterator[None]:
        try:
            yield
        except BaseException:
            for path, old in before.items():
                _put(self._target(path), None if old is None else old[0], old)
            if head is None:
                git(self.path, "rm", "-q", "-r", "--cached", "--ignore-unmatch", paths=before)
            else:
                git(self.path, "reset", "-q", paths=before)
            raise


@contextmanager
def _fresh(path: Path) -> Iterator[None]:
    """A folder that holds nothing yet; empty again if what follows fails."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise Stalled(f"{path} is not empty", then="nothing was changed", help="name a new folder")
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except (MargoError, KeyboardInterrupt):
        for item in path.iterdir():
            shutil.rmtree(item) if item.is_dir() else item.unlink()
        raise


def _content(target: Path) -> _Old:
    try:
        return target.read_bytes(), stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None


def _put(target: Path, data: bytes | None, old: _Old) -> None:
    if data is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, mode=old[1] if old else 0o644) as file:
            file.write(data)
        return
    target.unlink(missing_ok=True)
    folder = target.parent
    with suppress(OSError):  # it is not empty, as it should be
        while not (folder / ".git").exists():
            folder.rmdir()
            folder = folder.parent
