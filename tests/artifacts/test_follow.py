"""From a digest to all that it leads to: every step verified, bounded, resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.artifacts.content import ContentStore
from margo_gitops.artifacts.follow import bring, manifest_of, parts_of, payload
from margo_gitops.artifacts.manifest import (
    MANIFEST,
    MAX_LAYERS,
    MAX_MANIFEST,
    Index,
    media_type,
    read_index,
    read_manifest,
)
from margo_gitops.errors import Invalid, MargoError, Missing, Refused, Underway, Unreachable
from margo_gitops.model.record import Artifact
from tests.images import CONFIG, Made, described, index, manifest, named

WASM = "application/wasm"
ARM, AMD = "arm64", "amd64"
NOTHING = named(described(b"", CONFIG))


@dataclass(slots=True)
class FakeSource:
    """What a registry holds; `sends` alters its answers, `asked` counts them."""

    blobs: Mapping[str, bytes]
    block: int = 1000
    sends: Callable[[bytes], bytes] = lambda data: data
    breaks_after: int | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "registry.invalid/x"

    def manifest(self, artifact: Artifact) -> bytes:
        return b"".join(self.blob(artifact))

    def blob(self, artifact: Artifact, offset: int = 0) -> Iterator[bytes]:
        self.asked.append((artifact.digest, offset))
        if artifact.digest not in self.blobs:
            raise Missing("it is not there")
        return self._blocks(self.sends(self.blobs[artifact.digest]), offset)

    def _blocks(self, data: bytes, offset: int) -> Iterator[bytes]:
        for start in range(offset, len(data), self.block):
            if self.breaks_after is not None:
                if self.breaks_after == 0:
                    raise Unreachable("cut")
                self.breaks_after -= 1
            yield data[start : start + self.block]


def module(data: bytes = b"\0asm" + b"x" * 5000) -> Made:
    return manifest((b"{}", CONFIG), (data, WASM))


@pytest.fixture
def contents(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "content")


def fetch(contents: ContentStore, source: FakeSource, artifact: Artifact, *arch: str) -> None:
    bring(contents, [source], artifact, arch or (AMD,), clock=lambda: 0.0, until=1.0)


def test_a_module_is_the_layer_of_its_manifest(contents: ContentStore) -> None:
    made = module()
    fetch(contents, FakeSource(made.blobs), made.artifact)
    layer, path = payload(contents, made.artifact, (AMD,))
    assert path.read_bytes() == made.blobs[layer.digest]
    assert layer.media_type == WASM


def test_only_the_hosts_own_platform_is_fetched(contents: ContentStore) -> None:
    arm, amd = module(b"arm" * 50), module(b"amd" * 50)
    both = index({ARM: arm, AMD: amd})
    source = FakeSource(both.blobs)
    fetch(contents, source, both.artifact, AMD)
    assert manifest_of(contents, both.artifact, (AMD,))[0] == amd.artifact
    assert arm.artifact.digest not in contents.digests()
    with pytest.raises(Missing):
        manifest_of(contents, both.artifact, (ARM,))
    fetch(contents, source, both.artifact, AMD, ARM)
    assert contents.digests() == set(both.blobs)


def test_an_index_without_our_platform_says_what_it_has(contents: ContentStore) -> None:
    both = index({ARM: module()})
    with pytest.raises(Invalid, match="nothing for linux/amd64: it is for linux/arm64"):
        fetch(contents, FakeSource(both.blobs), both.artifact, AMD)


def test_a_portable_manifest_fits_every_host() -> None:
    data = json.dumps(
        {"manifests": [named(module().artifact, platform={"architecture": "wasm", "os": "wasip1"})]}
    ).encode()
    found = read_index(data, described(data, "application/vnd.oci.image.index.v1+json"))
    assert found.for_platform((AMD,)) == [module().artifact]


def test_what_is_present_is_never_fetched(contents: ContentStore) -> None:
    made = module()
    source = FakeSource(made.blobs)
    fetch(contents, source, made.artifact)
    asked = list(source.asked)
    fetch(contents, source, made.artifact)
    assert source.asked == asked


@given(st.integers(0, 12))
def test_it_resumes_where_it_was_cut_off(
    tmp_path_factory: pytest.TempPathFactory, after: int
) -> None:
    contents = ContentStore(tmp_path_factory.mktemp("content"))
    made = module(bytes(range(256)) * 40)
    source = FakeSource(made.blobs, breaks_after=after)
    while True:
        try:
            fetch(contents, source, made.artifact)
        except Unreachable:
            source.breaks_after = None
        else:
            break
    layer = json.loads(made.data)["layers"][0]["digest"]
    offsets = [offset for name, offset in source.asked if name == layer]
    assert contents.digests() == set(made.blobs)
    assert sum(offset > 0 for offset in offsets) == (3 <= after < 13)


def test_a_slice_of_time_is_kept_to_and_the_next_goes_on(contents: ContentStore) -> None:
    made = module(b"y" * 10_000)
    source = FakeSource(made.blobs)
    ticks = iter(range(1000))
    passes = 0
    while True:
        passes += 1
        until = next(ticks) + 4.5
        try:
            bring(contents, [source], made.artifact, (AMD,), clock=lambda: next(ticks), until=until)
        except Underway as error:
            told = str(error)
        else:
            break
    assert "on its way" in told
    assert passes > 2
    assert contents.digests() == set(made.blobs)


@pytest.mark.parametrize(
    "sends",
    [lambda data: data[:-1] + b"?", lambda data: data + b"more", lambda _: b""],
    ids=["altered", "longer", "empty"],
)
def test_bytes_that_are_not_what_was_locked_are_refused(
    contents: ContentStore, sends: Callable[[bytes], bytes]
) -> None:
    made = module()
    with pytest.raises((Refused, Unreachable)):
        fetch(contents, FakeSource(made.blobs, sends=sends), made.artifact)
    assert contents.digests() == frozenset()


def test_a_tampered_layer_leaves_nothing_and_the_next_source_is_asked(
    contents: ContentStore,
) -> None:
    made = module()
    layer = json.loads(made.data)["layers"][0]["digest"]
    bad = FakeSource({**made.blobs, layer: b"?" * len(made.blobs[layer])})
    with pytest.raises(Refused) as caught:
        fetch(contents, bad, made.artifact)
    assert caught.value.rule == "digest"
    assert layer not in contents.digests()
    assert contents.received(layer) == 0
    sources = [bad, FakeSource(made.blobs)]
    bring(contents, sources, made.artifact, (AMD,), clock=lambda: 0.0, until=1.0)
    assert contents.digests() == set(made.blobs)


def test_an_endless_answer_is_cut_at_the_size_that_was_announced(contents: ContentStore) -> None:
    made = module()
    layer = json.loads(made.data)["layers"][0]["digest"]

    class Endless(FakeSource):
        def _blocks(self, data: bytes, offset: int) -> Iterator[bytes]:
            while True:
                yield data or b"x"

    source = Endless(made.blobs)
    contents.put(made.artifact.digest, made.artifact.size, made.data)
    announced = Artifact(digest=layer, size=10, media_type=WASM)
    with pytest.raises(Refused):
        contents.receive(layer, 10, lambda offset: source.blob(announced, offset))
    assert contents.received(layer) == 0


def test_a_component_with_several_layers_is_none(contents: ContentStore) -> None:
    made = manifest((b"{}", CONFIG), (b"a", WASM), (b"b", WASM))
    fetch(contents, FakeSource(made.blobs), made.artifact)
    with pytest.raises(Invalid, match="2 layers, expected one"):
        payload(contents, made.artifact, (AMD,))


def as_manifest(data: bytes) -> MargoError:
    with pytest.raises(Refused) as caught:
        read_manifest(data, described(data, MANIFEST))
    assert caught.value.rule == "manifest"
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"config": 3, "layers": []}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        json.dumps(
            {"config": named(described(b"", CONFIG)), "layers": [], "mediaType": "x"}
        ).encode(),
        json.dumps(
            {"config": {**named(described(b"", CONFIG)), "size": -1}, "layers": []}
        ).encode(),
        json.dumps(
            {"config": {**named(described(b"", CONFIG)), "digest": "sha256:../x"}, "layers": []}
        ).encode(),
    ],
    ids=["empty", "list", "cut", "types", "deep list", "deep object", "kind", "size", "digest"],
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    as_manifest(data)


def test_too_many_layers_and_too_many_bytes_are_refused() -> None:
    layer = named(described(b"", WASM))
    many = {"config": named(described(b"", CONFIG)), "layers": [layer] * (MAX_LAYERS + 1)}
    as_manifest(json.dumps(many).encode())
    assert "bytes" in str(as_manifest(b" " * (MAX_MANIFEST + 1)))


def test_a_manifest_is_not_read_as_an_index() -> None:
    made = module()
    with pytest.raises(Refused):
        read_index(made.data, made.artifact)


def test_a_web_of_manifests_has_an_end(contents: ContentStore) -> None:
    names = [f"a{number}" for number in range(20)]
    wide = index(
        {
            name: manifest((b"", CONFIG), *[(f"{name}.{i}".encode(), WASM) for i in range(200)])
            for name in names
        }
    )
    for key, data in wide.blobs.items():
        contents.put(key, len(data), data)
    with pytest.raises(Refused, match="leads to more than"):
        list(parts_of(contents, wide.artifact, names))


def test_media_types_of_what_is_served() -> None:
    made = module()
    assert media_type(made.data) == MANIFEST
    assert media_type(index({AMD: made}).data) == "application/vnd.oci.image.index.v1+json"
    assert media_type(b"no") is None
    assert media_type(b'{"mediaType": "text/html"}') is None


@given(st.binary(max_size=200))
def test_nothing_but_refusals_comes_of_any_bytes(data: bytes) -> None:
    as_manifest(data)


def test_an_index_of_nothing_offers_nothing() -> None:
    assert Index(manifests=()).offered == "none"
