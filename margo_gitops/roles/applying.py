"""A node's plan carried out: removals first, so that their room is free, then several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from margo_gitops.errors import MargoError
from margo_gitops.plan.workloads import Action, Plan, Verb

if TYPE_CHECKING:
    from concurrent.futures import Future

PARALLEL = 4
"""Deployments that are worked on at once."""

PATIENCE = 2.0
"""Seconds after which what is still under way is told."""


def carry_out(
    plan: Plan, act: Callable[[Action], None], underway: Callable[[], None]
) -> dict[str, MargoError]:
    """Do all of the plan; what failed, by deployment id, for one's fault stops no other.

    `underway` is called once, from this thread, where the plan takes longer than `PATIENCE`.
    """
    if not plan.actions:
        return {}
    from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415

    removals = [action for action in plan.actions if action.verb is Verb.REMOVE]
    changes = [action for action in plan.actions if action.verb is not Verb.REMOVE]
    told = False
    failures: dict[str, MargoError] = {}
    with ThreadPoolExecutor(PARALLEL) as pool:
        for stage in (removals, changes):
            running = {pool.submit(act, action): action for action in stage}
            if wait(running, timeout=PATIENCE).not_done and not told:
                underway()
                told = True
            failures |= dict(_failed((future, action) for future, action in running.items()))
    return failures


def _failed(done: Iterable[tuple[Future[None], Action]]) -> Iterable[tuple[str, MargoError]]:
    for future, action in done:
        try:
            future.result()
        except MargoError as error:
            yield action.id, error
