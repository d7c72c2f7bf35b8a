"""A signed fleet in one process: Alice made it, Bob and Carol approve, every box has its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.approval import Policy
from margo_gitops.model.fleet import ApplicationRef, Device, Fleet, Intent, Site, Targets
from margo_gitops.model.report import Agent
from margo_gitops.model.trust import Mark, TrustRoot
from margo_gitops.render import edits
from margo_gitops.render.edits import Edit
from margo_gitops.roles.beliefs import Identity
from margo_gitops.roles.central import BareMain, Central, Published
from margo_gitops.roles.ceremony import Ceremony, first_root, with_person
from margo_gitops.roles.edge import EdgeNode
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.roles.proposals.branch import ProposalBranch
from margo_gitops.roles.proposals.proposing import Proposing, Purpose
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.trust.enrolment import node_enrolment, site_enrolment
from tests.fleet import FLEET_ID, SimulatedFleet, SimulatedNode, SimulatedSite
from tests.trust.keys import key, line

NOW = 1_790_000_000.0


@dataclass(slots=True)
class MarkInMemory:
    """A mark that survives the box's repositories."""

    held: Mark | None = None

    def read(self) -> Mark | None:
        return self.held

    def write(self, mark: Mark) -> None:
        self.held = mark


@dataclass(slots=True)
class SignedSite(SimulatedSite):
    identity: Identity | None = None

    def restart(self) -> None:
        agent = Agent(version="0", formats=("margo-gitops/v1",), instance=self.instance)
        self.agent = LocalOrchestrator(
            self.site, self.mirror, self.link, agent, lambda: 1_000_000_000, self.identity
        )


@dataclass(slots=True)
class SignedNode(SimulatedNode):
    identity: Identity | None = None

    def restart(self) -> None:
        self.agent = EdgeNode(
            node=self.node,
            store=self.store,
            upstream=self.link,
            engines=self.drivers or self._fake,
            contents=self.contents,
            facts=self._facts,
            agent=Agent(version="0", formats=("margo-gitops/v1",), instance=f"en-{self.node}"),
            now=lambda: self.today,
            identity=self.identity,
            clock=lambda: self.seconds,
        )


