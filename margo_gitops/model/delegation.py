"""What a node offers to Margo: what its host has and what people declared of it, as one."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from margo_gitops.model.application import ProfileType
from margo_gitops.model.device import DeviceCapabilities

_Amount = TypeVar("_Amount", int, Decimal)


def delegated(declared: DeviceCapabilities | None, host: DeviceCapabilities) -> DeviceCapabilities:
    """The host's capabilities, within what was declared for it.

    Capabilities are what is delegated to Margo, not the physical total (specification, device
    capabilities): so of each amount the smaller counts, and a deployment type must be both declared
    and found. The host knows its processor and its engines. Names, roles, peripherals and
    interfaces are a person's to declare: a program does not see a gauge behind a wire. Labels come
    from both; what the host found out stands where they differ.
    """
    if declared is None:
        return host
    types = host.deployment_types
    allowed = declared.deployment_types or types
    if declared.roles:  # dialects A and B: no role stands for a custom type
        allowed |= {ProfileType.CUSTOM}
    return host.model_copy(
        update={
            "vendor": declared.vendor,
            "model_number": declared.model_number,
            "serial_number": declared.serial_number,
            "roles": declared.roles,
            "cores": _smaller(declared.cores, host.cores),
            "memory": _smaller(declared.memory, host.memory),
            "storage": _smaller(declared.storage, host.storage),
            "peripherals": declared.peripherals,
            "interfaces": declared.interfaces,
            "deployment_types": types & allowed,
            "labels": {**declared.labels, **host.labels},
            "extensions": declared.extensions,
        }
    )


def _smaller(declared: _Amount | None, found: _Amount | None) -> _Amount | None:
    amounts = [amount for amount in (declared, found) if amount is not None]
    return min(amounts, default=None)
