"""Servers and packs that mean us no good."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket, threading.Event], None]


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """A server that accepts, then does what `talk` does with each connection; yields its URL."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def accept(listening: socket.socket) -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=[connection]))
            threads[-1].start()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            talk(connection, over)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=accept, args=[listening])
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/fleet.git"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def read_request(connection: socket.socket) -> bytes:
    """One whole request, body included."""
    data = b""
    while b"\r\n\r\n" not in data and (block := connection.recv(65536)):
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    while length and len(body) < int(length[1]) and (block := connection.recv(65536)):
        body += block
    return head + body


def silent(connection: socket.socket, over: threading.Event) -> None:
    """Takes the request and never answers."""
    connection.recv(4096)
    over.wait()


def trickle(start: bytes, drop: bytes = b"x") -> Talk:
    """Answers with `start`, then one more byte each 50 ms: no single wait is long."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(start)
        while not over.wait(0.05):
            connection.sendall(drop)

    return talk


def answering(response: bytes) -> Talk:
    """Answers every request on a connection with the same bytes, then ends it."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        read_request(connection)
        connection.sendall(response)

    return talk


def saying(response: bytes) -> Talk:
    """Says this whatever it is told, and takes all that comes."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(response)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    return talk


def reset(connection: socket.socket, over: threading.Event) -> None:
    """Takes the request and resets the connection."""
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def http(body: bytes, content_type: str = "application/x-git-upload-pack-advertisement") -> bytes:
    """A whole response."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def pkt(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


def make_pack(objects: Sequence[bytes], count: int | None = None) -> bytes:
    """A pack of entries that are spelled already, with a right checksum."""
    head = struct.pack(">4sII", b"PACK", 2, len(objects) if count is None else count)
    body = head + b"".join(objects)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def entry(kind: int, size: int, content: bytes, base: bytes = b"") -> bytes:
    """An object of a pack that claims `size`."""
    byte = kind << 4 | size & 15
    size >>= 4
    head = bytearray()
    while size:
        head.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    head.append(byte)
    return bytes(head) + base + zlib.compress(content)
