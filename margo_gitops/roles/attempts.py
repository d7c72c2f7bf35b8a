"""What a node tries, holds back and remembers of its deployments (`plan.lifecycle` has the rules).

The memory is a ref of the node's own store: one parentless commit with `memory.json`, and of each
last good version its record and its document, so that nothing else is needed to go back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from margo_gitops.documents import canonical
from margo_gitops.errors import Failing, Invalid, MargoError, Refused, Stalled, Waiting
from margo_gitops.model import layout
from margo_gitops.model.memory import NodeMemory, Remembered
from margo_gitops.model.observed import Observed
from margo_gitops.model.record import Record
from margo_gitops.model.state import State
from margo_gitops.plan import lifecycle
from margo_gitops.plan.workloads import Action
from margo_gitops.roles.workloads import Results, Target, target_of
from margo_gitops.store.git import Authorship, GitStore

_MEMORY = "memory.json"
_AUTHOR = Authorship("margo en", "memory@margo-gitops.invalid", 0)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a pass did about one deployment, how that failed, and what its engine holds after it."""

    action: Action | None
    error: MargoError | None
    seen: Observed | None

    @property
    def final(self) -> bool:
        """True where a further try could only fail the same way."""
        return self.error is not None and not isinstance(self.error, Waiting)

    def failure(self, origin: str, held: Remembered) -> str:
        """Why this counts as a try that failed; empty where it does not."""
        if self.error is not None:
            counts = isinstance(self.error, Failing | Invalid | Refused)
            return self.error.problem if counts else ""
        if self.action is not None:
            return self.action.why if self.action.drift else ""
        if self.seen is None or self.seen.origin != origin or origin == held.good:
            return ""
        # Its engine starts it again and again: no action of ours, but no version to stay with.
        return "; ".join(
            item.detail or f"{item.name} failed"
            for item in self.seen.components
            if item.state is State.FAILED
        )


