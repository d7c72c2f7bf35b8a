"""What stands between a client and a server: a relay that counts bytes, and an HTTP proxy."""

from __future__ import annotations

import base64
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Between:
    """Its port, how often it was connected to, how many bytes came back from the server."""

    port: int
    heads: list[str] = field(default_factory=list)
    received: int = 0
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, size: int) -> None:
        """More bytes came back."""
        with self.lock:
            self.received += size


@contextmanager
def relay(port: int, meanwhile: Callable[[bytes], object] = len) -> Iterator[Between]:
    """Passes every connection on to this port; `meanwhile` sees what goes up before it goes."""

    def handle(client: socket.socket, between: Between) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            _pump(client, server, between, meanwhile)

    with _listening(handle) as between:
        yield between


@contextmanager
def http_proxy(user: str = "", password: str = "") -> Iterator[Between]:
    """CONNECT and absolute URLs, for these credentials only; what is `*.invalid` is loopback."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()

    def handle(client: socket.socket, between: Between) -> None:
        while head := _head(client):
            between.heads.append(head)
            if user and f"proxy-authorization: basic {pair}".lower() not in head.lower():
                client.sendall(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
                )
                continue
            _pass_on(client, head, between)
            return

    with _listening(handle) as between:
        yield between


def _pass_on(client: socket.socket, head: str, between: Between) -> None:
    line, _, rest = head.partition("\r\n")
    method, target, version = line.split(" ")
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    host = "127.0.0.1" if str(parts.hostname).endswith(".invalid") else parts.hostname
    with socket.create_connection((host, parts.port)) as server:
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            query = f"?{parts.query}" if parts.query else ""
            rest = re.sub(r"(?im)^(proxy-authorization|connection):.*\r\n", "", rest)
            start = f"{method} {parts.path}{query} {version}\r\nConnection: close\r\n{rest}"
            server.sendall(start.encode("latin-1"))
        _pump(client, server, between)


def _head(client: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        byte = client.recv(1)  # what follows the head is not ours
        if not byte:
            return ""
        data += byte
    return data.decode("latin-1")


def _pump(
    client: socket.socket,
    server: socket.socket,
    between: Between,
    meanwhile: Callable[[bytes], object] = len,
) -> None:
    for end in (client, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is timed waits for no ACK
    up = threading.Thread(target=_copy, args=[client, server, meanwhile])
    up.start()
    _copy(server, client, lambda block: between.count(len(block)))
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    up.join()


def _copy(source: socket.socket, target: socket.socket, see: Callable[[bytes], object]) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            see(block)
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def _listening(handle: Callable[[socket.socket, Between], None]) -> Iterator[Between]:
    threads: list[threading.Thread] = []
    clients: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            between.connections += 1
            clients.append(client)
            threads.append(threading.Thread(target=serve, args=[client]))
            threads[-1].start()

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            handle(client, between)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        between = Between(listening.getsockname()[1])
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield between
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for client in clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
