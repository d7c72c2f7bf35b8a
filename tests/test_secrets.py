"""A secret from end to end: named in git, read on the node, shown nowhere."""

from __future__ import annotations

from pathlib import Path

from margo_gitops.documents import margo
from margo_gitops.errors import Failing
from margo_gitops.model.base import FromSite
from margo_gitops.model.state import State
from margo_gitops.model.status import DeploymentStatus
from margo_gitops.render import edits
from margo_gitops.runtime.secrets import secrets_in
from margo_gitops.store.git import GitStore
from tests.fleet import SimulatedFleet

VALUE = "correct-horse-battery"


def fleet_with_secret(folder: Path) -> SimulatedFleet:
    fleet = SimulatedFleet({"north": ("n1",)})
    fleet.nodes["n1"].agent.secrets = secrets_in(folder)
    fleet.deploy()
    change = edits.Settings(parameters={"greeting": FromSite(from_site="greeting")})
    fleet.co.apply(edits.change(fleet.co.main(), "hello", change))
    fleet.co.render()
    return fleet


def status(fleet: SimulatedFleet) -> DeploymentStatus:
    tip = fleet.remote.resolve("refs/heads/status/north")
    data = fleet.remote.read(tip or "", "deployments/hello/n1.json")
    return margo.read_status(data or b"", "status")


def provide(folder: Path) -> None:
    (folder / "greeting").touch(mode=0o600)
    (folder / "greeting").write_text(VALUE + "\n")


def everything(store: GitStore) -> bytes:
    """Every file of every ref."""
    tips = set(store.refs().values())
    return b"".join(data for tip in tips for data in store.files(tip).values())


def test_the_deployment_names_the_secret_and_the_node_fills_it_in(tmp_path: Path) -> None:
    fleet = fleet_with_secret(tmp_path)
    tree = fleet.co.published("north")
    assert tree is not None
    deployment, _ = margo.read_deployment(tree.files["deployments/hello.yaml"], "hello")
    assert deployment.parameters["greeting"].value == FromSite(from_site="greeting")
    provide(tmp_path)
    fleet.settle()
    (components,) = fleet.nodes["n1"].engine.held.values()
    spec = components["hello"].spec
    assert (spec.values["GREETING"], spec.secrets) == (VALUE, frozenset({"GREETING"}))
    assert spec.values["ADDRESSEE"] == "World"


def test_a_missing_secret_waits_and_its_status_says_which(tmp_path: Path) -> None:
    fleet = fleet_with_secret(tmp_path)
    fleet.settle()
    told = status(fleet)
    assert (told.state, fleet.running()) == (State.PENDING, {"n1": {}})
    assert told.error is not None
    assert told.error.code == "missing"
    assert "the secret greeting cannot be read" in told.error.message
    provide(tmp_path)
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": VALUE}}
    assert status(fleet).state is State.INSTALLED


def test_a_secrets_value_is_in_no_store(tmp_path: Path) -> None:
    fleet = fleet_with_secret(tmp_path)
    provide(tmp_path)
    fleet.settle()
    node = fleet.nodes["n1"]
    for store in (fleet.remote, node.mirror, node.store):
        data = everything(store)
        assert b"greeting" in data
        assert VALUE.encode() not in data


def test_an_agent_without_a_folder_says_so(tmp_path: Path) -> None:
    fleet = fleet_with_secret(tmp_path)
    fleet.nodes["n1"].restart()
    fleet.settle()
    error = status(fleet).error
    assert error is not None
    assert "--secrets DIR" in error.message


def test_an_engine_that_prints_the_secret_as_it_fails_tells_it_to_nobody(tmp_path: Path) -> None:
    fleet = fleet_with_secret(tmp_path)
    provide(tmp_path)
    node = fleet.nodes["n1"]
    node.engine.fails[VALUE] = Failing(f"bad login: {VALUE}")
    fleet.settle()
    assert node.engine.tried
    told = status(fleet)
    assert told.error is not None
    assert "bad login: ***" in told.error.message
    for store in (node.store, fleet.sites["north"].mirror, fleet.remote):
        assert VALUE.encode() not in everything(store)
