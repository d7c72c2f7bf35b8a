"""Reading from what gives bytes in blocks of its own sizes."""

from __future__ import annotations

from collections.abc import Callable


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
