"""A forge in hostile hands: it writes any ref of the remote, with whatever keys it could get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from margo_gitops.documents import canonical
from margo_gitops.errors import Missing
from margo_gitops.model import layout
from margo_gitops.model.approval import Policy, Statement
from margo_gitops.model.record import (
    Artifact,
    Change,
    Content,
    Record,
    RecordEntry,
    SiteArtifacts,
    document_path,
)
from margo_gitops.render.manifest import manifest_of
from margo_gitops.store.git import Authorship
from margo_gitops.trust import merkle
from margo_gitops.trust.accounting import evidence_paths
from margo_gitops.trust.sshsig import Namespace
from margo_gitops.trust.statement import leaves_of, proofs_of
from tests.attacks.table import Tried
from tests.trust.keys import key
from tests.trust.world import SignedFleet, SignedSite

WHO = Authorship("Mallory", "mallory@example.invalid", 1)


def running(policy: Policy | None = None, **labels: Mapping[str, str]) -> SignedFleet:
    """One deployment approved by Bob and Carol on two sites, adopted and running."""
    wanted = policy or Policy(approvals=1)
    fleet = SignedFleet({"north": ("n1", "n2"), "south": ("s1",)}, policy=wanted, labels=labels)
    fleet.approved(fleet.intent(), "bob", "carol")
    fleet.settle()
    assert set(fleet.running()["s1"]) == {"hello"}
    return fleet


@dataclass
class Forged:
    """A site's next tree in the making: whole in itself, whoever signed it."""

    entries: list[RecordEntry]
    documents: dict[str, bytes]
    change: Change
    proofs: dict[str, bytes] = field(default_factory=dict)
    signer: str | None = "alice"
    namespace: Namespace = Namespace.PUBLISH

    def files(self) -> dict[str, bytes]:
        """All of it, accounted for by its own change.json, and the proofs that entries rest on."""
        entries = tuple(sorted(self.entries, key=lambda entry: entry.record.id))
        kept = [entry.record for entry in entries if entry.record.action == "set"]
        files = {document_path(record): self.documents[record.id] for record in kept}
        placed = {r.id: self.documents[r.id] for r in kept if r.application}
        files["manifest.json"] = canonical.dump(manifest_of(self.change.generation, placed))
        listed = {
            a.digest: Artifact(**a.model_dump(include=set(Artifact.model_fields)))
            for record in kept
            for a in record.artifacts
        }
        artifacts = tuple(listed[digest] for digest in sorted(listed))
        files["artifacts.json"] = canonical.dump(
            SiteArtifacts(site=self.change.site, artifacts=artifacts)
        )
        change = self.change.model_copy(
            update={
                "records": entries,
                "manifest": content(files["manifest.json"]),
                "artifacts": content(files["artifacts.json"]),
                "settings": content(files["settings.json"]),
            }
        )
        files["change.json"] = canonical.dump(change)
        if self.signer is not None:
            signature = key(self.signer).sign(files["change.json"], self.namespace)
            files["change.json.sig"] = signature
        proofs = evidence_paths(self.proofs, entries)
        return {**files, **{path: self.proofs[path] for path in proofs}}


