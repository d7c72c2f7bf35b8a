"""What a node offers: the host's facts within what people declared."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.model.application import ProfileType
from margo_gitops.model.delegation import delegated
from margo_gitops.model.device import DeviceCapabilities, Part

AMOUNT = st.none() | st.integers(0, 1 << 50)
TYPES = st.frozensets(st.sampled_from(ProfileType))


def offer(**said: object) -> DeviceCapabilities:
    base = {"id": "north/n1", "vendor": "v", "model_number": "m", "serial_number": "s"}
    return DeviceCapabilities.model_validate(base | said)


OFFERS = st.builds(
    lambda memory, storage, cores, types: offer(
        memory=memory,
        storage=storage,
        cores=None if cores is None else Decimal(cores),
        deployment_types=types,
    ),
    AMOUNT,
    AMOUNT,
    AMOUNT,
    TYPES,
)


@given(OFFERS, OFFERS)
def test_no_more_is_offered_than_the_host_has_and_than_was_declared(
    declared: DeviceCapabilities, host: DeviceCapabilities
) -> None:
    both = delegated(declared, host)
    for name in ("memory", "storage", "cores"):
        amounts = [getattr(one, name) for one in (declared, host)]
        assert getattr(both, name) == min((a for a in amounts if a is not None), default=None)
    assert both.deployment_types <= host.deployment_types
    if declared.deployment_types:
        assert both.deployment_types <= declared.deployment_types
    assert delegated(declared, both) == both


def test_what_is_not_declared_is_the_hosts_word() -> None:
    host = offer(memory=5, labels={"a": 1})
    assert delegated(None, host) is host


def test_people_name_the_device_and_what_hangs_on_it() -> None:
    gauge = Part(type="gauge")
    declared = offer(
        vendor="Acme", peripherals=(gauge,), architectures=("arm64",), labels={"a": "x", "b": "y"}
    )
    both = delegated(declared, offer(architectures=("amd64",), labels={"a": "host"}))
    assert (both.vendor, both.peripherals) == ("Acme", (gauge,))
    assert both.architectures == ("amd64",)
    assert both.labels == {"a": "host", "b": "y"}


def test_roles_have_no_word_for_custom_workloads_and_so_forbid_none() -> None:
    declared = offer(roles=("Standalone Device",), deployment_types=[ProfileType.COMPOSE])
    both = delegated(declared, offer(deployment_types=list(ProfileType)))
    assert both.deployment_types == {ProfileType.COMPOSE, ProfileType.CUSTOM}
