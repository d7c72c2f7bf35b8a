"""The helm driver on a real API server, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from margo_gitops.documents import archive
from margo_gitops.documents.canonical import digest
from margo_gitops.runtime.base import ComponentSpec, Owner
from margo_gitops.runtime.helm import HelmDriver
from margo_gitops.runtime.helm_program import Cluster as Programs
from tests.contracts.driver import OURS
from tests.kube import Cluster

CHART = "apiVersion: v2\nname: greeter\nversion: 1.2.3\nappVersion: '7'\n"
GREETER = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {greeting: {{ .Values.page.greeting | quote }}}
"""


class HelmHarness:
    """A cluster, and the contract's `Harness` over it."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.root = folder / "helm"
        self.cluster = cluster
        self._artifacts = folder

    def driver(self, owner: Owner = OURS) -> HelmDriver:
        return HelmDriver(self.root, owner, cluster=Programs(self.cluster.kubeconfig))

    def component(self, name: str, greeting: str = "Hello") -> ComponentSpec:
        made = self.chart({"templates/greeting.yaml": GREETER}, {"page.greeting": greeting})
        return replace(made, name=name)

    def chart(
        self, files: Mapping[str, str], values: Mapping[str, Any] | None = None, **more: Any
    ) -> ComponentSpec:
        """A component of a chart of these files."""
        inside = {"Chart.yaml": CHART, "values.yaml": "page: {greeting: none}\n", **files}
        data = archive.pack({f"greeter/{name}": text.encode() for name, text in inside.items()})
        path = self._artifacts / digest(data)[7:19]
        path.write_bytes(data)
        return ComponentSpec("hello", path, digest(data), values or {}, **more)

    def release(self, id: str, component: str) -> tuple[str, str]:
        """Namespace and name of a component's release."""
        item = next(item for item in self._marked(id) if item["name"] == component)
        return str(item["namespace"]), str(item["release"])

    def kill(self, id: str, component: str) -> None:
        namespace, release = self.release(id, component)
        self.cluster.helm("uninstall", release, "--namespace", namespace)

    def life(self, id: str, component: str) -> str:
        """Revision and object: neither may change where nothing is to be done."""
        namespace, release = self.release(id, component)
        history = self.cluster.helm("history", release, "-n", namespace, "-o", "json")
        made = self.cluster.items("configmaps", "-n", namespace, "-l", _MADE)
        uids = [x["metadata"]["uid"] for x in made if x["metadata"]["name"] == release]
        return f"{json.loads(history)[-1]['revision']} {uids}"

    def greeting(self, id: str, component: str) -> str:
        namespace, release = self.release(id, component)
        return self.cluster(
            "get", "cm", release, "-n", namespace, "-o", "jsonpath={.data.greeting}"
        )

    def leftovers(self, id: str) -> list[str]:
        label = ("-A", "-l", f"margo-gitops.deployment={id}", "-o", "name")
        return [
            *self.cluster("get", "secrets,configmaps", *label).split(),
            *self.cluster("get", "all,cm", "-A", "-l", _MADE, "-o", "name").split(),
            *map(str, self.root.glob("*")),
        ]

    def close(self) -> None:
        """Leave nothing in a cluster that others use too."""
        for kind in ("secrets", "configmaps", "deployments"):
            for label in ("owner=helm", "margo-gitops.deployment", _MADE):
                self.cluster("delete", kind, "-A", "-l", label)

    def _marked(self, id: str) -> list[dict[str, Any]]:
        label = f"margo-gitops.deployment={id}"
        (found,) = self.cluster.items("configmaps", "-n", "margo-gitops", "-l", label)
        components: list[dict[str, Any]] = json.loads(found["data"]["marker"])["components"]
        return components


_MADE = "app.kubernetes.io/managed-by=Helm"
