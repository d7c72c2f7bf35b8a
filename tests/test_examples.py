"""The examples do what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from margo_gitops.artifacts.lock import contents, resolve
from margo_gitops.artifacts.package import read_package
from margo_gitops.documents import canonical, margo
from margo_gitops.documents.check import check
from margo_gitops.documents.dialects import Dialect
from margo_gitops.model.application import ProfileType
from margo_gitops.model.fleet import ApplicationRef, Intent, Targets
from margo_gitops.render import edits
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.roles.placeable import unplaceable
from margo_gitops.store.git import Authorship, GitStore
from tests.fleet import SimulatedFleet

EXAMPLES = Path(__file__).parents[1] / "examples"
PACKAGES = (
    "hello-wasm",
    "hello-compose",
    "two-tier-compose",
    "press-vision",
    "hello-world",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_no_finding_and_its_lock_holds(name: str) -> None:
    files = read_package(EXAMPLES / name)
    assert check(files["margo.yaml"], "margo.yaml") == []
    description, _ = margo.read_description(files["margo.yaml"], "margo.yaml")
    lock = resolve(description, files["margo.yaml"], files)
    pinned = {c.artifact.digest for c in lock.components if c.artifact is not None}
    assert {canonical.digest(data) for data in contents(lock, files)} == pinned
    assert bool(pinned) == (name != "hello-world")


def test_three_sites_are_rendered() -> None:
    store = GitStore.memory()
    co = Central(store, BareMain(store, lambda: Authorship("Ada", "ada@example.invalid", 7)))
    folder = EXAMPLES / "three-sites"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.yaml")
    }
    for path, data in files.items():
        assert check(data, path) == []
    co.branch.commit(files, "The example")
    package = read_package(EXAMPLES / "hello-wasm")
    description, _ = margo.read_description(package["margo.yaml"], "margo.yaml")
    lock = resolve(description, package["margo.yaml"], package)
    co.apply(edits.add_application(co.main(), description, package, lock))
    assert [item.site for item in co.render()] == ["harbour", "mill", "shop"]
    mill = co.published("mill")
    assert mill is not None
    assert sorted(path for path in mill.files if path.startswith("deployments/")) == [
        "deployments/everywhere.oven.yaml",
        "deployments/everywhere.press.yaml",
        "deployments/hello.yaml",
    ]
    hello, _ = margo.read_deployment(mill.files["deployments/hello.yaml"], "hello")
    assert hello.values_for("hello") == {"GREETING": "Moin", "ADDRESSEE": "mill"}


def test_hello_world_of_dialect_b_is_rendered_in_its_own_dialect_and_needs_helm() -> None:
    fleet = SimulatedFleet({"north": ("n1",)})
    fleet.settle()
    package = read_package(EXAMPLES / "hello-world")
    description, dialect = margo.read_description(package["margo.yaml"], "margo.yaml")
    assert dialect is Dialect.B
    lock = resolve(description, package["margo.yaml"], package)
    fleet.co.apply(edits.add_application(fleet.co.main(), description, package, lock))
    profile = next(p for p in description.profiles if p.type is ProfileType.HELM)
    intent = Intent(
        name="world",
        application=ApplicationRef(id=description.id, version=description.version),
        profile=str(profile.id),
        targets=Targets(sites=("north",)),
        parameters={"greeting": "Moin"},
    )
    fleet.co.apply(edits.deploy(fleet.co.main(), intent))
    fleet.co.render()
    tree = fleet.co.published("north")
    assert tree is not None
    deployment, written = margo.read_deployment(tree.files["deployments/world.yaml"], "world")
    assert written is Dialect.B
    assert "global.config.appGreeting" in deployment.values_for(deployment.components[0].name)
    assert "needs helm" in unplaceable(fleet.remote, fleet.co.main(), "world")["north"]
    fleet.settle()
    (view,) = fleet.co.status("north").deployments
    assert (view.state, "needs helm" in view.why) == ("not placed", True)
