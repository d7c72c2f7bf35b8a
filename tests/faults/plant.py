"""A fleet of one site and one node on a disk, its agents run as real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.render import edits
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.runtime.wasm_spec import STATE, alive
from margo_gitops.store.bundle import BundleTransport
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import Update
from tests.cli.running import IDENTITY
from tests.fleet import SimulatedFleet
from tests.store.making import fsck
from tests.waiting import until

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, **IDENTITY, "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Plant:
    """All of it lies below `root`, so that a copy of the folder is a copy of the plant."""

    root: Path

    @property
    def remote(self) -> Path:
        return self.root / "remote.git"

    @property
    def clone(self) -> Path:
        return self.root / "clone"

    @property
    def lo(self) -> Path:
        return self.root / "lo"

    @property
    def en(self) -> Path:
        return self.root / "en"

    @property
    def mirror(self) -> Path:
        return self.lo / "mirror.git"

    def lo_run(self, *more: str) -> list[str]:
        where = ["--remote", str(self.remote), "--state", str(self.lo)]
        return _margo("lo", "run", "--site", "north", *where, *more)

    def en_run(self, *more: str) -> list[str]:
        where = ["--remote", str(self.mirror), "--state", str(self.en), "--runtime", "wasm"]
        return _margo("en", "run", "--node", "n1", *where, *more)

    def set(self, greeting: str) -> list[str]:
        """The words that change the deployment in the clone, and render it."""
        words = ["set", "hello", "--param", f"greeting={greeting}", "--fleet", str(self.clone)]
        return _margo(*words)

    def render(self) -> list[str]:
        """The words that render the clone."""
        return _margo("render", "--fleet", str(self.clone))

    def commit(self, greeting: str) -> None:
        """Change the deployment at the remote itself, as a person and a renderer would."""
        with GitStore.open(self.remote) as store:
            head = store.commit(store.resolve(layout.MAIN) or "")
            author = Authorship("Ada", "ada@example.invalid", head.time + 1)
            co = Central(store, BareMain(store, lambda: author))
            wanted = edits.Settings(parameters={"greeting": greeting})
            co.apply(edits.change(co.main(), "hello", wanted))
            co.render()

    def settle(self) -> None:
        """Run passes until everybody has said all."""
        for argv in (self.lo_run, self.en_run, self.lo_run, self.en_run, self.lo_run):
            done = run(argv("--once"))
            assert done.returncode == 0, (argv, done.stdout, done.stderr)

    def workloads(self) -> list[Path]:
        """The folders of components whose supervisor lives."""
        return [path.parent for path in self.en.glob(f"wasm/*/*/{STATE}") if alive(path.parent)]

    def supervisors(self) -> list[int]:
        """The processes that supervise a component of this plant, whoever started them."""
        wanted = str(self.en / "wasm").encode()
        return [
            pid for pid, line in _commands() if b"runtime.supervisor" in line and wanted in line
        ]

    def said(self) -> list[str]:
        """The last greeting that each living workload's spec holds."""
        texts = [(folder / "spec.json").read_text() for folder in self.workloads()]
        return [text.partition('"GREETING": "')[2].partition('"')[0] for text in texts]

    def says(self, greeting: str) -> bool:
        """One workload lives, and it was given this greeting."""
        return self.said() == [greeting]

    def tree(self, git: Path, ref: str) -> dict[str, bytes]:
        """What a branch says now."""
        with GitStore.open(git) as store:
            tip = store.resolve(ref)
            return {} if tip is None else store.files(tip)

    def tip(self, git: Path, ref: str) -> str | None:
        """The commit of a branch."""
        with GitStore.open(git) as store:
            return store.resolve(ref)

    def check(self) -> None:
        """Every repository is whole, to git's own eye."""
        for git in (self.remote, self.mirror, self.en / "node.git"):
            if git.exists():
                fsck(git)

    def in_step(self, greeting: str) -> bool:
        """The site runs this and has told its remote so."""
        with GitStore.open(self.remote) as store:
            co = Central(store, BareMain(store, lambda: Authorship("", "", 0)))
            view = co.status("north")
        states = [item.state for item in view.deployments]
        return view.in_step and states == ["installed"] and self.says(greeting)

    def close(self) -> None:
        """End the workloads that still run."""
        for pid in self.supervisors():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.supervisors())


def carry(remote: str, stick: str) -> None:
    """Bring a site and all that it names from a remote to a stick."""
    with GitStore.open(Path(remote)) as store:
        refs = [layout.site_ref("north"), *store.refs(layout.ARTIFACTS)]
        far = BundleTransport(Path(stick))
        held = far.refs(refs)
        far.push(store, [Update(ref, held.get(ref), store.resolve(ref) or "") for ref in refs])


def _margo(*words: str) -> list[str]:
    return [sys.executable, "-m", "margo_gitops", *words]


def run(
    argv: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """A command to its end."""
    return subprocess.run(
        argv, env={**ENVIRONMENT, **(env or {})}, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip


@contextmanager
def plant(root: Path, *, settled: bool = True) -> Iterator[Plant]:
    """A plant that greets with Hello; its workloads end with the block."""
    made = Plant(root)
    root.mkdir(parents=True, exist_ok=True)
    with GitStore.create(made.remote) as store:
        SimulatedFleet({"north": ("n1",)}, remote=store).deploy()
    try:
        if settled:
            made.settle()
        yield made
    finally:
        made.close()


@contextmanager
def copied(original: Plant, root: Path) -> Iterator[Plant]:
    """A copy of a plant in which nothing runs; gone with the block."""
    shutil.copytree(original.root, root, symlinks=True)
    twin = Plant(root)
    if twin.clone.exists():
        words = ["config", "remote.origin.url", str(twin.remote)]
        subprocess.run(["git", "-C", twin.clone, *words], check=True)
    try:
        yield twin
    finally:
        twin.close()
        shutil.rmtree(root)


def _commands() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield int(entry.parent.name), entry.read_bytes()