@dataclass
class Forge:
    """What a hostile forge can do to a fleet's remote."""

    fleet: SignedFleet

    def files(self, site: str = "north") -> dict[str, bytes]:
        """What the site's branch holds now."""
        return self.fleet.remote.files(self.tip(site))

    def tip(self, site: str = "north") -> str:
        """Where it is."""
        tip = self.fleet.remote.resolve(layout.site_ref(site))
        assert tip is not None
        return tip

    def draft(self, site: str = "north") -> Forged:
        """The next generation of a site, the same as the one before until it is changed."""
        files = self.files(site)
        change = canonical.load(files["change.json"], Change, "change.json")
        update = {
            "generation": change.generation + 1,
            "previous": canonical.digest(files["change.json"]),
        }
        held = [e for e in change.records if e.record.document is not None]
        documents = {e.record.id: files[document_path(e.record)] for e in held}
        proofs = {
            path: data
            for path, data in files.items()
            if path.startswith(("trust/", "statements/", "proofs/", "approvals/"))
        }
        return Forged(list(change.records), documents, change.model_copy(update=update), proofs)

    def put(self, files: Mapping[str, bytes], site: str = "north", *parents: str) -> str:
        """Make the branch hold these files."""
        ref, tip = layout.site_ref(site), self.tip(site)
        made = self.fleet.remote.write(
            files, parents=list(parents) or [tip], author=WHO, message="forged\n"
        )
        self.fleet.remote.move(ref, made, old=tip)
        return made

    def offer(self, forged: Forged | Mapping[str, bytes], site: str = "north") -> Tried:
        """Put it on the site's branch; whether the site adopted it."""
        files = forged.files() if isinstance(forged, Forged) else forged
        return self.poll(self.put(files, site), site)

    def poll(self, commit: str, site: str = "north", lo: SignedSite | None = None) -> Tried:
        """One pass of the site; whether it now holds this commit."""
        box = lo or self.fleet.sites[site]
        assert isinstance(box, SignedSite)
        outcome = box.poll()
        held = box.agent.read()
        tried = Tried.by(outcome, held is not None and held.commit == commit)
        if not tried.succeeded and not isinstance(tried.said, Missing):
            status = box.agent.branch.files().get("site.json", b"").decode()
            assert getattr(tried.said, "rule", "?") in status, "the refusal is in the status"
        return tried


def content(data: bytes) -> Content:
    return Content(digest=canonical.digest(data), size=len(data))


def deployment(forged: Forged, name: str = "hello") -> RecordEntry:
    """The entry of a deployment."""
    return next(entry for entry in forged.entries if entry.record.name == name)


def altered(
    forged: Forged, name: str = "hello", *, statement: str | None = "kept", **update: object
) -> RecordEntry:
    """Put the next revision of a record into the draft, with another document."""
    before = deployment(forged, name)
    document = forged.documents[before.record.id].replace(b"Hello", b"Pwned")
    if name == "settings":
        document = document.replace(b'"privileged":false', b'"privileged":true')
    fields: dict[str, object] = {
        "revision": before.record.revision + 1,
        "replaces": canonical.digest(canonical.dump(before.record)),
        "document": content(document),
        **update,
    }
    record = before.record.model_copy(update=fields)
    named = before.statement if statement == "kept" else statement
    entry = RecordEntry(record=record, statement=named)
    forged.documents[record.id] = document
    forged.entries = [entry if e is before else e for e in forged.entries]
    return entry


def signed_statement(
    forged: Forged,
    records: Sequence[Record],
    *,
    proposer: str,
    keys: Iterable[str],
    namespace: Namespace = Namespace.APPROVE,
    change: Callable[[bytes], bytes] = lambda data: data,
) -> str:
    """A statement over these records with these keys' signatures, put beside them; its digest."""
    leaves = leaves_of(records)
    statement = Statement(
        fleet=forged.change.fleet,
        proposal="forged",
        proposer=proposer,
        purpose="change",
        reason="trust me",
        records=len(leaves),
        tree=f"sha256:{merkle.head(leaves).hex()}",
    )
    data = canonical.dump(statement)
    digest = canonical.digest(data)
    forged.proofs[layout.statement_path(digest)] = data
    for name in keys:
        path = f"{layout.approvals_path(digest)}{key(name).key.id}.sig"
        forged.proofs[path] = change(key(name).sign(data, namespace))
    proofs = proofs_of(data, leaves)
    for record in records:
        raw = canonical.dump(record)
        forged.proofs[layout.proof_path(canonical.digest(raw))] = proofs[merkle.leaf(raw)]
    return digest


def approved(forged: Forged, *keys: str, proposer: str = "alice") -> RecordEntry:
    """The altered record with a statement that these keys signed."""
    entry = altered(forged, statement=None)
    digest = signed_statement(forged, [entry.record], proposer=proposer, keys=keys)
    stated = entry.model_copy(update={"statement": digest})
    forged.entries = [stated if e is entry else e for e in forged.entries]
    return stated
