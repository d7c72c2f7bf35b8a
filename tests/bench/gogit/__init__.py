"""go-git as Debian has it: which one is here, and the small program of ours that is built on it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "golang-github-go-git-go-git-dev"
SOURCES = Path("/usr/share/gocode")
"""Where Debian's Go libraries are, as GOPATH has it."""
_MAIN = Path(__file__).with_name("main.go")
_MODULE = "module gogit\n\ngo 1.16\n"
_SETTINGS = {"GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
"""Nothing is fetched, and no C compiler is needed."""


@dataclass(frozen=True, slots=True)
class Built:
    """The program, or None; and what the page says of it, or why there is none."""

    program: Path | None
    said: str


QUICK = Built(None, "go-git is not compared: a quick run.")


class _AbsentError(Exception):
    """Why there is no program."""


def built(cache: Path, sources: Path = SOURCES) -> Built:
    """The program from this cache, built first where these versions of it are not there yet."""
    try:
        go = _answer(["go", "env", "GOVERSION"], "there is no `go` command")
        package = _version()
        program = cache / "gogit" / _key(go, package, str(sources)) / "gogit"
        if not program.exists():
            _build(program, sources, f"Debian's {package} with {go}")
    except _AbsentError as why:
        return Built(None, f"go-git is not compared: {why}.")
    return Built(
        program,
        f"go-git is Debian's {package}, built with {go}: a poller that fetches the site's branch,"
        " and no agent around it. It has no protocol version 2, so the server names every ref.",
    )


def _version() -> str:
    lacking = f"Debian's package {PACKAGE} is not installed"
    form = "${db:Status-Status} ${Version}"
    status, _, version = _answer(["dpkg-query", "-W", "-f", form, PACKAGE], lacking).partition(" ")
    if status != "installed":
        raise _AbsentError(lacking)
    return version


def _answer(words: list[str], lacking: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise _AbsentError(lacking) from error
    return done.stdout.strip()


def _key(*versions: str) -> str:
    text = "\0".join([*versions, _MODULE, _MAIN.read_text()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _build(program: Path, sources: Path, what: str) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        # Debian leaves /v5 out of the folder's name. Below a go.mod, GOPATH mode looks past it.
        source = Path(folder) / "src" / "gogit"
        source.mkdir(parents=True)
        shutil.copy(_MAIN, source)
        (source / "go.mod").write_text(_MODULE)
        made = Path(folder) / "gogit"
        done = subprocess.run(
            ["go", "build", "-o", str(made)],
            cwd=source,
            env={**os.environ, **_SETTINGS, "GOPATH": f"{folder}:{sources}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if not line.startswith("#")]
            first = lines[0].strip() if lines else f"exit code {done.returncode}"
            raise _AbsentError(f"{what} was not built, {first.removesuffix(' in any of:')}")
        made.replace(program)
