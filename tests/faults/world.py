"""A fleet in memory with two renderers, every fault a step, the invariants asked after each."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from dulwich.object_store import MemoryObjectStore

from margo_gitops.documents import canonical
from margo_gitops.errors import MargoError, Stalled
from margo_gitops.model import layout
from margo_gitops.model.fleet import ApplicationRef, Intent, Targets
from margo_gitops.model.record import Change
from margo_gitops.model.report import SiteStatus
from margo_gitops.reconcile import Outcome
from margo_gitops.render import edits
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.sync import fetch_branches, push_artifacts, push_main, push_sites
from tests.faults.wrappers import set_clock
from tests.fleet import SimulatedFleet, SimulatedNode, SimulatedSite

SITE, STATUS = layout.site_ref("north"), layout.status_ref("north")
NODE, REPORT = layout.node_ref("n1"), layout.report_ref("n1")
ALIVE = "refs/margo/alive/"
LO_REFS = (SITE, STATUS, NODE, ALIVE, layout.ARTIFACTS, layout.TRUST)
WRITES: dict[str, dict[str, tuple[str, ...]]] = {
    "co": {"remote": (layout.MAIN, layout.SITES, layout.ARTIFACTS)},
    "lo": {"remote": (STATUS, ALIVE), "mirror": LO_REFS},
    "en": {"mirror": (REPORT,), "node": (NODE, REPORT, "refs/margo/", layout.ARTIFACTS)},
    "world": {"remote": (SITE,), "mirror": ("refs/",), "node": ("refs/",)},
}
"""Who may move which refs of which repository (invariant 2); the world is what befalls them."""


def twin(store: GitStore) -> GitStore:
    """A store with the same objects and refs."""
    made = GitStore.memory()
    assert isinstance(store.objects, MemoryObjectStore)
    assert isinstance(made.objects, MemoryObjectStore)
    made.objects._data.update(store.objects._data)
    for ref, id in store.refs().items():
        made.move(ref, id, old=None)
    return made


@dataclass
class Renderer:
    """A clone of its own, in which a person edits, renders and pushes."""

    remote: GitStore
    clock: Callable[[], int]
    fleet: SimulatedFleet | None = None
    store: GitStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = twin(self.remote)
        self.far = StoreTransport(self.remote)
        if self.fleet is None:
            self.co = Central(self.store, BareMain(self.store, self._author))
        else:
            self.co = self.fleet.office(self.store, self._author)

    def pull(self) -> None:
        """Follow the remote; what went two ways is given up for the remote's."""
        main = fetch_branches(self.store, self.far).main
        held = self.store.resolve(layout.MAIN)
        if main and main != held:
            self.store.move(layout.MAIN, main, old=held)
        try:
            self.co.preview(self.co.main())
        except Stalled:  # our site branch was rendered from a main that was given up
            tip, ours = self.far.refs([SITE]).get(SITE), self.store.resolve(SITE)
            if tip and tip != ours:
                self.store.move(SITE, tip, old=ours)

    def edit(self, verb: str, value: str) -> None:
        main = self.co.main()
        if verb == "deploy":
            app = ApplicationRef(id="hello-wasm", version="1.0.0")
            targets = Targets(sites=("north",))
            intent = Intent(name="hello", application=app, profile="wasm", targets=targets)
            self.co.apply(edits.deploy(main, intent))
        elif verb == "undeploy":
            self.co.apply(edits.undeploy(main, "hello"))
        elif verb == "rollback":
            path = layout.intent_path("hello")
            past = (self.store.read(c.id, path) for c in self.store.history(main.commit, path))
            self.co.apply(edits.rollback(main, "hello", filter(None, past), None))
        else:
            wanted = edits.Settings(parameters={"greeting": value})
            self.co.apply(edits.change(main, "hello", wanted))
        push_main(self.store, self.far)

    def render(self) -> None:
        self.co.render()
        push_main(self.store, self.far)  # confirmed before any site (invariant 2)
        push_artifacts(self.store, self.far)
        push_sites(self.store, self.far)

    def _author(self) -> Authorship:
        return Authorship("Ada", "ada@example.invalid", self.clock())


