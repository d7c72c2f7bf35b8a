from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from margo_gitops.cli.template import template_files
from tests.cli.running import margo

EDITED = {
    "fleet.yaml": "own/Fleet",
    "sites/mill.yaml": "own/Site",
    "devices/mill/press.yaml": "own/Device",
    "devices/mill/press.capabilities.yaml": "margo/DeviceCapabilitiesManifest",
    "devices/mill/press.capabilities.json": "margo/DeviceCapabilitiesManifest",
    "deployments/hello.yaml": "own/DeploymentIntent",
    "apps/hello-world/1.0/margo.yaml": "margo/ApplicationDescription",
}
"""What people edit in a fleet's repository, and the schema that an editor shows for it."""


def mapped(files: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """Each schema's path and the patterns of the files that it is for."""
    settings = json.loads(files[".vscode/settings.json"])
    for path, patterns in settings["yaml.schemas"].items():
        yield path, [patterns] if isinstance(patterns, str) else patterns
    for entry in settings["json.schemas"]:
        yield entry["url"], entry["fileMatch"]


def matches(path: str, patterns: list[str]) -> bool:
    """As editors have it: the last pattern that matches decides, and `!` excludes."""
    found = False
    for pattern in patterns:
        if PurePosixPath("/" + path).match("/" + pattern.removeprefix("!")):
            found = not pattern.startswith("!")
    return found


@pytest.mark.parametrize("path", EDITED)
def test_an_editor_finds_one_schema_for_each_file_that_people_edit(path: str) -> None:
    found = [schema for schema, patterns in mapped(template_files()) if matches(path, patterns)]
    assert found == [f"./.schemas/{EDITED[path]}.json"]


def test_init_lays_down_every_schema_that_the_editor_settings_name(tmp_path: Path) -> None:
    made = margo("init", "plant", "--open", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    for schema, _ in mapped(template_files()):
        text = (tmp_path / "plant" / schema).read_text(encoding="utf-8")
        assert json.loads(text)["$id"].endswith(schema.removeprefix("./.schemas"))
