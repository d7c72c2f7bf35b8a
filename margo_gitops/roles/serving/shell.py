"""What an ssh key of a node may do here: fetch its share, push its report, read an artifact.

sshd runs this whatever the client asked for (sshd(8), `command=` in authorized_keys). Paths are not
looked at: a key leads to one repository.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from margo_gitops.errors import LostRace, Missing, Refused, Unreachable, Waiting
from margo_gitops.model import layout
from margo_gitops.process import Conversation, converse
from margo_gitops.roles.held import held_blob
from margo_gitops.roles.serving.limits import PER_NODE
from margo_gitops.roles.serving.repositories import NO_ROOM, NODES, announce, repository, room_left
from margo_gitops.store.disk import disk_faults, exclusive
from margo_gitops.store.git import GitStore
from margo_gitops.store.pushed import Push
from margo_gitops.store.served import environment
from margo_gitops.store.ssh import CONTENT

SILENCE = 30
TOTAL = 300
"""Seconds that either side may be silent, and that one command may take in all."""

MAX_ASK = 8 << 20
"""Bytes that a client may say to upload-pack in all its rounds."""

_BLOCK = 1 << 16
_GIT = re.compile(r"git[- ](upload-pack|receive-pack) (?:'[^\0]*'|[^\0 ]+)")
_CONTENT = re.compile(CONTENT + r" (sha256:[0-9a-f]{64}) ([0-9]{1,15})")


def run_shell(state: Path, mirror: Path, node: str, command: str) -> int:
    """Do what a node's ssh client asked for; returns the exit code.

    Raises `Refused` (rule `command`) for anything but the three, `Waiting` where it is not there
    yet, too much at once, or took too long.
    """
    git, content = _GIT.fullmatch(command), _CONTENT.fullmatch(command)
    if git is None and content is None:
        raise Refused(
            f"this key is for the agent of {node}: {ascii(command)[:80]} is not done here",
            rule="command",
            then="it fetches and pushes by git, and reads artifacts",
        )
    with _place(state, node), _deadline():
        if content is not None:
            return _give_content(mirror, content[1], int(content[2]))
        path = _opened(state, mirror, node)
        if git is not None and git[1] == "receive-pack":
            return _receive(state, node, path)
        return _upload(node, path)


def _opened(state: Path, mirror: Path, node: str) -> Path:
    """The node's repository; made now where the site has a share for it and the LO will fill it."""
    path = repository(state, node)
    if not path.exists():
        with GitStore.open(mirror) as store:
            if store.resolve(layout.node_ref(node)) is None:
                raise Missing(f"this site has no share for a node {node} yet")
        GitStore.create(path).close()
        announce(state, node)
    return path


def _upload(node: str, path: Path) -> int:
    version = os.environ.get("GIT_PROTOCOL", "")
    argv = ["git", "upload-pack", "--strict", f"--timeout={SILENCE}", str(path)]
    with _talking(argv, environment(node, version)) as relay:
        left = MAX_ASK
        while block := relay.take():
            left -= len(block)
            if left < 0:
                raise Refused("more was asked than is listened to", rule="too-large")
            relay.give(block)
        return relay.finish()


def _receive(state: Path, node: str, path: Path) -> int:
    with _talking(["git", "receive-pack", str(path)], environment(node, "")) as relay:
        push = Push(relay.take, layout.report_ref(node))
        try:
            body = push.read()
            _require_room(path)
        except Refused as error:
            _say(push.refusal(error.problem))
            return error.exit_code
        relay.give(body)
        code = relay.finish()
        announce(state, node)
        return code


def _require_room(path: Path) -> None:
    if not room_left(path):
        raise Refused(NO_ROOM, rule="too-large")


def _give_content(mirror: Path, digest: str, offset: int) -> int:
    held = held_blob(mirror, digest)
    if held is None:
        raise Missing(f"this site does not hold {digest[:19]}…")
    _say(b"%d\n" % max(0, held.size - offset))
    for block in held.blocks(offset, held.size):
        _say(block)
    return 0


class _Relay:
    """Between a client on our standard input and output, and git."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._sock = talk.sock
        self._sock.settimeout(SILENCE)
        self._over = False

    def take(self) -> bytes:
        """What the client says next, empty where it or git has ended; git's words pass."""
        while not self._over:
            ready, _, _ = select.select([0, self._sock.fileno()], [], [], SILENCE)
            if not ready:
                raise Unreachable(f"nothing was said for {SILENCE} s")
            if self._sock.fileno() in ready:
                self._pass_on()
            elif 0 in ready:
                return os.read(0, _BLOCK)
        return b""

    def give(self, data: bytes) -> None:
        """Say this to git."""
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise Unreachable("git broke off") from error

    def finish(self) -> int:
        """Nothing more will be said; the rest of git's words pass."""
        self._talk.hang_up()
        while not self._over:
            self._pass_on()
        done = self._talk.end()
        sys.stderr.write(done.err[-2000:])
        return 0 if done.code == 0 else Waiting.exit_code

    def _pass_on(self) -> None:
        try:
            block = self._sock.recv(_BLOCK)
        except OSError as error:
            raise Unreachable("git was silent or broke off") from error
        self._over = not block
        _say(block)


@contextmanager
def _talking(argv: list[str], env: dict[str, str]) -> Iterator[_Relay]:
    talk = converse(argv, env=env, alone=True)
    try:
        yield _Relay(talk)
    finally:
        talk.end(grace=0.0)


@contextmanager
def _place(state: Path, node: str) -> Iterator[None]:
    """One of the few places that a node has."""
    with disk_faults(state):
        (state / NODES).mkdir(mode=0o700, exist_ok=True)
    for number in range(PER_NODE):
        try:
            held = exclusive(state / NODES / f"{layout.flat(node, 'node id')}.{number}")
            held.__enter__()
        except LostRace:
            continue
        try:
            yield
        finally:
            held.__exit__(None, None, None)
        return
    raise Unreachable(f"{node} asks too much at once")


@contextmanager
def _deadline() -> Iterator[None]:
    def over(*_: object) -> None:
        raise Unreachable(f"it was not done after {TOTAL} s")

    signal.signal(signal.SIGALRM, over)
    signal.alarm(TOTAL)
    try:
        yield
    finally:
        signal.alarm(0)


def _say(data: bytes) -> None:
    while data:
        try:
            data = data[os.write(1, data) :]
        except BrokenPipeError as error:
            raise Unreachable("the client went away") from error
