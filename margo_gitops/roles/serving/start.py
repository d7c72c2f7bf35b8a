"""Serving a site: where to listen, under which conditions, and for how long."""

from __future__ import annotations

import ipaddress
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.errors import Stalled, Usage


@dataclass(frozen=True, slots=True)
class Serving:
    """What was asked for: `HOST:PORT`, PEM files of certificate and key, or `plain` without."""

    listen: str
    certificate: Path | None = None
    key: Path | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@contextmanager
def serving(asked: Serving, state: Path, mirror: Path) -> Iterator[str]:
    """Serve an LO's nodes while the block runs; gives the URL that was listened on.

    Raises `Usage` for an address beyond this host without TLS, `Stalled` where it cannot be used.
    """
    from margo_gitops.roles.serving.server import entered, listening  # noqa: PLC0415
    from margo_gitops.roles.serving.site import ServedSite  # noqa: PLC0415

    address, tls = parse_listen(asked.listen), _tls(asked)
    if tls is None and not address.is_loopback and not asked.plain:
        raise Usage(
            f"--serve {asked.listen} reaches beyond this host without encryption: expected"
            " --serve-cert and --serve-key, or --serve-plain where nobody else is on the network"
        )
    if shutil.which("git") is None:
        raise Stalled("the program 'git' was not found: it serves the nodes", help="margo doctor")
    app = ServedSite(state, mirror, time.monotonic, entered)
    with listening(address.host, address.port, app, tls) as port:
        host = f"[{address.host}]" if ":" in address.host else address.host
        yield f"{'http' if tls is None else 'https'}://{host}:{port}"


def parse_listen(text: str) -> Address:
    """`HOST:PORT` with an IPv6 host in brackets; `Usage` for anything else."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    right = bare and (":" in bare) == (host != bare)
    if not colon or not right or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise Usage(f"--serve {text!r}: expected 127.0.0.1:8418, 0.0.0.0:8418 or [::]:8418")
    return Address(bare, int(port))


def _tls(asked: Serving) -> tuple[Path, Path] | None:
    if asked.certificate is None and asked.key is None:
        return None
    if asked.certificate is None or asked.key is None:
        raise Usage("--serve-cert and --serve-key: found one of them, expected both or none")
    return asked.certificate, asked.key
