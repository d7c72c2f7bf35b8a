"""What a technician wants to know first: does this machine have what margo needs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from margo_gitops import process
from margo_gitops.errors import MargoError
from margo_gitops.model.capacity import Load, breaches, load_of
from margo_gitops.model.fleet import Polling
from margo_gitops.model.layout import MAIN
from margo_gitops.model.quantity import duration_seconds
from margo_gitops.roles.agents import RUNTIMES, drivers
from margo_gitops.roles.central import Central
from margo_gitops.runtime.base import Owner
from margo_gitops.store.clone import Clone
from margo_gitops.store.transport import open_transport
from margo_gitops.trust.signers import whose


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; one that is not `needed` may be missing."""

    name: str
    ok: bool
    found: str
    cure: str = ""
    needed: bool = True


def host_checks() -> Iterator[Check]:
    """git, a free disk, and which runtimes could run workloads here."""
    if shutil.which("git") is None:
        yield Check("git", False, "not installed", "apt install git")
    else:
        yield Check("git", True, process.run(["git", "--version"], timeout=10).out.strip())
    free = shutil.disk_usage(Path.cwd()).free >> 20
    yield Check("disk", free > 100, f"{free} MiB free", "free at least 100 MiB")
    with tempfile.TemporaryDirectory() as scratch:
        for runtime in RUNTIMES:
            yield _runtime(runtime, Path(scratch))


def remote_checks(fleet: Path) -> Iterator[Check]:
    """The clone, and whether its remote answers."""
    if not (fleet / "fleet.yaml").is_file():
        yield Check("fleet", False, "no fleet.yaml here", "margo init DIR", needed=False)
        return
    try:
        clone = Clone(fleet)
        head = clone.head()
        yield Check("fleet", head is not None, f"main at {(head or 'nothing')[:12]}")
        url = clone.remote()
        if url is None:
            yield Check("remote", False, "none", "git remote add origin URL", needed=False)
            return
        remote = open_transport(url)
        known = MAIN in remote.refs([MAIN])
        yield Check("remote", known, f"{remote.name} answers", "margo push")
    except MargoError as error:
        yield Check("remote", False, str(error), error.help)


def trust_checks(co: Central) -> Iterator[Check]:
    """Whether the fleet is signed, its root pinned here, and whose key this person signs with."""
    try:
        trust = co.trust()
    except MargoError as error:
        yield Check("trust", False, error.problem, error.help)
        return
    if trust is None:
        cure = "margo init, without --open, makes a signed one"
        yield Check("trust", False, "an open fleet: nothing is signed", cure, needed=False)
        return
    root = trust.roots.root
    pinned = co.pinned is not None
    found = f"root {root.version}{'' if pinned else ', not pinned here'}"
    yield Check("trust", pinned, found, "margo trust pin FINGERPRINT", needed=False)
    try:
        signer = co.signing()
        name, _ = whose(root, signer.key)
    except MargoError as error:
        yield Check("key", False, error.problem, error.help, needed=False)
        return
    roles = ", ".join(root.persons[name].roles) if name else ""
    found = f"{signer.key.fingerprint} of {name or 'nobody in this fleet'}: {roles or 'no role'}"
    yield Check("key", bool(name), found, "margo trust show", needed=False)


def load_checks(habits: Iterable[Polling]) -> Iterator[Check]:
    """What a fleet asks of its remote, one polling for each site, against a hosted forge's limits.

    None of them is needed: a server of one's own has limits of its own.
    """
    load = sum((_load(polling, count) for polling, count in Counter(habits).items()), Load())
    yield Check(
        "load",
        True,
        f"{load.sites} sites: {load.reads_per_second:.2f} reads a second,"
        f" {load.pushes_per_minute:.2f} pushes a minute, {load.bytes_per_day / 1e6:.0f} MB a day,"
        f" history grows by {load.growth_per_year / 1e6:.0f} MB a year at four statuses a day",
    )
    for breach in breaches(load):
        found = f"{breach} is what a hosted forge asks for"
        yield Check("hosted forge", False, found, breach.cure, needed=False)


def _load(polling: Polling, sites: int) -> Load:
    alive = None if polling.alive == "off" else duration_seconds(polling.alive)
    return load_of(sites, poll=duration_seconds(polling.interval), alive=alive)


def _runtime(name: str, scratch: Path) -> Check:
    owner = Owner("doctor", "doctor", f"doctor-{os.getpid()}")
    try:
        drivers(scratch, owner, (name,))
    except MargoError as error:
        return Check(name, False, error.problem, error.help, needed=False)
    return Check(name, True, "can run workloads here", needed=False)
