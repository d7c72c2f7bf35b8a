"""Packages in registries: the same bytes there and back, and those that a stranger made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.artifacts import oci_package
from margo_gitops.artifacts.manifest import INDEX, MANIFEST
from margo_gitops.artifacts.oci_package import APPLICATION, DESCRIPTION, TITLE, Bundled, written
from margo_gitops.artifacts.package import read_package
from margo_gitops.documents import margo
from margo_gitops.documents.canonical import digest
from margo_gitops.errors import MargoError, Missing, Refused
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.record import Artifact

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = st.from_regex(r"[a-z0-9_]{1,8}(/[a-z0-9_ ü-]{1,8}){0,3}\.[a-z]{1,4}", fullmatch=True)


@dataclass(frozen=True)
class Blobs:
    """A source in memory."""

    blobs: Mapping[str, bytes]
    name: str = "memory"

    def manifest(self, artifact: Artifact) -> bytes:
        return b"".join(self.blob(artifact))

    def blob(self, artifact: Artifact, offset: int = 0) -> Iterator[bytes]:
        if artifact.digest not in self.blobs:
            raise Missing(f"{self.name} does not have it")
        yield self.blobs[artifact.digest][offset:]


def read(bundled: Bundled, kind: str = MANIFEST) -> dict[str, bytes]:
    artifact = Artifact(digest=bundled.digest, size=len(bundled.manifest), media_type=kind)
    return oci_package.read(Blobs(bundled.blobs), artifact, bundled.manifest, lambda _: None)


def package(example: str) -> tuple[ApplicationDescription, dict[str, bytes]]:
    files = read_package(EXAMPLES / example)
    return margo.read_description(files["margo.yaml"], "margo.yaml")[0], files


HELLO, FILES = package("hello-wasm")


@pytest.mark.parametrize("example", ["hello-wasm", "hello-world", "two-tier-compose"])
def test_examples_come_back_byte_for_byte(example: str) -> None:
    description, files = package(example)
    assert read(written(description, files)) == files


@given(st.dictionaries(NAMES, st.binary(max_size=40), max_size=6))
def test_any_files_come_back_and_their_order_does_not_matter(others: dict[str, bytes]) -> None:
    files = {"margo.yaml": FILES["margo.yaml"], **others}
    bundled = written(HELLO, files)
    assert read(bundled) == files
    assert written(HELLO, dict(reversed(files.items()))).digest == bundled.digest


def test_the_manifest_is_the_one_of_the_specification() -> None:
    manifest = json.loads(written(HELLO, FILES).manifest)
    assert manifest["artifactType"] == APPLICATION
    empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert (manifest["config"]["digest"], manifest["config"]["size"]) == (empty, 2)
    assert manifest["layers"][0]["mediaType"] == DESCRIPTION
    titles = [layer["annotations"][TITLE] for layer in manifest["layers"]]
    assert titles == sorted(FILES, key=lambda name: (name != "margo.yaml", name))
    (readme,) = [x for x in manifest["layers"] if x["annotations"][TITLE] == "README.md"]
    assert readme["mediaType"] == "application/vnd.margo.app.descriptionFile.v1+markdown"
    assert readme["annotations"]["org.margo.app.resource"] == "descriptionFile"


def test_a_description_of_another_name_is_margo_yaml_here() -> None:
    def rename(manifest: dict[str, Any]) -> None:
        manifest["layers"][0]["annotations"][TITLE] = "hello-app.yml"

    assert read(changed(rename)) == FILES


def changed(how: Callable[[dict[str, Any]], None]) -> Bundled:
    bundled = written(HELLO, FILES)
    manifest = json.loads(bundled.manifest)
    how(manifest)
    return Bundled(json.dumps(manifest).encode(), bundled.blobs)


BAD_TITLES = (
    "../margo.yaml", "/etc/passwd", "a//b", "a/../b", "", ".", ".git/hooks/post-commit",
    "a/.git/config", "a\\..\\b", "a\nb", "a\x1b[2J", "x" * 300, "resources/", "\u202eb",
)  # fmt: skip


@pytest.mark.parametrize("title", BAD_TITLES)
def test_a_title_that_is_no_plain_path_is_refused(title: str) -> None:
    def rename(manifest: dict[str, Any]) -> None:
        manifest["layers"][1]["annotations"][TITLE] = title

    with pytest.raises(Refused, match="expected a plain path") as caught:
        read(changed(rename))
    assert caught.value.rule == "package"


def _twice(manifest: dict[str, Any]) -> None:
    manifest["layers"].append(manifest["layers"][1])


def _second_description(manifest: dict[str, Any]) -> None:
    manifest["layers"].append(manifest["layers"][0])


def _root_again(manifest: dict[str, Any]) -> None:
    manifest["layers"][1]["annotations"][TITLE] = "margo.yaml"


def _no_description(manifest: dict[str, Any]) -> None:
    del manifest["layers"][0]


def _image(manifest: dict[str, Any]) -> None:
    manifest["artifactType"] = "application/vnd.oci.image.config.v1+json"


def _huge(manifest: dict[str, Any]) -> None:
    manifest["layers"][1]["size"] = 33 << 20


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (_twice, "twice, expected each file once"),
        (_root_again, "margo.yaml twice"),
        (_second_description, "2 descriptions, expected one"),
        (_no_description, "0 descriptions, expected one"),
        (_image, "no Margo package"),
        (_huge, "more than 1000 files or 32 MiB"),
    ],
)
def test_what_is_no_package_is_refused(how: Callable[[dict[str, Any]], None], words: str) -> None:
    with pytest.raises(MargoError, match=words):
        read(changed(how))


def test_an_index_is_no_package() -> None:
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    with pytest.raises(Refused, match="an index, expected the manifest"):
        read(Bundled(data, {}), INDEX)


@pytest.mark.parametrize("sent", [b"other", b"", b"\0" * 10_000])
def test_a_blob_of_other_bytes_is_refused(sent: bytes) -> None:
    bundled = written(HELLO, FILES)
    blobs = {**bundled.blobs, digest(FILES["README.md"]): sent}
    with pytest.raises(Refused) as caught:
        read(Bundled(bundled.manifest, blobs))
    assert caught.value.rule == "digest"
