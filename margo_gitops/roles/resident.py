"""Agents at work: one pass, or pass after pass until a signal; several nodes each in a thread."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from margo_gitops.errors import MargoError, Stalled
from margo_gitops.model import layout
from margo_gitops.model.quantity import duration_seconds
from margo_gitops.reconcile import Outcome, Rhythm, Role, once, run
from margo_gitops.roles.agents import MIRROR, edge_agent, local_agent
from margo_gitops.roles.pace import Pace
from margo_gitops.roles.serving.start import Serving, serving
from margo_gitops.roles.trips.sticks import Sticks
from margo_gitops.roles.waking import Waker
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport

if TYPE_CHECKING:
    from margo_gitops.roles.edge import EdgeNode

TICK = 5.0
"""Seconds between two looks for drift."""


@dataclass(frozen=True, slots=True)
class Resident:
    """How an agent runs; `tell` gets its name and each pass's outcome."""

    once: bool
    poll: str | None
    runtimes: tuple[str, ...]
    secrets: Path
    tell: Callable[[str, Outcome], None]


def run_local(
    site: str,
    remote: str | None,
    state: Path,
    nodes: Sequence[str],
    options: Resident,
    *,
    serve: Serving | None = None,
    sticks: Sticks | None = None,
) -> int:
    """The LO of a site, with nodes of its own host, and others served; returns the exit code.

    Without a `remote` all comes and goes by `sticks`.
    """
    mirror = state / MIRROR
    with ExitStack() as stack:
        agent = local_agent(
            site,
            remote,
            state,
            serve=serve is not None,
            sticks=sticks,
            patient=not options.once,
        )
        lo = stack.enter_context(agent)
        if options.once:
            return _one_host(lo, mirror, state, nodes, options)
        from margo_gitops.roles.serving.repositories import NEWS  # noqa: PLC0415

        lo.pace = None if remote is None else Pace(time.monotonic)
        if serve is not None:
            url = stack.enter_context(serving(serve, state, mirror))
            options.tell(f"lo {site}", Outcome((f"serves its nodes at {url}/NODE.git",)))
        for node in nodes:
            stack.enter_context(_in_thread(node, str(mirror), state / f"en-{node}", options))
        poll = None if options.poll is None else duration_seconds(options.poll)
        refs = [layout.site_ref(site).removeprefix("refs/"), layout.REPORTS.removeprefix("refs/")]
        watched = [mirror, *_watchable(lo.upstream)]
        rhythm = lambda: Rhythm(poll or lo.poll_seconds(), TICK)  # noqa: E731
        inbox = None if sticks is None else sticks.inbox
        waker = Waker(
            watched, refs, [state / NEWS], inbox, None if lo.post is None else lo.post.news
        )
        keepers = [*_keepers(lo.store), *([] if lo.served is None else [lo.served.keep])]
        _reside(lo, f"lo {site}", waker, rhythm, options, keepers=keepers)
    return 0


def run_edge(node: str, remote: str, state: Path, options: Resident) -> int:
    """The EN of a host; returns the exit code."""
    with _edge(node, remote, state, options) as en:
        if options.once:
            return _once(en, f"en {node}", options).exit_code
        poll = duration_seconds(options.poll or "30s")
        refs = [layout.node_ref(node).removeprefix("refs/")]
        waker = Waker(_watchable(en.upstream), refs)
        _reside(
            en, f"en {node}", waker, lambda: Rhythm(poll, TICK), options, keepers=_keepers(en.store)
        )
    return 0


def _keepers(store: GitStore) -> list[Callable[[], object]]:
    """What tidies up a store, between two passes."""
    from margo_gitops.store.maintenance import Keeper  # noqa: PLC0415

    return [] if store.path is None else [Keeper(store.path, time.monotonic).keep]


def _watchable(upstream: Transport) -> list[Path]:
    """The remote's folder where it is there to be watched; one that comes later is polled.

    A mirror may not be made yet, nor a disk mounted, when a host boots.
    """
    try:
        folder = upstream.watched()
    except Stalled:
        return []
    return [] if folder is None else [folder]


def _edge(
    node: str, remote: str, state: Path, options: Resident
) -> AbstractContextManager[EdgeNode]:
    return edge_agent(node, remote, state, options.runtimes, options.secrets)


def _one_host(
    lo: Role[Any, Any, Any, Any],
    mirror: Path,
    state: Path,
    nodes: Sequence[str],
    options: Resident,
) -> int:
    """One pass of the site and its nodes: placed, run, folded, so that one call shows it all."""
    outcomes = [_once(lo, "lo", options)]
    for _ in range(2 if nodes else 0):
        for node in nodes:
            with _edge(node, str(mirror), state / f"en-{node}", options) as en:
                outcomes.append(_once(en, f"en {node}", options))
        outcomes.append(_once(lo, "lo", options))
    last = outcomes[-1 - len(nodes) :]
    return Outcome(troubles=tuple(t for outcome in last for t in outcome.troubles)).exit_code


def _once(role: Role[Any, Any, Any, Any], who: str, options: Resident) -> Outcome:
    outcome = once(role)
    options.tell(who, outcome)
    return outcome


def _reside(
    role: Role[Any, Any, Any, Any],
    who: str,
    waker: Waker,
    rhythm: Callable[[], Rhythm],
    options: Resident,
    *,
    keepers: Sequence[Callable[[], object]],
) -> None:
    """Run until SIGTERM or SIGINT."""
    with waker:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: waker.stop())
        _loop(role, who, waker, rhythm, options, keepers=keepers)


def _loop(
    role: Role[Any, Any, Any, Any],
    who: str,
    waker: Waker,
    rhythm: Callable[[], Rhythm],
    options: Resident,
    *,
    keepers: Sequence[Callable[[], object]],
) -> None:
    def tell(outcome: Outcome) -> None:
        """Between two passes nothing of ours is half written: the time to tidy up."""
        options.tell(who, outcome)
        for keep in keepers:
            keep()

    run(
        role,
        rhythm=rhythm,
        wait=waker.wait,
        clock=time.monotonic,
        tell=tell,
        chance=random.Random(),  # noqa: S311  # jitter, no secret
    )


class _in_thread:  # noqa: N801  # used as a function
    """A node's agent in a thread of this process, with a store of its own, for a `with` block."""

    def __init__(self, node: str, remote: str, state: Path, options: Resident) -> None:
        """Nothing starts before the block is entered."""
        self._node, self._remote, self._state, self._options = node, remote, state, options
        GitStore.create(Path(remote)).close()
        self._waker = Waker([Path(remote)], [layout.node_ref(node).removeprefix("refs/")])
        self._thread = threading.Thread(target=self._work, name=f"en-{node}")

    def __enter__(self) -> None:
        """Start it."""
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Stop it and wait for it."""
        self._waker.stop()
        self._thread.join()

    def _work(self) -> None:
        who = f"en {self._node}"
        poll = duration_seconds(self._options.poll or "30s")
        try:
            with (
                _edge(self._node, self._remote, self._state, self._options) as en,
                self._waker,
            ):
                _loop(
                    en,
                    who,
                    self._waker,
                    lambda: Rhythm(poll, TICK),
                    self._options,
                    keepers=_keepers(en.store),
                )
        except MargoError as error:
            self._options.tell(who, Outcome(troubles=(error,)))
