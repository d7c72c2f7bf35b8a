"""Hosts of their own on one machine: network namespaces, cables between them, a switch."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import until

LAN = "10.77.0"
UPLINK = "10.78.0"


@dataclass(frozen=True)
class Host:
    """A network namespace; its processes end with it."""

    name: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def argv(self, words: Sequence[str]) -> list[str]:
        """The words that run a program on this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def start(
        self, words: Sequence[str], log: Path, env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """A program on this host."""
        with log.open("wb") as output:
            child = subprocess.Popen(
                self.argv(words), env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.started.append(child)
        return child

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A program to its end, whatever it answers."""
        argv = self.argv(words)
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    def pids(self) -> list[int]:
        """All that runs on this host."""
        return [int(pid) for pid in _ip("netns", "pids", self.name).split()]


def problem() -> str | None:
    """Why no host can be made here."""
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    name = f"mg{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"ip netns add: {made.stderr.strip()}"
    _ip("netns", "del", name)
    return None


@contextmanager
def site_network(nodes: Sequence[str]) -> Iterator[dict[str, Host]]:
    """A gateway `lo` (.1) and nodes (.2 and on) on one switch; behind the gateway alone, `hq`.

    The gateway forwards nothing. Whatever happens in the block, nothing of it is left after it.
    """
    hosts = {name: Host(f"mg{os.getpid()}-{name}") for name in ("switch", "hq", "lo", *nodes)}
    try:
        for host in hosts.values():
            _ip("netns", "add", host.name)
            _in(host, "link", "set", "lo", "up")
        switch = hosts["switch"]
        _in(switch, "link", "add", "br0", "type", "bridge")
        _in(switch, "link", "set", "br0", "up")
        for number, name in enumerate(("lo", *nodes), 1):
            _cable(hosts[name], "eth0", switch, f"port{number}")
            _in(switch, "link", "set", f"port{number}", "master", "br0")
            _address(hosts[name], "eth0", f"{LAN}.{number}")
        _cable(hosts["lo"], "wan0", hosts["hq"], "eth0")
        _address(hosts["lo"], "wan0", f"{UPLINK}.2")
        _address(hosts["hq"], "eth0", f"{UPLINK}.1")
        for name in nodes:
            _in(hosts[name], "route", "add", "default", "via", f"{LAN}.1")
        yield hosts
    finally:
        for host in hosts.values():
            _end(host)


def _cable(one: Host, end: str, other: Host, other_end: str) -> None:
    _in(one, "link", "add", end, "type", "veth", "peer", "name", other_end, "netns", other.name)
    _in(one, "link", "set", end, "up")
    _in(other, "link", "set", other_end, "up")


def _address(host: Host, end: str, address: str) -> None:
    _in(host, "addr", "add", f"{address}/24", "dev", end)


def _end(host: Host) -> None:
    def gone() -> bool:
        with suppress(subprocess.CalledProcessError):
            for pid in host.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not host.pids()
        return True

    until(gone)
    for child in host.started:
        child.wait(10)
    subprocess.run(["ip", "netns", "del", host.name], capture_output=True, check=False)


def _in(host: Host, *words: str) -> None:
    _ip("-n", host.name, *words)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout
