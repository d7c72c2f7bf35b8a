"""The one place that starts a program: no shell, bounded in time and output."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.errors import Stalled, Unreachable

OUTPUT_LIMIT = 4 << 20


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended: its exit code and what it printed, cut at `OUTPUT_LIMIT` bytes."""

    code: int
    out: str
    err: str


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
) -> Finished:
    """Run a program to its end.

    `env` is added to this process's environment. Raises `Stalled` where the program is not
    installed and `Unreachable` where it takes longer than `timeout` seconds; a non-zero exit code
    is the caller's to judge.
    """
    try:
        done = subprocess.run(
            list(argv),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            input=(input or "").encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise Stalled(
            f"the program {argv[0]!r} was not found on this host", help="margo doctor"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"{argv[0]} did not end within {timeout:g} s") from error
    return Finished(done.returncode, _text(done.stdout), _text(done.stderr))


def start(argv: Sequence[str], *, log: Path) -> subprocess.Popen[bytes]:
    """Start a child that ends with us, its output appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output, close_fds=True
        )


def _text(raw: bytes) -> str:
    return raw[:OUTPUT_LIMIT].decode("utf-8", "replace")
