"""Charts on a real API server: what fails, what is refused, what people change by hand."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from margo_gitops.errors import Failing, Invalid, Refused, Stalled, Unreachable
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.model.state import State
from margo_gitops.runtime.base import ComponentSpec, Workload
from margo_gitops.runtime.helm import HelmDriver
from margo_gitops.runtime.helm_program import Cluster
from tests.contracts.driver import ONE, OURS, running, workload
from tests.kube import OTHER, TOKEN, kubeconfig
from tests.runtime.helm_engine import GREETER, HelmHarness
from tests.waiting import until

PINNED = "sha256:" + "a" * 64
SERVER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: web, image: "{{ .Values.image | default "press:1" }}"}]}
"""
WRONG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'NOT A NAME'}\n"
PASSWORD = "correct horse"


def of(*components: ComponentSpec, origin: str = "o1", **more: Any) -> Workload:
    return Workload(ONE, "greeter", origin, components, **more)


def greeter(helm: HelmHarness, *more: str, **settings: Any) -> ComponentSpec:
    files = {f"templates/more{i}.yaml": text for i, text in enumerate(more)}
    chart = helm.chart({"templates/greeting.yaml": GREETER, **files}, {"page.greeting": "Hello"})
    return replace(chart, settings=settings)


def versions(helm: HelmHarness) -> dict[str, str]:
    """Every object that is ours, or helm's, and what its last write was."""
    found = {}
    for label in ("owner=helm", "margo-gitops.deployment", "app.kubernetes.io/managed-by=Helm"):
        for item in helm.cluster.items("secrets,configmaps,deployments", "-A", "-l", label):
            meta = item["metadata"]
            found[f"{item['kind']} {meta['namespace']}/{meta['name']}"] = meta["resourceVersion"]
    return found


def test_a_second_apply_writes_nothing(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm)))
    before = versions(helm)
    helm.driver().apply(of(greeter(helm)))
    helm.driver().observe()
    after = versions(helm)
    marker = [key for key in after if ONE in key]
    assert {k: v for k, v in after.items() if k not in marker} == {
        k: v for k, v in before.items() if k not in marker
    }
    assert after == before


def test_a_failed_upgrade_is_put_back(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm)))
    bad = replace(greeter(helm, WRONG), values={"page.greeting": "Moin"})
    with pytest.raises(Failing, match="hello of greeter did not come to run: .*NOT A NAME"):
        helm.driver().apply(of(bad, origin="o2"))
    seen = running(helm.driver())
    assert seen.origin == "o1"
    assert helm.greeting(ONE, "hello") == "Hello"
    helm.driver().apply(of(greeter(helm)))
    assert running(helm.driver()).origin == "o1"


def test_a_failed_first_install_leaves_nothing(helm: HelmHarness) -> None:
    with pytest.raises(Failing):
        helm.driver().apply(of(greeter(helm, WRONG)))
    assert [item.components for item in helm.driver().observe()] == [()]
    helm.driver().remove(ONE)
    assert helm.leftovers(ONE) == []


def test_what_is_not_ready_in_time_is_put_back(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm)))
    slow = replace(greeter(helm, SERVER), timeout=2.0, pins={"press:1": PINNED})
    with pytest.raises(Failing, match="did not come to run"):
        helm.driver().apply(of(slow, origin="o2"))
    assert running(helm.driver()).origin == "o1"
    assert helm.cluster("get", "deployments", "-n", "greeter", "-o", "name") == ""


def test_an_agent_that_died_in_an_upgrade_goes_on(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm)))
    namespace, release = helm.release(ONE, "hello")
    chart = helm.root / "crash"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: greeter\nversion: 2.0.0\n")
    (chart / "templates" / "x.yaml").write_text(SERVER)
    argv = ["helm", "--kubeconfig", str(helm.cluster.kubeconfig), "upgrade", release, str(chart)]
    words = ["-n", namespace, "--wait", "--timeout", "60s"]
    with subprocess.Popen([*argv, *words], stderr=subprocess.DEVNULL) as upgrade:
        until(lambda: "pending-upgrade" in _status(helm, release))
        upgrade.send_signal(signal.SIGKILL)
    (seen,) = helm.driver().observe()
    assert seen.components[0].lost
    helm.driver().apply(of(replace(greeter(helm), values={"page.greeting": "Moin"}), origin="o2"))
    assert running(helm.driver()).origin == "o2"
    assert helm.greeting(ONE, "hello") == "Moin"


def _status(helm: HelmHarness, release: str) -> str:
    label = f"owner=helm,name={release}"
    return helm.cluster("get", "secrets", "-A", "-l", label, "-L", "status", "--no-headers")


