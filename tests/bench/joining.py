"""A site that joins with nothing, and one status on its way up."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.roles.branch import OwnBranch
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import open_transport
from tests.bench.host import Host
from tests.bench.measure import Sample, command, inside, interleaved
from tests.bench.peers import environment
from tests.bench.result import Bench, Section
from tests.bench.world import SITE

OURS, GIT = "margo, in process", "git"
STATUS = "refs/heads/status/bench"


def join(bench: Bench, host: Host) -> Section:
    """The first fetch of a site's branch; for scale, the first pass of a whole agent."""
    section = Section(
        f"Cold join, {host.world.sites:,} sites",
        "Nothing is there: make a repository, fetch the site's branch, walk all of it. Then the"
        " first pass of an LO as a process of its own, which also adopts, places and reports.",
    )
    numbers = itertools.count()
    folder = host.folder / "joins"
    folder.mkdir()
    names = ("--bare", "--depth", "1", "-b", f"site/{SITE}")

    def clone() -> Sample:
        argv = ["git", "clone", "-q", *names, host.world.url, str(folder / str(next(numbers)))]
        return command(argv, cwd=folder, env=environment(folder))

    section.rows = interleaved(
        {
            OURS: partial(host.world.counted, lambda: _first(host, folder / str(next(numbers)))),
            "git clone --bare --depth 1": partial(host.world.counted, clone),
            "margo lo run --once, new": lambda: host.fresh(folder / str(next(numbers))),
        },
        bench.rounds,
    )
    shutil.rmtree(folder)
    section.ratio("cold join, CPU, against `git clone --bare --depth 1`", 3, OURS,
                  "git clone --bare --depth 1", "every object is hashed in Python")  # fmt: skip
    return section


def status(bench: Bench, host: Host) -> Section:
    """A commit of one changed file, pushed and confirmed."""
    section = Section(
        f"One status commit and its push, {2 * host.world.sites:,} refs",
        "One changed file becomes a commit on a status branch, is pushed over http and, by us,"
        " confirmed by reading the ref again. A push has no protocol version 2: the server names"
        " every ref that it does not hide.",
    )
    numbers = itertools.count()
    with GitStore.create(host.folder / "status.git") as store:
        branch = OwnBranch(
            store,
            open_transport(host.world.url),
            STATUS,
            "bench",
            lambda: 1_700_000_000,
            lambda _: True,
        )
        branch.join(None)

        def ours() -> None:
            branch.write({layout.SITE_STATUS: f"{next(numbers)}\n".encode()}, "status")
            branch.deliver()

        cases: dict[str, Callable[[], Sample]] = {
            OURS: lambda: host.world.counted(lambda: inside(ours)),
            "git plumbing and git push": lambda: host.world.counted(host.shell.status),
        }
        section.rows = interleaved(cases, bench.rounds)
    section.ratio("status commit and push, CPU, against git", 1.5, OURS,
                  "git plumbing and git push",
                  "every ref is advertised, and read twice: hide other sites' refs"
                  " (`transfer.hideRefs`)")  # fmt: skip
    return section


def _first(host: Host, path: Path) -> Sample:
    def work() -> None:
        with GitStore.create(path) as store:
            ref = layout.site_ref(SITE)
            transport = open_transport(host.world.url)
            tips = transport.refs([ref])
            transport.fetch(store, tips)
            store.move(ref, tips[ref], old=None)

    return inside(work)
