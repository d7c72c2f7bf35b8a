"""Charts whose pods really run: the drivers' contract, and an upgrade whose pods crash."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from margo_gitops.errors import Failing
from margo_gitops.runtime.base import ComponentSpec, Workload
from tests import kube
from tests.contracts.driver import ONE, SpeakingContract, running, workload
from tests.engines import require
from tests.images import busybox
from tests.k8s.node import node, problem
from tests.registry import RegistryServer
from tests.runtime.helm_engine import HelmHarness
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)

NAME = "k8s/busybox"
TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {matchLabels: {release: {{ .Release.Name }}}}
  template:
    metadata: {labels: {release: {{ .Release.Name }}}}
    spec:
      terminationGracePeriodSeconds: 1
      enableServiceLinks: false
      containers:
        - name: greeter
          image: {{ .Values.image }}
          command: ["sh", "-c", {{ .Values.script | quote }}]
          env: [{name: GREETING, value: {{ .Values.page.greeting | quote }}}]
"""
SCRIPT = 'trap "exit 0" TERM; echo "$GREETING"; while :; do sleep 60 & wait $!; done'


class PodHarness(HelmHarness):
    """The contract's service as a pod."""

    image = ""
    digest = ""

    def component(self, name: str, greeting: str = "Hello") -> ComponentSpec:
        made = self.chart(
            {"templates/greeter.yaml": TEMPLATE},
            {"page.greeting": greeting, "image": self.image, "script": SCRIPT},
            timeout=60.0,
            pins={self.image: self.digest},
        )
        return replace(made, name=name)

    def life(self, id: str, component: str) -> str:
        return json.dumps([pod["metadata"]["uid"] for pod in self._pods(id, component)])

    def greeting(self, id: str, component: str) -> str:
        (namespace, _), pods = self.release(id, component), self._pods(id, component)
        if not pods:
            return ""
        name = pods[-1]["metadata"]["name"]
        return self.cluster("logs", name, "-n", namespace, check=False).strip()

    def _pods(self, id: str, component: str) -> list[dict[str, dict[str, str]]]:
        namespace, release = self.release(id, component)
        found = self.cluster.items("pods", "-n", namespace, "-l", f"release={release}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    require("k8s", problem())
    with node(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture
def pods(
    config: Path, hub: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PodHarness]:
    made = busybox("k8s")
    hub.push(made, NAME, tag="1")
    tools = kube.helms()[max(kube.helms())]
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    harness = PodHarness(tmp_path, kube.Cluster(config, tools))
    harness.image, harness.digest = f"{hub.host}/{NAME}:1", made.artifact.digest
    yield harness
    harness.close()
    harness.cluster("delete", "pods", "-A", "--all", "--force", "--grace-period=0")


class TestPods(SpeakingContract):
    @pytest.fixture
    def harness(self, pods: PodHarness) -> PodHarness:
        return pods


def test_the_pod_runs_exactly_what_was_locked(pods: PodHarness) -> None:
    pods.driver().apply(workload(pods))
    (pod,) = pods.cluster.items("pods", "-n", "greeter")
    assert pod["status"]["containerStatuses"][0]["imageID"].endswith(pods.digest)


def test_an_upgrade_whose_pods_crash_is_put_back_with_their_last_words(pods: PodHarness) -> None:
    pods.driver().apply(workload(pods))
    life, good = pods.life(ONE, "hello"), pods.component("hello")
    jammed = {**good.values, "script": "echo the press is jammed; exit 3"}
    bad = replace(good, values=jammed, timeout=30.0)
    with pytest.raises(Failing, match="the press is jammed"):
        pods.driver().apply(Workload(ONE, "greeter", "o2", (bad,)))
    assert running(pods.driver()).origin == "o1"
    assert pods.life(ONE, "hello") == life
    until(lambda: pods.greeting(ONE, "hello") == "Hello", 60)