def test_a_release_that_somebody_changed_is_made_right(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm)))
    helm.driver().apply(of(replace(greeter(helm), values={"page.greeting": "Moin"}), origin="o2"))
    namespace, release = helm.release(ONE, "hello")
    helm.cluster.helm("rollback", release, "1", "-n", namespace)
    assert helm.greeting(ONE, "hello") == "Hello"
    (seen,) = helm.driver().observe()
    assert "has revision 3, expected 2" in seen.components[0].detail
    helm.driver().apply(of(replace(greeter(helm), values={"page.greeting": "Moin"}), origin="o2"))
    assert helm.greeting(ONE, "hello") == "Moin"


@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_objects_are_compared_where_asked(helm: HelmHarness, how: str) -> None:
    component = greeter(helm, live=True)
    helm.driver().apply(of(component))
    namespace, release = helm.release(ONE, "hello")
    if how == "changed":
        patch = json.dumps({"data": {"greeting": "spoilt"}})
        helm.cluster("patch", "cm", release, "-n", namespace, "--type", "merge", "-p", patch)
    else:
        helm.cluster("delete", "cm", release, "-n", namespace)
    (seen,) = helm.driver().observe()
    assert "objects of release" in seen.components[0].detail
    helm.driver().apply(of(component))
    running(helm.driver())
    assert helm.greeting(ONE, "hello") == "Hello"


def test_not_asked_only_the_release_is_looked_at(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm)))
    namespace, release = helm.release(ONE, "hello")
    helm.cluster("delete", "cm", release, "-n", namespace)
    assert running(helm.driver()).origin == "o1"


def test_a_lost_marker_costs_one_upgrade(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm)))
    helm.cluster("delete", "cm", "-n", "margo-gitops", "-l", f"margo-gitops.deployment={ONE}")
    (seen,) = helm.driver().observe()
    assert (seen.id, seen.origin) == (ONE, "")
    helm.driver().apply(of(greeter(helm)))
    assert running(helm.driver()).origin == "o1"


def test_images_run_by_digest(helm: HelmHarness) -> None:
    component = replace(greeter(helm, SERVER), wait=False, pins={"press:1": PINNED})
    helm.driver().apply(of(component))
    path = "jsonpath={.items[*].spec.template.spec.containers[*].image}"
    assert helm.cluster("get", "deployments", "-n", "greeter", "-o", path) == f"press@{PINNED}"


def test_an_image_of_a_parameter_that_is_not_locked_is_refused(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm)))
    evil = replace(greeter(helm, SERVER), values={"image": "evil:1"}, pins={"press:1": PINNED})
    with pytest.raises(Refused, match="component hello: the chart asks for the image evil:1"):
        helm.driver().apply(of(evil, origin="o2"))
    assert running(helm.driver()).origin == "o1"


HOOK = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: hook
  annotations: {"helm.sh/hook": pre-upgrade, "helm.sh/hook-delete-policy": hook-succeeded}
"""
ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: greeter-r}\n"
TYPE = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: presses.example.invalid}
spec:
  group: example.invalid
  names: {kind: Press, plural: presses}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""


@pytest.mark.parametrize(
    ("files", "policy"),
    [
        ({"templates/hook.yaml": HOOK}, RuntimePolicy(chart_hooks=True)),
        ({"templates/role.yaml": ROLE}, RuntimePolicy(cluster_wide=True)),
    ],
    ids=["hook", "role"],
)
def test_hooks_and_what_reaches_further_need_the_policy(
    helm: HelmHarness, files: Mapping[str, str], policy: RuntimePolicy
) -> None:
    helm.driver().apply(of(greeter(helm)))
    chart = helm.chart({"templates/greeting.yaml": GREETER, **files})
    with pytest.raises(Refused) as caught:
        helm.driver().apply(of(chart, origin="o2"))
    assert caught.value.rule == "runtime-policy"
    assert running(helm.driver()).origin == "o1"
    helm.driver().apply(of(chart, origin="o2", policy=policy))
    assert running(helm.driver()).origin == "o2"


def test_a_type_of_resources_needs_the_policy(helm: HelmHarness) -> None:
    chart = helm.chart({"templates/greeting.yaml": GREETER, "crds/press.yaml": TYPE})
    with pytest.raises(Refused, match="defines types of resources"):
        helm.driver().apply(of(chart))
    assert helm.leftovers(ONE) == []
    helm.driver().apply(of(chart, policy=RuntimePolicy(cluster_wide=True)))
    helm.cluster("delete", "crd", "presses.example.invalid")


def test_values_arrive_as_they_are(helm: HelmHarness) -> None:
    template = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: values}
data: {all: {{ toJson .Values | quote }}}
"""
    values = {
        "page.greeting": 'yes "quoted" $(id) {{ .x }} ü',
        "page.list[1]": 3,
        "flag": True,
        "many": ("a", "b"),
        r"with\.dot": "012",
    }
    helm.driver().apply(of(helm.chart({"templates/x.yaml": template}, values)))
    found = helm.cluster("get", "cm", "values", "-n", "greeter", "-o", "jsonpath={.data.all}")
    assert json.loads(found) == {
        "page": {"greeting": values["page.greeting"], "list": [None, 3]},
        "flag": True,
        "many": ["a", "b"],
        "with.dot": "012",
    }


