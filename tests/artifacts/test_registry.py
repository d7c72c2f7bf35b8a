"""Registries: a real one, and ones that mean harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops import bounded
from margo_gitops.artifacts import registry
from margo_gitops.artifacts.content import ContentStore
from margo_gitops.artifacts.follow import bring, payload
from margo_gitops.artifacts.reference import parse_reference
from margo_gitops.artifacts.registry import Registry, registries
from margo_gitops.errors import MargoError, Missing, Refused, Stalled, Unreachable
from margo_gitops.model.record import Artifact
from tests.artifacts.hostile_registry import Hostile, hostile_registry
from tests.artifacts.test_follow import module
from tests.engines import require
from tests.images import Made, busybox, index
from tests.registry import PASSWORD, RegistryServer, docker_config, problem, registry_server

SOME = "sha256:" + "ab" * 32


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    require("registry", problem())
    with registry_server(tmp_path_factory.mktemp("closed"), closed=True) as running:
        yield running


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with hostile_registry() as running:
        yield running


@pytest.fixture
def contents(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "content")


def fetch(contents: ContentStore, source: Registry, artifact: Artifact) -> None:
    bring(contents, [source], artifact, ("amd64",), clock=lambda: 0.0, until=1.0)


def layer_of(made: Made) -> str:
    return str(json.loads(made.data)["layers"][0]["digest"])


def test_what_is_pushed_comes_back_by_tag_and_by_digest(
    hub: RegistryServer, contents: ContentStore
) -> None:
    made = module()
    hub.push(made, "wasm/press", tag="1.0.0")
    for name in ("wasm/press:1.0.0", f"wasm/press@{made.artifact.digest}"):
        assert hub.at(name).resolve() == (made.artifact, made.data)
    fetch(contents, hub.at("wasm/press"), made.artifact)
    layer, path = payload(contents, made.artifact, ("amd64",))
    assert path.read_bytes() == made.blobs[layer.digest]


def test_an_image_for_two_architectures(hub: RegistryServer, contents: ContentStore) -> None:
    both = index({"amd64": busybox("one"), "arm64": busybox("two")})
    hub.push(both, "press", tag="2")
    found, _ = hub.at("press:2").resolve()
    assert found == both.artifact
    fetch(contents, hub.at("press"), found)
    assert len(contents.digests()) == 5


def test_what_is_there_is_not_pushed_again(hub: RegistryServer) -> None:
    source = hub.at("twice")
    assert source.push_blob(b"some bytes")
    assert not source.push_blob(b"some bytes")


def test_the_rest_of_a_blob_is_asked_for(hub: RegistryServer) -> None:
    made = module()
    hub.push(made, "rest")
    layer = layer_of(made)
    asked = Artifact(digest=layer, size=len(made.blobs[layer]), media_type="")
    assert b"".join(hub.at("rest").blob(asked, 1000)) == made.blobs[layer][1000:]


def test_a_tag_that_is_not_there(hub: RegistryServer) -> None:
    with pytest.raises(Missing, match="does not have it"):
        hub.at("wasm/press:9").resolve()
    assert not hub.at("nothing").has(Artifact(digest=SOME, size=1, media_type=""))


def test_a_tampered_blob_is_refused_and_nothing_of_it_stays(
    hub: RegistryServer, contents: ContentStore
) -> None:
    made = module(b"\0asm" + b"tampered" * 100)
    hub.push(made, "tampered")
    layer = layer_of(made)
    hub.file(layer).write_bytes(b"?" * len(made.blobs[layer]))
    with pytest.raises(Refused) as caught:
        fetch(contents, hub.at("tampered"), made.artifact)
    assert caught.value.rule == "digest"
    assert layer not in contents.digests()


def test_a_tampered_manifest_is_refused(hub: RegistryServer, contents: ContentStore) -> None:
    made, other = module(b"\0asm one"), module(b"\0asm two")
    hub.push(made, "swapped", tag="1")
    hub.push(other, "swapped")
    hub.file(made.artifact.digest).write_bytes(other.data)
    with pytest.raises((Refused, Unreachable)):
        fetch(contents, hub.at("swapped"), made.artifact)
    with pytest.raises((Refused, Unreachable)):
        hub.at(f"swapped@{made.artifact.digest}").resolve()
    assert made.artifact.digest not in contents.digests()


def test_a_mirror_is_asked_first_and_the_registry_where_it_lacks_it(
    hub: RegistryServer, hostile: Hostile, contents: ContentStore
) -> None:
    made = module(b"\0asm" + b"mirrored" * 10)
    hub.push(made, "mirrors/press")
    hostile.manner, hostile.status = "broken", 404
    sources = registries(hub.reference("mirrors/press"), [f"{hostile.host}/near"])
    assert [source.name for source in sources] == [
        f"{hostile.host}/near/mirrors/press",
        f"{hub.host}/mirrors/press",
    ]
    bring(contents, sources, made.artifact, ("amd64",), clock=lambda: 0.0, until=1.0)
    assert any("near/mirrors/press" in path for _, path, _ in hostile.seen)
    assert layer_of(made) in contents.digests()


def test_who_we_are_is_what_docker_knows(
    closed: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = module()
    for name, value in docker_config(tmp_path, closed.host).items():
        monkeypatch.setenv(name, value)
    closed.push(made, "closed", tag="1")
    assert closed.at("closed:1").resolve()[0] == made.artifact


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_person_is_told_to_log_in(
    closed: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    if password is not None:
        docker_config(tmp_path, closed.host, password)
    with pytest.raises(Stalled, match="does not let us") as caught:
        closed.at("closed:1").resolve()
    assert caught.value.help == f"docker login {closed.host}"
    assert "wrong" not in str(caught.value)


def test_a_redirect_to_another_host_carries_no_password(
    hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_registry() as other:
        other.manner, other.status = "broken", 404
        hostile.manner, hostile.elsewhere = "redirect", f"http://localhost:{other.port}"
        for name, value in docker_config(tmp_path, hostile.host).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(MargoError):
            Registry(parse_reference(f"oci://{hostile.host}/x:1")).resolve()
        assert any(given for _, _, given in hostile.seen)
        assert other.seen
        assert not any(given for _, _, given in other.seen)
        assert PASSWORD not in str(other.seen)


@pytest.mark.parametrize("status", [500, 503, 429, 418])
def test_a_broken_registry_is_waited_for(hostile: Hostile, status: int) -> None:
    hostile.manner, hostile.status = "broken", status
    with pytest.raises(Unreachable, match=f"answered {status}"):
        Registry(parse_reference(f"oci://{hostile.host}/x:1")).resolve()
    asked = [path for _, path, _ in hostile.seen if "manifests" in path]
    assert len(asked) == (1 if status == 418 else 3)


def test_an_answer_cut_short_is_waited_for(hostile: Hostile) -> None:
    with pytest.raises(Unreachable):
        Registry(parse_reference(f"oci://{hostile.host}/x:1")).resolve()


def test_an_endless_manifest_is_refused(hostile: Hostile) -> None:
    hostile.manner = "endless"
    with pytest.raises(Refused, match="more than"):
        Registry(parse_reference(f"oci://{hostile.host}/x:1")).resolve()


def test_an_endless_blob_is_cut_at_its_size(hostile: Hostile, contents: ContentStore) -> None:
    hostile.manner = "endless"
    source = Registry(parse_reference(f"oci://{hostile.host}/x:1"))
    wanted = Artifact(digest=SOME, size=100_000, media_type="")
    with pytest.raises(Refused):
        contents.receive(SOME, wanted.size, lambda offset: source.blob(wanted, offset))
    assert contents.received(SOME) == 0


def test_a_registry_that_trickles_is_given_up(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_PATIENCE", 0.3)
    hostile.manner = "trickle"
    with pytest.raises(Unreachable, match="not done"):
        Registry(parse_reference(f"oci://{hostile.host}/x:1")).resolve()


def test_a_connection_has_an_end_even_while_bytes_come(
    hostile: Hostile, contents: ContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "LIFETIME", 0.5)
    hostile.manner = "trickle"
    source = Registry(parse_reference(f"oci://{hostile.host}/x:1"))
    wanted = Artifact(digest=SOME, size=100_000, media_type="")
    with pytest.raises(Unreachable):
        contents.receive(SOME, wanted.size, lambda offset: source.blob(wanted, offset))
    assert 0 < contents.received(SOME) < 100


def test_nobody_there() -> None:
    with pytest.raises(Unreachable, match="not reached"):
        Registry(parse_reference("oci://127.0.0.1:1/x:1")).resolve()
