"""A real Kubernetes API server with etcd on loopback, and real helm and kubectl, for tests.

No kubelet: objects are stored and validated as in any cluster, but no pod runs. `.ci/kubernetes`
fetches and builds what this needs into a cache.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running import free_port, started
from tests.waiting import until

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "margo-gitops"
TOKEN, OTHER = "of-a-test", "of-nobody"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running API server."""

    kubeconfig: Path
    tools: Path

    def __call__(self, *words: str, input: str = "", check: bool = True) -> str:
        """What `kubectl WORDS` prints."""
        return self._run("kubectl", words, input, check=check)

    def helm(self, *words: str, check: bool = True) -> str:
        """What `helm WORDS` prints."""
        return self._run("helm", words, "", check=check)

    def items(self, *words: str) -> list[dict[str, Any]]:
        """The objects that `kubectl get WORDS` finds."""
        found: list[dict[str, Any]] = json.loads(self("get", *words, "-o", "json"))["items"]
        return found

    def _run(self, program: str, words: tuple[str, ...], input: str, *, check: bool) -> str:
        argv = [str(self.tools / program), "--kubeconfig", str(self.kubeconfig), *words]
        done = subprocess.run(argv, input=input, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{program} {words}: {done.stderr}")
        return done.stdout.strip()


def api_server() -> Path | None:
    """The newest kube-apiserver of the cache."""
    found = sorted(CACHE.glob("kube/*/kube-apiserver"))
    return found[-1] if found else None


def helms() -> dict[str, Path]:
    """The versions of helm in the cache, and the folders that they and a kubectl lie in."""
    return {path.parent.name: path.parent for path in sorted(CACHE.glob("helm/*/helm"))}


def problem() -> str | None:
    """Why no API server can be started here."""
    for program in ("etcd", "openssl"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if api_server() is None:
        return f"{CACHE}/kube holds no kube-apiserver (.ci/kubernetes)"
    return None if helms() else f"{CACHE}/helm holds no helm (.ci/kubernetes)"


@contextmanager
def kube(folder: Path, how: signal.Signals = signal.SIGTERM) -> Iterator[Path]:
    """The kubeconfig of an API server that ends with the block, by the signal `how`."""
    with starting(folder, how) as config:
        ready = Cluster(config, next(iter(helms().values())))
        until(lambda: ready("get", "--raw", "/readyz", check=False) == "ok", 60)
        yield config


@contextmanager
def starting(folder: Path, how: signal.Signals = signal.SIGTERM) -> Iterator[Path]:
    """The same, not waited for.

    Started on its folder again, also after SIGKILL, it is the same cluster with all that it held,
    on other ports: the kubeconfig is written anew.
    """
    store, port = _etcd(folder)
    server, secure = _server(folder, port)
    with started(store, folder / "etcd.log", how), started(server, folder / "server.log", how):
        yield kubeconfig(folder / "kubeconfig", secure)


def kubeconfig(path: Path, port: int, token: str = TOKEN) -> Path:
    """A file that leads to a server on loopback, as somebody."""
    cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "somebody", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "somebody"}}],
        "current-context": "test",
    }
    path.write_text(json.dumps(value))
    path.chmod(0o600)
    return path


def _etcd(folder: Path) -> tuple[list[str], int]:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    options = [
        *("--data-dir", f"{folder}/etcd", "--unsafe-no-fsync"),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"default={peer}"),
    ]
    return ["etcd", *options], int(client.rpartition(":")[2])


def _server(folder: Path, etcd: int) -> tuple[list[str], int]:
    key, port = folder / "accounts.key", free_port()
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n{OTHER},nobody,2\n')
    options = {
        "etcd-servers": f"http://127.0.0.1:{etcd}",
        "cert-dir": folder / "certificates",
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.2",
        "secure-port": port,
        "endpoint-reconciler-type": "none",
        "service-cluster-ip-range": "10.96.0.0/16",
        "token-auth-file": folder / "tokens.csv",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://127.0.0.1",
        "service-account-signing-key-file": key,
        "service-account-key-file": key,
        "allow-privileged": "true",
        "kubelet-preferred-address-types": "Hostname",
        "disable-admission-plugins": "ServiceAccount",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    return [str(api_server()), *words], port
