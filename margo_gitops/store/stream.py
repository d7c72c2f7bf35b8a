"""A two-way stream to a git server, new for each operation: bounded in silence, time and bytes.

`git://` dials a socket, ssh talks over one with its program; all else is the same.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import IO

from dulwich.client import TraditionalGitClient
from dulwich.errors import HangupException
from dulwich.protocol import Protocol

from margo_gitops.errors import MargoError, Refused, Unreachable
from margo_gitops.store.bounds import TOTAL, Again, Clock
from margo_gitops.store.limits import MAX_PACK
from margo_gitops.store.reading import Reader
from margo_gitops.store.server import ServerTransport

_BLOCK = 1 << 16
_SERVICES = {b"upload-pack": "git-upload-pack", b"receive-pack": "git-receive-pack"}
_ERROR = b"ERR "

Judge = Callable[[str], MargoError]
"""What it means that a server says only this, or (empty) hangs up at once."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A socket on which a service was asked for; `judge` names the fault if it is not given."""

    sock: socket.socket
    judge: Judge
    end: Callable[[], None]


Dial = Callable[[str, float], Stream]
"""Ask for a service within so many seconds. The stream is the caller's to end."""


class StreamLine:
    """The `Line` of one server: at most one stream at a time, ended with its operation."""

    def __init__(self, name: str, dial: Dial, *, timeout: float) -> None:
        self.name = name
        self._dial = dial
        self._timeout = timeout
        self._clock = Clock(timeout)
        self._bytes_left = 0
        self._stream: Stream | None = None
        self._unsent = bytearray()

    @contextmanager
    def within(self, seconds: float, size: int) -> Iterator[None]:
        """See `Line`."""
        self._clock = Clock(seconds)
        self._bytes_left = size
        try:
            yield
            with suppress(MargoError):  # a goodbye: the answer is here already
                self._flush()
        finally:
            self._clock.rest()
            self.close()

    def close(self) -> None:
        """See `Line`."""
        stream, self._stream = self._stream, None
        self._unsent.clear()
        if stream is not None:
            stream.end()

    def open(self, service: str) -> tuple[Stream, Reader]:
        """A stream for this service, and what comes over it."""
        self.close()
        self._stream = self._dial(service, min(self._timeout, self._clock.left))
        self._stream.sock.settimeout(self._timeout)
        self._clock.watch(self._stream.sock)
        return self._stream, Reader(self._take)

    def ask(self, service: str) -> Protocol:
        """Open a stream for this service and see that the server gives it."""
        stream, reader = self.open(service)
        protocol = Protocol(reader.read, self._write)  # closing is for `within`
        try:
            first = protocol.read_pkt_line()
        except HangupException as error:
            raise stream.judge("") from error
        if first is not None and first.startswith(_ERROR):
            raise stream.judge(first.removeprefix(_ERROR).decode("utf-8", "replace"))
        protocol.unread_pkt_line(first)
        return protocol

    def _take(self) -> bytes:
        self._flush()
        try:
            block = self._open_socket().recv(_BLOCK)
        except OSError as error:
            raise self._fault(error) from error
        if not block and self._clock.over:
            raise self._late()
        self._bytes_left -= len(block)
        if self._bytes_left < 0:
            raise Refused(f"{self.name} sent more than we take at once", rule="too-large")
        return block

    def _write(self, data: bytes) -> int:
        """Hold it back until there is a block, or an answer is waited for: few packets travel."""
        self._unsent += data
        if len(self._unsent) >= _BLOCK:
            self._flush()
        return len(data)

    def _flush(self) -> None:
        """Send what was held back; each part may take `timeout`, whatever the whole may take."""
        rest = memoryview(bytes(self._unsent))
        self._unsent.clear()
        try:
            while rest:
                rest = rest[self._open_socket().send(rest[:_BLOCK]) :]
        except OSError as error:
            raise self._fault(error) from error

    def _open_socket(self) -> socket.socket:
        if self._stream is None:
            raise Unreachable(f"{self.name} was left before it was done")
        return self._stream.sock

    def _fault(self, error: OSError) -> Unreachable:
        if self._clock.over:
            return self._late()
        if isinstance(error, TimeoutError):
            return Unreachable(f"{self.name} was silent for {self._timeout:g} s")
        kind = Again if isinstance(error, ConnectionError) else Unreachable
        return kind(f"{self.name} broke off: {error.strerror or type(error).__name__}")

    def _late(self) -> Unreachable:
        return Unreachable(f"{self.name} was not done after {self._clock.seconds:g} s")


class StreamClient(TraditionalGitClient):
    """dulwich's client over our own `StreamLine`."""

    def __init__(self, line: StreamLine) -> None:
        super().__init__(quiet=True)
        self._line = line

    def _connect(
        self,
        cmd: bytes,
        path: str | bytes,  # noqa: ARG002 -- the line leads to one repository
        protocol_version: int | None = None,  # noqa: ARG002 -- always 2, where it is spoken
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        # What a server of version 0 says while we list what we have is read after the list.
        return self._line.ask(_SERVICES[cmd]), lambda: False, None


class StreamTransport(ServerTransport):
    """A repository behind a stream that is dialled; the bounds are those of `ServerTransport`."""

    def __init__(
        self,
        name: str,
        dial: Dial,
        *,
        timeout: float = 30.0,
        total: float = TOTAL,
        limit: int = MAX_PACK,
    ) -> None:
        self.line = StreamLine(name, dial, timeout=timeout)
        client = partial(StreamClient, self.line)
        super().__init__(self.line, client, timeout=timeout, total=total, limit=limit)