@dataclass(slots=True)
class SignedFleet(SimulatedFleet):
    """`policy` is in force from the second root on, which makes Bob and Carol persons."""

    policy: Policy = field(default_factory=Policy)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    now: float = NOW
    pinned: str = ""
    publisher: str = "alice"
    proposals: int = 0

    def __post_init__(self) -> None:
        files = first_root(FLEET_ID, "alice", key("alice"))
        self.pinned = canonical.digest(files[layout.root_path(1)])
        self.co = Central(
            self.remote,
            BareMain(self.remote, self._author),
            self.pinned,
            lambda: key(self.publisher),
            lambda: self.now,
        )
        self.co.apply(edits.new_fleet(Fleet(id=FLEET_ID, name="test"), files))
        for site, nodes in self.nodes_of.items():
            labels = {"kind": "shop", **self.labels.get(site, {})}
            self.co.apply(edits.add_site(self.co.main(), Site(id=site, labels=labels)))
            for node in nodes:
                device = Device(id=node, site=site, device_id=f"{site}/{node}")
                self.co.apply(edits.add_device(self.co.main(), device, None))
        self.add_application("1.0.0")
        for site, nodes in self.nodes_of.items():
            self.enrol_site(site)
            for node in nodes:
                self.enrol_node(site, node)
        self.co.render()
        for site, nodes in self.nodes_of.items():
            self.sites[site] = SignedSite(site, self.remote, identity=self.identity(site))
            for node in nodes:
                mirror = self.sites[site].mirror
                identity = self.identity(site, node)
                self.nodes[node] = SignedNode(site, node, mirror, identity=identity)
        self.settle()
        root = self.trust.roots.root
        for name in ("bob", "carol"):
            root = with_person(root, name, line(name), ("approve", "root", "enrol"))
        self.change_root(root.model_copy(update={"policy": self.policy}))
        self.settle()

    def office(self, store: GitStore, author: Callable[[], Authorship]) -> Central:
        """A publisher's clone."""
        branch = BareMain(store, author)
        return Central(store, branch, self.pinned, lambda: key(self.publisher), lambda: self.now)

    def box(self, site: str, remote: GitStore, mirror: GitStore) -> SignedSite:
        """An enrolled site."""
        return SignedSite(site, remote, mirror, identity=self.identity(site))

    def host(self, site: str, node: str, mirror: GitStore, store: GitStore) -> SignedNode:
        """An enrolled node."""
        return SignedNode(site, node, mirror, store=store, identity=self.identity(site, node))

    @property
    def trust(self) -> FleetTrust:
        found = self.co.trust()
        assert found is not None
        return found

    def ceremony(self, who: str | None = None) -> Ceremony:
        trust = self.trust
        return Ceremony(self.remote, trust.commit, trust.roots, key(who or self.publisher))

    def identity(self, site: str, node: str | None = None) -> Identity:
        return Identity(key(f"{site}/{node or ''}"), site, self.pinned, MarkInMemory())

    def enrol_site(self, site: str, box: str = "") -> None:
        trust = self.trust.trust(site)
        made = site_enrolment(trust, self.co.main().sites[site], line(f"{site}/{box}"))
        self.co.apply(self.ceremony().enrol(made, f"Enrol {site}"))

    def enrol_node(self, site: str, node: str) -> None:
        made = node_enrolment(self.trust.trust(site), site, node, line(f"{site}/{node}"))
        self.co.apply(self.ceremony().enrol(made, f"Enrol {node}"))

    def change_root(self, root: TrustRoot, *signers: str) -> list[Published]:
        """The next root, signed by Alice and by these, rendered."""
        self.co.apply(self.ceremony().next_root(root, "A new root"))
        for who in signers:
            for edit in self.ceremony(who).sign():
                self.co.apply(edit)
        return self.co.render()

    def propose(
        self,
        edit: Edit,
        by: str = "alice",
        purpose: Purpose = "change",
        *,
        again: bool = False,
    ) -> str:
        """A proposal with its statement, signed by its proposer; its id."""
        self.proposals += 1
        id = f"change-{self.proposals}"
        self.proposing(id, by).branch.commit(edit.changes, edit.message)
        self.proposing(id, by).create("wanted", purpose, again=again)
        return id

    def proposing(self, id: str, who: str) -> Proposing:
        branch = ProposalBranch(self.remote, id, self._author)
        return Proposing(self.co, branch, lambda: key(who))

    def approve(self, id: str, *persons: str) -> None:
        for who in persons:
            person = self.proposing(id, who)
            person.approve(person.look())

    def merge(self, id: str) -> list[Published]:
        """`main` takes the proposal's files as they are: a squash, the plainest of merges."""
        tip = self.remote.resolve(layout.proposal_ref(id))
        head = self.remote.resolve(layout.MAIN)
        assert tip is not None
        assert head is not None
        before, after = self.remote.files(head), self.remote.files(tip)
        changes: dict[str, bytes | None] = dict.fromkeys(before.keys() - after.keys())
        changes |= {path: data for path, data in after.items() if before.get(path) != data}
        self.co.apply(Edit(changes, f"Merge {id}"))
        return self.co.render()

    def intent(self, name: str = "hello", **targets: object) -> Edit:
        """The edit that deploys the example."""
        intent = Intent(
            name=name,
            application=ApplicationRef(id="hello-wasm", version="1.0.0"),
            profile="wasm",
            targets=Targets.model_validate(targets or {"sites": tuple(self.nodes_of)}),
        )
        return edits.deploy(self.co.main(), intent)

    def change(self, name: str = "hello", **values: str) -> Edit:
        """The edit that sets these parameters."""
        wanted = edits.Settings(parameters=dict(values))
        return edits.change(self.co.main(), name, wanted)

    def approved(self, edit: Edit, *persons: str) -> list[Published]:
        """Propose, approve, merge, publish."""
        id = self.propose(edit)
        self.approve(id, *(persons or ("bob",)))
        return self.merge(id)
