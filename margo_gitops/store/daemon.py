"""`git://`: git's own daemon. No users and no encryption: for a network that one trusts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Unpack

from margo_gitops.errors import MargoError, Stalled, Unreachable
from margo_gitops.store.address import GIT_PORT, Address
from margo_gitops.store.bounds import Again, Bounds
from margo_gitops.store.reading import printable
from margo_gitops.store.stream import Stream, StreamTransport

_CLOSED_DOORS = ("access denied", "not exported", "service not enabled", "no such repository")


class DaemonTransport(StreamTransport):
    """A repository behind `git://`; the bounds are those of `StreamTransport`."""

    def __init__(self, address: Address, **bounds: Unpack[Bounds]) -> None:
        super().__init__(address.name, partial(_dial, address), **bounds)


def _dial(address: Address, service: str, seconds: float) -> Stream:
    place = (address.host, address.port or GIT_PORT)
    try:
        sock = socket.create_connection(place, timeout=max(seconds, 0.001))
    except TimeoutError as error:
        raise Unreachable(f"{address.name} did not answer within {seconds:g} s") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Again(f"the connection to {address.name} failed: {reason}") from error
    with suppress(OSError):  # who broke off already is found by the first read
        sock.sendall(_request(address, service))
    return Stream(sock, _judge(address, service), sock.close)


def _request(address: Address, service: str) -> bytes:
    """One packet (git's pack-protocol): service, path, host, and for reads the version we speak."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port is None else f":{address.port}"
    version = "\0version=2\0" if service == "git-upload-pack" else ""
    line = f"{service} {address.path}\0host={host}{port}\0{version}".encode()
    return b"%04x" % (len(line) + 4) + line


def _judge(address: Address, service: str) -> Callable[[str], MargoError]:
    def judge(words: str) -> MargoError:
        if not words:
            return Again(f"{address.name} hung up without a word")
        said = f"{address.name} said: {printable(words)}"
        if any(door in words for door in _CLOSED_DOORS):
            return Stalled(
                said,
                then="what runs goes on running",
                help=f"on the server, see that git daemon serves this path and {service}"
                " (git-daemon-export-ok; --enable=receive-pack for pushes)",
            )
        return Unreachable(said)

    return judge
