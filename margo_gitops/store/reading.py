"""Reading what another sends: bytes in blocks of its own sizes, words fit to be repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

BLOCK = 1 << 16


class Reader:
    """Blocks put together: `read` gives exactly as many bytes as asked, fewer only at the end.

    `take` gives the next block, empty at the end; its errors go through.
    """

    def __init__(self, take: Callable[[], bytes]) -> None:
        self._take = take
        self._held = b""

    def read(self, amount: int) -> bytes:
        """The next `amount` bytes; only the end makes them fewer."""
        blocks, size = [self._held], len(self._held)
        while size < amount and (block := self._take()):
            blocks.append(block)
            size += len(block)
        whole = b"".join(blocks)
        self._held = whole[amount:]
        return whole[:amount]


def begun(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, the first of them there already: what it takes to open them has happened."""
    return chain([next(blocks, b"")], blocks)


def printable(words: str) -> str:
    """What another's program said, fit for a message: one short line, no control characters."""
    return ascii(words)[1:-1][:200]
