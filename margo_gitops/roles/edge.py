"""EN, the Edge Node agent of one host: desired in, workloads run, report out (DESIGN section 1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from margo_gitops.artifacts.follow import Contents
from margo_gitops.errors import Invalid, MargoError, Missing, Refused
from margo_gitops.model import layout
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.model.observed import Observed
from margo_gitops.model.record import Record
from margo_gitops.model.report import Agent, Refusal
from margo_gitops.model.state import State
from margo_gitops.plan.workloads import Action, Plan, Verb, make_plan
from margo_gitops.reconcile import Outcome, Pass
from margo_gitops.roles.applying import carry_out
from margo_gitops.roles.attempts import Attempts
from margo_gitops.roles.beliefs import Identity
from margo_gitops.roles.believing import Believing
from margo_gitops.roles.branch import OwnBranch
from margo_gitops.roles.provisions import Provisions
from margo_gitops.roles.reporter import Reporter, is_of
from margo_gitops.roles.words import last_words
from margo_gitops.roles.workloads import (
    EdgePass,
    Notes,
    Reality,
    Results,
    Target,
    artifacts_of,
    targets_of,
    wanted_of,
    workload,
)
from margo_gitops.runtime.base import Driver, Owner, Workload
from margo_gitops.runtime.secrets import Secrets, no_secrets
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport
from margo_gitops.trust.share import Share, Shared
from margo_gitops.trust.sharing import adopt_share, reread_share


@dataclass(slots=True)
class EdgeNode:
    """The role of one host. `upstream` is the site's mirror.

    `engines` makes the drivers once it is known whose workloads these are; `facts` reads what the
    host offers with them, under the device id that it is given. `secrets` reads what deployments
    name and git does not hold. `identity` is what it was enrolled with; None in an open fleet.
    """

    node: str
    store: GitStore
    upstream: Transport
    engines: Callable[[Owner], Mapping[str, Driver]]
    contents: Contents
    facts: Callable[[str, Mapping[str, Driver]], DeviceCapabilities]
    agent: Agent
    now: Callable[[], int]
    identity: Identity | None = None
    secrets: Secrets = no_secrets
    clock: Callable[[], float] = time.monotonic
    drivers: Mapping[str, Driver] = field(default_factory=dict)
    _held: Share | None = None
    _refusals: tuple[Refusal, ...] | None = None
    _believing: Believing | None = None
    branch: OwnBranch = field(init=False)
    attempts: Attempts = field(init=False)
    _reporter: Reporter = field(init=False)
    _provisions: Provisions = field(init=False)

    def __post_init__(self) -> None:
        """Check the node's id before any ref is named after it."""
        signer = None if self.identity is None else self.identity.key
        self.branch = OwnBranch(
            self.store,
            self.upstream,
            layout.report_ref(self.node),
            f"margo en {self.node}",
            self.now,
            is_of(self.agent, signer),
        )
        self._reporter = Reporter(self.node, self.agent, self.branch, self.facts, signer)
        if self.identity is not None:
            self._believing = Believing(self.node, self.store, self.branch.ref, self.identity)
        self.attempts = Attempts(self.node, self.store, self.clock)
        host = self.facts(self.node, {}).architectures
        self._provisions = Provisions(self.store, self.upstream, self.contents, self.clock, host)

    def sync(self) -> None:
        """Ask for this node's own refs only, adopt what is right, fetch what it needs."""
        ref = layout.node_ref(self.node)
        tips = self.upstream.refs([ref, self.branch.ref])
        self.branch.join(tips.get(self.branch.ref))
        if ref not in tips:
            raise Missing(
                f"{self.upstream.name} has no branch node/{self.node} yet",
                help=f"margo device list; is margo lo run at work for the site of {self.node}?",
            )
        self._adopt(ref, tips[ref])
        held = self.read()
        if held is not None:
            self._provisions.fetch(artifacts_of(held))

    def read(self) -> Share | None:
        """The adopted share, checked again from this node's own store."""
        tip = self.store.resolve(layout.node_ref(self.node))
        if tip is None:
            return None
        if self._held is None or self._held.commit != tip:
            self._held = reread_share(self.node, tip, self.store.files(tip))
        if not self.drivers:
            placement = self._held.placement
            self.drivers = self.engines(Owner(placement.fleet, placement.site, self.node))
        return self._held

    def observe(self, _desired: Share) -> Reality:
        """What each engine holds; one that does not answer is known as silent, not as empty."""
        running: dict[str, Sequence[Observed]] = {}
        silent: dict[str, MargoError] = {}
        for name, driver in self.drivers.items():
            try:
                running[name] = driver.observe()
            except MargoError as error:
                silent[name] = error
        return Reality(running, silent)

    def plan(self, desired: Share, observed: Reality) -> Plan:
        """The actions, none where all is as wanted or has to wait."""
        targets = self.attempts.choose(self._runnable(desired))
        share = self._before()
        before = {} if share is None else {item.id: item.deployment for item in wanted_of(share)}
        return make_plan(
            [target.wanted for target in targets.values()],
            observed.running,
            removable=self._removable(desired, share),
            before=before,
            commit=desired.commit,
            held={**self.attempts.held(targets), **self._suspended(desired)},
        )

    def apply(self, desired: Share, plan: Plan) -> Results:
        """Removals first, so that their room is free; then the rest, several at once."""
        wanted = self._runnable(desired)
        targets = self.attempts.choose(wanted)

        def act(action: Action) -> None:
            driver = self.drivers[action.driver]
            if action.verb is Verb.REMOVE:
                driver.remove(action.id)
            else:
                driver.apply(self._workload(targets[action.id]))

        failures = carry_out(plan, act, lambda: self._tell_underway(desired, plan))
        results = Results(plan.actions, failures, self.observe(desired))
        suspended = self._suspended(desired)
        tried = [target for target in wanted if target.wanted.id not in suspended]
        self.attempts.learn(tried, targets, results, self._words)
        return results

    def report(self, done: EdgePass | None) -> Outcome:
        """Write the node's one report; before the first share it has nothing to say."""
        if done is None:
            return Outcome()
        commit = self._write(done)
        self._provisions.collect(self._spared(done.desired))
        return Outcome(
            actions=tuple(str(action) for action in done.results.done),
            commits=() if commit is None else (commit,),
            troubles=self._troubles(done),
        )

    def _tell_underway(self, desired: Share, plan: Plan) -> None:
        """A report in the middle of a pass that takes long: what is being done is seen."""
        seen = self.observe(desired)
        done = Pass(desired, seen, plan, Results((), {}, seen))
        states = {
            a.id: State.REMOVING if a.verb is Verb.REMOVE else State.INSTALLING
            for a in plan.actions
        }
        self._write(done, states)
        with suppress(MargoError):  # the pass goes on; the report at its end is delivered later
            self.deliver()

    def deliver(self) -> None:
        """Push the report; offline it waits here."""
        self.branch.deliver()

    def _adopt(self, ref: str, tip: str) -> None:
        held = self.read()
        if held is not None and held.commit == tip:
            self._refusals = ()
            return
        self.upstream.fetch(self.store, {ref: tip})
        try:
            share = adopt_share(self._offer(tip), held)
        except Refused as error:
            self._refusals = (Refusal(commit=tip, rule=error.rule, message=error.problem[:600]),)
            raise
        if self._believing is not None:
            self._believing.mark(share)
        if held is not None:
            if held.settings.runtime != share.settings.runtime:
                self.attempts.forget()
            self._remember(held.commit)
        self.store.move(ref, tip, old=None if held is None else held.commit)
        self._held, self._refusals = share, ()

    def _offer(self, tip: str) -> Shared:
        files = self.store.files(tip)
        if self._believing is None:
            return Shared(self.node, tip, files)
        return self._believing.offer(tip, files)

    def _remember(self, commit: str) -> None:
        """Keep the share adopted before, only to say what a new one changed."""
        ref = layout.before_ref(self.node)
        old = self.store.resolve(ref)
        if old != commit:
            self.store.move(ref, commit, old=old)

    def _before(self) -> Share | None:
        commit = self.store.resolve(layout.before_ref(self.node))
        if commit is None:
            return None
        return reread_share(self.node, commit, self.store.files(commit))

    def _removable(self, desired: Share, before: Share | None) -> set[str]:
        """The deployments that may be taken from this node where its share does not hold them.

        A remove record is enough. A placement must have a higher sequence than the one that this
        node adopted or, if its state was lost, reported: the first one that it sees may be from
        before a deployment, and another box in the site's place counts anew until it heard of us.
        """
        now = desired.placement.sequence
        if before is not None:
            known = before.placement.sequence
        else:
            view = self._reporter.said()
            known = now if view is None else view.report.sequence
        higher = known < now
        return {id for id, record in desired.records.items() if higher or record.action == "remove"}

    def _spared(self, desired: Share) -> list[Record]:
        """Of the present share, of the one before it, and what ran soundly: to go back to it."""
        before = self._before()
        shares = [desired] if before is None else [desired, before]
        records = [target.record for share in shares for target in targets_of(share)]
        return [*records, *self.attempts.good_records()]

    def _suspended(self, share: Share) -> dict[str, str]:
        """What people suspended and what has not ended, by id, in words."""
        now = self.now()
        suspended = share.settings.suspended.items()
        return {id: str(suspension) for id, suspension in suspended if suspension.holds(now)}

    def _runnable(self, share: Share) -> list[Target]:
        """The deployments of a share that this node has a driver for."""
        return [t for t in targets_of(share) if t.wanted.driver in self.drivers]

    def _workload(self, target: Target) -> Workload:
        share = self.read()
        policy = RuntimePolicy() if share is None else share.settings.runtime
        return workload(target, self._provisions, self.secrets, policy)

    def _words(self, target: Target, failure: str) -> str:
        """A failure with the engine's last words, as far as they can be had."""
        try:
            driver = self.drivers[target.wanted.driver]
            return last_words(driver, self._workload(target), failure)
        except MargoError:
            return failure

    def _told(self, done: EdgePass) -> dict[str, MargoError]:
        """What stands in the way of deployments, whatever this pass did: no driver, or failures."""
        after = {item.id: item for items in done.results.after.running.values() for item in items}
        told: dict[str, MargoError] = {}
        for target in targets_of(done.desired):
            wanted = target.wanted
            if wanted.driver not in self.drivers:
                lacks = f"not placeable: needs {wanted.deployment.type}, which this node lacks"
                told[wanted.id] = Invalid(lacks)
            elif error := self.attempts.told(target, after.get(wanted.id)):
                told[wanted.id] = error
        return told

    def _troubles(self, done: EdgePass) -> tuple[MargoError, ...]:
        results = done.results
        told = {**results.failures, **self._told(done)}
        return (*told.values(), *results.after.silent.values())

    def _write(self, done: EdgePass, underway: Mapping[str, State] | None = None) -> str | None:
        notes = Notes(self._told(done), underway or {}, self._suspended(done.desired))
        return self._reporter.write(done, notes, self._refusals, self.drivers)
