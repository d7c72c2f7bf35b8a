"""The example that people copy: valid, packed the same everywhere, and it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from margo_gitops.artifacts import lock
from margo_gitops.artifacts.package import read_package
from margo_gitops.documents import margo
from margo_gitops.model.state import State
from margo_gitops.runtime.base import ComponentSpec, Workload
from margo_gitops.runtime.compose_policy import check_files
from tests.contracts.driver import ONE
from tests.runtime.compose_engine import ComposeHarness
from tests.two_tier import two_tier
from tests.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"
PACKAGE = EXAMPLES / "two-tier-compose"


def test_the_description_is_valid_and_its_component_is_pinned_to_its_folder() -> None:
    files = read_package(PACKAGE)
    description, dialect = margo.read_description(files["margo.yaml"], "margo.yaml")
    locked = lock.resolve(description, files["margo.yaml"], files)
    (component,) = locked.components
    assert (dialect, component.component, component.path) == ("D", "stack", "resources/stack")
    assert component.artifact is not None


def test_the_compose_file_asks_for_nothing_that_needs_a_policy() -> None:
    check_files(PACKAGE / "resources/stack", PACKAGE / "resources/stack/compose.yaml")


def test_the_older_example_is_valid_in_its_dialect() -> None:
    data = (EXAMPLES / "hello-world/margo.yaml").read_bytes()
    description, dialect = margo.read_description(data, "margo.yaml")
    assert (description.id, dialect) == ("com-example-hello-world", "B")
    assert description.parameters["greeting"].targets[1].pointer == "APP_GREETING"


@pytest.mark.docker
def test_it_runs_and_the_probe_reads_the_greeting(compose: ComposeHarness, tmp_path: Path) -> None:
    files = read_package(two_tier(tmp_path / "package", compose.engine.image))
    description, _ = margo.read_description(files["margo.yaml"], "margo.yaml")
    locked = lock.resolve(description, files["margo.yaml"], files)
    (data,) = lock.contents(locked, files)
    (component,) = locked.components
    assert component.artifact is not None
    (tmp_path / "artifact").write_bytes(data)
    greeting = 'Grüß $(id) "you"'
    spec = ComponentSpec(
        "stack", tmp_path / "artifact", component.artifact.digest, {"GREETING": greeting}
    )
    compose.driver().apply(Workload(ONE, "two-tier", "o1", (spec,)))
    (seen,) = compose.driver().observe()
    assert [part.state for part in seen.components] == [State.INSTALLED]
    until(lambda: f"{greeting} from the web tier" in compose.driver().logs(ONE, "stack"), 60)
