"""`Transport`, the one seam between this store and another: a folder, a server, a stick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit, urlunsplit

from margo_gitops.errors import LostRace, Refused, Usage
from margo_gitops.model.layout import ALIVES, OVERVIEW, PREVIEWS, PROPOSALS, REQUESTS
from margo_gitops.store.address import Address, parse_address
from margo_gitops.store.epochs import follows
from margo_gitops.store.git import GitStore

REPLACED = (ALIVES, REQUESTS, PREVIEWS, OVERVIEW, PROPOSALS)
"""Refs that a push need not fast-forward: those of one replaced commit (DESIGN section 2), and
proposals, which their authors rebase; also those move by compare-and-swap."""


@dataclass(frozen=True, slots=True)
class Update:
    """One ref of a remote: from `old` (None: it does not exist yet) to the commit `new`."""

    ref: str
    old: str | None
    new: str


class Transport(Protocol):
    """Another repository, seen from a `GitStore`.

    Every method may be called again after any failure. `Unreachable` says that the other side did
    not answer, or not in time.
    """

    name: str

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:
        """The remote's refs: exact names, or prefixes that end in `/`; nothing else comes back."""

    def fetch(self, store: GitStore, wanted: Mapping[str, str]) -> None:
        """Bring all that these commits reach (ref to id, as advertised) into `store`, checked.

        No ref of `store` moves. Raises `Refused` for what is damaged or not whole.
        """

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:
        """Move the remote's refs, in this order, each by compare-and-swap.

        Fast-forward only, but for a new ref or a new epoch. Confirmed by reading the refs again.
        Raises `LostRace` where another was first, `Refused` (rule `fast-forward`) where `new` does
        not follow `old`; refs named earlier may have moved by then.
        """

    def watched(self) -> Path | None:
        """The git directory whose refs a watcher may watch; None if it is not on this host."""


@runtime_checkable
class Blobs(Protocol):
    """What some transports give beside git: files by digest, as a served site has them."""

    def blob(self, digest: str, size: int, offset: int = 0) -> Iterator[bytes] | None:
        """A file of this digest in blocks from `offset` on; None if it is not there.

        At most `size` bytes in all, and not hashed yet. A caller may leave it before its end.
        """


def open_transport(url: str, *, timeout: float = 30.0) -> Transport:
    """The transport for a path, a URL (`docs/links.md` has the forms), or a file `*.bundle`.

    `timeout` is how long a server may be silent, in seconds. Raises `Usage` for any other URL.
    """
    scheme, _, rest = url.partition("://")
    if rest and scheme in {"http", "https"}:
        from margo_gitops.store.http import HttpTransport  # noqa: PLC0415

        return HttpTransport(url, timeout=timeout)
    address = parse_address(url)
    if address is not None:
        return _open_stream(address, timeout)
    path = _local_path(url)
    if path.suffix == ".bundle":
        from margo_gitops.store.bundle import BundleTransport  # noqa: PLC0415

        return BundleTransport(path)
    from margo_gitops.store.local import StoreTransport  # noqa: PLC0415

    return StoreTransport(path)


def redacted(url: str) -> str:
    """The URL without user, password and query, fit for a message."""
    if "://" not in url:
        start, slash, rest = url.partition("/")
        return (start.rpartition("@")[2] if ":" in start else start) + slash + rest
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def require_forward(store: GitStore, update: Update) -> None:
    """Refuse an update that would leave commits of the remote behind (invariant 2)."""
    if update.old is None or update.ref.startswith(REPLACED):
        return
    if not follows(store, update.ref, update.old, update.new):
        raise Refused(
            f"{update.ref}: {update.new} does not descend from {update.old}, where the remote is",
            rule="fast-forward",
            then="nothing was pushed",
        )


def confirm(
    store: GitStore,
    name: str,
    updates: Sequence[Update],
    refs: Callable[[Sequence[str]], Mapping[str, str]],
) -> None:
    """Read the remote's refs again: each holds what was pushed, or what others built on it.

    Raises `LostRace`, also for a tip that is not here: it may or may not hold our commit.
    """
    tips = refs([update.ref for update in updates])
    for update in updates:
        tip = tips.get(update.ref)
        if tip != update.new and not _builds_on(store, update, tip):
            raise LostRace(
                f"{update.ref} of {name} is at {tip or 'no commit'} after a push of {update.new}"
            )


def lost(name: str, update: Update, tip: str | None) -> LostRace:
    """The error of a compare-and-swap that found another tip."""
    return LostRace(
        f"{update.ref} of {name} is at {tip or 'no commit'}, expected {update.old or 'no commit'}"
    )


def _builds_on(store: GitStore, update: Update, tip: str | None) -> bool:
    return tip is not None and follows(store, update.ref, update.new, tip)


def _open_stream(address: Address, timeout: float) -> Transport:
    if address.scheme == "git":
        from margo_gitops.store.daemon import DaemonTransport  # noqa: PLC0415

        return DaemonTransport(address, timeout=timeout)
    from margo_gitops.store.ssh import SshTransport  # noqa: PLC0415

    return SshTransport(address, timeout=timeout)


def _local_path(url: str) -> Path:
    scheme, found, rest = url.partition("://")
    if not found:
        return Path(url)
    if scheme != "file" or not rest.startswith("/"):
        raise _unsupported(url)
    return Path(unquote(rest))


def _unsupported(url: str) -> Usage:
    return Usage(
        f"{redacted(url)!r} is no remote that can be used: expected a folder, file:///path,"
        " https://host/path, ssh://user@host/path, git://host/path, or a file that ends in .bundle"
    )
