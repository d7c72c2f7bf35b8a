"""Records: what people approve, carried from generation to generation.

What did not change keeps its bytes: an approved record is re-used, never rendered again, so that a
newer renderer changes nothing by itself (invariant 11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from margo_gitops.documents import canonical, margo
from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.neutral import neutral
from margo_gitops.model import layout
from margo_gitops.model.fleet import Fleet
from margo_gitops.model.record import (
    ComponentArtifact,
    Content,
    LockedComponent,
    Record,
    RecordEntry,
)
from margo_gitops.render.desired import Wanted
from margo_gitops.render.main import Application


def content(data: bytes) -> Content:
    """These bytes by digest and size."""
    return Content(digest=canonical.digest(data), size=len(data))


def deployment_entry(
    fleet: Fleet, wanted: Wanted, held: RecordEntry | None, held_bytes: bytes | None
) -> tuple[RecordEntry, bytes]:
    """The held entry with its bytes where it still says the same, else the next revision."""
    dialect = _dialect(fleet, wanted.application)
    fresh = margo.write_deployment(wanted.deployment, dialect)
    same = held_bytes is not None and _same(held_bytes, fresh, wanted)
    document = held_bytes if same and held_bytes is not None else fresh
    record = Record(
        fleet=fleet.id,
        site=wanted.target.partition("/")[0],
        id=wanted.id,
        name=wanted.name,
        application=wanted.application.description.id,
        version=wanted.application.description.version,
        target=wanted.target,
        requirements=wanted.profile.requirements if dialect is not Dialect.D else None,
        revision=1 if held is None else held.record.revision + 1,
        replaces=None if held is None else canonical.digest(canonical.dump(held.record)),
        action="set",
        document=content(document),
        artifacts=_artifacts(wanted),
    )
    return _next(record, held), document


def _next(record: Record, held: RecordEntry | None) -> RecordEntry:
    """The held entry where only revision and predecessor would differ."""
    if held is not None:
        same = {"revision": held.record.revision, "replaces": held.record.replaces}
        if record.model_copy(update=same) == held.record:
            return held
    return RecordEntry(record=record)


def _same(held: bytes, fresh: bytes, wanted: Wanted) -> bool:
    """True where both documents of a deployment say the same, however they are written.

    A thousand sites have the same two, but for id and target: they are read once.
    """
    if held == fresh:
        return True
    then, now = (neutral(data, wanted.id, wanted.target) for data in (held, fresh))
    return _alike(then, now)


@lru_cache(maxsize=64)
def _alike(held: bytes, fresh: bytes) -> bool:
    return margo.read_deployment(held, "held")[0] == margo.read_deployment(fresh, "new")[0]


def _dialect(fleet: Fleet, application: Application) -> Dialect:
    return application.dialect if fleet.dialect == "app" else Dialect(fleet.dialect)


def _artifacts(wanted: Wanted) -> tuple[ComponentArtifact, ...]:
    profile = wanted.profile.id or wanted.profile.type
    locked = [c for c in wanted.application.lock.components if c.profile == profile]
    return tuple(artifact for component in locked for artifact in _pinned(component))


def _pinned(locked: LockedComponent) -> Iterable[ComponentArtifact]:
    """What a component is made of, then the images that it runs."""
    if locked.artifact is not None:
        yield ComponentArtifact(component=locked.component, **locked.artifact.model_dump())
    for image in locked.images:
        pinned = image.model_dump(exclude={"reference"})
        yield ComponentArtifact(component=locked.component, image=image.reference, **pinned)


def settings_entry(
    fleet: Fleet, site: str, settings: bytes, held: Mapping[str, RecordEntry]
) -> RecordEntry:
    id = layout.settings_id(fleet.id, site)
    before = held.get(id)
    record = Record(
        fleet=fleet.id,
        site=site,
        id=id,
        name="settings",
        target=layout.target_of(site, None),
        revision=1 if before is None else before.record.revision + 1,
        replaces=None if before is None else canonical.digest(canonical.dump(before.record)),
        action="set",
        document=content(settings),
    )
    return _next(record, before)


def removals(held: Mapping[str, RecordEntry], kept: set[str]) -> Iterable[RecordEntry]:
    """A tombstone for each record that nobody wants any more; old ones stay as they are."""
    for id, entry in held.items():
        if id in kept:
            continue
        if entry.record.action == "remove":
            yield entry
            continue
        before = canonical.digest(canonical.dump(entry.record))
        update = {
            "action": "remove",
            "document": None,
            "artifacts": (),
            "requirements": None,
            "revision": entry.record.revision + 1,
            "replaces": before,
        }
        yield RecordEntry(record=entry.record.model_copy(update=update))
