"""A forge's double: a real HTTP server on loopback, held to the forge's description both ways.

What a request or a reply has that the description has not is one of `violations`, and a test that
has any fails. `faults` names what goes wrong, by a part of the path.
"""

from __future__ import annotations

import json
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from tests.forges.described import Operation, described

OURS, OTHERS = "margo-bot", "eve"
TOKEN = "t0ken-of-the-bot-that-nobody-may-read"
HEAD, MERGE = "a" * 40, "b" * 40
BRANCH = "proposal/17"

_JSON = "application/json; charset=utf-8"
_SAID = {
    "nonsense": b'{"message": ["not", "what was asked for"]}',
    "html": b"<html><body>Please sign in</body></html>",
    "huge": b'[{"x": "' + b"x" * (10 << 20) + b'"}]',
}
Answer = tuple[int, Any]
Handler = Callable[[str, dict[str, str], dict[str, str], Any], Answer]


@dataclass
class Fault:
    """One way in which a forge fails; `left` times, then no more."""

    kind: str
    on: str = ""
    method: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    left: int = 1_000_000


class Double:
    """What the three have in common."""

    kind: ClassVar[str]
    prefix: ClassVar[str] = ""
    project: ClassVar[str] = "plant/fleet"
    project_path: ClassVar[str]
    token_header: ClassVar[str] = "Authorization"
    token_prefix: ClassVar[str] = "token "

    def __init__(self) -> None:
        self.described = described(self.kind)
        self.violations: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.faults: list[Fault] = []
        self.url = ""
        self.branches = {BRANCH: HEAD, "main": "c" * 40}
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._number = 0

    @property
    def written(self) -> list[tuple[str, str]]:
        """The requests that write."""
        return [one for one in self.asked if one[0] != "GET"]

    def next(self) -> int:
        """A number that was not used yet."""
        self._number += 1
        return self._number

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, token: str
    ) -> Answer:
        """One request's answer; what is not described is noted."""
        found = self.described.operation(method, path.removeprefix(self.prefix))
        if found is None:
            self.violations.append(f"{method} {path}: not described")
            return 404, {"message": "Not Found"}
        one, parameters = found
        self.violations += self.described.request_faults(one, query, body)
        if token != TOKEN:
            return 401, {"message": "Bad credentials"}
        status, reply = self.handle(one, parameters, query, body)
        self.violations += self.described.reply_faults(one, status, reply)
        return status, reply

    def handle(
        self, one: Operation, parameters: dict[str, str], query: dict[str, str], body: Any
    ) -> Answer:
        """What this forge does: by the first of `handlers` whose part the operation has."""
        name = one.key.replace(self.project_path, "")
        project = "/".join(parameters[key] for key in ("owner", "repo", "id") if key in parameters)
        if self.project_path in one.path and not project.startswith(self.project):
            return self.no(404, "Not Found")
        handler = next(found for part, found in self.handlers() if part in name)
        return handler(name, parameters, query, body)

    def handlers(self) -> tuple[tuple[str, Handler], ...]:
        """What answers, by a part of an operation's name."""
        raise NotImplementedError

    def no(self, status: int, message: str) -> Answer:
        """A refusal."""
        return status, {"message": message, "url": "x"}

    def fault(self, method: str, path: str) -> Fault | None:
        """What goes wrong with this request."""
        for one in self.faults:
            if one.on in path and one.method in {"", method} and one.left:
                one.left -= 1
                return one
        return None

    @contextmanager
    def serve(self, certificate: Path | None = None) -> Iterator[Double]:
        """Answer on loopback for as long as it is needed; over TLS where there is a certificate."""
        server = _Server(("127.0.0.1", 0), _handler(self))
        scheme = "http"
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, *_: Any) -> None:
        """Who does not like our certificate hangs up."""


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Bound(_Serving):
        served = double

    return Bound


class _Serving(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: ClassVar[Double]

    def _serve(self) -> None:
        double, parts = self.served, urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get(double.token_header, "")
        with double._lock:
            double.asked.append((self.command, parts.path))
            double.tokens.append(token)
            fault = double.fault(self.command, parts.path)
        if fault is not None:
            self._fail(fault)
            return
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = json.loads(data) if data else None
        with double._lock:
            try:
                status, reply = double.answer(
                    self.command, parts.path, query, body, token.removeprefix(double.token_prefix)
                )
            except Exception:
                double.violations.append(traceback.format_exc())
                raise
        self._send(status, b"" if status == 204 else json.dumps(reply).encode())

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

    def _fail(self, fault: Fault) -> None:
        kind = fault.kind
        if kind == "hang":
            self.served.released.wait(20)
        elif kind == "drip":
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not self.served.released.wait(0.05):
                    self.wfile.write(b"x")
        elif kind in _SAID:
            with suppress(OSError):  # nobody reads all of what is huge
                self._send(200, _SAID[kind], kind="text/html" if kind == "html" else _JSON)
        elif kind == "redirect":
            self._send(307, b"", fault.headers)
        elif kind.isdigit():
            said = json.dumps({"message": f"no: {kind}"}).encode()
            self._send(int(kind), said, fault.headers)
        self.close_connection = True  # and where nothing was said, that is the fault

    def _send(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, kind: str = _JSON
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
