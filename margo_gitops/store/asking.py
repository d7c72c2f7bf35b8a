"""Asking a server for refs in protocol version 2 over smart HTTP, without all the rest of git.

A poll is one small request. All that is not plainly what such a server says is left to dulwich's
client, which speaks the older versions and judges nonsense.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from margo_gitops.errors import Stalled, Unreachable
from margo_gitops.store.limits import MAX_ADVERT
from margo_gitops.store.names import asked
from margo_gitops.store.reading import printable
from margo_gitops.store.wire import Answer, Wire, canned

SERVICE = "git-upload-pack"
_RESULT = f"application/x-{SERVICE}-result"
_HEADERS = {
    "Content-Type": f"application/x-{SERVICE}-request",
    "Accept": _RESULT,
    "Git-Protocol": "version=2",
}
_FLUSH, _DELIMITER = b"0000", b"0001"
_LONGEST = 65520
_HEX = frozenset(b"0123456789abcdefABCDEF")


class Asking:
    """What is asked of one server over `wire`; its capabilities, which hold no refs, are kept."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._kept: dict[str, tuple[str, bytes]] = {}

    def forget(self) -> None:
        """Ask for the server's capabilities again: it may be another server by now."""
        self._kept.clear()

    def exchange(
        self, url: str, headers: Mapping[str, str], data: bytes | Iterator[bytes] | None
    ) -> Answer:
        """One request of smart HTTP; `Stalled` where something else answers."""
        if url in self._kept:
            return canned(*self._kept[url])
        answer = self.wire.exchange(url, headers, data)
        if data is not None:
            return answer
        if not answer.content_type.startswith("application/x-git-"):
            answer.close()
            raise Stalled(
                f"{self.wire.name} answers, but not as a git server: found"
                f" {answer.content_type[:60]!r}, expected smart HTTP",
                help="check the URL",
            )
        if not url.endswith(f"service={SERVICE}") or answer.redirect_location:
            return answer
        return self._keep(url, answer)

    def refs(self, wanted: Sequence[str], seconds: float) -> dict[str, str] | None:
        """The refs asked for, as `Transport.refs`; None where the long way must be gone.

        All of it may take `seconds`.
        """
        with self.wire.within(seconds, MAX_ADVERT):
            if not self._understands():
                return None
            prefixes = [_line(f"ref-prefix {name}") for name in wanted]
            body = b"".join([_line("command=ls-refs"), _DELIMITER, *prefixes, _FLUSH])
            answer = self.wire.exchange(f"{self.wire.url}/{SERVICE}", _HEADERS, body)
            found = answer.read(MAX_ADVERT)
            if answer.content_type != _RESULT:
                return None
        try:
            return asked(dict(_ref(line) for line in _lines(found)).items(), wanted)
        except ValueError as error:
            words = printable(str(error))
            raise Unreachable(
                f"{self.wire.name} answered what no git server answers: {words}"
            ) from error

    def _understands(self) -> bool:
        url = f"{self.wire.url}/info/refs?service={SERVICE}"
        self.exchange(url, {"Accept": "*/*", "Git-Protocol": "version=2"}, None).close()
        if url not in self._kept:
            return False
        try:
            body = self._kept[url][1].removeprefix(_line(f"# service={SERVICE}") + _FLUSH)
            lines = [line.rstrip(b"\n") for line in _lines(body)]
        except ValueError:
            return False
        formats = [line for line in lines if line.startswith(b"object-format=")]
        commands = [line.partition(b"=")[0] for line in lines]
        return (
            lines[:1] == [b"version 2"]
            and b"ls-refs" in commands
            and formats in ([], [b"object-format=sha1"])
        )

    def _keep(self, url: str, answer: Answer) -> Answer:
        body = answer.read(MAX_ADVERT)
        answer.close()
        if b"version 2\n" in body[:64]:
            self._kept[url] = (answer.content_type, body)
        return canned(answer.content_type, body)


def _line(words: str) -> bytes:
    data = words.encode() + b"\n"
    return b"%04x%s" % (len(data) + 4, data)


def _lines(data: bytes) -> Iterator[bytes]:
    """The packet lines up to the flush packet that ends them; `ValueError` for all else."""
    place = 0
    while (head := data[place : place + 4]) != _FLUSH:
        size = int(head, 16) if len(head) == 4 and _HEX.issuperset(head) else 0
        if not 4 < size <= _LONGEST or place + size > len(data):
            raise ValueError(f"no packet line: {head!r}")
        yield data[place + 4 : place + size]
        place += size


def _ref(line: bytes) -> tuple[str, str]:
    """The name and the id of a line of `ls-refs`."""
    words = line.rstrip(b"\n").decode("ascii", "replace").split(" ")
    if words[0] == "ERR" or len(words) < 2:
        raise ValueError(f"no ref: {line[:100]!r}")
    return words[1], words[0]
