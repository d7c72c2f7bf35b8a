"""Killed at any durable system call: the old or the new, and the next run goes on by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Placement
from margo_gitops.model.report import SiteStatus
from margo_gitops.store.bundle import BundleTransport
from tests.engines import require
from tests.faults import tracing
from tests.faults.killing import killed_everywhere
from tests.faults.plant import Plant, copied, plant, run

STATUS, NODE = layout.status_ref("north"), layout.node_ref("n1")
REPORT, SITE = layout.report_ref("n1"), layout.site_ref("north")


@pytest.fixture(scope="module", autouse=True)
def strace() -> None:
    require("strace", tracing.problem())


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A plant at rest, but for a change that its LO has not seen."""
    with plant(tmp_path_factory.mktemp("crash") / "plant") as made:
        made.commit("Moin")
        subprocess.run(["git", "clone", "-q", made.remote, made.clone], check=True)
        for ref in (SITE, STATUS):
            words = ["fetch", "-q", "origin", f"{ref}:{ref}"]
            subprocess.run(["git", "-C", made.clone, *words], check=True)
        yield made


@pytest.fixture(scope="module")
def handed(changed: Plant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """The same, when the LO has placed the change and the EN has not seen it."""
    with copied(changed, tmp_path_factory.mktemp("crash") / "handed") as made:
        assert run(made.lo_run("--once")).returncode == 0
        yield made


def test_an_lo_killed_at_any_durable_call(
    changed: Plant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    def adopted(plant: Plant) -> object:
        """What the remote was told: it comes last, so the new means that all else is done."""
        status = plant.tree(plant.remote, STATUS)[layout.SITE_STATUS]
        held = canonical.load(status, SiteStatus, layout.SITE_STATUS).adopted
        said = None if held is None else held.commit
        if said == plant.tip(plant.remote, SITE):
            placement = plant.tree(plant.mirror, NODE)[layout.PLACEMENT]
            return said, canonical.load(placement, Placement, layout.PLACEMENT).sequence
        return said

    def again(plant: Plant) -> None:
        done = run(plant.lo_run("--once"))
        assert done.returncode == 0, (done.stdout, done.stderr)

    def command(plant: Plant) -> list[str]:
        return plant.lo_run("--once")

    tried = killed_everywhere(changed, tmp_path, command, adopted, again)
    record_property("tried", tried)


def test_an_en_killed_at_any_durable_call(
    handed: Plant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    def reported(plant: Plant) -> object:
        """All that the site was told, but for the reason: a repair is one, too."""
        assert len(plant.supervisors()) <= 1
        report = plant.tree(plant.mirror, REPORT)
        return {path: data.partition(b'"why"')[0] for path, data in report.items()}

    def again(plant: Plant) -> None:
        done = run(plant.en_run("--once"))
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert plant.said() == ["Moin"]
        assert len(plant.supervisors()) == 1

    def command(plant: Plant) -> list[str]:
        return plant.en_run("--once")

    tried = killed_everywhere(handed, tmp_path, command, reported, again)
    record_property("tried", tried)


def test_a_verb_killed_at_any_durable_call(
    changed: Plant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A file that was written and not committed is the person's to see: nothing else is left."""

    def published(plant: Plant) -> object:
        """The site's branch but for change.json, which names a commit with a time in it."""
        files = plant.tree(plant.clone, SITE)
        return {path: data for path, data in files.items() if path != layout.CHANGE}

    def again(plant: Plant) -> None:
        done = run(plant.set("Ahoy"))
        if done.returncode == 5:
            assert "git checkout -- deployments/hello.yaml" in done.stderr
            subprocess.run(["git", "-C", plant.clone, "checkout", "-q", "--", "."], check=True)
            done = run(plant.set("Ahoy"))
        assert done.returncode == 0 or "nothing to change" in done.stderr, done.stderr
        assert run(plant.render()).returncode == 0

    def command(plant: Plant) -> list[str]:
        return plant.set("Ahoy")

    tried = killed_everywhere(changed, tmp_path, command, published, again, children=False)
    record_property("tried", tried)


def test_a_bundle_killed_at_any_durable_call(
    changed: Plant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A push to a stick, and an LO that reads its site from one."""
    stick = "site.bundle"

    def held(plant: Plant) -> object:
        return BundleTransport(plant.root / stick).refs([SITE])

    def command(plant: Plant) -> list[str]:
        code = "import sys; from tests.faults.plant import carry; carry(sys.argv[1], sys.argv[2])"
        return [sys.executable, "-c", code, str(plant.remote), str(plant.root / stick)]

    def again(plant: Plant) -> None:
        done = run(command(plant))
        assert done.returncode == 0, done.stderr
        remote, plant_state = str(plant.root / stick), str(plant.root / "lo-by-stick")
        words = ["lo", "run", "--site", "north", "--remote", remote, "--state", plant_state]
        assert run([sys.executable, "-m", "margo_gitops", *words, "--once"]).returncode == 0

    tried = killed_everywhere(changed, tmp_path, command, held, again)
    record_property("tried", tried)
