"""Images by digest: given to the engine from files, with no registry and no network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from margo_gitops.errors import Failing, Refused
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.runtime.base import ComponentSpec, Image, Workload
from tests.contracts.driver import ONE, OTHER, running
from tests.dockerd import IMAGE
from tests.images import busybox, pinned
from tests.runtime.compose_engine import ComposeHarness
from tests.waiting import until

pytestmark = pytest.mark.docker

NAME = "registry.invalid/press:1"
STACK = {"services": {"press": {"image": NAME}}}


@pytest.fixture
def hello(tmp_path: Path) -> Image:
    return pinned(busybox("Hello"), NAME, tmp_path)


@pytest.fixture
def moin(tmp_path: Path) -> Image:
    return pinned(busybox("Moin"), NAME, tmp_path)


def fresh(folder: Path) -> Image:
    """One that no engine has, nor a layer of its own: what an engine has it does not read again."""
    return pinned(busybox(f"Hello, {uuid4()}"), NAME, folder)


def of(compose: ComposeHarness, *images: Image, id: str = ONE, origin: str = "o1") -> Workload:
    return Workload(id, "press", origin, (compose.made(STACK, images=images),))


def ids(compose: ComposeHarness) -> list[str]:
    (container,) = compose.containers(ONE)
    return [compose.asked(container, "{{.Image}}")]


def held(compose: ComposeHarness) -> set[str]:
    return set(compose.engine("image", "ls", "--all", "--quiet", "--no-trunc").split())


def test_it_runs_exactly_the_pinned_image(compose: ComposeHarness, hello: Image) -> None:
    compose.driver().apply(of(compose, hello))
    running(compose.driver())
    assert ids(compose) == [hello.id]


def test_another_pin_is_another_version(compose: ComposeHarness, hello: Image, moin: Image) -> None:
    compose.driver().apply(of(compose, hello, origin="o1"))
    compose.driver().apply(of(compose, moin, origin="o2"))
    assert running(compose.driver()).origin == "o2"
    assert ids(compose) == [moin.id]


def test_a_tag_that_moved_in_the_engine_changes_nothing(
    compose: ComposeHarness, hello: Image, moin: Image
) -> None:
    compose.driver().apply(of(compose, moin, id=OTHER))
    compose.engine("tag", moin.id, NAME)
    compose.driver().apply(of(compose, hello))
    assert ids(compose) == [hello.id]
    compose.driver().remove(OTHER)
    assert moin.id in held(compose)
    compose.engine("image", "rm", NAME)


def test_what_is_there_is_not_given_again(compose: ComposeHarness, hello: Image) -> None:
    compose.driver().apply(of(compose, hello))
    for file in hello.files.values():
        file.unlink()
    compose.driver().apply(of(compose, hello, origin="o2"))
    assert running(compose.driver()).origin == "o2"


def test_an_image_that_was_pruned_comes_back_without_a_network(
    compose: ComposeHarness, hello: Image
) -> None:
    compose.driver().apply(of(compose, hello))
    compose.engine("rm", "--force", *compose.containers(ONE))
    compose.engine("image", "rm", "--force", hello.id)
    assert hello.id not in held(compose)
    compose.driver().apply(of(compose, hello))
    assert ids(compose) == [hello.id]


def test_nothing_of_an_old_version_or_a_removed_one_stays(
    compose: ComposeHarness, hello: Image, moin: Image
) -> None:
    compose.driver().apply(of(compose, hello))
    compose.driver().apply(of(compose, moin, origin="o2"))
    assert hello.id not in held(compose)
    assert moin.id in held(compose)
    compose.driver().remove(ONE)
    assert moin.id not in held(compose)


def test_an_image_that_somebody_else_brought_stays(compose: ComposeHarness, hello: Image) -> None:
    compose.driver().apply(of(compose, hello))
    compose.engine("tag", hello.id, "somebody/else:1")
    compose.driver().remove(ONE)
    assert hello.id in held(compose)
    compose.engine("image", "rm", "somebody/else:1")


def test_files_that_are_not_what_they_say_are_no_image(
    compose: ComposeHarness, tmp_path: Path
) -> None:
    image, other = fresh(tmp_path), busybox("Servus")
    layers = [layer["digest"] for layer in json.loads(other.data)["layers"]]
    image.files[image.layers[1]].write_bytes(other.blobs[layers[1]])
    with pytest.raises(Failing, match="did not take the image registry.invalid/press:1"):
        compose.driver().apply(of(compose, image))
    assert compose.containers(ONE) == []
    assert list(compose.driver().observe()) == []


def test_a_failed_image_leaves_the_version_before_running(
    compose: ComposeHarness, hello: Image, tmp_path: Path
) -> None:
    compose.driver().apply(of(compose, hello))
    life = compose.life(ONE, "hello")
    image = fresh(tmp_path)
    image.files[image.id].write_bytes(b"{}")
    with pytest.raises(Failing):
        compose.driver().apply(of(compose, image, origin="o2"))
    assert compose.life(ONE, "hello") == life
    assert running(compose.driver()).origin == "o1"


def test_an_image_that_nobody_locked_is_refused_beside_others(
    compose: ComposeHarness, hello: Image
) -> None:
    stack = {"services": {**STACK["services"], "evil": {"image": "registry.invalid/evil:1"}}}
    component: ComponentSpec = compose.made(stack, images=(hello,))
    with pytest.raises(Refused, match="registry.invalid/evil:1, which is not locked") as caught:
        compose.driver().apply(Workload(ONE, "press", "o1", (component,)))
    assert caught.value.rule == "image"
    assert compose.containers(ONE) == []


def test_a_name_that_nobody_locked_is_refused(compose: ComposeHarness) -> None:
    with pytest.raises(Refused, match=f"{IMAGE}, which is not locked; locked are none") as caught:
        compose.driver().apply(named(compose))
    assert caught.value.rule == "image"


def test_a_site_may_allow_names(compose: ComposeHarness) -> None:
    policy = RuntimePolicy(unpinned_images=True)
    compose.driver().apply(replace(named(compose), policy=policy))
    until(lambda: "by name" in compose.driver().logs(ONE, "hello"))


def named(compose: ComposeHarness) -> Workload:
    text = f"services: {{press: {{image: '{IMAGE}', command: [sh, -c, 'echo by name']}}}}"
    component = compose.packed({"top/compose.yaml": text.encode()})
    return Workload(ONE, "press", "o1", (replace(component, wait=False),))
