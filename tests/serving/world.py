"""A site of two nodes, its LO a real process that serves them, on loopback."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.roles.serving.repositories import repository
from margo_gitops.roles.serving.tokens import read_token
from margo_gitops.store.git import GitStore
from tests.faults.plant import ENVIRONMENT
from tests.fleet import SimulatedFleet
from tests.servers import make_certificate
from tests.waiting import until

NODES = ("n1", "n2")
_SERVES = re.compile(r"serves its nodes at (https?)://.*:(\d+)/NODE")


@dataclass(frozen=True)
class Served:
    """The LO at work; `url` is where it listens."""

    root: Path
    scheme: str
    port: int

    @property
    def state(self) -> Path:
        return self.root / "lo"

    @property
    def mirror(self) -> Path:
        return self.state / "mirror.git"

    @property
    def remote(self) -> Path:
        return self.root / "remote.git"

    @property
    def authority(self) -> Path:
        return self.root / "server.pem"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def repository(self, node: str) -> Path:
        return repository(self.state, node)

    def token(self, node: str) -> str:
        return read_token(self.state, node)

    def bearer(self, node: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(node)}"}

    def basic(self, node: str) -> str:
        """A URL with the credentials in it, as stock git takes them."""
        return f"{self.scheme}://{node}:{self.token(node)}@localhost:{self.port}/{node}.git"

    def tip(self, node: str, ref: str) -> str:
        with GitStore.open(self.repository(node)) as store:
            return store.resolve(ref) or ""

    def log(self) -> str:
        return (self.root / "lo.log").read_text()

    def environment(self, node: str) -> dict[str, str]:
        """What a node's agent needs to be let in."""
        return {"MARGO_GIT_TOKEN": self.token(node), "GIT_SSL_CAINFO": str(self.authority)}


def margo(*words: str) -> list[str]:
    return [sys.executable, "-m", "margo_gitops", *words]


def make_remote(root: Path) -> None:
    """A fleet with one deployment on each of two nodes."""
    with GitStore.create(root / "remote.git") as store:
        fleet = SimulatedFleet({"north": NODES}, remote=store)
        for node in NODES:
            fleet.deploy(f"hello-{node}", sites=("north",), node=node)


@contextmanager
def started(
    argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that ends with the block."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            argv, env={**ENVIRONMENT, **(env or {})}, stdout=output, stderr=output
        ) as child,
    ):
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()


@contextmanager
def served(root: Path, *, tls: bool = False, listen: str = "127.0.0.1:0") -> Iterator[Served]:
    """A served site; every node's share is in its repository when this yields."""
    make_certificate(root / "server", "DNS:localhost,IP:127.0.0.1")
    make_remote(root)
    files = ["--serve-cert", f"{root}/server.pem", "--serve-key", f"{root}/server.key"]
    argv = margo(
        "lo", "run", "--site", "north", "--remote", str(root / "remote.git"), "--state",
        str(root / "lo"), "--poll", "1s", "--serve", listen, *(files if tls else []),
    )  # fmt: skip
    with started(argv, root / "lo.log", {"PYTHONUNBUFFERED": "1"}):
        found = until(lambda: _SERVES.search((root / "lo.log").read_text()))
        assert found is not None
        made = Served(root, found[1], int(found[2]))
        until(lambda: all(_share(made, node) for node in NODES))
        yield made


def _share(site: Served, node: str) -> bool:
    path = site.repository(node)
    return path.exists() and bool(site.tip(node, layout.node_ref(node)))


def authorization(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def children(pid: int) -> list[int]:
    """The living processes below one."""
    found = Path(f"/proc/{pid}/task")
    return [
        int(child)
        for task in (found.iterdir() if found.exists() else ())
        for child in (task / "children").read_text().split()
    ]


def home() -> dict[str, str]:
    """Stock git's environment, without this user's configuration."""
    return {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
