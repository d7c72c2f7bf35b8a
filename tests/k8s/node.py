"""A whole node on this machine: API server, controllers, scheduler, kubelet, Docker for its pods.

All of it is in the network namespace that `nox -s k8s` makes for the session, so that it finds the
addresses that it wants and leaves this machine's alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests import dockerd, kube
from tests.running import started
from tests.waiting import until

PROGRAMS = ("kube-controller-manager", "kube-scheduler", "kubelet")
BRIDGE = "172.17.0.1"
PAUSE = "local/pause:1"

# The pause container asks for a negative oom_score_adj, which takes a right that a CI may not have.
_CLAMP = """\
#!/bin/bash
bundle=""; before=""
for word in "$@"; do
  case "$before" in --bundle|-b) bundle="$word";; esac
  before="$word"
done
if [ -n "$bundle" ] && [ -f "$bundle/config.json" ]; then
  jq 'if (.process.oomScoreAdj // 0) < 0 then .process.oomScoreAdj = 0 else . end' \\
    "$bundle/config.json" >"$bundle/config.json.new" \\
    && cat "$bundle/config.json.new" >"$bundle/config.json" && rm -f "$bundle/config.json.new"
fi
exec runc "$@"
"""
_KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "address": "127.0.0.1",
    "port": 11250,
    "healthzPort": 0,
    "readOnlyPort": 0,
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": [],
    "failSwapOn": False,
    "evictionHard": {},
    "imageGCHighThresholdPercent": 100,
    "resolvConf": "/dev/null",
}


def problem() -> str | None:
    """Why no node can be started here."""
    if os.environ.get("MARGO_K8S") != "1":
        return "it needs a network namespace of its own: nox -s k8s"
    server = kube.api_server()
    lacking = [name for name in PROGRAMS if server is None or not server.with_name(name).exists()]
    if lacking:
        return f"the cache lacks {', '.join(lacking)} (.ci/kubernetes node)"
    for program in ("jq", "runc"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return kube.problem() or dockerd.problem()


@contextmanager
def node(folder: Path) -> Iterator[Path]:
    """The kubeconfig of a cluster with one node that is ready."""
    with ExitStack() as stack:
        stack.callback(dockerd.unmount, folder)
        engine = stack.enter_context(_docker(folder))
        config = stack.enter_context(kube.kube(folder))
        for name, options in _programs(folder, config, engine).items():
            server = kube.api_server()
            assert server is not None
            argv = [str(server.with_name(name)), *options]
            stack.enter_context(started(argv, folder / f"{name}.log"))
        tools = kube.helms()[max(kube.helms())]
        asked = ("get", "nodes", "--no-headers")
        cluster = kube.Cluster(config, tools)
        until(lambda: " Ready " in cluster(*asked, check=False), 120)
        yield config


@contextmanager
def _docker(folder: Path) -> Iterator[dockerd.Engine]:
    clamp = folder / "clamp"
    clamp.write_text(_CLAMP)
    clamp.chmod(0o755)
    host = dockerd.address(folder)
    options = [
        *("--data-root", f"{folder}/docker", "--exec-root", f"{folder}/exec", "-H", host),
        *("--pidfile", f"{folder}/docker.pid", "--bip", f"{BRIDGE}/16"),
        *("--add-runtime", f"clamp={clamp}", "--default-runtime", "clamp"),
    ]
    with started(["dockerd", *options], folder / "dockerd.log"):
        until(lambda: dockerd.answers(host), 60)
        engine = dockerd.with_image(dockerd.Engine(host))
        sleep = 'ENTRYPOINT ["/bin/sleep", "2147483647"]'
        engine("import", "-c", sleep, "-", PAUSE, input=dockerd.root())
        yield engine
        if left := engine("ps", "--all", "--quiet").split():
            engine("rm", "--force", *left)
    dockerd.unmount(folder)
    subprocess.run(["rm", "-rf", "--", str(folder / "docker")], check=False)


def _programs(folder: Path, config: Path, engine: dockerd.Engine) -> dict[str, list[str]]:
    written = folder / "kubelet.yaml"
    written.write_text(json.dumps(_KUBELET))
    common = ["--bind-address=127.0.0.1", "--port=0", "--leader-elect=false"]
    return {
        "kube-controller-manager": [
            *common,
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            f"--cert-dir={folder}/manager",
            f"--service-account-private-key-file={folder}/accounts.key",
            f"--root-ca-file={folder}/certificates/apiserver.crt",
        ],
        "kube-scheduler": [
            *common,
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            f"--cert-dir={folder}/scheduler",
        ],
        "kubelet": [
            f"--kubeconfig={config}",
            f"--config={written}",
            f"--root-dir={folder}/kubelet",
            f"--cert-dir={folder}/kubelet-certificates",
            f"--docker-endpoint={engine.host}",
            f"--pod-infra-container-image={PAUSE}",
            "--hostname-override=localhost",
            f"--node-ip={BRIDGE}",
            "--network-plugin=",
        ],
    }
