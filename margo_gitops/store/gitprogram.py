"""The `git` program, for a person's clone: their hooks, identity, signing and config apply."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_random_exponential

from margo_gitops.errors import Invalid, LostRace, MargoError, Stalled
from margo_gitops.process import Finished, run

TIMEOUT = 300.0
"""Seconds for one call: a hook may validate a whole fleet."""

LOCK_PATIENCE = 3.0

_ENVIRONMENT = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1"}
_NOBODY = ("tell me who you are", "empty ident name", "unable to auto-detect email")
_LOCKED = "index.lock': File exists"


def git(folder: Path, *words: str, paths: Iterable[str] | None = None) -> Finished:
    """Run git in a folder; `paths` go to it by standard input, whatever their number.

    The index's lock is waited for a moment. Raises `Stalled` if git is not installed.
    """
    given = [] if paths is None else ["--pathspec-from-file=-", "--pathspec-file-nul"]
    again = Retrying(
        retry=retry_if_result(lambda done: done.code != 0 and _LOCKED in done.err),
        stop=stop_after_delay(LOCK_PATIENCE),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    finished: Finished = again(
        run,
        ["git", *words, *given],
        timeout=TIMEOUT,
        cwd=folder,
        env=_ENVIRONMENT,
        input="\0".join(paths or ()),
    )
    return finished


def merged_tree(folder: Path, ours: str, theirs: str) -> str:
    """The tree that a merge of two commits has; `Stalled` where they contradict each other."""
    durable = ("-c", "core.fsync=all")
    done = git(folder, *durable, "merge-tree", "--write-tree", "--name-only", ours, theirs)
    if done.code == 0:
        return done.out.strip()
    named = done.out.partition("\n\n")[0].splitlines()[1:]
    told = ", ".join(named[:3] or done.err.splitlines()[:1])
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    raise Stalled(
        f"{theirs[:12]} cannot be merged into {ours[:12]}: both changed {told}{more}",
        then="nothing was changed",
        help="margo pull; git merge main, on that branch; then margo pr create again",
    )


def answer(folder: Path, *words: str) -> str | None:
    """The one line that git prints; None if it says no."""
    done = git(folder, *words)
    return done.out.strip() if done.code == 0 else None


def must(folder: Path, *words: str, paths: Iterable[str] | None = None) -> None:
    """Run git where it has no reason to say no; its words as an error where it does."""
    done = git(folder, *words, paths=paths)
    if done.code != 0:
        raise said(done, " ".join(words[:2]))


def said(done: Finished, verb: str) -> MargoError:
    """What git's words mean: the index is locked, nobody is configured, or a hook says no."""
    words = (done.err.strip() or done.out.strip())[-2000:]
    if _LOCKED in words:
        return LostRace(f"another git works in this clone: {words.splitlines()[0]}")
    if any(sign in words for sign in _NOBODY):
        return Stalled(
            "git does not know who you are: no name and e-mail for commits",
            then="nothing was committed",
            help='git config --global user.name "Your Name"; git config --global user.email you@…',
        )
    if "failed to sign" in words or "signing failed" in words:
        return Stalled(f"git could not sign the commit: {words}", then="nothing was committed")
    return Invalid(f"git {verb} said no: {words or f'exit code {done.code}, no words'}")
