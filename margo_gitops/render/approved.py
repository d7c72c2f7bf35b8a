"""What of a site's next records may be published: in a signed fleet the others wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from margo_gitops.model.base import Digest
from margo_gitops.model.record import Record, RecordEntry


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a record may be published: by which statement, or what it waits for, in words."""

    statement: Digest | None = None
    waits: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signed fleet adds to rendering a site: the versions in force, and who decides.

    `enrolment` is 0 for a site that is not enrolled: nothing of it is published. `renew` gives a
    held entry with another statement, where its own no longer does and that one would.
    """

    root: int
    enrolment: int
    epoch: int
    decide: Callable[[Record], Decision]
    renew: Callable[[RecordEntry], RecordEntry]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that is merged and not published yet, and why."""

    record: Record
    why: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The entries that are published, the bytes of their documents by id, and what waits."""

    entries: tuple[RecordEntry, ...]
    documents: Mapping[str, bytes]
    waiting: tuple[Waiting, ...]


def settle(
    wanted: Settled, held: Mapping[str, RecordEntry], before: Mapping[str, bytes], signed: Signed
) -> Settled:
    """Of the wanted entries those that are held or decided for; the others stay as they are held.

    `before` has the documents of the held entries, by id.
    """
    entries: list[RecordEntry] = []
    documents = dict(wanted.documents)
    waiting: list[Waiting] = []
    for entry in wanted.entries:
        id = entry.record.id
        if held.get(id) == entry:
            entries.append(signed.renew(entry))
            continue
        decision = signed.decide(entry.record)
        if decision.waits is None:
            entries.append(entry.model_copy(update={"statement": decision.statement}))
            continue
        waiting.append(Waiting(entry.record, decision.waits))
        if id in held:
            entries.append(held[id])
            if id in before:
                documents[id] = before[id]
    return Settled(tuple(entries), documents, tuple(waiting))
