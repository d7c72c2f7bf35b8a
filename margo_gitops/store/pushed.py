"""A push from a stranger, taken in whole and judged before git sees a byte of it.

git checks objects; it does not bound how many refs a push names, nor what a small pack unpacks to.
The format is that of git's gitprotocol-pack(5), "Reference Update Request and Packfile Transfer".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import overload

from margo_gitops.errors import Refused
from margo_gitops.store.scan import HEADER, Most, corrupt, scan_objects

MAX_PUSH = 8 << 20
"""Bytes of one push: the reports of a node that was alone for years."""

MOST = Most(objects=100_000, file=1 << 20, inflated=64 << 20)
"""A report is a few files of a few kilobytes."""

_CHECKSUM = 20
_LONGEST = 1000
_SIDE_BAND = 1000
_COMMAND = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) ([^\0\n ]+)(?:\0([^\n]*))?\n?")
_NO_COMMIT = b"0" * 40


class Push:
    """One push of one ref; `take` gives its next bytes, empty where they end."""

    def __init__(self, take: Callable[[], bytes], ref: str) -> None:
        self._data = _Arriving(take, MAX_PUSH)
        self._ref = ref.encode()
        self._side_band = False

    def read(self) -> bytes:
        """All of it, as it came, once it is known to ask for nothing but to move this node's ref.

        A client that only asks whether it may (one flush) gets that back. Raises `Refused`, rule
        `ref`, `delete`, `too-large` or `corrupt`.
        """
        first = self._line()
        if first is None:
            return self._data.whole()
        command = _COMMAND.fullmatch(first)
        if command is None:
            raise corrupt("comes with a command that cannot be read")
        self._side_band = b"side-band-64k" in (command[4] or b"").split()
        if command[3] != self._ref:
            raise Refused(f"a node may push {self._ref.decode()} and no other ref", rule="ref")
        if self._line() is not None:
            raise Refused(f"a node may push {self._ref.decode()} and nothing beside", rule="ref")
        if command[2] == _NO_COMMIT:
            raise Refused(f"{self._ref.decode()} may not be deleted", rule="delete")
        self._data.begin()
        self._data.fill(HEADER.size)
        at = scan_objects(self._data, MAX_PUSH, MOST)[1]
        self._data.fill(at + _CHECKSUM)
        return self._data.whole()

    def refusal(self, words: str) -> bytes:
        """The answer that makes a git client say these words, after it was refused."""
        said = ascii(words)[1:-1][: _SIDE_BAND - 200].encode()
        status = _packet(b"unpack " + said + b"\n")
        status += _packet(b"ng " + self._ref + b" refused\n") + b"0000"
        return _packet(b"\1" + status) + b"0000" if self._side_band else status

    def _line(self) -> bytes | None:
        """The next packet, None for a flush."""
        start = self._data.read(4)
        if start == b"0000":
            return None
        try:
            length = int(start, 16)
        except ValueError as error:
            raise corrupt("does not begin with packets") from error
        if not 4 <= length <= _LONGEST:
            raise corrupt(f"begins with a packet of {length} bytes, expected one short command")
        return self._data.read(length - 4)


class _Arriving:
    """What a stream gave so far; to look further is to read on."""

    def __init__(self, take: Callable[[], bytes], most: int) -> None:
        self._take = take
        self._most = most
        self._held = bytearray()
        self._at = 0
        self._start = 0

    def read(self, size: int) -> bytes:
        """The next bytes, exactly so many."""
        self.fill(self._at + size)
        self._at += size
        return bytes(self._held[self._at - size : self._at])

    def begin(self) -> None:
        """Count positions from here."""
        self._start = self._at

    def fill(self, stop: int) -> None:
        """Read on until `stop` is reached."""
        while len(self._held) < self._start + stop:
            self._more()

    def whole(self) -> bytes:
        """All that came."""
        return bytes(self._held)

    @overload
    def __getitem__(self, at: int, /) -> int: ...

    @overload
    def __getitem__(self, at: slice, /) -> bytes: ...

    def __getitem__(self, at: int | slice, /) -> int | bytes:
        if isinstance(at, int):
            self.fill(at + 1)
            return self._held[self._start + at]
        first, last = at.start or 0, at.stop
        self.fill(first + 1)
        return bytes(self._held[self._start + first : self._start + last])

    def _more(self) -> None:
        block = self._take()
        if not block:
            raise corrupt("was cut short")
        self._held += block
        if len(self._held) > self._most:
            raise Refused(f"more than {self._most} bytes were pushed at once", rule="too-large")


def _packet(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data
