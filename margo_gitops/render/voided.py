"""Records that were approved and are not wanted any more: the next record outnumbers each.

A signature cannot be taken back, and whoever has a publish key could bring a closed proposal's
records to a site as long as they would follow what the site holds. So a site gets what it is to
have in a revision beyond theirs; no site goes back to a lower one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from margo_gitops.documents import canonical
from margo_gitops.model.record import Record, RecordEntry


def beyond(
    entries: Iterable[RecordEntry], voided: Iterable[Record], held: Mapping[str, RecordEntry]
) -> Iterator[RecordEntry]:
    """The entries, each in a revision above the voided records of its deployment.

    What would have been the first record of a deployment that nobody asks for gets a tombstone.
    """
    highest: dict[str, Record] = {}
    for record in voided:
        if record.id not in highest or record.revision > highest[record.id].revision:
            highest[record.id] = record
    for entry in entries:
        void = highest.pop(entry.record.id, None)
        yield entry if void is None else _above(entry, void, held.get(entry.record.id))
    for void in highest.values():
        if void.application is not None and void.id not in held:
            yield RecordEntry(record=_tombstone(void))


def _above(entry: RecordEntry, void: Record, held: RecordEntry | None) -> RecordEntry:
    if entry.record.revision > void.revision:
        return entry
    replaces = None if held is None else canonical.digest(canonical.dump(held.record))
    update = {"revision": void.revision + 1, "replaces": replaces}
    return RecordEntry(record=entry.record.model_copy(update=update))


def _tombstone(void: Record) -> Record:
    update = {
        "action": "remove",
        "document": None,
        "artifacts": (),
        "requirements": None,
        "revision": void.revision + 1,
        "replaces": canonical.digest(canonical.dump(void)),
    }
    return void.model_copy(update=update)
