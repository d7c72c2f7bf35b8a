"""Rendering: intents on `main` to the tree of a site branch. Pure and the same for everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import (
    Artifact,
    Change,
    EpochStart,
    NodeSettings,
    Record,
    RecordEntry,
    SiteArtifacts,
    SiteSettings,
    document_path,
)
from margo_gitops.render.approved import Settled, Signed, Waiting, settle
from margo_gitops.render.desired import suspended_at, wanted_at
from margo_gitops.render.main import Main
from margo_gitops.render.manifest import manifest_of
from margo_gitops.render.records import content, deployment_entry, removals, settings_entry
from margo_gitops.render.voided import beyond


@dataclass(frozen=True, slots=True)
class SiteTree:
    """The complete content of a site branch, and its change."""

    files: Mapping[str, bytes]
    change: Change

    @property
    def documents(self) -> dict[str, bytes]:
        """Record id to document bytes, of the records that set one."""
        return {
            entry.record.id: self.files[document_path(entry.record)]
            for entry in self.change.records
            if entry.record.document is not None
        }


@dataclass(frozen=True, slots=True)
class PublishedTree:
    """What a site branch holds, at one commit of it."""

    commit: str
    tree: SiteTree


def render(
    main: Main,
    site: str,
    published: PublishedTree | None,
    *,
    beyond: int | None = None,
    signed: Signed | None = None,
) -> SiteTree | None:
    """The next tree of a site branch, or None where nothing of the site changed.

    A site that asks for a higher epoch than the published one gets it, with the same records. With
    `beyond` there is always a next one, of a generation above that one, too, in the same epoch.
    In a `signed` fleet only decided records are in it, and a new root or enrolment makes a next
    one. Raises `Invalid` where an intent does not fit its application or its site.
    """
    settled = _settled(main, site, published, signed)
    records = tuple(sorted(settled.entries, key=lambda entry: entry.record.id))
    if not any(entry.record.application is None for entry in records):
        return None  # its settings wait: a site without any would obey nothing
    epoch = main.sites[site].epoch
    versions = _versions(signed)
    if signed is not None:
        epoch = min(epoch, signed.epoch)
    before = None if published is None else published.tree.change
    if before is not None and beyond is None and not _differs(before, epoch, records, versions):
        return None
    place = _Place(0 if beyond is not None else epoch, beyond or 0, *versions)
    return _tree(main, site, published, Settled(records, settled.documents, ()), place)


def waiting(
    main: Main, site: str, published: PublishedTree | None, signed: Signed
) -> tuple[Waiting, ...]:
    """What `main` asks of a site and may not be published yet, each with its reason."""
    return _settled(main, site, published, signed).waiting


def wanted(main: Main, site: str, published: PublishedTree | None) -> Settled:
    """Every entry that `main` asks of a site, held ones and removals included, and documents."""
    return _settled(main, site, published, None)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in its history, and under which trust, a tree stands."""

    epoch: int
    beyond: int
    root: int | None
    enrolment: int | None


def _settled(
    main: Main, site: str, published: PublishedTree | None, signed: Signed | None
) -> Settled:
    previous = None if published is None else published.tree
    held = {} if previous is None else {e.record.id: e for e in previous.change.records}
    before = {} if previous is None else previous.documents
    wanted = _wanted(main, site, held, before)
    return wanted if signed is None else settle(wanted, held, before, signed)


def _wanted(
    main: Main, site: str, held: Mapping[str, RecordEntry], before: Mapping[str, bytes]
) -> Settled:
    """All that `main` asks of a site, whoever approved it."""
    documents = dict(before)
    id = layout.settings_id(main.fleet.id, site)
    documents[id] = canonical.dump(_settings(main, site))
    entries = [settings_entry(main.fleet, site, documents[id], held)]
    for wanted in wanted_at(main, site):
        entry, document = deployment_entry(
            main.fleet, wanted, held.get(wanted.id), documents.get(wanted.id)
        )
        documents[wanted.id] = document
        entries.append(entry)
    entries += removals(held, {entry.record.id for entry in entries})
    if site in main.voided:
        entries = list(beyond(entries, main.voided[site], held))
    return Settled(tuple(entries), documents, ())


def _versions(signed: Signed | None) -> tuple[int | None, int | None]:
    return (None, None) if signed is None else (signed.root, signed.enrolment)


def _settings(main: Main, site_id: str) -> SiteSettings:
    site = main.sites[site_id]
    return SiteSettings(
        fleet=main.fleet.id,
        site=site_id,
        polling=site.polling or main.fleet.polling,
        dialect=main.fleet.dialect,
        windows=site.windows,
        mirrors=site.mirrors,
        runtime=site.runtime,
        suspended=dict(sorted(suspended_at(main, site_id).items())),
        nodes=tuple(
            NodeSettings(
                id=device.id,
                device_id=device.device_id,
                labels=device.labels,
                declared=main.declared.get((site_id, device.id)),
            )
            for device in sorted(main.devices.get(site_id, ()), key=lambda device: device.id)
        ),
    )


def _tree(
    main: Main,
    site: str,
    published: PublishedTree | None,
    settled: Settled,
    place: _Place,
) -> SiteTree:
    """The files of a generation and the change that accounts for each of them."""
    records, documents = settled.entries, settled.documents
    kept = [entry.record for entry in records if entry.record.action == "set"]
    placed = [record for record in kept if record.application is not None]
    before = None if published is None else published.tree.change
    generation = max(0 if before is None else before.generation, place.beyond) + 1
    files = {document_path(record): documents[record.id] for record in kept}
    files[layout.MANIFEST] = canonical.dump(
        manifest_of(generation, {record.id: documents[record.id] for record in placed})
    )
    files[layout.SITE_ARTIFACTS] = canonical.dump(_site_artifacts(site, placed))
    epoch, continues = _epoch(place.epoch, published)
    change = Change(
        fleet=main.fleet.id,
        site=site,
        epoch=epoch,
        generation=generation,
        continues=continues,
        previous=None if before is None else canonical.digest(canonical.dump(before)),
        source=main.commit,
        root=place.root,
        enrolment=place.enrolment,
        manifest=content(files[layout.MANIFEST]),
        artifacts=content(files[layout.SITE_ARTIFACTS]),
        settings=content(files[layout.SETTINGS]),
        records=records,
    )
    return SiteTree({**files, layout.CHANGE: canonical.dump(change)}, change)


def _differs(
    published: Change,
    epoch: int,
    records: tuple[RecordEntry, ...],
    versions: tuple[int | None, int | None],
) -> bool:
    return (
        records != published.records
        or epoch > published.epoch
        or versions != (published.root, published.enrolment)
    )


def _epoch(wanted: int, published: PublishedTree | None) -> tuple[int, EpochStart | None]:
    """The epoch never goes back, whatever `main` asks for."""
    if published is None:
        return wanted, None
    change = published.tree.change
    if wanted <= change.epoch:
        return change.epoch, change.continues
    return wanted, EpochStart(commit=published.commit, generation=change.generation)


def _site_artifacts(site: str, records: Iterable[Record]) -> SiteArtifacts:
    unique = {
        artifact.digest: Artifact(**artifact.model_dump(include=set(Artifact.model_fields)))
        for record in records
        for artifact in record.artifacts
    }
    return SiteArtifacts(site=site, artifacts=tuple(unique[key] for key in sorted(unique)))