class World:
    """Site `north` with node `n1`, and whatever `chance` brings; a broken invariant raises."""

    def __init__(self, base: SimulatedFleet, chance: random.Random) -> None:
        self.chance = chance
        self.remote = twin(base.remote)
        self.base = base
        self.site = base.box("north", self.remote, twin(base.sites["north"].mirror))
        self.node = base.host("north", "n1", self.site.mirror, GitStore.memory())
        self.ticks = 2_000_000_000
        self.renderers = [Renderer(self.remote, self._tick, base) for _ in "ab"]
        self.snapshot: GitStore | None = None
        self.adopted: set[str] = set()
        self.published: list[str] = [self.remote.resolve(SITE) or ""]

    def take(self, name: str) -> None:
        """Let it happen, and ask the invariants."""
        words = name.split()
        before = self._refs()
        actor = ACTORS[words[0]]
        try:
            getattr(self, f"_{words[0]}")(*words[1:])
        except MargoError:
            if actor != "co":  # a person reads it; an agent's pass never raises
                raise
        self._check(actor, before)

    def heal(self) -> None:
        """All links are whole, a person does what the messages say; then all must be in step."""
        self._link("site", "on")
        self._link("node", "on")
        for _ in range(3):
            for words in ("pull 0", "render 0", "lo", "en", "lo", "en", "lo"):
                self.take(words)
            if self.site.agent.branch.contested:
                self.take("wipe lo")
            elif not self.site.poll().troubles:
                break
            self._bring()
        co = self.base.office(self.remote, lambda: Authorship("", "", 0))
        intent = co.main().intents.get("hello")
        greeting = "" if intent is None else str(intent.parameters.get("greeting", "Hello"))
        wanted = {} if intent is None else {"hello": greeting}
        assert {name: str(value) for name, value in self.node.values().items()} == wanted, (
            f"{self.node.values()} runs, expected {wanted}"
        )
        assert co.status("north").in_step, "the status is not in step"
        for poll in (self.site.poll, self.node.poll, self.site.poll):
            outcome = poll()
            assert outcome.quiet, f"a further pass did {outcome}"
            assert not outcome.troubles, outcome.troubles

    def _bring(self) -> None:
        """Fetch what the site adopted from its mirror to a clone, as its refusal says."""
        tip = self.site.mirror.resolve(SITE)
        if tip is not None:
            StoreTransport(self.site.mirror).fetch(self.renderers[0].store, {SITE: tip})

    def _edit(self, which: str, verb: str) -> None:
        self.renderers[int(which)].edit(verb, f"v{self.ticks}")

    def _pull(self, which: str) -> None:
        self.renderers[int(which)].pull()

    def _render(self, which: str) -> None:
        self.renderers[int(which)].render()

    def _lo(self) -> None:
        self._pass(self.site)

    def _en(self) -> None:
        held = dict(self.node.engine.owners)
        self._pass(self.node)
        gone = held.keys() - self.node.engine.owners.keys()
        if gone:
            tip = self.node.store.resolve(NODE) or ""
            change = canonical.load(
                self.node.store.read(tip, layout.CHANGE) or b"", Change, layout.CHANGE
            )
            removed = {e.record.id for e in change.records if e.record.action == "remove"}
            assert gone <= removed, f"removed without a record: {gone - removed}"

    def _link(self, whose: str, state: str) -> None:
        link = self.site.link if whose == "site" else self.node.link
        link.mend()
        if state == "off":
            link.is_cut = True
        elif state == "falters":
            link.lasts, link.deaf = self.chance.randrange(4), self.chance.random() < 0.5

    def _crash(self, who: str) -> None:
        (self.site if who == "lo" else self.node).restart()

    def _wipe(self, who: str) -> None:
        if who == "lo":
            self._with_mirror(GitStore.memory())
        else:
            self.node.store = GitStore.memory()
            self.node.restart()

    def _kill(self) -> None:
        for id, components in self.node.engine.held.items():
            for name in components:
                self.node.engine.kill(id, name)

    def _snapshot(self) -> None:
        self.snapshot = twin(self.site.mirror)

    def _restore(self) -> None:
        if self.snapshot is not None:
            self._with_mirror(twin(self.snapshot))

    def _replay(self) -> None:
        old = self.remote.resolve(SITE)
        new = self.chance.choice(self.published)
        if old is not None and new != old:
            self.remote.move(SITE, new, old=old)

    def _clock(self) -> None:
        for agent in (self.site.agent, self.node.agent):
            set_clock(agent, self.chance.choice([0, 1, 1_000_000_000, 4_000_000_000]))

    def _with_mirror(self, mirror: GitStore) -> None:
        self.site.mirror = mirror
        self.site.restart()
        self.node.mirror = mirror
        self.node.link.to = StoreTransport(mirror)
        self.node.restart()

    def _pass(self, device: SimulatedSite | SimulatedNode) -> None:
        outcome = device.poll()
        self._adopt()
        if self.chance.random() < 0.25:
            again = device.poll()
            assert again.quiet or not _calm(outcome), f"a second pass did {again} after {outcome}"
        for trouble in outcome.troubles:
            assert not isinstance(trouble, Stalled) or device is self.site, trouble

    def _adopt(self) -> None:
        tip = self.site.mirror.resolve(SITE)
        if tip is not None:
            self.adopted.add(tip)

    def _tick(self) -> int:
        self.ticks += 1
        return self.ticks

    def _stores(self) -> dict[str, GitStore]:
        return {"remote": self.remote, "mirror": self.site.mirror, "node": self.node.store}

    def _refs(self) -> dict[str, tuple[GitStore, dict[str, str]]]:
        return {name: (store, store.refs()) for name, store in self._stores().items()}

    def _check(self, actor: str, before: dict[str, tuple[GitStore, dict[str, str]]]) -> None:
        """Invariants 1, 2, 4 and 6 for all that this step moved."""
        for name, store in self._stores().items():
            held, old = before[name]
            for ref, tip in store.refs().items():
                if held is store and old.get(ref) == tip:
                    continue
                store.files(tip)
                assert all(store.commit(parent) for parent in store.commit(tip).parents)
                assert ref.startswith(WRITES[actor].get(name, ("?",))), f"{actor} moved {ref}"
                if held is store and ref in old and actor != "world":
                    onward = store.is_ancestor(old[ref], tip)
                    # A share is followed by its sequence: an LO that was set back begins anew.
                    free = ref.startswith("refs/margo/") or (name, ref) == ("node", NODE)
                    assert onward or free, f"{ref} turned back"
                self._read(name, store, ref, tip)

    def _read(self, name: str, store: GitStore, ref: str, tip: str) -> None:
        if name == "remote" and ref == SITE:
            self.published.append(tip)
        if name == "remote" and ref == STATUS:
            data = store.read(tip, layout.SITE_STATUS) or b""
            adopted = canonical.load(data, SiteStatus, layout.SITE_STATUS).adopted
            assert adopted is None or adopted.commit in self.adopted, "a status of nothing adopted"


def _calm(outcome: Outcome) -> bool:
    """Nothing stood in its way; LO's second pass then has nothing that its first one left."""
    return not outcome.troubles


ACTORS = {
    "edit": "co", "pull": "co", "render": "co", "lo": "lo", "en": "en",
    "link": "world", "crash": "world", "wipe": "world", "kill": "world",
    "snapshot": "world", "restore": "world", "replay": "world", "clock": "world",
}  # fmt: skip
STEPS = (
    *(["lo", "en"] * 6),
    *(f"{verb} {who}" for verb in ("pull", "render") for who in "01" for _ in "ab"),
    *(f"edit {who} {verb}" for who in "01" for verb in ("set", "set", "deploy", "undeploy")),
    *(f"edit {who} rollback" for who in "01"),
    *(f"link {whose} {state}" for whose in ("site", "node") for state in ("off", "falters", "on")),
    "crash lo", "crash en", "wipe en", "kill", "snapshot", "restore", "replay", "clock",
)  # fmt: skip
