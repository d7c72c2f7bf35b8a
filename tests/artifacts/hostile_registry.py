"""A registry that means harm: it redirects, trickles, breaks off, or sends without an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hostile:
    """How it behaves, and which requests it saw: method, path and Authorization."""

    port: int = 0
    manner: str = "cut"
    elsewhere: str = ""
    status: int = 500
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def hostile_registry() -> Iterator[Hostile]:
    """It listens while the block runs."""
    hostile = Hostile()

    class Handler(_Handler):
        is_of = hostile

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hostile.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hostile
    finally:
        hostile.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    is_of: Hostile
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hostile = self.is_of
        given = self.headers.get("Authorization", "")
        hostile.seen.append((self.command, self.path, given))
        if self.path == "/v2/" or (hostile.manner == "redirect" and not given):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
        else:
            getattr(self, f"_{hostile.manner}")()

    def _redirect(self) -> None:
        self._answer(307, {"Location": self.is_of.elsewhere + self.path})

    def _broken(self) -> None:
        self._answer(self.is_of.status, {})

    def _cut(self) -> None:
        self._head(200, {"Content-Length": "1000"})
        self.wfile.write(b"x" * 10)
        self.close_connection = True

    def _endless(self) -> None:
        self._head(200, {"Content-Length": str(1 << 40)})
        self._pour(b"x" * 65536, 0.0)

    def _trickle(self) -> None:
        self._head(200, {"Content-Length": "100000"})
        self._pour(b"x", 0.05)

    def _pour(self, block: bytes, pause: float) -> None:
        try:
            while not self.is_of.over.wait(pause):
                self.wfile.write(block)
                self.wfile.flush()
        except OSError:
            self.close_connection = True

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self._head(status, {**headers, "Content-Length": "0"})

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing."""
