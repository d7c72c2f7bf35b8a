"""Processors, room and attached hardware: the words of the dialects, as data."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.words import Fields, Shape, list_of, obj, text, word

MEMORY = "^[0-9]+(Mi|Gi|Ki)$"
STORAGE = "^[0-9]+(Mi|Gi|Ki|Ti|Pi|Ei)$"

_SHARED = ("amd64", "arm64", "arm", "riscv64", "other")

ARCHITECTURES: Mapping[Dialect, tuple[str, ...]] = {
    Dialect.B: (*_SHARED, "x86_64"),
    Dialect.B2: (*_SHARED, "x86_64"),
    Dialect.CM: _SHARED,
    Dialect.C: _SHARED,
    Dialect.D: _SHARED,
}
"""What a profile may ask for; A has no such field."""

OFFERED: Mapping[Dialect, tuple[str, ...]] = {
    Dialect.B: (*_SHARED, "x86_64"),
    Dialect.C2: ("amd64", "arm64", "arm"),
    Dialect.D: ("amd64", "arm64", "arm"),
}
"""What a device may say that it has; in A it is free text."""

_PERIPHERALS = ("gpu", "display", "camera", "microphone", "speaker")
_INTERFACES = ("ethernet", "wifi", "cellular", "bluetooth", "usb", "canbus", "rs232")


def devices(dialect: Dialect) -> Fields:
    """`peripherals` and `interfaces` from B on; only D has no word for what has no word."""
    rest = () if dialect is Dialect.D else ("other",)
    return {
        "peripherals": list_of("Attached hardware, such as a camera.", _one(*_PERIPHERALS, *rest)),
        "interfaces": list_of("Ways to communicate, such as wifi.", _one(*_INTERFACES, *rest)),
    }


def _one(*types: str) -> Shape:
    return obj(
        "One piece of hardware.",
        must={"type": word("What it is.", *types)},
        may={
            "manufacturer": text("Who made it, where that matters."),
            "model": text("Which model, where that matters."),
        },
    )
