"""Attacks with a stolen publish key, by records that people approved or did not."""

from __future__ import annotations

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.render import edits
from margo_gitops.roles import checking
from margo_gitops.trust import approval
from tests.attacks.forge import (
    Forge,
    Forged,
    altered,
    content,
    deployment,
    running,
)
from tests.attacks.table import THIEF, Tried, attack, both, instead, without


@attack(
    who=THIEF,
    stops="a record names its site",
    rule="site",
    says="it is for the site south, expected north",
    off=both(without("site"), instead(checking, "require_valid_site", lambda *_: None)),
)
def _a_record_of_another_site() -> Tried:
    fleet = running()
    fleet.approved(fleet.intent("extra", sites=("south",)))
    forge = Forge(fleet)
    draft, south = forge.draft(), forge.draft("south")
    theirs = deployment(south, "extra")
    draft.entries.append(theirs)
    draft.documents[theirs.record.id] = south.documents[theirs.record.id]
    draft.proofs = south.proofs | draft.proofs
    return forge.offer(draft)


@attack(
    who=THIEF,
    stops="a revision that was left behind does not come back, in whatever generation",
    rule="records",
    says="revision 1 of hello does not follow 2",
    off=without("records"),
)
def _an_old_revision_in_a_new_generation() -> Tried:
    fleet = running()
    forge = Forge(fleet)
    old = forge.draft()
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    draft = forge.draft()
    _put_back(draft, old)
    return forge.offer(draft)


@attack(
    who=THIEF,
    stops="a removal is a record with a revision of its own, and stays in force",
    rule="records",
    says="revision 1 of hello does not follow 2",
    off=without("records"),
)
def _replay_of_a_removed_record() -> Tried:
    fleet = running()
    forge = Forge(fleet)
    old = forge.draft()
    fleet.approved(edits.undeploy(fleet.co.main(), "hello"))
    fleet.settle()
    draft = forge.draft()
    _put_back(draft, old)
    return forge.offer(draft)


def _put_back(draft: Forged, old: Forged) -> None:
    before, now = deployment(old), deployment(draft)
    draft.entries = [before if entry is now else entry for entry in draft.entries]
    draft.documents[before.record.id] = old.documents[before.record.id]
    draft.proofs = old.proofs | draft.proofs


@attack(
    who=THIEF,
    stops="what is signed is the record whole: document and artifacts together",
    rule="approval",
    says="its proof does not lead to the statement",
    off=both(
        instead(approval, "_require_proof", lambda *_: None),
        instead(checking, "require_valid_site", lambda *_: None),
    ),
)
def _mixed_approved_records() -> Tried:
    fleet = running()
    fleet.approved(fleet.intent("other", sites=("north",)))
    fleet.settle()
    forge = Forge(fleet)
    draft = forge.draft()
    theirs = deployment(draft, "other")
    document = draft.documents[theirs.record.id]
    mixed = altered(draft, document=content(document), statement=theirs.statement)
    draft.documents[mixed.record.id] = document
    raw = canonical.dump(mixed.record)
    proof = layout.proof_path(canonical.digest(canonical.dump(theirs.record)))
    draft.proofs[layout.proof_path(canonical.digest(raw))] = draft.proofs[proof]
    return forge.offer(draft)


@attack(
    who=THIEF,
    stops="a site's settings are a record that people approve like any other",
    rule="approval",
    says="settings",
    off=without("approval"),
)
def _unapproved_settings() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    altered(draft, "settings", statement=None)
    return forge.offer(draft)


@attack(
    who=THIEF,
    stops="the digests of artifacts and images are in the record that people sign",
    rule="approval",
    says="hello",
    off=without("approval"),
)
def _an_artifact_swapped_behind_its_tag() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    before = deployment(draft).record
    (held,) = before.artifacts
    swapped = held.model_copy(update={"digest": canonical.digest(b"another module")})
    document = before.document
    entry = altered(draft, artifacts=(swapped,), document=document, statement=None)
    draft.documents[entry.record.id] = forge.draft().documents[entry.record.id]
    return forge.offer(draft)


@attack(
    who=THIEF,
    stops="images are pinned by the record; a compose file's names run as these digests only",
    rule="approval",
    says="hello",
    off=without("approval"),
)
def _an_image_swapped_inside_a_compose_file() -> Tried:
    """The same document, the same compose file; the image behind its name is another."""
    forge = Forge(running())
    draft = forge.draft()
    before = deployment(draft).record
    (held,) = before.artifacts
    evil = canonical.digest(b"another image")
    image = held.model_copy(update={"image": "docker.io/library/nginx:1", "digest": evil})
    entry = altered(draft, artifacts=(held, image), document=before.document, statement=None)
    draft.documents[entry.record.id] = forge.draft().documents[entry.record.id]
    return forge.offer(draft)
