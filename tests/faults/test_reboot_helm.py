"""A machine and its one-node cluster that lost their power, and come back without their site."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from margo_gitops.documents import margo
from margo_gitops.errors import Unreachable
from margo_gitops.model import layout
from margo_gitops.model.application import ProfileType
from margo_gitops.model.state import State
from margo_gitops.model.status import DeploymentStatus
from margo_gitops.reconcile import Outcome
from margo_gitops.render import edits
from tests import kube
from tests.engines import require
from tests.fleet import SimulatedNode
from tests.runtime.helm_engine import GREETER, HelmHarness
from tests.runtime.test_failed_upgrade import Kind, Line, chart, line
from tests.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("kubeconfig")]

LINK, CLUSTER = "the link is cut", "the cluster does not answer"


class Machine:
    """A host with a cluster of its own; `run` is what each boot finds empty."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.run, self._disk = folder / "run", folder / "cluster"
        self.cluster = kube.Cluster(self._disk / "kubeconfig", tools)
        self._disk.mkdir()
        self.run.mkdir()
        self._power = ExitStack()
        self.helm = HelmHarness(self.run, self.cluster)

    def start_cluster(self, *, wait: bool) -> None:
        """From what etcd has on its disk."""
        start = kube.kube if wait else kube.starting
        self._power.enter_context(start(self._disk, signal.SIGKILL))

    def power_cut(self) -> None:
        self._power.close()
        shutil.rmtree(self.run)
        self.run.mkdir()

    def holds(self, id: str) -> dict[str, str]:
        """All that helm says of the release, and the last write of each object but Kubernetes'."""
        namespace, release = self.helm.release(id, "hello")
        found = {"helm": self.cluster.helm("get", "all", release, "--namespace", namespace)}
        for item in self.cluster.items("secrets,configmaps,namespaces", "-A"):
            meta = item["metadata"]
            place = f"{item['kind']} {meta.get('namespace', '')}/{meta['name']}"
            if "/kube-" not in place and " kube-" not in place:
                found[place] = f"{meta['uid']} {meta['resourceVersion']}"
        return found


@pytest.fixture(params=sorted(kube.helms()) or ["none"])
def machine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Machine]:
    """One for each version of helm, switched on."""
    require("kube", kube.problem())
    tools = kube.helms()[request.param]
    made = Machine(tmp_path_factory.mktemp("machine"), tools)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("KUBECACHEDIR", str(made.run / "cache"))  # old after a night anyway
    try:
        made.start_cluster(wait=True)
        yield made
    finally:
        made.power_cut()


def installed(machine: Machine, folder: Path) -> Line:
    """A fleet at rest, with a release that has been changed once."""
    good = chart({"templates/greeting.yaml": GREETER})
    kind = Kind(
        type=ProfileType.HELM,
        driver=machine.helm.driver,
        name="helm",
        pointer="page.greeting",
        good=good,
        bad=good,
        words="",
    )
    made = line(kind, machine.helm, folder)
    ask(made, "Moin")
    return made


def ask(made: Line, greeting: str) -> None:
    """Change the greeting at the fleet's clone, until all are at rest."""
    co = made.fleet.co
    co.apply(edits.change(co.main(), "hello", edits.Settings(parameters={"greeting": greeting})))
    co.render()
    made.fleet.settle(1)
    assert all(outcome.quiet and not outcome.troubles for outcome in made.fleet.poll_all())


def test_releases_stay_as_they_were_without_the_site(machine: Machine, tmp_path: Path) -> None:
    made = installed(machine, tmp_path)
    node, id = made.fleet.nodes["n1"], made.told().deployment_id
    before = machine.holds(id)
    assert "\nREVISION: 2\n" in before["helm"]
    kept = remembered(node, tmp_path)

    machine.power_cut()
    node.link.is_cut = True
    node.restart()
    first = node.poll()
    assert first.actions == ()
    assert first.exit_code == Unreachable.exit_code
    assert waits_for(first, LINK, CLUSTER)
    assert made.told().state is State.PENDING
    assert CLUSTER in str(made.told().error)
    again = node.poll()
    assert again.quiet
    assert waits_for(again, LINK, CLUSTER)

    machine.start_cluster(wait=False)
    until(lambda: acts_on_nothing(node) and made.told().state is State.INSTALLED, 60)
    assert made.greeting() == "Moin"
    assert machine.holds(id) == before

    tip = node.store.resolve(layout.report_ref("n1"))
    further = node.poll()
    assert further.quiet
    assert waits_for(further, LINK)
    assert node.store.resolve(layout.report_ref("n1")) == tip
    assert remembered(node, tmp_path) == kept
    assert machine.holds(id) == before

    assert node.mirror.resolve(layout.report_ref("n1")) != tip
    node.link.mend()
    made.fleet.settle(1)
    assert node.mirror.resolve(layout.report_ref("n1")) == tip
    assert site_says(made).state is State.INSTALLED
    assert made.fleet.co.status("north").in_step
    assert machine.holds(id) == before

    ask(made, "Hallo")
    assert made.greeting() == "Hallo"
    assert "\nREVISION: 3\n" in machine.holds(id)["helm"]


def acts_on_nothing(node: SimulatedNode) -> bool:
    """A pass while the cluster comes up, whatever half of it answers."""
    assert node.poll().actions == ()
    return True


def waits_for(outcome: Outcome, *words: str) -> bool:
    """Each trouble of the pass is of something that does not answer: those, and no other."""
    found = [trouble.problem for trouble in outcome.troubles if isinstance(trouble, Unreachable)]
    told = {word for word in words if any(word in problem for problem in found)}
    return told == set(words) and len(found) == len(outcome.troubles)


def remembered(node: SimulatedNode, folder: Path) -> tuple[object, ...]:
    """What the node has on its disk but its report: its share, its tries, its artifacts."""
    refs = (layout.node_ref("n1"), layout.before_ref("n1"), layout.memory_ref("n1"))
    files = sorted(str(path) for path in (folder / "content").rglob("*"))
    return (*map(node.store.resolve, refs), *files)


def site_says(made: Line) -> DeploymentStatus:
    """The status of the one deployment as its site wrote it."""
    mirror = made.fleet.sites["north"].mirror
    tip = mirror.resolve(layout.status_ref("north")) or ""
    return margo.read_status(mirror.read(tip, layout.status_path("hello", "n1")) or b"", "status")
