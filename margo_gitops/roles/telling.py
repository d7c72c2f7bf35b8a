"""Bring a proposal and its forge into step: look, plan, do; written only where something differs.

A forge shows and decides nothing. What it does not take is a note for people: no verb fails by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from margo_gitops.errors import MargoError, Stalled, Waiting
from margo_gitops.forges import text
from margo_gitops.forges.base import Check, Comment, Forge, Limits, Request
from margo_gitops.forges.choosing import Place, open_forge, place
from margo_gitops.model.proposal import Word
from margo_gitops.store.git import GitStore


@dataclass(frozen=True, slots=True)
class Seen:
    """What the forge shows of a proposal now; `checks` with their commits."""

    request: Request | None
    comments: tuple[Comment, ...] = ()
    clicks: tuple[str, ...] = ()
    checks: tuple[tuple[str, Check], ...] = ()
    sees_merges: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """Open the request."""

    branch: str
    title: str
    body: str

    def __str__(self) -> str:
        return f"open a request from {self.branch}: {self.title}"

    def do(self, forge: Forge, _: Request | None) -> Request:
        """On the forge; the request."""
        return forge.open(self.branch, self.title, self.body)


@dataclass(frozen=True, slots=True)
class Update:
    """Give the request the title and body that belong to it."""

    title: str
    body: str

    def __str__(self) -> str:
        return f"write the request's title and body: {self.title}"

    def do(self, forge: Forge, request: Request | None) -> None:
        """On the forge."""
        forge.update(_needed(request), self.title, self.body)


@dataclass(frozen=True, slots=True)
class Comments:
    """Have one comment of our own: a new one, or the oldest with another text; no second."""

    text: str
    old: tuple[Comment, ...]

    def __str__(self) -> str:
        return "replace the comment" if self.old else "comment"

    def do(self, forge: Forge, request: Request | None) -> None:
        """On the forge."""
        if not self.old:
            forge.add(_needed(request), self.text)
        elif not _alike(self.old[0].text, self.text):
            forge.replace(self.old[0], self.text)
        for one in self.old[1:]:
            forge.remove(one)


@dataclass(frozen=True, slots=True)
class Set:
    """Set a check on a commit."""

    commit: str
    check: Check

    def __str__(self) -> str:
        return f"{self.check.name} on {self.commit[:12]}: {self.check.state}, {self.check.text}"

    def do(self, forge: Forge, _: Request | None) -> None:
        """On the forge."""
        forge.check(self.commit, self.check)


@dataclass(frozen=True, slots=True)
class Close:
    """Close the request: its proposal is no longer open."""

    number: int

    def __str__(self) -> str:
        return f"close request {self.number}"

    def do(self, forge: Forge, request: Request | None) -> None:
        """On the forge."""
        forge.close(_needed(request))


Step = Open | Update | Comments | Set | Close


def place_of(store: GitStore, environ: Mapping[str, str]) -> Place:
    """The forge that a clone's remote is on; `Stalled` where that is none, or cannot be asked."""
    return place(store.setting("remote.origin.url"), store.setting, environ)


def forge_of(store: GitStore, environ: Mapping[str, str]) -> Callable[[], Forge] | None:
    """How to open a clone's forge, for `tell`; None where there is none, or no token for it.

    A fleet without a forge has nothing to be told: `margo doctor --forge` says what is missing.
    """
    try:
        chosen = place_of(store, environ)
    except MargoError:
        return None
    return lambda: open_forge(chosen)


def look(forge: Forge, word: Word) -> Seen:
    """What the forge shows of the proposal; see `Forge` for what it raises."""
    request = _meant(forge.request(word.branch), word)
    commits = [word.commit, *([word.merge] if word.merge and word.progress else [])]
    checks = tuple((commit, check) for commit in commits for check in forge.checks(commit))
    if request is None:
        return Seen(None, checks=checks)
    said, clicks = forge.comments(request), forge.clicks(request)
    return Seen(request, said, clicks, checks, forge.sees_merges)


def plan(word: Word, seen: Seen, limits: Limits) -> tuple[Step, ...]:
    """What is to be done, in order; nothing where the forge shows what is so."""
    return tuple(_steps(word, seen, limits))


