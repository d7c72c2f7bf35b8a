"""Progress on long work: a bar on a terminal after the first second, nothing in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 1.0


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[str], None]]:
    """Yields what is to be called with each finished item's name; `total` None: nobody knows."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    begun = time.monotonic()
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=total)

    def advance(item: str) -> None:
        if not bar.live.is_started and time.monotonic() - begun > PATIENCE:
            bar.start()
        bar.update(task, advance=1, description=f"{what} {item}")

    try:
        yield advance
    finally:
        bar.stop()


@contextmanager
def bytes_progress(what: str) -> Iterator[Callable[[int], None]]:
    """The same for bytes that go by, whose sum nobody knows before."""
    with progress(what, None) as advance:
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size
            advance(f"{done >> 20} MiB")

        yield count
