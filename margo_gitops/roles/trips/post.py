"""A site's two folders for sticks: looked through at each pass, answered at its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from margo_gitops.artifacts.follow import Contents
from margo_gitops.errors import MargoError, Missing, Refused
from margo_gitops.roles.beliefs import Identity
from margo_gitops.roles.trips import papers
from margo_gitops.roles.trips.answering import Answers
from margo_gitops.roles.trips.arriving import Adopt, Arrivals, Result
from margo_gitops.roles.trips.book import SiteBook
from margo_gitops.roles.trips.sticks import Sticks
from margo_gitops.store.tripfile import opened_trip
from margo_gitops.store.volumes import pieces, whole
from margo_gitops.trust.offer import Desired

_NUMBER = re.compile(r"-(\d{1,10})\.")
_DAMAGE = frozenset({"truncated", "trip", "format", "digest"})
_NAMED = re.compile(rf"(.+)-\d{{1,10}}{re.escape(papers.ENDING)}")
_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(slots=True)
class Post:
    """What lies in `inbox` is taken in or answered with why not; `outbox` gets the return trip.

    Either may be a mount that comes and goes. With `patient`, a file that is cut off is looked at
    once more before it is refused, for it may still be being copied, and a refused one is not
    looked at again; without, each pass says again what is wrong.
    """

    arrivals: Arrivals
    answers: Answers
    inbox: Path | None
    outbox: Path | None
    patient: bool = False
    fresh: bool = False
    """Whether the pass at hand looked at a trip: then the site has something to say at once."""
    _seen: dict[str, _Stamp] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    _cut_off: dict[str, _Stamp] = field(default_factory=dict)

    def news(self) -> bool:
        """Whether a file lies in the inbox that was not looked at as it is now."""
        return any(self._seen.get(path.name) != _stamp(path) for path in self._files())

    def take_in(self, adopt: Adopt) -> list[MargoError]:
        """Take in each trip that came since the last look, in the order of their numbers.

        Returns what stood in the way. Beside each file its result is left for people.
        """
        troubles = []
        self.fresh = False
        for path in self._files():
            stamp = _stamp(path)
            if self._seen.get(path.name) == stamp and path.name not in self._waiting:
                continue
            result = self._taken(path, stamp, adopt)
            self.fresh = True
            if result.error is not None:
                troubles.append(result.error)
            self._wait_or_not(path.name, result)
            if path.name in self._cut_off:
                continue
            self._seen[path.name] = stamp
            self._tell(path, result)
        return troubles

    def _wait_or_not(self, name: str, result: Result) -> None:
        """What lacked a trip, or room, is tried again at each pass that asks for news."""
        final = self.patient and isinstance(result.error, Refused)
        if result.taken is None and not final:
            self._waiting.add(name)
        else:
            self._waiting.discard(name)

    def answer(self, held: Desired | None) -> Path | None:
        """Have the newest return trip in the outbox; its file where it was written just now."""
        return None if self.outbox is None else self.answers.leave(self.outbox, held)

    def _files(self) -> Iterator[Path]:
        """The trips that lie there, by number; a return trip is the office's.

        One stick may serve several sites: beside trips that are named for this site, those that are
        named for another are passed over. A stick with nothing else is the wrong one, and is told.
        """
        if self.inbox is None:
            return
        try:
            found = [path for path in self.inbox.iterdir() if _is_trip(path)]
        except OSError:  # no stick is there, or it was just pulled out
            return
        named = {path: _named(path) for path in found}
        if self.arrivals.site in named.values():
            found = [path for path in found if named[path] in (self.arrivals.site, None)]
        yield from sorted(found, key=_numbered)

    def _taken(self, path: Path, stamp: _Stamp, adopt: Adopt) -> Result:
        """The result of one file, whatever it is."""
        came_before = self._cut_off.pop(path.name, None)
        try:
            with opened_trip(path) as file:
                return self.arrivals.take(file, adopt)
        except Refused as error:
            if error.rule == "truncated" and self.patient and came_before != stamp:
                self._cut_off[path.name] = stamp
                waits = Missing(
                    f"{path.name} is not whole yet: it may still be being copied",
                    then="it is looked at again in a moment",
                )
                return Result(path.name, None, "", error=waits)
            if (result := self._needless(path, error)) is not None:
                return result
            self.arrivals.refused(path.name, error)
            return Result(path.name, None, "", error=error)
        except MargoError as error:
            return Result(path.name, None, "", error=error)

    def _needless(self, path: Path, error: Refused) -> Result | None:
        """A damaged file that by its name is older than what was taken in troubles nobody."""
        taken = self.arrivals.book.read().taken
        number = _numbered(path)[0]
        if error.rule not in _DAMAGE or taken is None or not 0 < number <= taken.number:
            return None
        words = f"not needed any more, for trip {taken.number} was taken in; and {error.problem}"
        return Result(path.name, number, words, taken, known=True)

    def _tell(self, path: Path, result: Result) -> None:
        text = papers.result(
            self.arrivals.site, path.name, result.words, result.taken, result.error
        )
        places = [papers.result_path(path)]
        if self.outbox is not None:
            places.append(self.outbox / papers.result_path(path).name)
        if result.known and any(place.exists() for place in places):
            return  # what was told when it was taken in is worth more
        papers.leave_somewhere(places, text)


def _is_trip(path: Path) -> bool:
    name = whole(path)
    return (
        name is not None
        and name.endswith(papers.ENDING)
        and not name.startswith(".")
        and not name.endswith(papers.RETURN + papers.ENDING)
        and path.is_file()
    )


def _named(path: Path) -> str | None:
    """The site that a file's name says it is for."""
    match = _NAMED.fullmatch(whole(path) or "")
    return None if match is None else match[1]


def _numbered(path: Path) -> tuple[int, str]:
    match = _NUMBER.search(path.name)
    return (int(match[1]) if match else 0, path.name)


def _stamp(path: Path) -> _Stamp:
    """What tells a file, or its pieces, from what was there before."""
    found = []
    for piece in pieces(path):
        try:
            status = piece.stat()
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def open_post(
    book: SiteBook,
    identity: Identity | None,
    contents: Contents,
    sticks: Sticks,
    *,
    patient: bool = True,
) -> Post:
    """The post of the site whose book this is."""
    arrivals = Arrivals(book.site, book.store, book, identity, contents)
    answers = Answers(book.site, book.store, book, None if identity is None else identity.key)
    return Post(arrivals, answers, sticks.inbox, sticks.outbox, patient)
