"""The example of the AI kind: a new model is one new layer, and a GPU decides where it may run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from margo_gitops.artifacts.lock import contents, resolve
from margo_gitops.artifacts.package import read_package
from margo_gitops.documents import margo
from margo_gitops.errors import Failing
from margo_gitops.model.device import DeviceCapabilities, Part
from margo_gitops.model.matching import Candidate, Need, obstacles
from margo_gitops.runtime.base import ComponentSpec, Image, Workload
from tests.contracts.driver import ONE
from tests.images import Made, image, pinned
from tests.runtime.compose_engine import ComposeHarness
from tests.waiting import until

EXAMPLE = Path(__file__).parents[2] / "examples" / "press-vision"
MODEL = "registry.example/press-vision/model:1.0.0"
JUDGE = "registry.example/press-vision/judge:1.0.0"


def judge() -> Made:
    """The program as the example's own words have it."""
    readme = (EXAMPLE / "README.md").read_text()
    (script,) = re.findall(r"and `judge.sh`:\n\n((?:    .*\n)+)", readme)
    text = "".join(f"{line[4:]}\n" for line in script.splitlines())
    return image({"judge.sh": text.encode()}, command=["sh", "/judge.sh"])


def model(*weights: float) -> Made:
    rows = "".join(f"w{place},{weight}\n" for place, weight in enumerate(weights))
    return image({"model/weights.csv": rows.encode()})


def component(folder: Path, profile: str, images: tuple[Image, ...]) -> ComponentSpec:
    files = read_package(EXAMPLE)
    description, _ = margo.read_description(files["margo.yaml"], "margo.yaml")
    lock = resolve(description, files["margo.yaml"], files)
    data = dict(zip([c.profile for c in lock.components], contents(lock, files), strict=True))
    path = folder / profile
    path.write_bytes(data[profile])
    artifact = next(c.artifact for c in lock.components if c.profile == profile)
    assert artifact is not None
    return ComponentSpec(
        "vision", path, artifact.digest, {"THRESHOLD": "0.8"}, images=images, timeout=60
    )


def layers(made: Made) -> set[str]:
    return {layer["digest"] for layer in json.loads(made.data)["layers"]}


@pytest.mark.docker
def test_a_new_model_is_one_layer_and_the_program_stays(
    compose: ComposeHarness, tmp_path: Path
) -> None:
    program = pinned(judge(), JUDGE, tmp_path)
    mild, strict = model(0.5, 0.3, 0.2), model(1.0, 1.0, 1.0)
    assert len(layers(strict) - layers(mild)) == 1

    def apply(origin: str, made: Made) -> None:
        part = component(tmp_path, "cpu", (pinned(made, MODEL, tmp_path), program))
        compose.driver().apply(Workload(ONE, "vision", origin, (part,)))

    apply("o1", mild)
    until(lambda: "score 0.33: good" in compose.driver().logs(ONE, "vision"))
    apply("o2", strict)
    until(lambda: "score 0.90: bad" in compose.driver().logs(ONE, "vision"))
    living = compose.engine("ps", "-q", "--no-trunc").split()
    running = [id for id in compose.containers(ONE) if id in living]
    assert [compose.asked(id, "{{.Image}}") for id in running] == [program.id]


@pytest.mark.docker
def test_without_a_gpu_the_engine_says_so(compose: ComposeHarness, tmp_path: Path) -> None:
    images = (pinned(model(1.0), MODEL, tmp_path), pinned(judge(), JUDGE, tmp_path))
    part = replace(component(tmp_path, "gpu", images), timeout=30)
    with pytest.raises(Failing, match="could not select device driver"):
        compose.driver().apply(Workload(ONE, "vision", "o1", (part,)))


@pytest.mark.parametrize(("parts", "fits"), [(("gpu",), True), (("camera",), False), ((), False)])
def test_the_gpu_profile_goes_only_where_a_gpu_is(parts: tuple[str, ...], *, fits: bool) -> None:
    files = read_package(EXAMPLE)
    description, _ = margo.read_description(files["margo.yaml"], "margo.yaml")
    profile = description.profile("gpu")
    assert profile is not None
    offer = DeviceCapabilities(
        id="d",
        vendor="v",
        model_number="m",
        serial_number="s",
        cores=4,
        architectures=("amd64",),
        memory=8 << 30,
        storage=64 << 30,
        deployment_types=frozenset({profile.type}),
        runtimes=("oci",),
        otel_collector=False,
        peripherals=tuple(Part(type=part, manufacturer="m", model="x") for part in parts),
    )
    need = Need(profile.type, profile.requirements, profile.eligibility)
    told, _ = margo.read_capabilities(margo.write_capabilities(offer), "capabilities.json")
    found = obstacles(need, Candidate("press", told))
    assert found == (() if fits else ("meets none of the application's eligibility rules",))
