"""Agents as they live on a host: a state folder, one process for it, drivers, a watch."""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from margo_gitops import __version__
from margo_gitops.artifacts.content import ContentStore
from margo_gitops.errors import Stalled, Usage
from margo_gitops.model.report import Agent
from margo_gitops.roles.held import CONTENT
from margo_gitops.roles.identity import identity_in
from margo_gitops.roles.trips.sticks import Sticks
from margo_gitops.store.disk import disk_faults, replacing, sync_folder
from margo_gitops.store.git import GitStore
from margo_gitops.store.noremote import NoRemote
from margo_gitops.store.transport import open_transport

if TYPE_CHECKING:
    from margo_gitops.roles.edge import EdgeNode
    from margo_gitops.roles.local import LocalOrchestrator
    from margo_gitops.runtime.base import Driver, Owner

MIRROR = "mirror.git"
RUNTIMES = ("wasm", "compose", "helm")


def state_folder(kind: str, id: str) -> Path:
    """Where an agent keeps its state by default: the system's for root, else the user's."""
    if os.geteuid() == 0:
        base = Path("/var/lib/margo")
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "margo"
    return base / f"{kind}-{id}"


@contextmanager
def local_agent(
    site: str,
    remote: str | None,
    state: Path,
    *,
    serve: bool = False,
    sticks: Sticks | None = None,
    patient: bool = True,
) -> Iterator[LocalOrchestrator]:
    """The LO of a site with its state in a folder that it holds alone.

    With `serve` each of its nodes gets a repository and a token. Without a `remote` all comes by
    `sticks`; one that is not `patient` refuses at once a trip that is cut off.
    """
    from margo_gitops.artifacts.registry import registries  # noqa: PLC0415
    from margo_gitops.roles.local import LocalOrchestrator  # noqa: PLC0415
    from margo_gitops.roles.serving.repositories import NodeRepositories  # noqa: PLC0415

    with _held(state), GitStore.create(state / MIRROR) as store:
        store.recover()
        served = NodeRepositories(state, time.monotonic, everyone=serve)
        served.prepare()
        far = NoRemote() if remote is None else open_transport(remote)
        identity, contents = identity_in(state), ContentStore(state / CONTENT)
        post = None
        if sticks is not None:
            from margo_gitops.roles.trips.book import SiteBook  # noqa: PLC0415
            from margo_gitops.roles.trips.post import open_post  # noqa: PLC0415

            book = SiteBook(site, store, _now)
            post = open_post(book, identity, contents, sticks, patient=patient)
        yield LocalOrchestrator(
            site,
            store,
            far,
            _agent(state),
            _now,
            identity,
            served=served,
            contents=contents,
            registries=registries,
            post=post,
        )


@contextmanager
def edge_agent(
    node: str, remote: str, state: Path, runtimes: tuple[str, ...], secrets: Path
) -> Iterator[EdgeNode]:
    """The EN of a host with its state in a folder that it holds alone."""
    from margo_gitops.roles.edge import EdgeNode  # noqa: PLC0415
    from margo_gitops.runtime.host import capabilities  # noqa: PLC0415
    from margo_gitops.runtime.secrets import secrets_in  # noqa: PLC0415

    if unknown := sorted(set(runtimes) - {*RUNTIMES, "auto"}):
        raise Usage(f"there is no runtime {unknown[0]}: expected auto, {', '.join(RUNTIMES)}")
    with _held(state), GitStore.create(state / "node.git") as store:
        store.recover()
        yield EdgeNode(
            node=node,
            store=store,
            upstream=open_transport(remote),
            engines=lambda owner: drivers(state, owner, runtimes),
            contents=ContentStore(state / CONTENT),
            facts=lambda device, engines: capabilities(device, engines, disk=state),
            agent=_agent(state),
            now=_now,
            identity=identity_in(state),
            secrets=secrets_in(secrets),
        )


def drivers(state: Path, owner: Owner, runtimes: tuple[str, ...]) -> Mapping[str, Driver]:
    """The drivers that were asked for; `auto` takes those that the host can run.

    Raises `Stalled` for one that was asked for by name and cannot run here.
    """
    chosen = RUNTIMES if "auto" in runtimes else runtimes
    found = {}
    for name in chosen:
        driver = _driver(name, state, owner)
        problem = driver.available()
        if problem is None:
            found[name] = driver
        elif "auto" not in runtimes:
            raise Stalled(f"the runtime {name} cannot be used: {problem}", help="margo doctor")
    return found


def _driver(name: str, state: Path, owner: Owner) -> Driver:
    if name == "wasm":
        from margo_gitops.runtime.wasm import WasmDriver  # noqa: PLC0415

        return WasmDriver(state / "wasm", owner)
    if name == "helm":
        from margo_gitops.runtime.helm import HelmDriver  # noqa: PLC0415

        return HelmDriver(state / "helm", owner)
    from margo_gitops.runtime.compose import ComposeDriver  # noqa: PLC0415

    return ComposeDriver(state / "compose", owner)


@contextmanager
def _held(state: Path) -> Iterator[None]:
    """One process for a state folder; the lock goes with the process, however it ends."""
    with disk_faults(state):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (state / "lock").open("a+")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise Stalled(
                f"the state folder {state} is in use by process {lock.read().strip() or 'unknown'}",
                help="stop that agent, or give this one another --state",
            ) from error
        with suppress(OSError):  # a full disk: who it is stays untold, that it is held does not
            os.ftruncate(lock.fileno(), 0)
            os.write(lock.fileno(), str(os.getpid()).encode())
        yield


def _agent(state: Path) -> Agent:
    """This installation's name in its reports: it tells two agents for one site apart."""
    path = state / "instance"
    name = path.read_text() if path.exists() else ""
    if not name:
        name = uuid.uuid4().hex
        with disk_faults(state):
            with replacing(path) as file:
                file.write(name.encode())
            sync_folder(state)
    return Agent(version=__version__, formats=("margo-gitops/v1",), instance=name)


def _now() -> int:
    return int(time.time())
