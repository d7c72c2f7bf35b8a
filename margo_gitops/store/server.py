"""What every git server is asked, whatever carries the bytes: smart HTTP, git:// or ssh."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from dulwich.errors import GitProtocolError, SendPackError
from dulwich.objects import ObjectID, ShaFile
from dulwich.pack import UnpackedObject, full_unpacked_object
from dulwich.refs import Ref

from margo_gitops.errors import LostRace, Refused, Unreachable
from margo_gitops.model.layout import MAIN
from margo_gitops.store.bounds import TOTAL, Again
from margo_gitops.store.git import GitStore
from margo_gitops.store.limits import MAX_ADVERT, MAX_PACK
from margo_gitops.store.names import asked, decoded
from margo_gitops.store.objects import load_any, oid
from margo_gitops.store.reading import printable
from margo_gitops.store.transport import Update, confirm, lost, require_forward
from margo_gitops.store.walk import Known, newest_first, reachable

if TYPE_CHECKING:
    from dulwich.client import AbstractHttpGitClient, TraditionalGitClient

ATTEMPTS = 3
"""How often what may be gone in a second is tried at once."""

_PATIENCE = 4
_HAVES = 250
_ANCESTORS = 16
_RACES = ("failed to update", "non-fast-forward", "fetch first", "lock", "already exists", "stale")
_NONSENSE = (AssertionError, ValueError, LookupError, TypeError, AttributeError, EOFError)
_RESULT = TypeVar("_RESULT")


class Line(Protocol):
    """What carries the bytes to one server and back."""

    name: str

    def within(self, seconds: float, size: int) -> AbstractContextManager[None]:
        """Bound all exchanges of one operation together, in time and in bytes received."""

    def close(self) -> None:
        """Let go of what is kept open."""


class ServerTransport:
    """A repository behind a server. `timeout`: seconds of silence; `total`: of a fetch or push.

    `limit` is how many bytes a fetch may bring. `client` makes what speaks git over `line`; a poll
    may do without it.
    """

    def __init__(
        self,
        line: Line,
        client: Callable[[], AbstractHttpGitClient | TraditionalGitClient],
        *,
        timeout: float = 30.0,
        total: float = TOTAL,
        limit: int = MAX_PACK,
    ) -> None:
        self._line = line
        self._client = cache(client)
        self._quick = min(timeout * _PATIENCE, total)
        self._total = total
        self._limit = limit
        self.name = line.name

    def close(self) -> None:
        """Let go of the kept connections."""
        self._line.close()

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
        try:
            return operation()
        except Again as fault:
            return _again(operation, fault)

    def _refs(self, wanted: Sequence[str]) -> dict[str, str]:
        prefixes = [name.encode() for name in wanted]
        with self._line.within(self._quick, MAX_ADVERT), _answers(self.name):
            found = self._client().get_refs(b"", ref_prefix=prefixes).refs
        return asked(decoded(found), wanted)

    def _fetch(self, store: GitStore, refs: Sequence[str], wants: list[ObjectID]) -> None:
        folder = None if store.path is None else store.path / "objects"
        with tempfile.TemporaryFile(dir=folder) as file:
            with self._line.within(self._total, self._limit), _answers(self.name):
                self._client().fetch_pack(
                    b"",
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

        with self._line.within(self._total, MAX_ADVERT), _answers(self.name):
            result = self._client().send_pack(b"", commands, objects)
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


def _again(operation: Callable[[], _RESULT], fault: Again) -> _RESULT:
    """Try after the first attempt, which ended with `fault`, as often as may be."""
    from tenacity import (  # noqa: PLC0415
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        wait_random_exponential,
    )

    faults = [fault]

    def attempt() -> _RESULT:
        if faults:
            raise faults.pop()
        return operation()

    again = Retrying(
        retry=retry_if_exception_type(Again),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=2.0),
        reraise=True,
    )
    return again(attempt)


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
        raise Refused(
            f"{name} did not take the pack: {printable(str(error))}", rule="remote"
        ) from error
    except GitProtocolError as error:
        raise Unreachable(f"{name} broke off: {printable(str(error))}") from error
    except _NONSENSE as error:
        raise Unreachable(
            f"{name} answered what no git server answers: {printable(str(error))}"
        ) from error
