"""What the package carries: the repository template and the examples."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

_TOP = ("repo-template", "examples", "schemas")


def carried(name: str) -> Traversable:
    """A folder that the wheel carries as data, and a checkout has beside the package."""
    root = files("margo_gitops")
    packed = root / "data" / name
    return packed if packed.is_dir() else root / ".." / name


def template_files() -> dict[str, bytes]:
    """Path to bytes of what `margo init` lays down."""
    return dict(_walk(carried("repo-template"), ""))


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _walk(entry, path + "/")
        else:
            found.append((path, entry.read_bytes()))
    return sorted(found)
