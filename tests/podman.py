"""A real podman behind its Docker-compatible socket, with storage of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import dockerd
from tests.waiting import until

# Without the first, podman raises a limit that a container of a CI may not raise; crun, its
# default, refuses hosts that have both cgroup versions.
_CONFIG = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
"""


def problem() -> str | None:
    """Why no podman can be started here."""
    for program in ("podman", "runc"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return dockerd.problem()


@contextmanager
def podman() -> Iterator[dockerd.Engine]:
    """A podman with compose (docker's) and the test image, which ends with the block."""
    # Not below a test's own folder: podman takes a run root of at most 50 characters.
    folder = Path(tempfile.mkdtemp(prefix="podman-"))
    try:
        with _served(folder) as engine:
            yield engine
    finally:
        dockerd.unmount(folder)
        shutil.rmtree(folder)


@contextmanager
def _served(folder: Path) -> Iterator[dockerd.Engine]:
    (folder / "containers.conf").write_text(_CONFIG)
    host = f"unix://{folder}/podman.sock"
    own = ["podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run"]
    with pytest.MonkeyPatch.context() as patch, (folder / "podman.log").open("wb") as log:
        patch.setenv("DOCKER_CONFIG", str(dockerd.configured(folder)))
        patch.setenv("CONTAINERS_CONF", str(folder / "containers.conf"))
        argv = ["unshare", "--net", *own, "system", "service", "-t", "0", host]
        started = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(lambda: dockerd.answers(host), timeout=30)
            yield dockerd.with_image(dockerd.Engine(host))
        finally:
            subprocess.run([*own, "rm", "--all", "--force"], capture_output=True, check=False)
            started.send_signal(signal.SIGTERM)
            started.wait(30)
