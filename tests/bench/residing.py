"""Agents that stay: their memory, and how soon a commit runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from margo_gitops.roles.agents import MIRROR
from tests.bench.host import MARGO, Host
from tests.bench.measure import Sample, command
from tests.bench.peers import environment
from tests.bench.result import Bench, Section
from tests.bench.world import NODE, SITE, remove_workloads
from tests.waiting import until

_POLLS = """
import sys
from pathlib import Path
import watchfiles
from margo_gitops.cli import agents
from margo_gitops.reconcile import once
from margo_gitops.roles import resident
from margo_gitops.roles.agents import edge_agent, local_agent
kind, name, remote, state, polls = sys.argv[1:]
where = Path(state)
local = local_agent(name, remote, where) if kind == "lo" else None
with local or edge_agent(name, remote, where, ("wasm",), where / "secrets") as agent:
    for _ in range(int(polls)):
        once(agent)
"""


def memory(bench: Bench, host: Host) -> Section:
    """The peak of an agent, its program's imports included, after many passes."""
    polls = 20 if bench.quick else 200
    section = Section(
        f"Memory of a resident agent, {host.world.sites:,} sites",
        f"An agent with all that its command imports, after {polls} passes over http (LO) or over"
        " the LO's mirror (EN). Milliseconds are those of all passes together.",
        chart="rss",
    )
    for kind, name, remote, state in (
        ("lo", SITE, host.world.url, host.state),
        ("en", NODE, str(host.state / MIRROR), host.node),
    ):
        argv = [sys.executable, "-c", _POLLS, kind, name, remote, str(state), str(polls)]
        sample = command(argv, cwd=host.folder, env=environment(host.folder))
        section.rows[f"resident {kind.upper()}"] = sample
        section.at_most(f"memory of a resident {kind.upper()}", 45, sample.rss or 0, "MB",
                        "Python, pydantic and dulwich alone are two thirds of it")  # fmt: skip
    return section


def latency(bench: Bench, host: Host) -> Section:
    """From a commit on the remote to the workload's own words."""
    section = Section(
        "From commit to running",
        "One resident process (`margo lo run --poll 1s --with-node`), the remote over http: from"
        " the moment that a commit is on the site's branch until the workload has printed the"
        " changed parameter. Up to a second of it is the wait for the poll.",
        chart="wall",
    )
    state = host.folder / "resident"
    words = ["lo", "run", "--site", SITE, "--remote", host.world.url, "--poll", "1s"]
    words += ["--with-node", NODE, "--runtime", "wasm", "--state", str(state)]
    with (host.folder / "resident.log").open("wb") as log:
        agent = subprocess.Popen(
            [*MARGO, *words], env=environment(host.folder), stdout=log, stderr=log
        )
        try:
            _seen(state, host.world.change())
            taken = [_took(host, state) for _ in range(2 if bench.quick else 9)]
        finally:
            agent.send_signal(signal.SIGTERM)
            agent.wait(30)
            remove_workloads(state / f"en-{NODE}")
    for name, value in (("median", median(taken)), ("slowest", max(taken))):
        section.rows[name] = Sample(0.0, value * 1000)
    section.at_most("commit to running, same host, over http", 2, median(taken), "s")
    return section


def _took(host: Host, state: Path) -> float:
    greeting = host.world.change()
    begun = time.perf_counter()
    _seen(state, greeting)
    return time.perf_counter() - begun


def _seen(state: Path, greeting: str) -> None:
    logs = state / f"en-{NODE}" / "wasm"
    until(
        lambda: any(greeting in file.read_text() for file in logs.glob("*/*/log")),
        60,
        every=0.005,
    )
