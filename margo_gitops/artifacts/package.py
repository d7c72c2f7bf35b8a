"""A Margo package as a person has it: a folder, or its margo.yaml (specification, packages)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from margo_gitops.errors import Invalid

MAX_FILES = 1000
MAX_BYTES = 32 << 20


def read_package(path: Path) -> dict[str, bytes]:
    """Path to bytes of a package's files, `margo.yaml` among them.

    Hidden files are left out. Raises `Invalid` for a folder without margo.yaml, for a link, and for
    more than `MAX_FILES` files or `MAX_BYTES` bytes.
    """
    folder = path.parent if path.is_file() else path
    if path.is_file() and path.name != "margo.yaml":
        raise Invalid(f"{path} is no package: expected a folder or its margo.yaml")
    if not (folder / "margo.yaml").is_file():
        raise Invalid(f"{folder} holds no margo.yaml", help="margo app add --help")
    return bounded(_files(folder), str(folder))


def bounded(files: Iterable[tuple[str, bytes]], where: str) -> dict[str, bytes]:
    """The files, if they are few and small enough for git."""
    found: dict[str, bytes] = {}
    total = 0
    for name, data in files:
        found[name] = data
        total += len(data)
        if len(found) > MAX_FILES or total > MAX_BYTES:
            raise Invalid(f"{where} has more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB")
    return found


def below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The files of one folder, by their path in it; `Invalid` without a margo.yaml."""
    prefix = folder.strip("/").removesuffix("margo.yaml").strip("/")
    prefix = f"{prefix}/" if prefix else ""
    found = {name.removeprefix(prefix): d for name, d in files.items() if name.startswith(prefix)}
    if "margo.yaml" not in found:
        raise Invalid(f"{folder or 'the repository'} holds no margo.yaml")
    return bounded(found.items(), folder)


def _files(folder: Path) -> Iterable[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        if path.is_symlink():
            raise Invalid(f"{path} is a link: a package holds plain files")
        if path.is_file():
            yield name.as_posix(), path.read_bytes()
