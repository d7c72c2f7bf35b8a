"""Holds: a site's people keep a deployment at what the site adopted before (DESIGN section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import RecordEntry
from margo_gitops.model.trust import Hold
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.sshsig import Namespace


def hold_in(files: Mapping[str, bytes], deployment: str, trust: Trust) -> Hold | None:
    """The hold of a deployment as an operator of this site signed it; None where there is none.

    Raises `Refused` (rule `hold`) for one that nobody with the role signed, or of another site.
    """
    path = layout.hold_path(deployment)
    data = files.get(path)
    if data is None:
        return None
    hold = canonical.load(data, Hold, path)
    signature = files.get(layout.signature_path(path), b"")
    signed = trust.persons.signed(data, Namespace.HOLD, [signature], "site-operator")
    if hold.by not in signed.persons:
        why = "; ".join(signed.problems) or f"{hold.by} did not sign it"
        raise Refused(f"{path}: {why}", rule="hold")
    site = "" if trust.enrolment is None else trust.enrolment.site
    if (hold.fleet, hold.site, hold.id) != (trust.root.fleet, site, deployment):
        raise Refused(f"{path} is for {hold.id} at {hold.site}, expected {site}", rule="hold")
    return hold


def kept_in(files: Mapping[str, bytes], hold: Hold) -> RecordEntry | None:
    """The entry of the record that a hold keeps; None where it lets go.

    Raises `Refused` (rule `hold`) where the record beside it is another one.
    """
    if hold.record is None:
        return None
    path = layout.kept_path(hold.id)
    entry = canonical.load(files.get(path, b""), RecordEntry, path)
    record = entry.record
    named = canonical.digest(canonical.dump(record))
    if named != hold.record or (record.id, record.site) != (hold.id, hold.site):
        raise Refused(f"{path} is not the record that the hold names", rule="hold")
    return entry


def hold_files(files: Mapping[str, bytes], deployments: set[str]) -> dict[str, bytes]:
    """The files of these deployments' holds."""
    return {
        path: data
        for path, data in files.items()
        if path.startswith("holds/") and path.split("/")[1].split(".")[0] in deployments
    }
