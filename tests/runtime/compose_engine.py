"""The compose driver on a real engine, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from margo_gitops.documents import archive
from margo_gitops.documents.canonical import digest
from margo_gitops.runtime.base import ComponentSpec, Owner
from margo_gitops.runtime.compose import ComposeDriver
from tests.contracts.driver import OURS
from tests.dockerd import IMAGE, Engine
from tests.waiting import until

GREETER = {
    "services": {
        "greeter": {
            "image": IMAGE,
            "command": [
                *("sh", "-c"),
                'trap "exit 0" TERM; echo "$$0"; while :; do sleep 60 & wait $$!; done',
                "${GREETING}",
            ],
        }
    }
}


class ComposeHarness:
    """A folder of compose projects, and the contract's `Harness` over it."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.root = folder / "compose"
        self.engine = engine
        self._artifacts = folder

    def driver(self, owner: Owner = OURS) -> ComposeDriver:
        return ComposeDriver(self.root, owner, host=self.engine.host)

    def component(self, name: str, greeting: str = "Hello") -> ComponentSpec:
        return self.made(GREETER, name=name, values={"GREETING": greeting})

    def made(
        self,
        compose: Mapping[str, Any],
        *,
        name: str = "hello",
        values: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
        **more: Any,
    ) -> ComponentSpec:
        """A component of a compose file given as a value, packed with further files."""
        inside = {"compose.yaml": self.text(compose), **(files or {})}
        packed = self.packed({f"stack/{path}": data for path, data in inside.items()})
        return replace(packed, name=name, values=values or {}, **more)

    def packed(self, files: Mapping[str, bytes]) -> ComponentSpec:
        """A component of an archive of these files."""
        return self._component(archive.pack(files))

    def bare(self, compose: Mapping[str, Any]) -> ComponentSpec:
        """A component that is a compose file and no archive."""
        return self._component(self.text(compose))

    def text(self, compose: Mapping[str, Any]) -> bytes:
        """The compose file; the image that every test has is named by its digest."""
        return json.dumps(compose, indent=1).replace(IMAGE, self.engine.image).encode()

    def _component(self, data: bytes) -> ComponentSpec:
        path = self._artifacts / digest(data)[7:19]
        path.write_bytes(data)
        return ComponentSpec("hello", path, digest(data))

    def containers(self, id: str, component: str | None = None) -> list[str]:
        """The ids of a deployment's containers, running or not."""
        labels = {"deployment": id} | ({"component": component} if component else {})
        filters = [
            w for k, v in labels.items() for w in ("--filter", f"label=margo-gitops.{k}={v}")
        ]
        return sorted(self.engine("ps", "-aq", "--no-trunc", *filters).split())

    def kill(self, id: str, component: str) -> None:
        for container in self.containers(id, component):
            self.engine("kill", container)
            until(partial(self._exited, container))

    def _exited(self, container: str) -> bool:
        return self.asked(container, "{{.State.Status}}") == "exited"

    def life(self, id: str, component: str) -> str:
        return " ".join(
            self.asked(container, "{{.Id}} {{.State.StartedAt}}")
            for container in self.containers(id, component)
        )

    def greeting(self, id: str, component: str) -> str:
        said = self.engine("logs", *self.containers(id, component)).split()
        return said[-1] if said else ""

    def asked(self, container: str, template: str) -> str:
        """A field of a container, as the engine has it."""
        return self.engine("inspect", "--format", template, container)

    def leftovers(self, id: str) -> list[str]:
        label = ("--filter", f"label=margo-gitops.deployment={id}")
        projects = ("--filter", "label=com.docker.compose.project")
        return [
            *self.containers(id),
            *self.engine("volume", "ls", "-q", *label).split(),
            *self.engine("volume", "ls", "-q", *projects).split(),
            *self.engine("network", "ls", "-q", *projects).split(),
            *(str(path) for path in self.root.glob("*")),
        ]

    def close(self) -> None:
        """Leave nothing in an engine that others use too."""
        for kind in ("fleet=fleet", "fleet=other"):
            label = ("--filter", f"label=margo-gitops.{kind}")
            if ids := self.engine("ps", "-aq", *label).split():
                self.engine("rm", "--force", "--volumes", *ids)
            if names := self.engine("volume", "ls", "-q", *label).split():
                self.engine("volume", "rm", "--force", *names)
        for kind in ("network", "volume"):
            ours = ("--filter", "label=com.docker.compose.project", "--format", "{{.Name}}")
            for name in self.engine(kind, "ls", *ours).split():
                if name.startswith("margo-"):
                    self.engine(kind, "rm", name)
