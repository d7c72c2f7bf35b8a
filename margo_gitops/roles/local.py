"""LO, the Local Orchestrator of one site: mirrors, adopts, places, folds (DESIGN section 1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from margo_gitops.artifacts.follow import Contents
from margo_gitops.documents import canonical, margo
from margo_gitops.errors import Missing
from margo_gitops.model import layout
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.fleet import Polling
from margo_gitops.model.quantity import duration_seconds
from margo_gitops.model.record import Record, document_path
from margo_gitops.model.report import Agent, NodeState, SiteStatus
from margo_gitops.plan.placement import SitePlan, place
from margo_gitops.reconcile import Outcome, Pass
from margo_gitops.roles.adopted import adopted_last, in_force
from margo_gitops.roles.adopting import Adopting
from margo_gitops.roles.alive import SignOfLife
from margo_gitops.roles.asking import Asking
from margo_gitops.roles.beliefs import Beliefs, Identity
from margo_gitops.roles.branch import OwnBranch
from margo_gitops.roles.holding import Holding
from margo_gitops.roles.nodes import HandedOver, SiteNodes, SiteView
from margo_gitops.roles.pace import Pace
from margo_gitops.roles.proofs import signed, signed_status
from margo_gitops.roles.serving.repositories import NodeRepositories
from margo_gitops.roles.supplies import Registries, Supplies, nowhere
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.status.site import site_files
from margo_gitops.status.worse import worse
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.noremote import NoRemote
from margo_gitops.store.transport import Transport
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.offer import Desired

if TYPE_CHECKING:
    from margo_gitops.roles.trips.post import Post

LocalPass = Pass[Desired, SiteView, SitePlan, HandedOver]


@dataclass(slots=True)
class LocalOrchestrator:
    """The role of one site. `store` is its mirror, `upstream` the fleet's remote.

    It decides where and when, never what: documents pass through it byte for byte. `identity` is
    what it was enrolled with; None in an open fleet.
    """

    site: str
    store: GitStore
    upstream: Transport
    agent: Agent
    now: Callable[[], int]
    identity: Identity | None = None
    pace: Pace | None = None
    served: NodeRepositories | None = None
    contents: Contents | None = None
    registries: Registries = nowhere
    post: Post | None = None
    clock: Callable[[], float] = time.monotonic
    _architectures: frozenset[str] = frozenset()
    branch: OwnBranch = field(init=False)
    _adopting: Adopting = field(init=False)
    _asking: Asking = field(init=False)
    _holding: Holding = field(init=False)
    _sign: SignOfLife = field(init=False)
    _nodes: SiteNodes = field(init=False)
    _supplies: Supplies = field(init=False)

    def __post_init__(self) -> None:
        """Check the site's id before any ref is named after it."""
        self.branch = OwnBranch(
            self.store,
            self.upstream,
            layout.status_ref(self.site),
            f"margo lo {self.site}",
            self.now,
            self._is_mine,
        )
        beliefs = None
        if self.identity is not None:
            beliefs = Beliefs(self.site, self.store, self.identity)
        self._adopting = Adopting(self.site, self.store, beliefs)
        self._holding = Holding(self.site, self.store, self.now)
        self._asking = Asking(self.site, self.store, self.upstream)
        signer = None if self.identity is None else self.identity.key
        self._sign = SignOfLife(self.site, self.store, self.upstream, self.agent, self.now, signer)
        self._nodes = SiteNodes(self.store, self.served, beliefs)
        self._supplies = Supplies(self.store, self.contents, self.registries, self.clock)

    def sync(self) -> None:
        """Take in the trips that came, then ask the remote; the first that fails is raised."""
        troubles = [] if self.post is None else self.post.take_in(self._take)
        if not isinstance(self.upstream, NoRemote):
            self._take(self.upstream)
        if troubles:
            raise troubles[0]

    def _take(self, remote: Transport) -> None:
        """Ask for the site's own refs only, adopt what is right, fetch what it needs."""
        site_ref = layout.site_ref(self.site)
        tips = remote.refs([site_ref, self.branch.ref])
        self.branch.join(tips.get(self.branch.ref), remote)
        if site_ref not in tips:
            raise Missing(
                f"{remote.name} has no branch site/{self.site}",
                help=f"margo site add {self.site}, then margo push",
            )
        self._adopting.take(tips[site_ref], self.store.resolve(self.branch.ref), remote)
        held = self.read()
        if held is not None:
            self._supplies.carry(self._over(held), remote)

    def read(self) -> Desired | None:
        """The adopted desired state, checked again from the mirror's own bytes."""
        return self._adopting.read()

    def poll_seconds(self) -> float:
        """How often the site's settings ask to poll; five minutes until there are any."""
        held = self._adopting.held
        return 300.0 if held is None else duration_seconds(held.settings.polling.interval)

    def observe(self, desired: Desired) -> SiteView:
        """Each node's report and placement."""
        seen = self._nodes.observe(desired)
        self._architectures = seen.architectures
        return seen

    def plan(self, desired: Desired, observed: SiteView) -> SitePlan:
        """Which node runs what; what is held stays what it was."""
        facts = self._nodes.facts(desired, observed)
        digest = canonical.digest(desired.files[layout.CHANGE])
        kept = self._over(desired)
        return place(kept.change, kept.settings, _deployments(kept), facts, digest)

    def apply(self, desired: Desired, plan: SitePlan) -> HandedOver:
        """Hand each node its share, where that differs; then bring what the shares need."""
        author = Authorship(self.branch.author, "agent@margo-gitops.invalid", self.now())
        kept = self._over(desired)
        handed = self._nodes.hand_over(kept, plan, author)
        late = self._supplies.bring(kept, self._architectures)
        return HandedOver(handed.commits, (*handed.troubles, *late))

    def report(self, done: LocalPass | None) -> Outcome:
        """Fold everything into the site's one status commit."""
        status = self._status(done)
        reports = {} if done is None else done.observed.reports
        records: dict[str, Record] = {} if done is None else done.desired.records
        dialect = "app" if self._adopting.held is None else self._adopting.held.settings.dialect
        files = site_files(status, reports, records, dialect)
        if self.identity is not None:
            files = signed(files, layout.SITE_STATUS, self.identity.key)
        commit = None
        if self._may_say(files):
            message = self._message(status)
            commit = self.branch.write(files, message, keep=self._polling.history)
        if commit is not None and self.pace is not None:
            self.pace.spend()
        said = () if commit is None else (commit,)
        if done is None:
            return Outcome(commits=said)
        self._supplies.collect([done.desired, self._over(done.desired)], self._architectures)
        placed = done.results.commits
        troubles = (*done.observed.troubles, *done.results.troubles)
        return Outcome(tuple(f"place {c[:12]}" for c in placed), (*placed, *said), troubles)

    def deliver(self) -> None:
        """Push the status, or a sign of life; offline the status waits here, in order, for ever.

        Where people carry sticks, the newest return trip lies ready.
        """
        if self.post is not None and self.branch.contested is None:
            self.post.answer(self._adopting.held)
        if isinstance(self.upstream, NoRemote):
            self.branch.acknowledged()
            return
        self.branch.deliver()
        if self.identity is not None:
            self._asking.forward()
        alive = self._polling.alive
        if alive != "off" and self.branch.contested is None:
            self._sign.give(duration_seconds(alive))

    def _over(self, desired: Desired) -> Desired:
        """The desired state with what people of the site keep back."""
        return self._holding.over(desired, self._trust())

    def _trust(self) -> Trust | None:
        beliefs = self._adopting.beliefs
        return None if beliefs is None else beliefs.held()

    def _may_say(self, files: Mapping[str, bytes]) -> bool:
        """News wait for their turn, unless something got worse; what is held back is said later."""
        if self.post is not None and self.post.fresh:
            return True
        if self.pace is None or self.pace.may(duration_seconds(self._polling.status)):
            return True
        return worse(self.branch.files(), files)

    @property
    def _polling(self) -> Polling:
        return Polling() if self._adopting.held is None else self._adopting.held.settings.polling

    def _status(self, done: LocalPass | None) -> SiteStatus:
        held = self._adopting.held
        before = self._written()
        refusals = self._adopting.refusals
        if refusals is None:
            refusals = () if before is None else before.refusals
        stock = self._supplies.stock(held, self._architectures)
        last, now = adopted_last(held, before), in_force(held)
        return SiteStatus(
            fleet=None if held is None else held.change.fleet,
            site=self.site,
            trust="open" if self.identity is None else "signed",
            root=None if held is None else held.change.root,
            agent=self.agent,
            adopted=last,
            held=None if now == last else now,
            nodes={} if done is None else self._node_states(done),
            not_placed=() if done is None else done.plan.not_placed,
            holds={} if held is None else self._holding.words(held, self._trust()),
            missing=stock.missing,
            blobs=stock.blobs,
            refusals=refusals,
            trips=SiteBook(self.site, self.store, self.now).word(),
        )

    def _node_states(self, done: LocalPass) -> dict[str, NodeState]:
        return {
            node: NodeState(
                offered=self.store.resolve(layout.node_ref(node)),
                described=None if report is None else report.report.described,
                report=done.observed.commits.get(node),
                refused=done.observed.refused.get(node),
            )
            for node in self._nodes.names(done.desired)
            for report in [done.observed.reports.get(node)]
        }

    def _written(self) -> SiteStatus | None:
        """What this site said last; in a signed fleet only what it signed."""
        files = self.branch.files()
        if self.identity is not None:
            return signed_status(files, str(self.identity.key.key))
        data = files.get(layout.SITE_STATUS)
        return None if data is None else canonical.load(data, SiteStatus, layout.SITE_STATUS)

    def _is_mine(self, files: Mapping[str, bytes]) -> bool:
        if self.identity is not None:
            said = signed_status(files, str(self.identity.key.key))
            return said is not None and said.agent.instance == self.agent.instance
        data = files.get(layout.SITE_STATUS, b"")
        status = canonical.load(data, SiteStatus, layout.SITE_STATUS)
        return status.agent.instance == self.agent.instance

    def _message(self, status: SiteStatus) -> str:
        adopted = status.adopted
        if adopted is None:
            return f"{self.site}: nothing adopted yet\n"
        return (
            f"{self.site}: status of generation {adopted.generation}\n\n"
            f"Source: {adopted.commit}\nGeneration: {adopted.generation}\n"
        )


def _deployments(desired: Desired) -> dict[str, ApplicationDeployment]:
    return {
        record.id: margo.read_deployment(desired.files[document_path(record)], record.name)[0]
        for record in desired.deployments
    }
