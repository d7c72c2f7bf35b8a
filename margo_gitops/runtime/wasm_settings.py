"""What a wasm component's author and its parameters ask for, checked: settings and environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from margo_gitops.errors import Invalid, Missing
from margo_gitops.model.quantity import bytes_of
from margo_gitops.runtime.base import ComponentSpec
from margo_gitops.runtime.wasm_spec import COMPONENT, MODULE

LEAST_MEMORY, MOST_MEMORY = 64 << 10, 1 << 30
"""Bytes: one page of WebAssembly, and the most that a component may ask for."""

_MEMORY = "64Mi"

_KNOWN = frozenset({"artifact", "kind", "args", "directories", "memory", "fuel"})
_KINDS = ("service", "job")
_LIST_MOST, _TEXT_MOST, _ENVIRONMENT_MOST = 64, 4096, 128 << 10


@dataclass(frozen=True, slots=True)
class Settings:
    """A component's `x-margo-gitops-extensions`; memory in bytes, fuel 0 is no limit."""

    job: bool
    args: tuple[str, ...]
    directories: Mapping[str, str]
    memory: int
    fuel: int


def settings(component: ComponentSpec) -> Settings:
    """The author's settings, with defaults. Raises `Invalid`, naming the setting."""
    given = component.settings
    if unknown := sorted(set(given) - _KNOWN):
        raise _wrong(component, unknown[0], "an unknown setting", f"one of {', '.join(_ALL)}")
    kind = given.get("kind", "service")
    if kind not in _KINDS:
        raise _wrong(component, "kind", repr(kind)[:40], "service or job")
    return Settings(
        job=kind == "job",
        args=_texts(component, "args"),
        directories={
            guest: _folder(component, guest) for guest in _texts(component, "directories")
        },
        memory=_memory(component),
        fuel=_fuel(component),
    )


def environment(component: ComponentSpec) -> dict[str, str]:
    """The values as environment variables: booleans as true and false, lists joined by commas.

    Raises `Invalid`, which names a variable but never shows its value.
    """
    found = {name: _variable(component, name, value) for name, value in component.values.items()}
    size = sum(len(name) + len(value) + 2 for name, value in found.items())
    if size > _ENVIRONMENT_MOST:
        raise Invalid(
            f"the values of component {component.name} take {size} bytes as environment,"
            f" expected at most {_ENVIRONMENT_MOST}"
        )
    return found


def check_program(component: ComponentSpec) -> None:
    """See by its first bytes that the artifact is a core module or a component.

    Raises `Invalid` where it is not, `Missing` where the file is gone.
    """
    header = _header(component.artifact, component.name)
    if header[:4] != MODULE[:4]:
        raise Invalid(
            f"the artifact of component {component.name} is no WebAssembly: it begins with"
            f" {header[:4].hex() or 'nothing'}, expected {MODULE[:4].hex()}"
        )
    if header not in {MODULE, COMPONENT}:
        raise Invalid(
            f"the artifact of component {component.name} has WebAssembly version"
            f" {header[4:].hex()}, expected {MODULE[4:].hex()} (a module) or {COMPONENT[4:].hex()}"
            " (a component)"
        )


_ALL = sorted(_KNOWN)


def _header(artifact: Path, name: str) -> bytes:
    try:
        with artifact.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise Missing(
            f"the artifact of component {name} cannot be read here: {error.strerror}"
        ) from error


def _texts(component: ComponentSpec, key: str) -> tuple[str, ...]:
    given = component.settings.get(key, ())
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise _wrong(component, key, type(given).__name__, "a list of strings")
    if len(given) > _LIST_MOST:
        raise _wrong(component, key, f"{len(given)} entries", f"at most {_LIST_MOST}")
    for text in given:
        if not isinstance(text, str) or not _sound(text) or len(text) > _TEXT_MOST:
            raise _wrong(component, key, repr(text)[:40], f"strings of at most {_TEXT_MOST}")
    return tuple(given)


def _folder(component: ComponentSpec, guest: str) -> str:
    # One folder per grant, side by side: inside another one, a guest could have left a link there.
    first, *parts = guest.split("/")
    name = quote("/".join(parts), safe="")
    if first or not parts or not {"", ".", ".."}.isdisjoint(parts) or len(name) > 200:
        raise _wrong(component, "directories", repr(guest)[:80], "absolute paths such as /data")
    return name


def _memory(component: ComponentSpec) -> int:
    given = str(component.settings.get("memory", _MEMORY))
    with suppress(Invalid):
        if LEAST_MEMORY <= (amount := bytes_of(given)) <= MOST_MEMORY:
            return amount
    raise _wrong(component, "memory", repr(given)[:40], "64Ki to 1Gi, such as 64Mi")


def _fuel(component: ComponentSpec) -> int:
    given = component.settings.get("fuel", 0)
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 1 << 53:
        raise _wrong(component, "fuel", repr(given)[:40], "a whole number below 2^53; 0: no limit")
    return given


def _variable(component: ComponentSpec, name: str, value: Any) -> str:
    if not name or "=" in name or not _sound(name):
        raise Invalid(f"component {component.name}: {name[:80]!r} is no environment variable")
    text = _spelled(value)
    if text is None or not _sound(text):
        raise Invalid(
            f"component {component.name}: the value of {name} is a {type(value).__name__} that no"
            " environment variable can hold, expected text, a number, a boolean or a list of these"
        )
    return text


def _spelled(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list | tuple):
        parts = [_spelled(item) for item in value if not isinstance(item, list | tuple)]
        whole = len(parts) == len(value) and None not in parts
        return ",".join(part or "" for part in parts) if whole else None
    return None


def _sound(text: str) -> bool:
    """True for what fits a C string in UTF-8: no zero character, no half of a surrogate pair."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def _wrong(component: ComponentSpec, key: str, found: str, expected: str) -> Invalid:
    return Invalid(
        f"component {component.name}, setting {key}: found {found}, expected {expected}",
        help="margo validate",
    )
