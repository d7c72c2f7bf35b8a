"""The images of a compose file as we find them, beside what compose itself says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from margo_gitops.artifacts.image_names import filled, images_of
from margo_gitops.errors import Invalid
from tests.dockerd import configured, problem
from tests.engines import require

CASES: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "plain": ({"compose.yaml": "services: {a: {image: nginx}, b: {image: 'r.io/x/y:1'}}"}, {}),
    "digest": ({"compose.yaml": f"services: {{a: {{image: 'x@sha256:{'a' * 64}'}}}}"}, {}),
    "twice": ({"compose.yaml": "services: {a: {image: nginx}, b: {image: nginx}}"}, {}),
    "value": ({"compose.yaml": "services: {a: {image: 'press:${TAG}'}}"}, {"TAG": "7"}),
    "default": ({"compose.yaml": "services: {a: {image: 'press:${TAG:-7}'}}"}, {"TAG": ""}),
    "empty-is-set": ({"compose.yaml": "services: {a: {image: 'press${TAG-:7}'}}"}, {"TAG": ""}),
    "alternative": ({"compose.yaml": "services: {a: {image: 'p:${TAG:+8}'}}"}, {"TAG": "1"}),
    "bare": ({"compose.yaml": "services: {a: {image: $NAME}}"}, {"NAME": "press"}),
    "env": (
        {
            "compose.yaml": "services: {a: {image: 'press:${TAG}-${KIND}'}}",
            ".env": "# tags\nTAG=3\nexport KIND='slim'\n",
        },
        {},
    ),
    "env-below": (
        {"compose.yaml": "services: {a: {image: 'press:${TAG}'}}", ".env": "TAG=3\n"},
        {"TAG": "9"},
    ),
    "included": (
        {
            "compose.yaml": "include: [more/compose.yaml]\nservices: {a: {image: one}}",
            "more/compose.yaml": "services: {b: {image: two}}",
        },
        {},
    ),
    "extended": (
        {
            "compose.yaml": "services: {a: {extends: {file: base.yaml, service: s}}}",
            "base.yaml": "services: {s: {image: base}}",
        },
        {},
    ),
    "anchor": (
        {"compose.yaml": "services: {a: {image: &i one}, c: {image: *i}}"},
        {},
    ),
    "other-name": ({"docker-compose.yml": "services: {a: {image: old}}"}, {}),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> str:
    require("docker", problem())
    return str(configured(tmp_path_factory.mktemp("docker")))


@pytest.mark.docker
@pytest.mark.parametrize("case", CASES)
def test_we_find_what_compose_finds(case: str, tmp_path: Path, settings: str) -> None:
    files, values = CASES[case]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["docker", "compose", "config", "--images"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DOCKER_CONFIG": settings, **values},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = images_of({name: text.encode() for name, text in files.items()}, values)
    assert set(done.stdout.split()) <= set(found)
    assert set(found) == set(done.stdout.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$$X", "$X"), ("${A}${B-b}", "ab"), ("${C:?no}", ""), ("${", "${"), ("a$", "a$")],
)
def test_variables(text: str, expected: str) -> None:
    assert filled(text, {"A": "a"}) == expected


@pytest.mark.parametrize("files", [{}, {"compose.yaml": b"[]"}, {"compose.yaml": b"a: *b"}])
def test_what_is_no_compose_file(files: Mapping[str, bytes]) -> None:
    with pytest.raises(Invalid):
        images_of(files, {})


def test_a_file_that_includes_itself_ends() -> None:
    text = b"include: [compose.yaml, ./compose.yaml, x.yaml]\nservices: {a: {image: one}}"
    assert images_of({"compose.yaml": text, "x.yaml": text}, {}) == ("one",)


@pytest.mark.parametrize(
    "text", ["services: []", "services: {a: [], b: {image: [x], extends: 3}}\ninclude: 7"]
)
def test_odd_shapes_name_nothing(text: str) -> None:
    assert images_of({"compose.yaml": text.encode()}, {}) == ()
