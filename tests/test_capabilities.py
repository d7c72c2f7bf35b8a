"""A node's capabilities file on `main` reaches the node, which offers no more than it says."""

from __future__ import annotations

import pytest

from margo_gitops.documents import margo
from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.model import layout
from margo_gitops.model.application import ProfileType
from margo_gitops.model.device import DeviceCapabilities, Part
from tests.fleet import SimulatedFleet

CUSTOM, COMPOSE = ProfileType.CUSTOM, ProfileType.COMPOSE


def declare(fleet: SimulatedFleet, dialect: Dialect = Dialect.D, **said: object) -> None:
    known = {
        "id": "north/n1",
        "vendor": "Acme",
        "model_number": "P-100",
        "serial_number": "7",
        "memory": 512 << 20,
        "storage": 1 << 30,
        "cores": 1,
        "architectures": ("amd64",),
        "deployment_types": (CUSTOM,),
        "runtimes": ("custom",),
        "otel_collector": False,
        "peripherals": (Part(type="gpu", manufacturer="m", model="x"),),
    }
    data = margo.write(Kind.CAPABILITIES, DeviceCapabilities.model_validate(known | said), dialect)
    path = "devices/north/n1.capabilities.json"
    fleet.co.branch.commit({path: data}, "Declare what n1 offers")
    fleet.co.render()


def reported(fleet: SimulatedFleet) -> tuple[DeviceCapabilities, Dialect]:
    tip = fleet.remote.refs()[layout.status_ref("north")]
    data = fleet.remote.read(tip, layout.capabilities_path("n1"))
    assert data is not None
    return margo.read_capabilities(data, "capabilities.json")


def test_what_was_declared_bounds_and_names_what_the_host_has() -> None:
    fleet = SimulatedFleet({"north": ("n1",)})
    fleet.settle()
    assert reported(fleet)[0].memory == 1 << 30
    declare(fleet)
    fleet.settle()
    offer, dialect = reported(fleet)
    assert (offer.vendor, offer.memory, dialect) == ("Acme", 512 << 20, Dialect.D)
    assert [part.type for part in offer.peripherals] == ["gpu"]
    assert offer.deployment_types == {CUSTOM}
    assert all(outcome.quiet for outcome in fleet.poll_all())


def test_a_type_that_was_not_delegated_is_not_placed() -> None:
    fleet = SimulatedFleet({"north": ("n1",)})
    declare(fleet, deployment_types=(COMPOSE,), runtimes=("oci",))
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    assert fleet.running() == {"n1": {}}
    (deployment,) = fleet.co.status("north").deployments
    assert "needs custom, offers nothing" in deployment.why


@pytest.mark.parametrize(
    ("spoken", "offers", "runtime", "written"),
    [
        ("B", COMPOSE, "oci", Dialect.B),
        ("C", COMPOSE, "oci", Dialect.C2),
        ("C", COMPOSE, "custom", Dialect.D),
        ("C", CUSTOM, "custom", Dialect.D),
        ("D", COMPOSE, "oci", Dialect.D),
        ("app", COMPOSE, "oci", Dialect.D),
        ("B", CUSTOM, "custom", Dialect.D),
    ],
)
def test_a_site_reports_in_its_dialect_where_that_has_the_words(
    spoken: str, offers: ProfileType, runtime: str, written: Dialect
) -> None:
    fleet = SimulatedFleet({"north": ("n1",)})
    node = fleet.nodes["n1"]
    node.offers, node.runtimes = frozenset({offers}), (runtime,)
    text = fleet.remote.read(fleet.co.head(), layout.FLEET) or b""
    fleet.co.branch.commit({layout.FLEET: text + f"dialect: {spoken}\n".encode()}, "Speak")
    fleet.co.render()
    fleet.settle()
    offer, dialect = reported(fleet)
    assert (offer.deployment_types, dialect) == (frozenset({offers}), written)
