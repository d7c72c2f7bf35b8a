"""A fleet in one process: CO, LOs and ENs over in-memory git, with links that can be cut."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from margo_gitops.artifacts.follow import Contents
from margo_gitops.artifacts.lock import resolve
from margo_gitops.documents import canonical, margo
from margo_gitops.errors import Refused, Unreachable
from margo_gitops.model.application import ProfileType
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.fleet import ApplicationRef, Device, Fleet, Intent, Site, Targets
from margo_gitops.model.record import Artifact
from margo_gitops.model.report import Agent
from margo_gitops.model.suspension import Suspension
from margo_gitops.reconcile import Outcome, once
from margo_gitops.render import edits
from margo_gitops.roles.central import BareMain, Central, Published
from margo_gitops.roles.edge import EdgeNode
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.runtime.base import Driver, Owner
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.transport import Update
from tests.runtime.fake import FakeDriver, FakeEngine

FLEET_ID = "6f0e9b1c-6a55-4a57-9a06-2f3f3d0d9a11"
EXAMPLE = Path(__file__).parents[1] / "examples" / "hello-wasm"

_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class Link:
    """A transport that can be cut, also after `lasts` more exchanges.

    With `deaf` the far side does what that last exchange asks for, and its answer never comes.
    """

    to: StoreTransport
    is_cut: bool = False
    lasts: int | None = None
    deaf: bool = False
    name: str = "link"

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:
        return self._asked(lambda: self.to.refs(wanted))

    def fetch(self, store: GitStore, wanted: Mapping[str, str]) -> None:
        self._asked(lambda: self.to.fetch(store, wanted))

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:
        self._asked(lambda: self.to.push(store, updates))

    def watched(self) -> Path | None:
        return None

    def mend(self) -> None:
        self.is_cut, self.lasts = False, None

    def _asked(self, exchange: Callable[[], _Answer]) -> _Answer:
        falls = self.lasts == 0 and not self.is_cut
        if falls and self.deaf:
            exchange()
        if falls or self.is_cut:
            self.is_cut = True
            raise Unreachable("the link is cut")
        self.lasts = None if self.lasts is None else self.lasts - 1
        return exchange()


@dataclass(slots=True)
class MemoryContents:
    """Verified files, without a disk."""

    held: dict[str, Path] = field(default_factory=dict)

    def put(self, digest: str, size: int, data: bytes) -> Path:
        if canonical.digest(data) != digest or len(data) != size:
            raise Refused("not what its name says", rule="digest")
        return self.held.setdefault(digest, Path("/memory") / digest)

    def receive(self, digest: str, size: int, rest: Callable[[int], Iterable[bytes]]) -> Path:
        return self.put(digest, size, b"".join(rest(0)))

    def received(self, digest: str) -> int:
        return 0

    def path(self, digest: str) -> Path | None:
        return self.held.get(digest)

    def collect(self, keep: Collection[str], roots: Iterable[Artifact] = ()) -> None:
        self.held = {digest: path for digest, path in self.held.items() if digest in keep}


@dataclass(slots=True)
class SimulatedNode:
    """A host: its store and engine survive its agent."""

    site: str
    node: str
    mirror: GitStore
    offers: frozenset[ProfileType] = frozenset({ProfileType.CUSTOM})
    memory: int = 1 << 30
    runtimes: tuple[str, ...] = ("custom",)
    store: GitStore = field(default_factory=GitStore.memory)
    engine: FakeEngine = field(default_factory=FakeEngine)
    drivers: Callable[[Owner], Mapping[str, Driver]] | None = None
    contents: Contents = field(default_factory=MemoryContents)
    seconds: float = 0.0
    today: int = 1_000_000_000
    link: Link = field(init=False)
    agent: EdgeNode = field(init=False)

    def __post_init__(self) -> None:
        self.link = Link(StoreTransport(self.mirror))
        self.restart()

    def restart(self) -> None:
        """A new agent process; nothing but store and engine is left of the old one."""
        self.agent = EdgeNode(
            node=self.node,
            store=self.store,
            upstream=self.link,
            engines=self.drivers or self._fake,
            contents=self.contents,
            facts=self._facts,
            agent=Agent(version="0", formats=("margo-gitops/v1",), instance=f"en-{self.node}"),
            now=lambda: self.today,
            clock=lambda: self.seconds,
        )

    def _fake(self, owner: Owner) -> Mapping[str, Driver]:
        return {"wasm": FakeDriver(owner, engine=self.engine)}

    def poll(self, *, after: float = 400.0) -> Outcome:
        """A pass so many seconds after the last: longer than any pause between two tries."""
        self.seconds += after
        return once(self.agent)

    def values(self) -> dict[str, str]:
        """Deployment name to the greeting that runs; `dead` for what was killed."""
        engine = self.engine
        return {
            engine.owners[id][1]: str(held.spec.values.get("GREETING")) if held.alive else "dead"
            for id, components in engine.held.items()
            for held in components.values()
        }

    def _facts(self, device_id: str, _: Mapping[str, Driver]) -> DeviceCapabilities:
        return DeviceCapabilities(
            id=device_id,
            vendor="test",
            model_number="1",
            serial_number="1",
            cores=Decimal(4),
            architectures=("amd64",),
            memory=self.memory,
            storage=1 << 40,
            deployment_types=self.offers,
            runtimes=self.runtimes,
            otel_collector=False,
            labels={"margo-gitops/wasi": True} if ProfileType.CUSTOM in self.offers else {},
        )


@dataclass(slots=True)
class SimulatedSite:
    """A site: its mirror survives its LO."""

    site: str
    remote: GitStore
    mirror: GitStore = field(default_factory=GitStore.memory)
    instance: str = "lo"
    link: Link = field(init=False)
    agent: LocalOrchestrator = field(init=False)

    def __post_init__(self) -> None:
        self.link = Link(StoreTransport(self.remote))
        self.restart()

    def restart(self) -> None:
        """A new LO process over the same mirror."""
        agent = Agent(version="0", formats=("margo-gitops/v1",), instance=self.instance)
        self.agent = LocalOrchestrator(
            self.site, self.mirror, self.link, agent, lambda: 1_000_000_000
        )

    def poll(self) -> Outcome:
        return once(self.agent)


@dataclass(slots=True)
class SimulatedFleet:
    """Sites and nodes by name, and a clock that only the CO's commits move."""

    nodes_of: Mapping[str, Sequence[str]]
    remote: GitStore = field(default_factory=GitStore.memory)
    clock: int = 1_700_000_000
    sites: dict[str, SimulatedSite] = field(default_factory=dict)
    nodes: dict[str, SimulatedNode] = field(default_factory=dict)
    co: Central = field(init=False)

    def __post_init__(self) -> None:
        self.co = Central(self.remote, BareMain(self.remote, self._author))
        self.co.apply(edits.new_fleet(Fleet(id=FLEET_ID, name="test"), {}))
        for site, nodes in self.nodes_of.items():
            self.co.apply(edits.add_site(self.co.main(), Site(id=site, labels={"kind": "shop"})))
            for node in nodes:
                device = Device(id=node, site=site, device_id=f"{site}/{node}")
                self.co.apply(edits.add_device(self.co.main(), device, None))
        self.add_application("1.0.0")
        self.co.render()
        for site, nodes in self.nodes_of.items():
            self.sites[site] = SimulatedSite(site, self.remote)
            for node in nodes:
                self.nodes[node] = SimulatedNode(site, node, self.sites[site].mirror)

    def office(self, store: GitStore, author: Callable[[], Authorship]) -> Central:
        """A CO of this fleet over another repository."""
        return Central(store, BareMain(store, author))

    def box(self, site: str, remote: GitStore, mirror: GitStore) -> SimulatedSite:
        """A site of this fleet with a mirror of its own."""
        return SimulatedSite(site, remote, mirror)

    def host(self, site: str, node: str, mirror: GitStore, store: GitStore) -> SimulatedNode:
        """A node of this fleet with a store of its own."""
        return SimulatedNode(site, node, mirror, store=store)

    def add_application(self, version: str) -> None:
        """The example in the App Store, under this version."""
        text = (EXAMPLE / "margo.yaml").read_bytes().replace(b'"1.0.0"', f'"{version}"'.encode())
        module = (EXAMPLE / "resources" / "hello.wasm").read_bytes()
        files = {"margo.yaml": text, "resources/hello.wasm": module}
        description, _ = margo.read_description(text, "margo.yaml")
        lock = resolve(description, text, files)
        self.co.apply(edits.add_application(self.co.main(), description, files, lock))

    def deploy(self, name: str = "hello", **targets: object) -> list[Published]:
        intent = Intent(
            name=name,
            application=ApplicationRef(id="hello-wasm", version="1.0.0"),
            profile="wasm",
            targets=Targets.model_validate(targets or {"sites": tuple(self.nodes_of)}),
        )
        self.co.apply(edits.deploy(self.co.main(), intent))
        return self.co.render()

    def set(self, name: str = "hello", **values: str) -> list[Published]:
        self.co.apply(edits.change(self.co.main(), name, edits.Settings(parameters=dict(values))))
        return self.co.render()

    def suspend(self, *sites: str, until: str | None = None) -> list[Published]:
        suspension = Suspension(reason="line 3 is in audit", by="Ada", until=until)
        self.co.apply(edits.suspend(self.co.main(), "hello", suspension, sites, file=None))
        return self.co.render()

    def resume(self, *sites: str) -> list[Published]:
        self.co.apply(edits.resume(self.co.main(), "hello", sites, file=None))
        return self.co.render()

    def undeploy(self, name: str = "hello") -> list[Published]:
        self.co.apply(edits.undeploy(self.co.main(), name))
        return self.co.render()

    def settle(self, rounds: int = 4) -> None:
        """Poll everything until it must have converged."""
        for _ in range(rounds):
            self.poll_all()

    def poll_all(self) -> list[Outcome]:
        agents: list[SimulatedSite | SimulatedNode] = [*self.sites.values(), *self.nodes.values()]
        agents += self.sites.values()
        return [agent.poll() for agent in agents]

    def running(self) -> dict[str, dict[str, str]]:
        """Node to what runs there."""
        return {name: node.values() for name, node in self.nodes.items()}

    def _author(self) -> Authorship:
        self.clock += 1
        return Authorship("Ada", "ada@example.invalid", self.clock)
