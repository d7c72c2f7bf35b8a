"""What is answered to an HTTP request: a status, a type, a body that knows its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

Headers = list[tuple[str, str]]


class Turned(Exception):  # no fault of ours: somebody was turned away
    """A request that is not answered further; `words` are for whoever asked."""

    def __init__(self, status: str, words: str, *headers: tuple[str, str]) -> None:
        self.status = status
        self.words = words
        self.headers = headers
        super().__init__(words)


@dataclass
class Answer:
    """`ended` is called once, whether all was sent or the client went."""

    status: str
    headers: Headers
    blocks: Iterable[bytes]
    ended: list[Callable[[], None]] = field(default_factory=list)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.blocks)

    def close(self) -> None:
        """All was sent, or nothing more can be."""
        while self.ended:
            self.ended.pop()()


def turned_away(turned: Turned) -> Answer:
    """Its words, and the end of the connection: what it still sends is not read."""
    text = f"{turned.words}\n".encode()
    headers = [*turned.headers, ("Content-Type", "text/plain; charset=utf-8")]
    return whole(turned.status, [*headers, ("Connection", "close")], text)


def whole(status: str, headers: Headers, body: bytes) -> Answer:
    """An answer whose body is at hand."""
    return Answer(status, [*headers, ("Content-Length", str(len(body)))], [body])
