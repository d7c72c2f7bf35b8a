"""A chart of a registry through the whole chain, looked at from outside with helm and kubectl."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cli.running import margo
from tests.images import busybox
from tests.registry import RegistryServer
from tests.runtime.helm_engine import HelmHarness

CHART = "apiVersion: v2\nname: page\nversion: 1.2.3\n"
TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: page}
spec:
  selector: {matchLabels: {app: page}}
  template:
    metadata: {labels: {app: page}}
    spec:
      containers:
        - name: page
          image: {{ .Values.image }}
          env: [{name: GREETING, value: {{ .Values.page.greeting | quote }}}]
"""
MARGO = """\
apiVersion: v1
id: page
metadata:
  name: Page
  version: "1.0.0"
  catalog:
    organization:
      - name: margo-gitops
deploymentProfiles:
  - type: helm
    id: helm
    components:
      - name: page
        properties:
          repository: oci://{host}/helm-fleet/charts/page
          revision: 1.2.3
          wait: false
parameters:
  greeting:
    value: Hello
    targets:
      - pointer: page.greeting
        components: ["page"]
"""


def test_a_chart_is_locked_installed_changed_repaired_and_removed(
    helm: HelmHarness, hub: RegistryServer, tmp_path: Path
) -> None:
    fleet, state = tmp_path / "plant", str(tmp_path / "state")
    image = f"{hub.host}/helm-fleet/page"
    hub.push(busybox("page"), "helm-fleet/page", tag="1")
    package = _published(hub, f"{image}:1", tmp_path)
    env = {"KUBECONFIG": str(helm.cluster.kubeconfig)}

    def ok(*words: str) -> str:
        done = margo(*words, cwd=fleet if fleet.exists() else tmp_path, env=env, timeout=100)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def one_pass() -> str:
        words = ("lo", "run", "--site", "north", "--remote", str(fleet), "--with-node", "n1")
        return ok(*words, "--runtime", "helm", "--state", state, "--once")

    def container() -> tuple[str, str]:
        found = helm.cluster("get", "deployment", "page", "-n", "web", "-o", "json")
        (one,) = json.loads(found)["spec"]["template"]["spec"]["containers"]
        return one["image"], one["env"][0]["value"]

    ok("init", str(fleet), "--open", "--name", "plant")
    ok("site", "add", "north")
    ok("device", "add", "north", "n1")
    assert "not locked" not in ok("app", "add", str(package))
    one_pass()
    ok("deploy", "page", "--site", "north", "--name", "web")
    one_pass()
    ok("status", "--exit-code")
    pinned = f"{image}@{hub.at('helm-fleet/page:1').resolve()[0].digest}"
    assert container() == (pinned, "Hello")
    ok("set", "web", "--param", "greeting=Moin")
    one_pass()
    assert container() == (pinned, "Moin")
    release = helm.cluster.helm("list", "-n", "web", "-q")
    helm.cluster.helm("uninstall", release, "-n", "web")
    assert "install web: drift" in one_pass()
    assert container() == (pinned, "Moin")
    assert one_pass() == ""
    ok("undeploy", "web")
    one_pass()
    assert helm.cluster.helm("list", "-A", "-q") == ""
    ok("status", "--exit-code")


def _published(hub: RegistryServer, image: str, folder: Path) -> Path:
    """The package of a chart that `helm push` put into the registry."""
    chart = folder / "page"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(CHART)
    (chart / "values.yaml").write_text(f"image: {image}\npage: {{greeting: none}}\n")
    (chart / "templates" / "page.yaml").write_text(TEMPLATE)
    for words in (
        ("package", str(chart), "--destination", str(folder)),
        (
            "push",
            str(folder / "page-1.2.3.tgz"),
            hub.reference("helm-fleet/charts"),
            "--plain-http",
        ),
    ):
        subprocess.run(["helm", *words], check=True, capture_output=True)
    package = folder / "package"
    package.mkdir()
    (package / "margo.yaml").write_text(MARGO.format(host=hub.host))
    return package
