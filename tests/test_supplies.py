"""From a registry to a node: fetched once by the site, verified at each step, then run."""

from __future__ import annotations

from pathlib import Path

import pytest

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.artifacts.lock import resolve
from margo_gitops.documents import margo
from margo_gitops.errors import MargoError, Missing, Refused
from margo_gitops.model.fleet import ApplicationRef, Intent, Targets
from margo_gitops.model.report import Agent
from margo_gitops.reconcile import Outcome, once
from margo_gitops.render import edits
from margo_gitops.roles.edge import EdgeNode
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from tests.artifacts.test_follow import module
from tests.fleet import EXAMPLE, SimulatedFleet, SimulatedNode
from tests.images import Made, index
from tests.registry import RegistryServer
from tests.runtime.fake import FakeDriver, FakeEngine

VERSION = "2.0.0"


class Plant:
    """One site with a disk, one node with another, and the registry that they look at."""

    def __init__(self, folder: Path, hub: RegistryServer, made: Made) -> None:
        self.fleet = SimulatedFleet({"north": ("n1",)})
        self.server, self.made, self.engine = hub, made, FakeEngine()
        mirror = GitStore.create(folder / "lo" / "mirror.git")
        self.site = ContentStore(folder / "lo" / "content")
        self.node = ContentStore(folder / "en" / "content")
        agent = Agent(version="0", formats=("margo-gitops/v1",), instance="x")
        self.lo = LocalOrchestrator(
            "north",
            mirror,
            StoreTransport(self.fleet.remote),
            agent,
            lambda: 1_000_000_000,
            contents=self.site,
            registries=lambda _reference, _mirrors: [hub.at("wasm/hello")],
        )
        self.en = EdgeNode(
            node="n1",
            store=GitStore.memory(),
            upstream=StoreTransport(folder / "lo" / "mirror.git"),
            engines=lambda owner: {"wasm": FakeDriver(owner, engine=self.engine)},
            contents=self.node,
            facts=SimulatedNode("north", "n1", mirror)._facts,
            agent=agent,
            now=lambda: 1_000_000_000,
        )
        self._deploy()

    def _deploy(self) -> None:
        text = (EXAMPLE / "margo.yaml").read_bytes().replace(b'"1.0.0"', f'"{VERSION}"'.encode())
        files = {"margo.yaml": text, "resources/hello.wasm": b"\0asm"}
        description, _ = margo.read_description(text, "margo.yaml")
        lock = resolve(description, text, files)
        pinned = {"artifact": self.made.artifact, "path": None}
        parts = tuple(part.model_copy(update=pinned) for part in lock.components)
        lock = lock.model_copy(update={"components": parts})
        co = self.fleet.co
        co.apply(edits.add_application(co.main(), description, files, lock))
        intent = Intent(
            name="hello",
            application=ApplicationRef(id="hello-wasm", version=VERSION),
            profile="wasm",
            targets=Targets(sites=("north",)),
        )
        co.apply(edits.deploy(co.main(), intent))
        co.render()

    def round(self) -> list[Outcome]:
        return [once(self.lo), once(self.en), once(self.lo), once(self.en)]

    def errors(self, outcomes: list[Outcome]) -> list[MargoError]:
        return [trouble for outcome in outcomes for trouble in outcome.troubles]

    @property
    def runs(self) -> list[str]:
        return [held.spec.digest for parts in self.engine.held.values() for held in parts.values()]


def test_a_module_of_a_registry_runs_on_the_node(hub: RegistryServer, tmp_path: Path) -> None:
    made = index({"amd64": module(b"\0asm amd"), "arm64": module(b"\0asm arm")})
    hub.push(made, "wasm/hello")
    plant = Plant(tmp_path, hub, made)
    plant.round()
    plant.round()
    (running,) = plant.runs
    assert made.blobs[running] == b"\0asm amd"
    assert plant.node.digests() == plant.site.digests()
    assert len(plant.site.digests()) == 4


def test_it_is_fetched_once_and_then_runs_with_no_registry(
    hub: RegistryServer, tmp_path: Path
) -> None:
    made = module(b"\0asm once")
    hub.push(made, "wasm/hello")
    plant = Plant(tmp_path, hub, made)
    plant.round()
    plant.round()
    plant.lo._supplies.registries = lambda *_: pytest.fail("it was asked again")
    assert all(outcome.quiet for outcome in plant.round())
    assert len(plant.runs) == 1


def test_what_the_registry_lacks_is_waited_for_and_told(
    hub: RegistryServer, tmp_path: Path
) -> None:
    made = module(b"\0asm late")
    plant = Plant(tmp_path, hub, made)
    troubles = plant.errors([*plant.round(), *plant.round()])
    assert any(isinstance(trouble, Missing) for trouble in troubles)
    assert plant.runs == []
    hub.push(made, "wasm/hello")
    plant.round()
    plant.round()
    assert len(plant.runs) == 1


def test_a_tampered_layer_is_never_run(hub: RegistryServer, tmp_path: Path) -> None:
    made = module(b"\0asm tampered")
    hub.push(made, "wasm/hello")
    layer = next(key for key, data in made.blobs.items() if data == b"\0asm tampered")
    hub.file(layer).write_bytes(b"\0asm TAMPERED")
    plant = Plant(tmp_path, hub, made)
    troubles = plant.errors([*plant.round(), *plant.round()])
    assert any(isinstance(trouble, Refused) for trouble in troubles)
    assert plant.runs == []
    assert layer not in plant.site.digests()


def test_what_nothing_needs_any_more_leaves_site_and_node(
    hub: RegistryServer, tmp_path: Path
) -> None:
    made = module(b"\0asm gone")
    hub.push(made, "wasm/hello")
    plant = Plant(tmp_path, hub, made)
    plant.round()
    plant.round()
    assert len(plant.runs) == 1
    plant.fleet.undeploy()
    plant.round()
    assert plant.runs == []
    assert plant.site.digests() == frozenset()


def test_a_site_that_knows_no_node_yet_deletes_nothing(hub: RegistryServer, tmp_path: Path) -> None:
    made = module(b"\0asm kept")
    hub.push(made, "wasm/hello")
    plant = Plant(tmp_path, hub, made)
    plant.round()
    plant.round()
    held = plant.site.digests()
    assert held
    plant.lo._supplies.collect([], ())
    assert plant.site.digests() == held
