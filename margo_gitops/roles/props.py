"""What the demonstration runs, and how it looks at it and breaks it: one for each runtime."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from margo_gitops.errors import Missing
from margo_gitops.process import run

FAR = b"docker.io/library/busybox:1.37"
"""The image of the compose example; another one with a shell does as well."""

_PATIENCE = 30.0


class Prop(Protocol):
    """An example for one runtime."""

    @property
    def runtime(self) -> str:
        """What it runs on."""

    @property
    def application(self) -> str:
        """The id of the example, and its folder's name."""

    @property
    def profile(self) -> str:
        """The profile that is deployed."""

    def package(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The files of the example as they are added."""

    def life(self, state: Path, id: str, /) -> str:
        """What names this one life of a deployment at the node whose state is there."""

    def kill(self, state: Path, id: str, /) -> str:
        """End it behind the agent's back; what was killed, in words."""


@dataclass(frozen=True, slots=True)
class Wasm:
    """A module in a process of its own."""

    runtime: str = "wasm"
    application: str = "hello-wasm"
    profile: str = "wasm"

    def package(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """See `Prop`."""
        return dict(files)

    def life(self, state: Path, id: str, /) -> str:
        """See `Prop`."""
        told = json.loads((state / "wasm" / id / "hello" / "state.json").read_text())
        return str(told["pid"]) if told.get("phase") == "running" and told.get("pid") else ""

    def kill(self, state: Path, id: str, /) -> str:
        """See `Prop`."""
        pid = self.life(state, id)
        os.kill(int(pid), signal.SIGKILL)
        return f"process {pid}"


@dataclass(frozen=True, slots=True)
class Compose:
    """A container; `image` is one with a shell, from a registry that answers."""

    image: str
    runtime: str = "compose"
    application: str = "hello-compose"
    profile: str = "compose"

    def package(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """See `Prop`."""
        return {name: data.replace(FAR, self.image.encode()) for name, data in files.items()}

    def life(self, _state: Path, id: str, /) -> str:
        """See `Prop`."""
        words = ("--no-trunc", "--filter", f"label=margo-gitops.deployment={id}")
        return _docker("ps", "--quiet", *words)

    def kill(self, state: Path, id: str, /) -> str:
        """See `Prop`."""
        container = self.life(state, id)
        _docker("rm", "--force", container)
        return f"container {container[:12]}"


def _docker(*words: str) -> str:
    done = run(["docker", *words], timeout=_PATIENCE)
    if done.code:
        raise Missing(f"docker {words[0]}: {done.err.strip()[-300:]}")
    return done.out.strip()
