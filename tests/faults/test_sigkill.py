"""Real agents, killed at random moments while people go on changing things."""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.store.git import GitStore
from tests.faults.plant import ENVIRONMENT, Plant, plant
from tests.waiting import until

SEED = int(os.environ.get("MARGO_CRASH_SEED", "1"))
KILLS = 50
STATUS = layout.status_ref("north")


class Agents:
    """The site's two agents as processes of their own."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, who: str) -> None:
        argv = self._plant.lo_run if who == "lo" else self._plant.en_run
        with (self._plant.root / f"{who}.log").open("ab") as log:
            self._running[who] = subprocess.Popen(
                argv("--poll", "1s"), env=ENVIRONMENT, stdout=log, stderr=log
            )

    def kill(self, who: str) -> None:
        """SIGKILL: no cleanup runs. It must have been alive."""
        victim = self._running.pop(who)
        assert victim.poll() is None, (self._plant.root / f"{who}.log").read_text()
        victim.kill()
        victim.wait()

    def close(self) -> None:
        for who in list(self._running):
            self._running[who].kill()
            self._running[who].wait()


def test_fifty_kills_at_random_moments_lose_and_double_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(SEED)
    pause = threading.Event()
    told: list[str] = []
    with plant(tmp_path / "plant", settled=False) as made:
        agents = Agents(made)
        try:
            agents.start("lo")
            agents.start("en")
            until(lambda: made.mirror.exists() and made.in_step("Hello"), 30)
            for number in range(KILLS):
                if number % 3 == 0:
                    made.commit(f"kill {number}")
                pause.wait(chance.uniform(0.0, 1.2))  # the moment is the fault: nothing waits
                who = chance.choice(["lo", "en"])
                agents.kill(who)
                told.append(made.tip(made.remote, STATUS) or "")
                agents.start(who)
            made.commit("last")
            until(lambda: made.in_step("last"), 30)
        finally:
            agents.close()
        assert len(made.supervisors()) == 1
        made.check()
        with GitStore.open(made.remote) as store:
            tip = store.resolve(STATUS) or ""
            assert all(store.is_ancestor(earlier, tip) for earlier in told)
    record_property("tried", KILLS)
