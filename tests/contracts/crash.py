"""An agent that is killed between two steps: no driver may lose, double or forget anything.

The action runs in a process of its own that ends at its n-th step as SIGKILL would end it, nothing
of its own clean-up done; then the same engine is asked, and told again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator

import pytest

from tests.contracts.driver import ONE, Harness, running, workload
from tests.waiting import until

CALLS = frozenset({"subprocess.Popen", "os.posix_spawn"})
WRITES = CALLS | {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.kill", "os.truncate"}

_KILLED = 99
_MOST = 200


class CrashContract:
    """The suite; `harness` is the subclass's fixture, `steps` what counts as one."""

    steps: Collection[str] = CALLS

    @pytest.fixture
    def harness(self) -> Harness:
        raise AssertionError("a subclass gives the harness")

    def test_an_upgrade_cut_at_any_step_is_ended_by_the_next_one(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness, origin="o1", greeting="Hello"))
        changed = workload(harness, origin="o2", greeting="Servus")
        for _ in self._cuts(lambda: harness.driver().apply(changed)):
            for seen in harness.driver().observe():
                whole = seen.origin == "o2" and not any(c.lost for c in seen.components)
                assert not whole or until(lambda: harness.greeting(ONE, "hello") == "Servus")
            harness.driver().apply(changed)
            assert running(harness.driver()).origin == "o2"
            until(lambda: harness.greeting(ONE, "hello") == "Servus")
            harness.driver().apply(workload(harness, origin="o1", greeting="Hello"))
            assert running(harness.driver()).origin == "o1"
        harness.driver().remove(ONE)
        assert harness.leftovers(ONE) == []

    def test_a_first_start_cut_at_any_step_can_be_removed(self, harness: Harness) -> None:
        first = workload(harness)
        for _ in self._cuts(lambda: harness.driver().apply(first)):
            harness.driver().observe()
            harness.driver().remove(ONE)
            assert list(harness.driver().observe()) == []
            assert harness.leftovers(ONE) == []

    def test_a_removal_cut_at_any_step_is_ended_by_the_next_one(self, harness: Harness) -> None:
        harness.driver().apply(workload(harness))
        for _ in self._cuts(lambda: harness.driver().remove(ONE)):
            harness.driver().remove(ONE)
            assert list(harness.driver().observe()) == []
            assert harness.leftovers(ONE) == []
            harness.driver().apply(workload(harness))

    def _cuts(self, action: Callable[[], None]) -> Iterator[int]:
        """Do it again and again, each time cut one step later, until it is done whole."""
        for step in range(1, _MOST):
            if not cut(action, step, self.steps):
                assert step > 1, "nothing of this counts as a step"
                return
            yield step
        raise AssertionError(f"more than {_MOST} steps")


def cut(action: Callable[[], None], step: int, steps: Collection[str]) -> bool:
    """Run it in a process that dies before its n-th step; True where it did."""
    pid = os.fork()
    if pid == 0:
        left = [step]

        def hook(event: str, _: tuple[object, ...]) -> None:
            if event in steps:
                left[0] -= 1
                if not left[0]:
                    os._exit(_KILLED)

        code = 1
        try:
            sys.addaudithook(hook)
            action()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in {0, _KILLED}, f"the action failed by itself: {code}"
    return code == _KILLED
