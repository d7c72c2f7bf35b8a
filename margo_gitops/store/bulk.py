"""Many objects at once, from one `git cat-file`; each is hashed, as everywhere in this store.

A help for views over a whole fleet and nothing else: what is missing, damaged or too large is left
out, and whoever needs it reads it alone, which says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from margo_gitops.process import converse

MAX_OBJECT = 64 << 10
"""Bytes of an object that is read here; a site's status of 100 deployments has files of 1 KB."""

MAX_ANSWER = 64 << 20
"""Bytes that one call hands out."""

_ASKED = 400
"""Ids in one question; two fit into a socket, so that neither side waits for the other."""

_SILENCE = 60.0
_BLOCK = 1 << 16

Found = tuple[bytes, bytes]
"""An object's kind (`blob`, `tree`, `commit`) and its content."""


@contextmanager
def bulk(git: Path) -> Iterator[Bulk]:
    """A reader of the git directory `git`; `Stalled` where the program is not installed."""
    argv = ["git", "--no-replace-objects", f"--git-dir={git}", "cat-file", "--batch"]
    talk = converse(argv)
    talk.sock.settimeout(_SILENCE)
    try:
        with talk.sock.makefile("rb") as answers:
            yield Bulk(talk.sock, answers)
    finally:
        talk.end()


class Bulk:
    """A conversation with one git; after a fault of it nothing more is found."""

    def __init__(self, sock: socket.socket, answers: BufferedReader) -> None:
        self._sock: socket.socket | None = sock
        self._answers = answers

    def read(self, ids: Iterable[str]) -> dict[str, Found]:
        """The sound objects among these, by id; at most `MAX_ANSWER` bytes of them."""
        rest = list(dict.fromkeys(ids))
        found: dict[str, Found] = {}
        try:
            self._ask(rest[:_ASKED])
            for at in range(0, len(rest), _ASKED):
                self._ask(rest[at + _ASKED : at + 2 * _ASKED])
                self._take(rest[at : at + _ASKED], found)
        except (OSError, ValueError):  # it broke off, or was silent: it is asked nothing more
            self._sock = None
        return found

    def _ask(self, ids: list[str]) -> None:
        if self._sock is not None and ids:
            self._sock.sendall("".join(f"{id}\n" for id in ids).encode())

    def _take(self, ids: list[str], found: dict[str, Found]) -> None:
        if self._sock is None:
            return
        left = MAX_ANSWER - sum(len(content) for _, content in found.values())
        for id in ids:
            words = self._answers.readline(200).split()
            if words[1:] == [b"missing"]:
                continue
            _, kind, size = words
            content = self._content(int(size), keep=int(size) <= min(MAX_OBJECT, left))
            header = b"%s %s\0" % (kind, size)
            if content and hashlib.sha1(header + content, usedforsecurity=False).hexdigest() == id:
                found[id] = kind, content
                left -= len(content)

    def _content(self, size: int, *, keep: bool) -> bytes:
        """An object's bytes and the line end after them; empty, and read past, if not to keep."""
        if keep:
            content = self._answers.read(size + 1)
            if len(content) != size + 1:
                raise ValueError("git ended within an object")
            return content[:-1]
        left = size + 1
        while left:
            block = self._answers.read(min(left, _BLOCK))
            if not block:
                raise ValueError("git ended within an object")
            left -= len(block)
        return b""
