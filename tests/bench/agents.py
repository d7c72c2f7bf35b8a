"""Agents: the poll that finds nothing, one process for one pass, one changed file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.model import layout
from margo_gitops.reconcile import once
from margo_gitops.roles.agents import local_agent
from margo_gitops.store.transport import open_transport
from tests.bench import gogit, joining, residing
from tests.bench.gogit.poller import GoGit
from tests.bench.host import Host
from tests.bench.measure import Sample, inside, interleaved
from tests.bench.peers import CACHE, Ansible, ansible_programs
from tests.bench.result import Bench, Section
from tests.bench.world import SITE, World, remove_workloads, worlds

REFS = [layout.site_ref(SITE), layout.status_ref(SITE)]
POLLS = 20
SHELL_LOOP = "shell: git fetch && git diff"
RESIDENT = "resident agent, its poll"
NO_ANSIBLE = "`ansible-pull` is not in this table: a quick run, or it could not be installed."


@dataclass(frozen=True, slots=True)
class Peers:
    """What is here of those that are not on every machine."""

    ansible: Path | None = None
    go_git: gogit.Built = gogit.QUICK


def fleets(bench: Bench) -> list[Section]:
    """Every comparison over a fleet on a server, in two sizes."""
    small, large = (20, 100) if bench.quick else (1_000, 10_000)
    peers = Peers() if bench.quick else Peers(ansible_programs(), gogit.built(CACHE))
    with worlds(bench.folder / "worlds", (small, large)) as made:
        hosts = {world.sites: Host(world, bench.room(f"host-{world.sites}")) for world in made}
        try:
            polls = [_poll(bench, host, peers) for host in hosts.values()]
            changes = [_change(bench, host, peers) for host in hosts.values()]
            growth = _growth(polls, changes, tuple(hosts))
            first = next(iter(hosts.values()))
            statuses = [joining.status(bench, host) for host in hosts.values()]
            memory = [residing.memory(bench, host) for host in hosts.values()]
            # From here on other agents write the sites' statuses, and the hosts' own would stop.
            latency = residing.latency(bench, first)
            joins = [joining.join(bench, host) for host in hosts.values()]
            return [*polls, *changes, growth, *statuses, *memory, latency, *joins]
        finally:
            for host in hosts.values():
                remove_workloads(host.node)


def _poll(bench: Bench, host: Host, peers: Peers) -> Section:
    world = host.world
    section = Section(
        f"Nothing new, {world.sites:,} sites ({2 * world.sites:,} refs)",
        "A resident agent's poll (`Transport.refs` of its two refs on a kept connection), its whole"
        " pass (`reconcile.once`), the shell loop over a clone of this one branch, and one-shot"
        f" processes. Per poll; the resident ones in batches of {POLLS}.",
        heads=[peers.go_git.said],
    )
    poller = _poller(host, peers, section)
    with ExitStack() as stack:
        lo = stack.enter_context(local_agent(SITE, world.url, host.state))
        transport = open_transport(world.url)
        transport.refs(REFS)
        once(lo)
        resident = {
            RESIDENT: _batch(world, lambda: transport.refs(REFS)),
            "resident agent, its whole pass": _batch(world, lambda: once(lo)),
            SHELL_LOOP: lambda: world.counted(host.shell.poll),
        }
        if poller:
            polls = stack.enter_context(poller.resident())
            resident["resident go-git, its fetch"] = lambda: world.counted(
                lambda: polls(POLLS), POLLS
            )
        section.rows = interleaved(resident, bench.rounds)
    oneshot: dict[str, Callable[[], Sample]] = {"one-shot: margo lo run --once": host.lo}
    if poller:
        oneshot["one-shot: go-git fetch"] = lambda: world.counted(poller.poll)
    oneshot |= _ansible(host, peers, section)
    section.rows |= interleaved(oneshot, bench.rounds)
    section.ratio("resident poll, CPU, against the shell loop over http", 1 / 10,
                  RESIDENT, SHELL_LOOP, "see `Transport.refs`")  # fmt: skip
    section.at_most(f"poll of a remote with {2 * world.sites:,} refs receives", 2048,
                    section.rows[RESIDENT].received or 0, "B")  # fmt: skip
    if "ansible-pull -o" in oneshot:
        section.ratio("one-shot without news, CPU, against `ansible-pull -o`", 1 / 15,
                      "one-shot: margo lo run --once", "ansible-pull -o",
                      "imports are most of it, half of these typer and pydantic")  # fmt: skip
    return section


def _change(bench: Bench, host: Host, peers: Peers) -> Section:
    section = Section(
        f"One changed file, {host.world.sites:,} sites",
        "From a commit on the site's branch to a running workload (ours: LO and EN, a process each;"
        " checks, placement, reports and the start of a wasm module included), or to copied files"
        " (the others). Before each round one parameter is changed.",
        heads=[peers.go_git.said],
    )
    world = host.world
    cases: dict[str, Callable[[], Sample]] = {
        "margo lo + en run --once": host.both,
        "shell: fetch, diff, reset, cp": lambda: world.counted(host.shell.change),
    }
    if poller := _poller(host, peers, section):
        cases["go-git: fetch, write files"] = lambda: world.counted(poller.change)
    cases |= _ansible(host, peers, section)
    first = next(iter(cases))
    ours = cases[first]
    cases[first] = lambda: (world.change(), ours())[1]
    section.rows = interleaved(cases, bench.rounds)
    if "ansible-pull -o" in cases:
        section.ratio("one changed file, CPU, against `ansible-pull`", 1 / 15, first,
                      "ansible-pull -o", "two processes, each with its imports, and the"
                      " supervisor of the workload")  # fmt: skip
    return section


def _growth(polls: list[Section], changes: list[Section], sizes: tuple[int, ...]) -> Section:
    section = Section(
        f"A fleet of {sizes[1]:,} against one of {sizes[0]:,}",
        "What the same work costs a node in the larger fleet, as a multiple of its CPU in the"
        " smaller one.",
    )
    for pair in (polls, changes):
        for name in pair[0].rows:
            found = pair[1].rows[name].cpu / pair[0].rows[name].cpu
            section.notes.append(f"- {name}: {found:.2f}x")
    name = next(iter(changes[0].rows))
    section.at_most(
        f"one change in a fleet of {sizes[1]:,} against {sizes[0]:,}",
        2.5,
        changes[1].rows[name].cpu / changes[0].rows[name].cpu,
        "x",
        "push: receive-pack advertises every ref",
    )
    return section


def _poller(host: Host, peers: Peers, section: Section) -> GoGit | None:
    if peers.go_git.program is None:
        return None
    folder = _room(host, section) / "gogit"
    return GoGit(host.world.url, layout.site_ref(SITE), folder, peers.go_git.program)


def _ansible(host: Host, peers: Peers, section: Section) -> dict[str, Callable[[], Sample]]:
    if peers.ansible is None:
        section.notes.append(NO_ANSIBLE)
        return {}
    ansible = Ansible(host.world, _room(host, section), peers.ansible)
    ansible.pull()
    return {"ansible-pull -o": lambda: host.world.counted(ansible.pull)}


def _room(host: Host, section: Section) -> Path:
    return host.folder / section.title.replace(" ", "-")


def _batch(world: World, work: Callable[[], object]) -> Callable[[], Sample]:
    return lambda: world.counted(lambda: inside(work, POLLS), POLLS)
