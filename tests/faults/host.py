"""A host that can lose its power: its processes in a pid and mount namespace of their own."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.faults.plant import ENVIRONMENT
from tests.waiting import until

BOOT_ID = "/proc/sys/kernel/random/boot_id"
_INIT = (
    f'mount -t tmpfs tmpfs "$1" && mount --bind "$2" {BOOT_ID} && echo up'
    " && while :; do sleep 3600 & wait $!; done"
)
_OCCUPY = (
    "echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid && { sleep 3600 >/dev/null 2>&1 & echo $!; }"
)


@cache
def problem() -> str | None:
    """Why no host can be made here."""
    for program in ("unshare", "nsenter", "mount"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    words = ["unshare", "--pid", "--fork", "--mount-proc", "--mount", "true"]
    done = subprocess.run(words, capture_output=True, check=False)
    return None if done.returncode == 0 else f"no namespaces: {done.stderr.decode()[:200]}"


@dataclass
class Host:
    """`folder` holds its logs; `runtime` is a tmpfs that each boot finds empty."""

    folder: Path
    _unshared: subprocess.Popen[bytes] | None = None
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def runtime(self) -> Path:
        return self.folder / "run"

    def boot(self) -> None:
        """Processes are numbered from 1 again, under a boot id that was never seen."""
        assert self._unshared is None
        self.runtime.mkdir(parents=True, exist_ok=True)
        boot_id = self.folder / "boot_id"
        boot_id.write_text(f"{uuid.uuid4()}\n")
        namespaces = ["unshare", "--pid", "--fork", "--mount-proc", "--mount"]
        argv = [*namespaces, "sh", "-c", _INIT, "init", str(self.runtime), str(boot_id)]
        self._unshared = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._unshared.stdout is not None
        assert self._unshared.stdout.readline() == b"up\n"

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """A program of this host; what it prints is appended to its log."""
        given = {"XDG_RUNTIME_DIR": str(self.runtime), "TMPDIR": str(self.runtime)}
        with self.log(name).open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    [*self._entered(), *argv],
                    env={**ENVIRONMENT, **given, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def says(self, *argv: str) -> str:
        """What a program of this host prints; empty where it fails."""
        done = subprocess.run([*self._entered(), *argv], capture_output=True, check=False)
        return "" if done.returncode else done.stdout.decode().strip()

    def occupy(self, pid: int) -> None:
        """Give a process number to a program that has nothing to do with us."""
        assert self.says("sh", "-c", _OCCUPY, "occupy", str(pid)) == str(pid)

    def log(self, name: str) -> Path:
        """Where a program's output is."""
        return self.folder / f"{name}.log"

    def power_cut(self) -> None:
        """SIGKILL of process 1: everything on the host dies at once, mounts go with it."""
        if self._unshared is None:
            return
        subprocess.run(["kill", "-KILL", self._init()], check=True)
        for process in (*self._started, self._unshared):
            process.wait(20)
        assert self._unshared.stdout is not None
        self._unshared.stdout.close()
        self._unshared, self._started = None, []

    def _entered(self) -> list[str]:
        return ["nsenter", f"--target={self._init()}", "--pid", "--mount"]

    def _init(self) -> str:
        assert self._unshared is not None
        pid = self._unshared.pid
        return until(Path(f"/proc/{pid}/task/{pid}/children").read_text).split()[0]


@contextmanager
def host(folder: Path) -> Iterator[Host]:
    """A host that is off at first; it loses its power with the end of the block."""
    made = Host(folder)
    folder.mkdir()
    try:
        yield made
    finally:
        made.power_cut()