def test_what_a_chart_looks_up_it_finds(helm: HelmHarness) -> None:
    """Charts keep generated passwords by looking at what they installed before."""
    template = """\
{{- $old := lookup "v1" "ConfigMap" .Release.Namespace "secret" }}
apiVersion: v1
kind: ConfigMap
metadata: {name: secret}
data: {word: {{ if $old }}{{ $old.data.word }}{{ else }}{{ randAlphaNum 12 }}{{ end }}}
"""
    words = ("get", "cm", "secret", "-n", "greeter", "-o", "jsonpath={.data.word}")
    helm.driver().apply(of(helm.chart({"templates/x.yaml": template})))
    word = helm.cluster(*words)
    helm.driver().apply(of(helm.chart({"templates/x.yaml": template}, {"x": 1}), origin="o2"))
    assert helm.cluster(*words) == word


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ fail .Values.password }}", "does not render"),
        ("{{ .Values.password }}: [", "does not render|not render to YAML"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Values.password }}'}", "did not"),
    ],
)
def test_a_secret_is_in_no_fault(helm: HelmHarness, template: str, words: str) -> None:
    chart = helm.chart({"templates/x.yaml": template}, {"password": PASSWORD})
    secret = replace(chart, secrets=frozenset({"password"}))
    with pytest.raises((Invalid, Failing), match=words) as caught:
        helm.driver().apply(of(secret))
    assert PASSWORD not in str(caught.value)
    assert not list(helm.root.rglob("values*"))


def test_a_namespace_of_its_own(helm: HelmHarness) -> None:
    helm.driver().apply(of(greeter(helm, namespace="line-one")))
    assert helm.release(ONE, "hello")[0] == "line-one"
    helm.driver().apply(of(greeter(helm, namespace="line-two"), origin="o2"))
    names = {key.split()[1].split("/")[0] for key in versions(helm)}
    assert names == {"line-two", "margo-gitops"}
    with pytest.raises(Invalid, match="is no namespace"):
        helm.driver().apply(of(greeter(helm, namespace="../x"), origin="o3"))


def test_a_cluster_that_does_not_answer(helm: HelmHarness, tmp_path: Path) -> None:
    gone = HelmDriver(helm.root, OURS, cluster=Cluster(kubeconfig(tmp_path / "gone", 1)))
    assert "does not answer" in (gone.available() or "")
    for call in (gone.observe, lambda: gone.apply(of(greeter(helm))), lambda: gone.remove(ONE)):
        with pytest.raises(Unreachable, match="does not answer"):
            call()


def test_the_same_silence_is_told_in_the_same_words(
    helm: HelmHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path / "empty"))  # kubectl then says how it looks
    gone = HelmDriver(helm.root, OURS, cluster=Cluster(kubeconfig(tmp_path / "gone", 1)))
    said = set()
    for _ in range(2):
        with pytest.raises(Unreachable) as caught:
            gone.observe()
        said.add(caught.value.problem)
    assert len(said) == 1


def test_a_cluster_that_does_not_let_us(helm: HelmHarness, tmp_path: Path) -> None:
    config = tmp_path / "nobody"
    config.write_text(helm.cluster.kubeconfig.read_text().replace(TOKEN, OTHER))
    nobody = HelmDriver(helm.root, OURS, cluster=Cluster(config))
    with pytest.raises(Stalled, match="does not let this node"):
        nobody.apply(of(greeter(helm)))


def test_one_component_that_fails_leaves_the_ones_before_it(helm: HelmHarness) -> None:
    good = replace(greeter(helm), name="good")
    with pytest.raises(Failing):
        helm.driver().apply(of(good, replace(greeter(helm, WRONG), name="bad")))
    (seen,) = helm.driver().observe()
    assert [(item.name, item.state) for item in seen.components] == [("good", State.INSTALLED)]
    assert seen.origin == ""


def test_strangers_releases_stay(helm: HelmHarness) -> None:
    helm.driver().apply(workload(helm))
    chart = helm.root / "theirs"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: theirs\nversion: 1.0.0\n")
    helm.cluster.helm("install", "theirs", str(chart), "-n", "greeter")
    helm.driver().remove(ONE)
    assert "theirs" in helm.cluster.helm("list", "-n", "greeter", "-q")
    helm.cluster.helm("uninstall", "theirs", "-n", "greeter")
