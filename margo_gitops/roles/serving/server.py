"""The HTTP server: cheroot, with what a hostile network asks for beside it.

cheroot parses requests and keeps connections; here are its bounds: how long a request may take
from its first byte, TLS handshake included, and how many connections one address may hold. Its
handshakes are moved off the thread that accepts, where one silent client would hold up all.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from cheroot.makefile import StreamReader, StreamWriter
from cheroot.server import HTTPConnection, HTTPRequest
from cheroot.ssl import Adapter
from cheroot.wsgi import Server

from margo_gitops.errors import Stalled
from margo_gitops.roles.serving.limits import PER_ADDRESS, Places
from margo_gitops.store.bounds import Clock
from margo_gitops.store.pushed import MAX_PUSH

STRANGER = 10.0
"""Seconds in which somebody must have said who he is: TLS, request and headers."""

KNOWN = 300.0
"""Seconds that a request of a known node may take in all: 8 MB at 30 kB/s."""

THREADS = 24
_SILENCE = 15
_MAX_HEAD = 16 << 10
_BACKLOG = 128
_CLOCK: ContextVar[Clock] = ContextVar("_CLOCK")
_SOCKET: ContextVar[Any] = ContextVar("_SOCKET")


def entered() -> None:
    """Whoever this thread answers is known: a request of a node may take longer."""
    clock = Clock(KNOWN)
    _CLOCK.get().rest()
    _CLOCK.set(clock)
    clock.watch(_SOCKET.get())


@contextmanager
def listening(
    host: str, port: int, app: Callable[..., Any], tls: tuple[Path, Path] | None
) -> Iterator[int]:
    """Serve while the block runs; gives the port.

    Raises `Stalled` for an address that cannot be used, a certificate or key that cannot be read.
    """
    server = _Server((host, port), app, numthreads=THREADS, max=THREADS, server_name="margo")
    server.request_queue_size = _BACKLOG
    server.timeout = _SILENCE
    server.max_request_header_size = _MAX_HEAD
    server.max_request_body_size = MAX_PUSH
    server.keep_alive_conn_limit = 4 * THREADS
    server.ssl_adapter = None if tls is None else _Tls(*tls)
    try:
        server.prepare()
    except OSError as error:
        raise Stalled(
            f"{host}:{port} cannot be listened on: {error}",
            help=f"ss -ltnp 'sport = :{port}'",
        ) from error
    thread = threading.Thread(target=server.serve, name="serve")
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.stop()
        thread.join()


class _Request(HTTPRequest):
    def send_headers(self) -> None:
        """Where we say that a connection ends it does: what is left of a body is not read."""
        if (b"Connection", b"close") in self.outheaders:
            self.close_connection = True
        super().send_headers()


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request

    def communicate(self) -> bool:
        """One request, ended when its time is over."""
        clock = Clock(STRANGER)
        kept, socket = _CLOCK.set(clock), _SOCKET.set(self.socket)
        clock.watch(self.socket)
        try:
            return bool(super().communicate())  # type: ignore[no-untyped-call]
        finally:
            _CLOCK.get().rest()
            _CLOCK.reset(kept)
            _SOCKET.reset(socket)
            self.server.places.give_back(self.remote_addr)


class _Server(Server):
    ConnectionClass = _Connection

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self.places = Places(PER_ADDRESS)

    @staticmethod
    def bind_socket(socket_: Any, bind_addr: Any) -> Any:
        """Bind it; one that cannot be bound is closed, which cheroot leaves to chance."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: Any) -> None:
        """Answer the next request of a connection, if its address has a place left."""
        if self.places.take(conn.remote_addr):
            super().process_conn(conn)
        else:
            conn.close()

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Nothing: strangers write no log here."""


class _Tls(Adapter):
    def __init__(self, certificate: Path, key: Path) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self.context.load_cert_chain(certificate, key, password="")  # never asked for
        except OSError as error:
            raise Stalled(
                f"the certificate {certificate} with the key {key} cannot be used:"
                f" {getattr(error, 'reason', None) or error.strerror}",
                help="--serve-cert and --serve-key name PEM files; the key without a passphrase",
            ) from error

    def bind(self, sock: Any) -> Any:
        return sock

    def wrap(self, sock: Any) -> Any:
        """The handshake is part of the first read, on a thread of its own and timed there."""
        wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, {}

    def get_environ(self) -> Any:
        return {}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> Any:
        return (StreamReader if "r" in mode else StreamWriter)(sock, mode, bufsize)
