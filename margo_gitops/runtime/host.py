"""What this host offers to workloads, in the specification's words."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from margo_gitops.model.application import ProfileType
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.runtime.base import Driver

WASI_LABEL = "margo-gitops/wasi"
_MARGO_NAMES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm"}
_MI = 1 << 20


def capabilities(
    device_id: str, drivers: Mapping[str, Driver], *, disk: Path
) -> DeviceCapabilities:
    """The host's totals (not what is free: that would change with every breath of it)."""
    types = frozenset(driver.type for driver in drivers.values())
    machine = platform.machine()
    return DeviceCapabilities(
        id=device_id,
        vendor="unknown",
        model_number=machine or "unknown",
        serial_number=platform.node() or "unknown",
        cores=Decimal(os.cpu_count() or 1),
        architectures=(_MARGO_NAMES.get(machine, machine),),
        memory=_memory() // _MI * _MI,
        storage=shutil.disk_usage(disk).total // _MI * _MI,
        deployment_types=types,
        runtimes=("custom",) if types == {ProfileType.CUSTOM} else ("oci",),
        otel_collector=False,
        labels={WASI_LABEL: True} if ProfileType.CUSTOM in types else {},
    )


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
