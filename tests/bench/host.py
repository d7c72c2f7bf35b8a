"""One host of a measured fleet: its agents as processes, its state, a shell beside them."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path

from margo_gitops.roles.agents import MIRROR
from tests.bench.measure import Sample, command
from tests.bench.peers import Shell, environment
from tests.bench.world import NODE, SITE, World

MARGO = (sys.executable, "-m", "margo_gitops")


class Host:
    """A host with a site's LO and one node, each with a state folder, brought into step."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.state = folder / "lo"
        self.node = folder / "en"
        self.shell = Shell(world, folder)
        for _ in range(2):  # and every module is compiled
            self.lo()
            self.en()
        self.lo()

    def lo(self) -> Sample:
        """One pass of the LO, a process of its own."""
        return self._margo(self.words_lo())

    def en(self) -> Sample:
        """One pass of the EN, a process of its own."""
        return self._margo(self.words_en())

    def both(self) -> Sample:
        """The LO, then the EN: what brings one change onto a node."""
        script = f"{shlex.join(self.words_lo())} && {shlex.join(self.words_en())}"
        return self._margo(["sh", "-c", script])

    def fresh(self, state: Path) -> Sample:
        """The first pass of an LO that has nothing."""
        return self._margo(self.words_lo(state))

    def words_lo(self, state: Path | None = None) -> list[str]:
        """The command of one pass of the LO."""
        words = ["lo", "run", "--once", "--site", SITE, "--remote", self.world.url]
        return [*MARGO, *words, "--state", str(state or self.state)]

    def words_en(self) -> list[str]:
        """The command of one pass of the EN."""
        words = ["en", "run", "--once", "--node", NODE, "--remote", str(self.state / MIRROR)]
        return [*MARGO, *words, "--runtime", "wasm", "--state", str(self.node)]

    def _margo(self, argv: list[str]) -> Sample:
        run = partial(command, argv, cwd=self.folder, env=environment(self.folder))
        return self.world.counted(run)
