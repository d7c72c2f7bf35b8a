"""A real registry for tests: Debian's docker-registry, open or behind a password, on loopback."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.artifacts.reference import parse_reference
from margo_gitops.artifacts.registry import Registry
from tests.images import Made
from tests.running import answers, end, free_port, start
from tests.waiting import until

USER, PASSWORD = "press", "p:ass"
_HASHED = "$2b$04$ykNkGHuzhUCwfd18v/n4wuGSz.VgVbkHfBVvXVm3Kr0GU7JMMQlsS"
"""The password under bcrypt, the only hash that the registry reads."""

_CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {root}/data}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
{auth}
"""
_AUTH = 'auth: {{htpasswd: {{realm: "press", path: {root}/users}}}}'


@dataclass(frozen=True)
class RegistryServer:
    """A running registry; its storage is open to a test's tampering."""

    root: Path
    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reference(self, name: str) -> str:
        return f"oci://{self.host}/{name}"

    def at(self, name: str) -> Registry:
        return Registry(parse_reference(self.reference(name)))

    def push(self, made: Made, name: str, tag: str | None = None) -> None:
        """An artifact with all that it leads to, each manifest after what it names."""
        registry = self.at(name)
        leaves = {key: data for key, data in made.blobs.items() if not _is_manifest(data)}
        for data in leaves.values():
            registry.push_blob(data)
        for key, data in made.blobs.items():
            if key not in leaves and key != made.artifact.digest:
                registry.push_manifest(data, json.loads(data)["mediaType"])
        registry.push_manifest(made.data, made.artifact.media_type, tag)

    def file(self, key: str) -> Path:
        """Where the registry keeps the bytes of a digest."""
        hex = key.removeprefix("sha256:")
        return self.root / "data/docker/registry/v2/blobs/sha256" / hex[:2] / hex / "data"


def problem() -> str | None:
    """Why no registry can be started here."""
    return None if shutil.which("docker-registry") else "docker-registry is not installed"


@contextmanager
def registry_server(root: Path, *, closed: bool = False) -> Iterator[RegistryServer]:
    """A registry that ends with the block; a `closed` one asks for `USER` and `PASSWORD`."""
    port = free_port()
    config = root / "registry.yml"
    auth = _AUTH.format(root=root) if closed else ""
    config.write_text(_CONFIG.format(root=root, port=port, auth=auth))
    (root / "users").write_text(f"{USER}:{_HASHED}\n")
    with (root / "log").open("wb") as log:
        started = start(["docker-registry", "serve", str(config)], log)
    try:
        until(lambda: answers(port), timeout=30)
        yield RegistryServer(root, port)
    finally:
        end(started)


def docker_config(folder: Path, host: str, password: str = PASSWORD) -> dict[str, str]:
    """The environment of somebody whom docker knows at a host."""
    folder.mkdir(exist_ok=True)
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    text = json.dumps({"auths": {host: {"auth": pair}}})
    (folder / "config.json").write_text(text)
    return {"DOCKER_CONFIG": str(folder)}


def _is_manifest(data: bytes) -> bool:
    return data.startswith(b'{"schemaVersion"')