def _steps(word: Word, seen: Seen, limits: Limits) -> Iterator[Step]:
    request, title, body = seen.request, text.title(word, limits), text.body(word, limits)
    if request is None and word.state == "open":
        yield Open(word.branch, title, body)
    if _both_open(word, request) and not _shows(request, title, body):
        yield Update(title, body)
    if request is not None or word.state == "open":
        before = seen.comments[0].text if seen.comments else ""
        said = text.comment(word, seen.clicks, limits, before)
        if len(seen.comments) != 1 or not _alike(before, said):
            yield Comments(said, seen.comments)
    if word.state == "open":
        yield from _set(word.commit, text.approvals(word, limits), seen)
    if word.merge is not None and (check := text.sites(word)) is not None:
        yield from _set(word.merge, check, seen)
    if request is not None and request.state == "open" and _over(word, seen):
        yield Close(request.number)


def settled(forge: Forge, word: Word) -> bool:
    """Whether the result of a merged proposal is told already; one request where it may not be."""
    check = text.sites(word)
    return word.merge is None or check is None or check in forge.checks(word.merge)


def note(word: Word, seen: Seen) -> str | None:
    """What a person should know and no step mends; None where there is nothing."""
    request = seen.request
    if request is None or word.state != "open" or request.state == "open":
        return None
    if request.state == "merged":
        return (
            f"request {request.number} was merged on the forge: margo pull, and then margo render,"
            " publishes what has its approvals"
        )
    return (
        f"request {request.number} was closed on the forge, which decides nothing: reopen it"
        f" there, or margo pr close {word.id}"
    )


Show = Callable[[Mapping[str, bytes]], None]
"""Puts the files of a proposal's page where its comment says that they are."""


def sync(forge: Forge, word: Word, show: Show) -> tuple[tuple[Step, ...], str | None]:
    """Bring the forge into step, strictly; what was done, and a note.

    Raises what `Forge` raises, at the first step that fails: what was done before it stays, and
    asked again nothing is done twice.
    """
    seen = look(forge, word)
    _show(forge, word, seen, show)
    steps, request = plan(word, seen, forge.limits), seen.request
    for step in steps:
        request = step.do(forge, request) or request
    return steps, note(word, seen)


def tell(opened: Callable[[], Forge], word: Word, show: Show) -> list[str]:
    """Bring the forge into step as far as it lets us, and never fail: notes for people.

    One step that the forge refuses does not keep the others from being done; where the forge is
    not there, the rest is left for later.
    """
    try:
        forge = opened()
        seen = look(forge, word)
        _show(forge, word, seen, show)
    except MargoError as error:
        return [_note(error)]
    found, request = note(word, seen), seen.request
    said = [] if found is None else [found]
    for step in plan(word, seen, forge.limits):
        try:
            request = step.do(forge, request) or request
        except Waiting as error:
            return [*said, _note(error)]
        except MargoError as error:
            said.append(_note(error))
            if isinstance(step, Open):
                break
    return said


def _show(forge: Forge, word: Word, seen: Seen, show: Show) -> None:
    """The page, where the comment has no room for all of it."""
    if word.groups and text.needs_preview(word, seen.clicks, forge.limits):
        show(text.preview(word))


def _note(error: MargoError) -> str:
    return f"the forge was not told: {error}"


def _set(commit: str, check: Check, seen: Seen) -> Iterator[Step]:
    if (commit, check) not in seen.checks:
        yield Set(commit, check)


def _alike(one: str, other: str) -> bool:
    """Whether a forge would show the same: they keep line ends and outer blanks as they like."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()


def _meant(request: Request | None, word: Word) -> Request | None:
    """The request, if it is this proposal's: an id that was used before may be used again."""
    if request is None or request.head == word.commit:
        return request
    return request if (request.state == "open") == (word.state == "open") else None


def _both_open(word: Word, request: Request | None) -> bool:
    return word.state == "open" and request is not None and request.state == "open"


def _over(word: Word, seen: Seen) -> bool:
    """Whether its request is ours to close: a forge that sees merges would then not say merged."""
    return word.state == "closed" or (word.state == "merged" and not seen.sees_merges)


def _shows(request: Request | None, title: str, body: str) -> bool:
    return request is not None and _alike(request.title, title) and _alike(request.body, body)


def _needed(request: Request | None) -> Request:
    if request is None:
        raise Stalled("there is no request to write to", help="margo pr sync")
    return request
