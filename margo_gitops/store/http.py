"""A git server as a transport: smart HTTP, protocol version 2 where it is spoken.

A poll asks for the refs it wants by name and gets these alone, on a connection that is kept; the
server's capabilities, which hold no refs in version 2, are asked for once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from dulwich.client import AbstractHttpGitClient
from dulwich.errors import GitProtocolError, SendPackError
from dulwich.objects import ObjectID, ShaFile
from dulwich.pack import UnpackedObject, full_unpacked_object
from dulwich.refs import Ref
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from margo_gitops.errors import LostRace, Refused, Stalled, Unreachable
from margo_gitops.model.layout import MAIN
from margo_gitops.store.git import GitStore
from margo_gitops.store.limits import MAX_ADVERT, MAX_PACK
from margo_gitops.store.names import asked, decoded
from margo_gitops.store.objects import load_any, oid
from margo_gitops.store.transport import Update, confirm, lost, require_forward
from margo_gitops.store.walk import Known, newest_first, reachable
from margo_gitops.store.wire import Again, Answer, Wire, canned

TOTAL = 1800.0
"""Seconds that one fetch or push may take in all: 5 MB over a line of 3 kB/s."""

ATTEMPTS = 3
"""How often what may be gone in a second is tried at once."""

_PATIENCE = 4
_HAVES = 250
_ANCESTORS = 16
_RACES = ("failed to update", "non-fast-forward", "fetch first", "lock", "already exists", "stale")
_NONSENSE = (AssertionError, ValueError, LookupError, TypeError, AttributeError, EOFError)
_RESULT = TypeVar("_RESULT")


class HttpTransport:
    """A repository behind a URL. `timeout`: seconds of silence; `total`: of a fetch or push in all.

    `limit` is how many bytes a fetch may bring.
    """

    def __init__(
        self, url: str, *, timeout: float = 30.0, total: float = TOTAL, limit: int = MAX_PACK
    ) -> None:
        self._wire = Wire(url, timeout=timeout)
        self._client = _Client(self._wire)
        self._quick = min(timeout * _PATIENCE, total)
        self._total = total
        self._limit = limit
        self.name = self._wire.name

    def close(self) -> None:
        """Let go of the kept connections."""
        self._wire.close()

    def refs(self, wanted: Sequence[str]) -> dict[str, str]:
        """See `Transport`: the server is asked by prefix, its answer compared exactly."""
        return self._tried(lambda: self._refs(wanted))

    def fetch(self, store: GitStore, wanted: Mapping[str, str]) -> None:
        """See `Transport`: the pack is received whole, bounded, before anything reads it."""
        known = store.known()
        wants = [id for id in map(oid, dict.fromkeys(wanted.values())) if id not in known]
        if wants:
            self._tried(lambda: self._fetch(store, list(wanted), wants))

    def push(self, store: GitStore, updates: Sequence[Update]) -> None:
        """See `Transport`."""
        if updates:
            self._tried(lambda: self._push(store, updates))
            confirm(store, self.name, updates, self.refs)

    def watched(self) -> Path | None:
        """See `Transport`: a server's refs are polled."""
        return None

    def _tried(self, operation: Callable[[], _RESULT]) -> _RESULT:
        again = Retrying(
            retry=retry_if_exception_type(Again),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=2.0),
            reraise=True,
        )
        try:
            return again(operation)
        except Unreachable:
            self._client.forget()
            raise

    def _refs(self, wanted: Sequence[str]) -> dict[str, str]:
        prefixes = [name.encode() for name in wanted]
        with self._wire.within(self._quick, MAX_ADVERT), _answers(self.name):
            found = self._client.get_refs("", ref_prefix=prefixes).refs
        return asked(decoded(found), wanted)

    def _fetch(self, store: GitStore, refs: Sequence[str], wants: list[ObjectID]) -> None:
        folder = None if store.path is None else store.path / "objects"
        with tempfile.TemporaryFile(dir=folder) as file:
            with self._wire.within(self._total, self._limit), _answers(self.name):
                self._client.fetch_pack(
                    "",
                    lambda _, depth=None: wants,  # noqa: ARG005 -- dulwich passes it by name
                    _Haves(_held(store, refs)),
                    file.write,
                    ref_prefix=[name.encode() for name in refs],
                )
            file.flush()
            store.receive(file, [id.decode() for id in wants])

    def _push(self, store: GitStore, updates: Sequence[Update]) -> None:
        due: list[Update] = []
        missing: list[ObjectID] = []

        def commands(tips: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
            due[:] = self._due(store, updates, dict(decoded(tips)))
            missing[:] = _missing(store, due, tips)
            return {Ref(update.ref.encode()): oid(update.new) for update in due}

        def objects(*_: object, **__: object) -> tuple[int, Iterator[UnpackedObject]]:
            return len(missing), (
                full_unpacked_object(load_any(store.objects, id)) for id in missing
            )

        with self._wire.within(self._total, MAX_ADVERT), _answers(self.name):
            result = self._client.send_pack("", commands, objects)
        for name, problem in (result.ref_status or {}).items():
            if problem is not None:
                raise _declined(self.name, name.decode("utf-8", "replace"), problem)

    def _due(
        self, store: GitStore, updates: Sequence[Update], tips: Mapping[str, str]
    ) -> list[Update]:
        """The updates that the remote has not had yet, each checked against its tip."""
        due = [update for update in updates if tips.get(update.ref) != update.new]
        for update in due:
            if tips.get(update.ref) != update.old:
                raise lost(self.name, update, tips.get(update.ref))
            require_forward(store, update)
        return due


class _Client(AbstractHttpGitClient):
    """dulwich's client over our own `Wire`: the place where its documentation asks for one."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire.url)
        self._wire = wire
        self._kept: dict[str, tuple[str, bytes]] = {}

    def forget(self) -> None:
        """Ask for the server's capabilities again: it may be another server by now."""
        self._kept.clear()

    def _http_request(  # type: ignore[override]  # an answer with what dulwich reads of one
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: ARG002 -- `Wire` always does
    ) -> tuple[Answer, Callable[[int], bytes]]:
        answer = self._answer(url, headers or {}, data)
        return answer, answer.read

    def _answer(
        self, url: str, headers: dict[str, str], data: bytes | Iterator[bytes] | None
    ) -> Answer:
        if url in self._kept:
            return canned(*self._kept[url])
        answer = self._wire.exchange(url, headers, data)
        if data is not None:
            return answer
        if not answer.content_type.startswith("application/x-git-"):
            answer.close()
            raise Stalled(
                f"{self._wire.name} answers, but not as a git server: found"
                f" {answer.content_type[:60]!r}, expected smart HTTP",
                help="check the URL",
            )
        if not url.endswith("service=git-upload-pack") or answer.redirect_location:
            return answer
        return self._keep(url, answer)

    def _keep(self, url: str, answer: Answer) -> Answer:
        body = answer.read(MAX_ADVERT)
        answer.close()
        if b"version 2\n" in body[:64]:
            self._kept[url] = (answer.content_type, body)
        return canned(answer.content_type, body)


class _Haves:
    """What we tell a server that we have, in this order."""

    def __init__(self, ids: Iterator[ObjectID]) -> None:
        self._ids = ids

    def __next__(self) -> ObjectID | None:
        return next(self._ids, None)

    def ack(self, sha: ObjectID, /) -> None:
        """All is said in one request."""

    def nak(self) -> None:
        """All is said in one request."""


def _held(store: GitStore, wanted: Sequence[str]) -> Iterator[ObjectID]:
    """Our side of the wanted refs and of `main`, some way back; then our other tips."""
    refs = store.refs()
    first = [refs[name] for name in (*wanted, MAIN) if name in refs]
    near = (
        commit.id
        for id in first
        for commit in islice(newest_first(store.objects, oid(id)), _ANCESTORS)
    )
    ids = dict.fromkeys([*islice(near, _HAVES), *map(oid, refs.values())])
    return (id for id in islice(ids, _HAVES) if id in store.objects)


def _missing(
    store: GitStore, due: Sequence[Update], tips: Mapping[Ref, ObjectID]
) -> list[ObjectID]:
    trunk = [oid(update.old) for update in due if update.old is not None]
    main = tips.get(Ref(MAIN.encode()))
    known = Known(store.objects, tips.values(), [*trunk, *([main] if main else [])])
    wants = [oid(update.new) for update in due]
    return [item.id for item in _walked(reachable(store.objects, wants, known))]


def _walked(objects: Iterator[ShaFile]) -> Iterator[ShaFile]:
    try:
        yield from objects
    except Refused as error:
        raise Refused(f"our own commit is not whole: {error.problem}", rule=error.rule) from error


def _declined(name: str, ref: str, problem: str) -> LostRace | Refused:
    words = f"{name} did not move {ref}: {problem[:200]}"
    if any(word in problem for word in _RACES):
        return LostRace(words)
    return Refused(words, rule="remote", then="the remote keeps its old state")


@contextmanager
def _answers(name: str) -> Iterator[None]:
    """Turn what dulwich says of a server that speaks no git into our own words."""
    try:
        yield
    except SendPackError as error:
        raise Refused(f"{name} did not take the pack: {_said(error)}", rule="remote") from error
    except GitProtocolError as error:
        raise Unreachable(f"{name} broke off: {_said(error)}") from error
    except _NONSENSE as error:
        raise Unreachable(f"{name} answered what no git server answers: {_said(error)}") from error


def _said(error: Any) -> str:
    return ascii(str(error))[1:-1][:200]
