"""Real processes, killed by strace at the entry of a system call that makes something durable."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.faults.plant import ENVIRONMENT
from tests.waiting import until

CALLS = (
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,"
    "fsync,fdatasync,ftruncate,fchmod"
)
"""What orders writes: before and after each of these the disk says something else."""

_FOLLOW = ["-f", "--seccomp-bpf"]

SEED = int(os.environ.get("MARGO_CRASH_SEED", "1"))


@cache
def problem() -> str | None:
    """Why no process can be killed at a system call here."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run(
        ["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, check=False
    )
    return None if done.returncode == 0 else f"strace may not trace: {done.stderr.decode()[:200]}"


def counted(argv: Sequence[str], scratch: Path, *, children: bool = True) -> int:
    """Run a command to its end; the most such calls that one of its processes made."""
    log = scratch / "strace.log"
    _traced(argv, scratch, [*_FOLLOW, "-o", str(log)])
    lines = log.read_text("utf-8", "replace").splitlines()
    called = [line.split()[0] for line in lines if "+++" not in line and "resumed" not in line]
    return max(Counter(called).values()) if children else called.count(called[0])


def killed_at(number: int, argv: Sequence[str], scratch: Path, *, children: bool = True) -> None:
    """Run a command, each process of which dies as it begins its n-th such call.

    Without `children` only the command's own main thread does.
    """
    inject = f"inject={CALLS}:signal=KILL:when={number}"
    follow = _FOLLOW if children else []
    _traced(argv, scratch, [*follow, "-o", "/dev/null", "-e", inject])


def chosen(count: int, most: int) -> list[int]:
    """Which calls to die at: all if `MARGO_CRASH_ALL` is set, else some, by `MARGO_CRASH_SEED`."""
    every = range(1, count + 1)
    if os.environ.get("MARGO_CRASH_ALL") or count <= most:
        return list(every)
    inner = random.Random(SEED).sample(range(2, count), most - 2)
    return [1, *sorted(inner), count]


def _traced(argv: Sequence[str], scratch: Path, options: Sequence[str]) -> None:
    """Until the command itself ended: supervisors that it left behind are let go of."""
    told = scratch / "pid"
    told.unlink(missing_ok=True)
    shell = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(told), *argv]
    traced = ["strace", "-I", "1", "-qq", "-e", f"trace={CALLS}", *options, *shell]
    with subprocess.Popen(
        traced, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as tracer:
        until(lambda: tracer.poll() is not None or _ended(told), 60)
        with suppress(ProcessLookupError):
            tracer.send_signal(signal.SIGTERM)


def _ended(told: Path) -> bool:
    text = told.read_text() if told.exists() else ""
    return text.endswith("\n") and not Path(f"/proc/{int(text)}").exists()


@cache
def mounts_problem() -> str | None:
    """Why no process can be given mounts of its own here."""
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    words = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(words, capture_output=True, check=False)
    return None if done.returncode == 0 else f"it may not mount: {done.stderr.decode()[:200]}"
