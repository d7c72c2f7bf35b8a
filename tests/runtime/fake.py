"""An engine in memory, held to the same contract as the real ones, and ways to break it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from margo_gitops.errors import MargoError, Unreachable
from margo_gitops.model.application import ProfileType
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.model.state import State
from margo_gitops.runtime.base import (
    ComponentSpec,
    Observed,
    ObservedComponent,
    Owner,
    Workload,
)


@dataclass
class Held:
    """One running component."""

    origin: str
    spec: ComponentSpec
    life: int
    alive: bool = True
    restarting: bool = False
    restarts: int = 0


@dataclass
class FakeEngine:
    """What outlives the agent: give the same one to the driver of a restarted agent.

    `actions` lists each change really made, as (verb, deployment id); a call that changes nothing
    adds nothing. `down` makes every call `Unreachable`, `fail_apply` is raised by each apply, and
    `fails` by one that gives a component this value: what ran of the deployment is gone then. What
    changes something waits for `gate`. `policies` are those of all applies.
    """

    held: dict[str, dict[str, Held]] = field(default_factory=dict)
    owners: dict[str, tuple[Owner, str]] = field(default_factory=dict)
    actions: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False
    fail_apply: MargoError | None = None
    fails: dict[str, MargoError] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    policies: list[RuntimePolicy] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    lives: count[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.gate.set()

    def crash(self, deployment_id: str, component: str) -> None:
        """Let a component end again and again, and be started by the engine each time."""
        held = self.held[deployment_id][component]
        held.alive, held.restarting = False, True

    def restart(self, deployment_id: str, component: str) -> None:
        """Let a component end and run again at once, by the engine's own doing."""
        self.held[deployment_id][component].restarts += 1

    def kill(self, deployment_id: str, component: str) -> None:
        """End a component behind the driver's back."""
        self.held[deployment_id][component].alive = False


class FakeDriver:
    """A `Driver` over a `FakeEngine`."""

    def __init__(
        self,
        owner: Owner,
        type: ProfileType = ProfileType.CUSTOM,
        engine: FakeEngine | None = None,
    ) -> None:
        self.type = type
        self.name = f"fake-{type}"
        self.engine = FakeEngine() if engine is None else engine
        self._owner = owner

    def available(self) -> str | None:
        return "the fake engine is down" if self.engine.down else None

    def observe(self) -> Sequence[Observed]:
        engine = self._engine()
        return [
            Observed(
                id, name, _origin(engine.held[id]), tuple(map(_seen, engine.held[id].values()))
            )
            for id, (owner, name) in sorted(engine.owners.items())
            if owner == self._owner
        ]

    def apply(self, workload: Workload) -> None:
        engine = self._engine()
        engine.policies.append(workload.policy)
        if engine.fail_apply is not None:
            raise engine.fail_apply
        for value in (str(v) for spec in workload.components for v in spec.values.values()):
            if value in engine.fails:
                engine.tried.append(value)
                engine.owners.pop(workload.id, None)
                engine.held.pop(workload.id, None)
                raise engine.fails[value]
        before = engine.held.get(workload.id, {})
        after = {spec.name: self._life(before, workload, spec) for spec in workload.components}
        if after != before:
            engine.gate.wait(20)
            engine.actions.append(("apply", workload.id))
        engine.held[workload.id] = after
        engine.owners[workload.id] = (self._owner, workload.name)

    def remove(self, deployment_id: str) -> None:
        if self._owns(deployment_id):
            self.engine.gate.wait(20)
            del self.engine.held[deployment_id], self.engine.owners[deployment_id]
            self.engine.actions.append(("remove", deployment_id))

    def logs(self, deployment_id: str, component: str, tail: int = 100) -> str:
        if not self._owns(deployment_id) or component not in self.engine.held[deployment_id]:
            return ""
        values = self.engine.held[deployment_id][component].spec.values
        return "\n".join(str(value) for value in list(values.values())[-tail:])

    def _life(self, before: dict[str, Held], workload: Workload, spec: ComponentSpec) -> Held:
        held = before.get(spec.name)
        if held and held.alive and (held.origin, held.spec) == (workload.origin, spec):
            return held
        return Held(workload.origin, spec, next(self.engine.lives))

    def _engine(self) -> FakeEngine:
        if self.engine.down:
            raise Unreachable("the fake engine does not answer")
        return self.engine

    def _owns(self, deployment_id: str) -> bool:
        owner, _ = self._engine().owners.get(deployment_id, (None, ""))
        return owner == self._owner


def _origin(components: dict[str, Held]) -> str:
    origins = {held.origin for held in components.values()}
    return origins.pop() if len(origins) == 1 else ""


def _seen(held: Held) -> ObservedComponent:
    if held.alive:
        return ObservedComponent(held.spec.name, State.INSTALLED, restarts=held.restarts)
    return ObservedComponent(held.spec.name, State.FAILED, "killed", lost=not held.restarting)
