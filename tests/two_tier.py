"""The compose example as tests run it: with an image that is here."""

from __future__ import annotations

import shutil
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "two-tier-compose"
FAR = "docker.io/library/busybox:1.37"


def two_tier(folder: Path, image: str) -> Path:
    """A copy of the package in a new folder, with another image in its compose file."""
    shutil.copytree(EXAMPLE, folder)
    file = compose_file(folder)
    text = file.read_text()
    assert FAR in text
    file.write_text(text.replace(FAR, image))
    return folder


def compose_file(package: Path) -> Path:
    """The component's file."""
    return package / "resources" / "stack" / "compose.yaml"
