"""Waiting between passes: until the time is up, a watched ref moved, or a signal said stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from margo_gitops.reconcile import Wake


class Waker(AbstractContextManager["Waker"]):
    """`wait` for one role; `stop` may be called from a signal handler or another thread.

    `watched` are git directories on this host; only refs whose names end in one of `refs` wake.
    Of `folders` every file that is written does, but only for a look: a node that pushes again and
    again must not make us ask the remote again and again. What is written in `inbox` counts as
    news; as nobody tells of a disk that is mounted there, `news` is asked at each wait's end too.
    """

    def __init__(
        self,
        watched: Sequence[Path],
        refs: Sequence[str],
        folders: Sequence[Path] = (),
        inbox: Path | None = None,
        news: Callable[[], bool] | None = None,
    ) -> None:
        """Nothing is watched until the context is entered."""
        self._news = news or (lambda: False)
        self._inbox = () if inbox is None or not inbox.is_dir() else (inbox,)
        self._watched = [folder / "refs" for folder in watched if (folder / "refs").is_dir()]
        self._watched += [*folders, *self._inbox]
        self._refs = tuple(f"/{ref}" for ref in refs)
        self._folders = tuple(f"{path}/" for path in folders)
        self._mail = tuple(f"{path}/" for path in self._inbox)
        self._wake = threading.Event()
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        if self._watched:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop watching."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(5)

    def stop(self) -> None:
        """Make this and every later wait answer STOP."""
        self._stop.set()
        self._wake.set()

    def wait(self, seconds: float) -> Wake:
        """Why the wait ended; at once where something happened since the last one."""
        self._wake.wait(seconds)
        self._wake.clear()
        if self._stop.is_set():
            return Wake.STOP
        changed = self._changed.is_set() or self._news()
        self._changed.clear()
        return Wake.CHANGED if changed else Wake.TIME

    def _watch(self) -> None:
        from watchfiles import watch  # noqa: PLC0415

        begun = False
        for changes in watch(
            *self._watched,
            watch_filter=lambda _, path: self._concerns(path),
            stop_event=self._stop,
            debounce=50,
            step=20,
            rust_timeout=500,
            yield_on_timeout=True,
        ):
            # The first word says that the watch is on: what moved before it would go unseen.
            if not begun or any(_names(path, self._refs + self._mail) for _, path in changes):
                self._changed.set()
            if changes or not begun:
                self._wake.set()
            begun = True

    def _concerns(self, path: str) -> bool:
        return (_names(path, self._refs + self._folders) and not path.endswith(".lock")) or _names(
            path, self._mail
        )


def _names(path: str, parts: Sequence[str]) -> bool:
    name = path.replace("\\", "/")
    return any(part in name for part in parts)
