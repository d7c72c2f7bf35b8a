"""Clauses on the tree: it holds exactly what its change accounts for."""

from __future__ import annotations

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Change, Manifest, Record, SiteArtifacts, document_path
from margo_gitops.trust.accounting import accounted, evidence_paths
from margo_gitops.trust.offer import Desired, Offer


def tree(offer: Offer, change: Change, _: Desired | None) -> str | None:
    """The tree holds exactly what change.json accounts for, byte for byte."""
    expected = {
        layout.MANIFEST: change.manifest,
        layout.SITE_ARTIFACTS: change.artifacts,
        layout.SETTINGS: change.settings,
    }
    for entry in change.records:
        document = entry.record.document
        if (document is None) != (entry.record.action == "remove"):
            return f"the record {entry.record.name} says {entry.record.action} and means another"
        if document is not None:
            expected[document_path(entry.record)] = document
    uncounted = evidence_paths(offer.files, change.records)
    return accounted(offer.files, expected, layout.CHANGE, *uncounted)


def manifest(offer: Offer, change: Change, _: Desired | None) -> str | None:
    """Manifest and set records one to one; the manifest's version is the generation."""
    manifest = canonical.load(offer.files[layout.MANIFEST], Manifest, layout.MANIFEST)
    if manifest.manifest_version != change.generation:
        return f"manifestVersion {manifest.manifest_version}, expected {change.generation}"
    listed = {entry.deployment_id: entry.digest for entry in manifest.deployments}
    recorded = {
        entry.record.id: entry.record.document.digest
        for entry in change.records
        if entry.record.application is not None and entry.record.document is not None
    }
    if listed == recorded and len(manifest.deployments) == len(listed):
        return None
    different = sorted(set(listed.items()) ^ set(recorded.items()))
    return f"manifest.json and the records differ in {len(different)} deployments"


def artifacts(offer: Offer, change: Change, _: Desired | None) -> str | None:
    """artifacts.json lists exactly what the records need."""
    stated = canonical.load(
        offer.files[layout.SITE_ARTIFACTS], SiteArtifacts, layout.SITE_ARTIFACTS
    )
    needed = {a.digest for e in change.records for a in e.record.artifacts}
    if {artifact.digest for artifact in stated.artifacts} == needed and stated.site == change.site:
        return None
    return "artifacts.json does not list exactly what the records need"


def records(_: Offer, change: Change, held: Desired | None) -> str | None:
    """Unique, none dropped without a tombstone, no revision back, each successor linked."""
    records = {entry.record.id: entry.record for entry in change.records}
    if len(records) != len(change.records):
        return "two records have one id"
    for id, before in ({} if held is None else held.records).items():
        after = records.get(id)
        if after is None:
            return f"the record {before.name} is gone without a remove record"
        if after != before and (problem := _succession(before, after)):
            return problem
    return None


def _succession(before: Record, after: Record) -> str | None:
    if after.revision <= before.revision:
        return f"revision {after.revision} of {after.name} does not follow {before.revision}"
    if after.revision == before.revision + 1:
        digest = canonical.digest(canonical.dump(before))
        if after.replaces != digest:
            return f"revision {after.revision} of {after.name} does not replace the one held"
    return None
