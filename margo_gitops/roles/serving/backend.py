"""Stock `git http-backend` as a CGI program (RFC 3875), ended when its client goes.

Nothing that a client sent reaches its environment but one of three versions of the protocol.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from margo_gitops.errors import Unreachable
from margo_gitops.process import Conversation, converse
from margo_gitops.roles.serving.answer import Answer, Turned
from margo_gitops.roles.serving.repositories import NODES
from margo_gitops.store.bounds import Clock
from margo_gitops.store.served import environment

SILENCE = 30.0
TOTAL = 120.0
"""Seconds that git may be silent, and may work in all."""

_BLOCK = 1 << 16
_MAX_HEAD = 8192


def run_backend(
    state: Path, node: str, service: str, *, body: bytes | None, version: str = ""
) -> Answer:
    """Ask for a service (`git-upload-pack`, `git-receive-pack`): its refs, or with a body itself.

    Raises `Turned` where git breaks off before it answers.
    """
    env = environment(node, version) | _request(state, node, service, body)
    talk = converse(["git", "http-backend"], env=env, alone=True)
    clock = Clock(TOTAL)
    answer = Answer("", [], [], [lambda: _end(talk, clock)])
    try:
        talk.sock.settimeout(SILENCE)
        clock.watch(talk.sock)
        with suppress(BrokenPipeError):  # it has answered already, and ended
            talk.sock.sendall(body or b"")
        talk.hang_up()
        head, rest = _head(talk.sock)
    except (OSError, Unreachable) as error:
        answer.close()
        raise Turned("500 Internal Server Error", "git did not answer here") from error
    answer.status = head.get("status", "200 OK")
    kind = head.get("content-type", "application/octet-stream")
    answer.headers = [("Content-Type", kind), ("Cache-Control", "no-cache")]
    answer.blocks = _blocks(talk.sock, rest)
    return answer


def _request(state: Path, node: str, service: str, body: bytes | None) -> dict[str, str]:
    found = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "GIT_PROJECT_ROOT": str(state / NODES),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": node,
    }
    if body is None:
        query = {"REQUEST_METHOD": "GET", "QUERY_STRING": f"service={service}"}
        return found | query | {"PATH_INFO": f"/{node}.git/info/refs"}
    return found | {
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": "",
        "PATH_INFO": f"/{node}.git/{service}",
        "CONTENT_TYPE": f"application/x-{service}-request",
        "CONTENT_LENGTH": str(len(body)),
    }


def _head(sock: socket.socket) -> tuple[dict[str, str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        block = sock.recv(_BLOCK)
        if not block or len(data) > _MAX_HEAD:
            raise Unreachable("git http-backend broke off")
        data += block
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
    return {name.lower(): value for name, _, value in lines}, rest


def _blocks(sock: socket.socket, rest: bytes) -> Iterator[bytes]:
    if rest:
        yield rest
    while block := sock.recv(_BLOCK):
        yield block


def _end(talk: Conversation, clock: Clock) -> None:
    clock.rest()
    talk.end(grace=1.0)
