"""The command in this process: the same arguments, output and exit code, without its start."""

from __future__ import annotations

import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from margo_gitops.cli import app


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def margo(*words: str, cwd: Path) -> Done:
    """Run `margo` to its end."""
    out, err = StringIO(), StringIO()
    code = 0
    with (
        chdir(cwd),
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "argv", ["margo", *words]),
    ):
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return Done(code, out.getvalue(), err.getvalue())