@dataclass(slots=True)
class Attempts:
    """One node's memory over its store.

    `clock` counts seconds, and only while this process lives: after a restart every next try is due
    at once.
    """

    node: str
    store: GitStore
    clock: Callable[[], float]
    _memory: dict[str, Remembered] | None = None
    _good: dict[str, Target] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _restarts: dict[str, int] = field(default_factory=dict)

    def choose(self, wanted: Iterable[Target]) -> dict[str, Target]:
        """By id what is to run: the wanted version, or the last good one where that is given up."""
        return {target.wanted.id: self._chosen(target) for target in wanted}

    def held(self, chosen: Mapping[str, Target]) -> dict[str, str]:
        """By id why nothing is done about it now."""
        reasons = {id: self._held(id, target.wanted.origin) for id, target in chosen.items()}
        return {id: why for id, why in reasons.items() if why}

    def learn(
        self,
        wanted: Iterable[Target],
        chosen: Mapping[str, Target],
        results: Results,
        words: Callable[[Target, str], str],
    ) -> None:
        """Count what failed, know what runs soundly; written down only where that is news.

        `words` adds an engine's last words to what is said of a failure.
        """
        before, good = dict(self._known()), dict(self._good)
        running = {item.id: item for items in results.after.running.values() for item in items}
        actions = {action.id: action for action in results.done}
        now = {}
        for target in wanted:
            id, run = target.wanted.id, chosen[target.wanted.id]
            held = self._memory_of(id)
            if run.wanted.driver in results.after.running:
                seen = Tried(actions.get(id), results.failures.get(id), running.get(id))
                held = self._learned(held, run, seen, words)
            now[id] = lifecycle.only(held, target.wanted.origin)
            if now[id].good == run.wanted.origin:
                self._good[id] = replace(run, wanted=replace(run.wanted, why=""))
        self._memory = now
        self._good = {id: target for id, target in self._good.items() if id in now}
        if (now, self._good) != (before, good):
            self._write()

    def forget(self) -> None:
        """Try again what failed: what the site allows has changed. Good versions stay known."""
        known = self._known().items()
        self._memory = {id: held.model_copy(update={"tries": ()}) for id, held in known}
        self._due.clear()
        self._write()

    def told(self, wanted: Target, seen: Observed | None) -> MargoError | None:
        """What is said of a version that failed, until it runs or another is wanted."""
        id, origin = wanted.wanted.id, wanted.wanted.origin
        memory = self._memory_of(id)
        tries = memory.of(origin)
        if tries is None or _sound(seen, origin):
            return None
        what = f"{wanted.record.name} {wanted.record.version}"
        if not lifecycle.given_up(memory, origin):
            return Failing(f"{what} failed {_times(tries.count)}: {tries.words}")
        back = self._good.get(id)
        return Stalled(
            f"{what} failed {_times(tries.count)} and is given up: {tries.words}",
            then="" if back is None else f"{back.record.version}, the last good one, runs instead",
            help=f"margo set {wanted.record.name} or margo rollback {wanted.record.name}, at the"
            " fleet's clone; it is not tried again before something changes",
        )

    def good_records(self) -> list[Record]:
        """The records of all versions to go back to: what they need is kept."""
        self._known()
        return [target.record for target in self._good.values()]

    def _chosen(self, target: Target) -> Target:
        wanted = target.wanted
        memory = self._memory_of(wanted.id)
        good, tries = self._good.get(wanted.id), memory.of(wanted.origin)
        if good is None or tries is None or not lifecycle.given_up(memory, wanted.origin):
            return target
        why = (
            f"back to {good.record.version}, the last good version:"
            f" {target.record.version} failed {_times(tries.count)}"
        )
        return replace(good, wanted=replace(good.wanted, why=why))

    def _held(self, id: str, origin: str) -> str:
        memory = self._memory_of(id)
        tries = memory.of(origin)
        if tries is None or origin not in self._due:
            return ""  # after a restart each is tried once more
        if lifecycle.given_up(memory, origin):
            return f"it failed {_times(tries.count)} and is given up"
        waits = self.clock() < self._due[origin]
        return f"it failed {_times(tries.count)} and waits for the next try" if waits else ""

    def _learned(
        self,
        held: Remembered,
        run: Target,
        tried: Tried,
        words: Callable[[Target, str], str],
    ) -> Remembered:
        origin, now = run.wanted.origin, self.clock()
        runs = tried.error is None and _sound(tried.seen, origin)
        restarted = self._restarted(origin, tried.seen)
        if not runs or tried.action is not None or restarted:
            self._since.pop(origin, None)
        failure = tried.failure(origin, held) or (restarted if origin != held.good else "")
        if failure and (tried.action is not None or now >= self._due.get(origin, 0.0)):
            held = lifecycle.failed(held, origin, words(run, failure), final=tried.final)
            tries = held.of(origin)
            self._due[origin] = now + lifecycle.pause(tries.count if tries else 1)
        if runs:
            since = self._since.setdefault(origin, now)
            held = lifecycle.sound(held, origin, proven=now - since >= lifecycle.PROVEN)
        return held

    def _restarted(self, origin: str, seen: Observed | None) -> str:
        """What is said where its engine started it again since the last look; else empty."""
        count = sum(item.restarts for item in seen.components) if seen else 0
        more = count - self._restarts.get(origin, count)
        self._restarts[origin] = count
        return f"its engine had to start it again {_times(more)}" if more > 0 else ""

    def _memory_of(self, id: str) -> Remembered:
        return self._known().get(id, Remembered())

    def _known(self) -> dict[str, Remembered]:
        if self._memory is None:
            self._memory = self._read()
        return self._memory

    def _read(self) -> dict[str, Remembered]:
        """What the ref holds; nothing of what is damaged, for only counts are lost with it."""
        tip = self.store.resolve(layout.memory_ref(self.node))
        files = {} if tip is None else self.store.files(tip)
        try:
            memory = canonical.load(files.get(_MEMORY, b""), NodeMemory, _MEMORY).deployments
        except MargoError:
            return {}
        for id, held in memory.items():
            if held.good and (target := _stored(files, id, held.good)):
                self._good[id] = target
        return {
            id: held if id in self._good else held.model_copy(update={"good": None})
            for id, held in memory.items()
        }

    def _write(self) -> None:
        memory = NodeMemory(node=self.node, deployments=self._known())
        files = {_MEMORY: canonical.dump(memory)}
        for id, target in self._good.items():
            files[f"good/{id}.json"] = canonical.dump(target.record)
            files[f"good/{id}.yaml"] = target.document
        commit = self.store.write(files, parents=[], author=_AUTHOR, message="memory\n")
        ref = layout.memory_ref(self.node)
        self.store.move(ref, commit, old=self.store.resolve(ref))


def _stored(files: Mapping[str, bytes], id: str, good: str) -> Target | None:
    data, document = (files.get(f"good/{id}.{end}", b"") for end in ("json", "yaml"))
    if canonical.digest(data) != good:
        return None
    record = canonical.load(data, Record, f"good/{id}.json")
    if record.document is None or canonical.digest(document) != record.document.digest:
        return None
    return target_of(good, record, document)


def _sound(seen: Observed | None, origin: str) -> bool:
    return (
        seen is not None
        and seen.origin == origin
        and all(item.state is State.INSTALLED for item in seen.components)
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
