"""The program on go-git at work: one poll a process, one change, or a process that stays."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import Sample, beside, command
from tests.bench.peers import environment


class GoGit:
    """One ref of `url`, fetched into a bare repository by our program on go-git."""

    def __init__(self, url: str, ref: str, folder: Path, program: Path) -> None:
        self._folder = folder
        self._files = folder / "files"
        self._files.mkdir(parents=True)
        self._program = program
        self._what: list[str | Path] = [folder / "fetched.git", url, ref]
        self.poll()

    def poll(self) -> Sample:
        """One poll, a process of its own."""
        return self._run("-once")

    def change(self) -> Sample:
        """One poll, and the files where the ref moved."""
        return self._run("-once", "-into", self._files)

    @contextmanager
    def resident(self) -> Iterator[Callable[[int], Sample]]:
        """A process that stays; call it to let it poll so often, which must find nothing."""
        with subprocess.Popen(
            [self._program, *self._what],
            env=environment(self._folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as agent:
            assert agent.stdin
            assert agent.stdout
            said, heard = agent.stdin, agent.stdout

            def polls(times: int) -> None:
                said.write(f"{times}\n")
                said.flush()
                assert heard.readline() == "same\n"

            yield lambda times: beside(agent.pid, lambda: polls(times), times)

    def _run(self, *words: str | Path) -> Sample:
        argv = [self._program, *words, *self._what]
        return command(argv, cwd=self._folder, env=environment(self._folder))
