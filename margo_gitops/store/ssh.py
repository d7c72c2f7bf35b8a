"""ssh: the `ssh` program and its config, keys and agent, as git uses them; it never asks."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from functools import partial
from typing import Unpack

from margo_gitops.errors import MargoError, Stalled, Unreachable, Usage
from margo_gitops.process import Conversation, Finished, converse
from margo_gitops.store.address import Address
from margo_gitops.store.bounds import Again, Bounds
from margo_gitops.store.reading import BLOCK, begun, printable
from margo_gitops.store.stream import Stream, StreamTransport

COMMANDS = ("MARGO_SSH", "GIT_SSH_COMMAND")
"""Variables with the program and its first options, split as a shell would, run without one."""

CONTENT = "margo-content"
"""What a served site is asked for an artifact by: digest and offset.

It answers how many bytes come, in digits, LF, and the bytes.
"""

_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "SendEnv=GIT_PROTOCOL",
)
_UNCHECKED = re.compile(r"stricthostkeychecking\W*(?!yes\b|ask\b)\w", re.IGNORECASE)
_DIGITS = 20
_OWN_FAULT = 255
_NO_PROGRAM = 127
_RUNS_ON = "what runs goes on running"


class SshTransport(StreamTransport):
    """A repository behind ssh; the bounds are those of `StreamTransport`."""

    def __init__(self, address: Address, **bounds: Unpack[Bounds]) -> None:
        super().__init__(address.name, partial(_dial, address, _command()), **bounds)

    def blob(self, digest: str, size: int, offset: int = 0) -> Iterator[bytes] | None:
        """See `Blobs`."""
        try:
            return self._tried(lambda: begun(self._blob(digest, size, offset)))
        except _NotHeld:
            return None

    def _blob(self, digest: str, size: int, offset: int) -> Iterator[bytes]:
        left = size - offset
        with self.line.within(self._total, left + BLOCK):
            stream, reader = self.line.open(f"{CONTENT} {digest} {offset}")
            head = b""
            while not head.endswith(b"\n"):
                byte = reader.read(1)
                if not byte or len(head) > _DIGITS:
                    _require_answer(stream)
                    raise _NotHeld
                head += byte
            while left > 0 and (block := reader.read(min(left, BLOCK))):
                left -= len(block)
                yield block


class _NotHeld(Exception):
    """The site does not have it."""


def _require_answer(stream: Stream) -> None:
    """It does not hold it, or is no served site: only what may be gone in a while is an error."""
    error = stream.judge("")
    if isinstance(error, Unreachable):
        raise error


def _command() -> list[str]:
    given = next(filter(None, map(os.environ.get, COMMANDS)), "ssh")
    try:
        words = shlex.split(given)
    except ValueError as error:
        raise Usage(f"{' or '.join(COMMANDS)} cannot be split into words: {error}") from error
    if _UNCHECKED.search(given):
        raise Usage(
            f"{' or '.join(COMMANDS)} turns the check of host keys off, expected it on",
            help="put the server's key into known_hosts",
        )
    return words


def _dial(address: Address, command: list[str], service: str, seconds: float) -> Stream:  # noqa: ARG001
    options = [word for option in _OPTIONS for word in ("-o", option)]
    port = [] if address.port is None else ["-p", str(address.port)]
    user = [] if address.user is None else ["-l", address.user]
    env = {"GIT_PROTOCOL": "version=2" if service == "git-upload-pack" else "", "LC_ALL": "C"}
    asked = service if service.startswith(CONTENT) else f"{service} {_quoted(address.path)}"
    argv = [*command, *options, *port, *user, address.host, asked]
    return _stream(address, converse(argv, env=env))


def _stream(address: Address, talk: Conversation) -> Stream:
    ended: list[Finished] = []

    def end() -> None:
        if not ended:
            ended.append(talk.end())

    def judge(words: str) -> MargoError:
        end()
        return _judged(address, ended[0], words)

    return Stream(talk.sock, judge, end)


def _quoted(path: str) -> str:
    """In quotes always: git-shell, which many servers run, takes a path no other way."""
    return "'" + path.replace("'", "'\\''").replace("!", "'\\!'") + "'"


def _judged(address: Address, done: Finished, words: str) -> MargoError:
    said = printable(" ".join((words or done.err).split()[-40:]))
    if done.code == _OWN_FAULT and not words:
        return _own_fault(address, done.err, said)
    if done.code == _NO_PROGRAM:
        return Stalled(f"git is not installed where {address.name} leads: {said}", then=_RUNS_ON)
    if done.code == 0 and not said:
        return Again(f"{address.name} hung up without a word")
    return Stalled(
        f"{address.name} answers, but does not give this repository: {said or 'without a word'}",
        then=_RUNS_ON,
        help="check the path, and that this key may use it",
    )


def _own_fault(address: Address, err: str, said: str) -> MargoError:
    port = "" if address.port is None else f"-p {address.port} "
    known = address.host if address.port is None else f"'[{address.host}]:{address.port}'"
    if "IDENTIFICATION HAS CHANGED" in err:
        return Stalled(
            f"the host key of {address.name} is not the one that is known here",
            then="nothing was sent; it may be another server",
            help=f"ask by voice whether its key was changed; if so: ssh-keygen -R {known}",
        )
    if "Host key verification failed" in err:
        return Stalled(
            f"the host key of {address.name} is not known here",
            then="nothing was sent",
            help=f"ssh-keyscan {port}{address.host} > key; ssh-keygen -lf key, compare by voice;"
            " then cat key >> ~/.ssh/known_hosts",
        )
    if "Permission denied" in err or "Too many authentication failures" in err:
        return Stalled(
            f"{address.name} does not let our ssh key in",
            then=_RUNS_ON,
            help=f"ssh {port}{address.host}, and have this host's public key added there",
        )
    if any(word in err for word in ("Bad configuration", "command-line:", "Bad owner")):
        return Stalled(f"ssh does not accept its own configuration: {said}", then=_RUNS_ON)
    if any(word in err for word in ("refused", "reset", "kex_exchange")):
        return Again(f"the connection to {address.name} failed: {said}")
    return Unreachable(f"{address.name} was not reached: {said or 'ssh ended without a word'}")
