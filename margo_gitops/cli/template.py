"""What the package carries: the repository template and the examples."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from margo_gitops import __version__

_VERSION = b"@MARGO_VERSION@"
"""What stands in the template for this package's version."""

_EDITED = (
    *(
        f".schemas/own/{kind}."
        for kind in ("Fleet", "Site", "Device", "DeploymentIntent", "ApprovalPolicy")
    ),
    *(
        f".schemas/margo/{kind}."
        for kind in ("ApplicationDescription", "DeviceCapabilitiesManifest")
    ),
)
"""The schemas of what people edit in a fleet's repository."""


def carried(name: str) -> Traversable:
    """A folder that the wheel carries as data, and a checkout has beside the package."""
    root = files("margo_gitops")
    packed = root / "data" / name
    return packed if packed.is_dir() else root / ".." / name


def template_files() -> dict[str, bytes]:
    """Path to bytes of what `margo init` lays down: the template, and schemas for editors.

    An editor finds the schemas by relative path, so that it helps offline as well. CI gets the
    version that made the fleet.
    """
    schemas = _walk(carried("schemas"), ".schemas/")
    edited = [(path, data) for path, data in schemas if path.startswith(_EDITED)]
    template = _walk(carried("repo-template"), "")
    version = __version__.encode()
    return dict([(path, data.replace(_VERSION, version)) for path, data in template] + edited)


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _walk(entry, path + "/")
        else:
            found.append((path, entry.read_bytes()))
    return sorted(found)
