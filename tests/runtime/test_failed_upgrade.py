"""An upgrade that does not run, on each real engine: the last good version comes back and stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import wasmtime

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.artifacts.lock import resolve
from margo_gitops.documents import archive, margo
from margo_gitops.model import layout
from margo_gitops.model.application import ProfileType
from margo_gitops.model.fleet import ApplicationRef, Intent, Targets
from margo_gitops.model.status import DeploymentStatus
from margo_gitops.plan.lifecycle import CEILING
from margo_gitops.render import edits
from margo_gitops.runtime.base import Driver, Owner
from tests.contracts.driver import Harness
from tests.dockerd import IMAGE
from tests.fleet import SimulatedFleet
from tests.runtime.compose_engine import ComposeHarness
from tests.runtime.helm_engine import CHART, GREETER, HelmHarness
from tests.runtime.wasm_engine import HELLO, WasmHarness
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)

MARGO = """\
apiVersion: v1
id: greeter
metadata:
  name: Greeter
  version: "{version}"
  catalog:
    organization:
      - name: margo-gitops
deploymentProfiles:
  - type: {type}
    id: it
    components:
      - name: hello
        properties:
          repository: oci://fleet.invalid/greeter
          revision: 1.0.0
          timeout: 0m10s
        x-margo-gitops-extensions:
          artifact: thing
parameters:
  greeting:
    value: Hello
    targets:
      - pointer: {pointer}
        components: ["hello"]
"""
WORKS = 'trap "exit 0" TERM; echo "$$GREETING"; while :; do sleep 60 & wait $$!; done'
FAILS = "echo the press is jammed >&2; exit 3"


@dataclass(frozen=True)
class Kind:
    """A driver, and a good and a bad version of one application for it."""

    type: ProfileType
    driver: Callable[[Owner], Driver]
    name: str
    pointer: str
    good: bytes
    bad: bytes
    words: str
    """What the engine says of the bad one."""


@dataclass
class Line:
    """A fleet of one node with a real engine."""

    fleet: SimulatedFleet
    harness: Harness

    def want(self, version: str) -> None:
        settings = edits.Settings(version=version)
        co = self.fleet.co
        co.apply(edits.change(co.main(), "hello", settings))
        co.render()
        self.fleet.sites["north"].poll()

    def told(self) -> DeploymentStatus:
        store = self.fleet.nodes["n1"].store
        tip = store.resolve(layout.report_ref("n1")) or ""
        data = store.read(tip, layout.status_path("hello", "n1")) or b""
        return margo.read_status(data, "status")

    def greeting(self) -> str:
        id = layout.deployment_id(self.fleet.co.main().fleet.id, "north", "hello")
        return self.harness.greeting(id, "hello")


def line(kind: Kind, harness: Harness, folder: Path) -> Line:
    fleet = SimulatedFleet({"north": ("n1",)})
    node = fleet.nodes["n1"]
    node.offers = frozenset({kind.type})
    node.runtimes = ("custom",) if kind.type is ProfileType.CUSTOM else ("oci",)
    node.drivers = lambda owner: {kind.name: kind.driver(owner)}
    node.contents = ContentStore(folder / "content")
    node.restart()
    co = fleet.co
    for version, thing in (("1.0.0", kind.good), ("2.0.0", kind.bad)):
        text = MARGO.format(version=version, type=kind.type.value, pointer=kind.pointer).encode()
        files = {"margo.yaml": text, "thing": thing}
        description, _ = margo.read_description(text, "margo.yaml")
        lock = resolve(description, text, files)
        co.apply(edits.add_application(co.main(), description, files, lock))
    intent = Intent(
        name="hello",
        application=ApplicationRef(id="greeter", version="1.0.0"),
        profile="it",
        targets=Targets(sites=("north",)),
    )
    fleet.settle(1)
    co.apply(edits.deploy(co.main(), intent))
    co.render()
    fleet.settle(3)
    return Line(fleet, harness)


def goes_back(kind: Kind, harness: Harness, folder: Path) -> None:
    made = line(kind, harness, folder)
    node = made.fleet.nodes["n1"]
    until(lambda: made.greeting() == "Hello")
    made.want("2.0.0")
    for _ in range(CEILING + 2):
        node.poll()
    until(lambda: made.greeting() == "Hello")
    error = made.told().error
    assert error is not None
    assert "is given up" in error.message
    assert kind.words in error.message
    assert node.poll().actions == ()
    node.restart()
    assert node.poll().actions == ()
    made.fleet.undeploy()
    made.fleet.settle(3)
    assert node.agent.drivers[kind.name].observe() == []


def stack(script: str) -> bytes:
    service = {"image": IMAGE, "command": ["sh", "-c", script], "environment": ["GREETING"]}
    return json.dumps({"services": {"web": {**service, "restart": "no"}}}).encode()


def test_on_wasm(wasm: WasmHarness, tmp_path: Path) -> None:
    traps = wasmtime.wat2wasm('(module (func (export "_start") unreachable))')
    kind = Kind(
        type=ProfileType.CUSTOM,
        driver=wasm.driver,
        name="wasm",
        pointer="GREETING",
        good=HELLO.read_bytes(),
        bad=bytes(traps),
        words="unreachable",
    )
    goes_back(kind, wasm, tmp_path)


@pytest.mark.docker
def test_on_docker(compose: ComposeHarness, tmp_path: Path) -> None:
    good, bad = (
        stack(script).replace(IMAGE.encode(), compose.engine.image.encode())
        for script in (WORKS, FAILS)
    )
    kind = Kind(
        type=ProfileType.COMPOSE,
        driver=compose.driver,
        name="compose",
        pointer="GREETING",
        good=good,
        bad=bad,
        words="the press is jammed",
    )
    goes_back(kind, compose, tmp_path)


def test_on_kubernetes(helm: HelmHarness, tmp_path: Path) -> None:
    wrong = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'NOT A NAME'}\n"
    kind = Kind(
        type=ProfileType.HELM,
        driver=helm.driver,
        name="helm",
        pointer="page.greeting",
        good=chart({"templates/greeting.yaml": GREETER}),
        bad=chart({"templates/greeting.yaml": GREETER, "templates/wrong.yaml": wrong}),
        words="NOT A NAME",
    )
    goes_back(kind, helm, tmp_path)


def chart(files: Mapping[str, str]) -> bytes:
    inside = {"Chart.yaml": CHART, "values.yaml": "page: {greeting: none}\n", **files}
    return archive.pack({f"greeter/{name}": text.encode() for name, text in inside.items()})
