"""Markers in the cluster: one ConfigMap for each deployment of a node, written last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from margo_gitops.errors import Failing
from margo_gitops.runtime.base import Owner
from margo_gitops.runtime.helm_program import Cluster, is_absent
from margo_gitops.runtime.helm_state import HelmMarker, read_marker

NAMESPACE = "margo-gitops"
DEPLOYMENT = "margo-gitops.deployment"
"""The label of a deployment's UUID, on its marker and its releases."""


class Markers:
    """The markers of one node. Every method raises as `Cluster.kubectl` does."""

    def __init__(self, cluster: Cluster, owner: Owner) -> None:
        self._cluster = cluster
        self._owner = owner

    @property
    def labels(self) -> dict[str, str]:
        """What marks all that is this node's."""
        values = {"fleet": self._owner.fleet, "site": self._owner.site, "node": self._owner.node}
        return {f"margo-gitops.{key}": value for key, value in values.items()}

    def short(self, *names: str) -> str:
        """A short name that is this node's only."""
        parts = (self._owner.fleet, self._owner.site, self._owner.node, *names)
        return sha256("\0".join(parts).encode()).hexdigest()[:8]

    def read(self) -> dict[str, HelmMarker]:
        """All markers by deployment."""
        selector = ",".join(f"{key}={value}" for key, value in self.labels.items())
        words = ("get", "configmaps", "--namespace", NAMESPACE, "--selector", selector)
        items = json.loads(self._cluster.kubectl(*words, "--output", "json"))["items"]
        found = [read_marker(_text(item)) for item in items]
        return {marker.id: marker for marker in found if marker is not None}

    def write(self, marker: HelmMarker) -> None:
        """Put a marker in the place of the one before."""
        labels = {**self.labels, DEPLOYMENT: marker.id}
        text = json.dumps(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": self._name(marker.id), "labels": labels},
                "data": {"marker": marker.model_dump_json()},
            }
        )
        try:
            self._put(text)
        except Failing as error:
            if not is_absent(error):
                raise
            with suppress(Failing):  # another node of this cluster may be faster
                self._cluster.kubectl("create", "namespace", NAMESPACE)
            self._put(text)

    def delete(self, id: str) -> None:
        """Delete a marker; quiet where there is none."""
        words = ("delete", "configmap", self._name(id), "--namespace", NAMESPACE)
        self._cluster.kubectl(*words, "--ignore-not-found")

    def _put(self, text: str) -> None:
        self._cluster.kubectl("apply", "--namespace", NAMESPACE, "--filename", "-", input=text)

    def _name(self, id: str) -> str:
        return f"{id}.{self.short()}"


def _text(item: Mapping[str, Any]) -> str:
    data = item.get("data")
    return str(data.get("marker", "")) if isinstance(data, dict) else ""
