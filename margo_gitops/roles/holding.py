"""What the people of a site keep at an earlier record, on a ref of its own mirror."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, MargoError, Refused, Stalled
from margo_gitops.model import layout
from margo_gitops.model.record import Change, RecordEntry, document_path
from margo_gitops.model.suspension import ending
from margo_gitops.model.trust import Hold
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.trust.accounting import evidence_paths
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.holding import hold_in, kept_in
from margo_gitops.trust.offer import Desired
from margo_gitops.trust.signers import whose
from margo_gitops.trust.sshsig import Namespace, Signer

LOOK_BACK = 2000
"""Generations of a site that are looked through for a record that it adopted."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The holds of one site."""

    site: str
    store: GitStore
    now: Callable[[], int]

    @property
    def ref(self) -> str:
        """Where they are kept."""
        return layout.HOLDS + self.site

    def over(self, desired: Desired, trust: Trust | None) -> Desired:
        """The desired state with what is held in place of what was published.

        A hold that nobody with the role signed, or that has ended, keeps nothing.
        """
        files = self._files()
        if trust is None or not files:
            return desired
        for record in desired.deployments:
            try:
                hold = hold_in(files, record.id, trust)
            except Refused:
                continue
            if hold is not None:
                desired = self._kept(desired, hold, files)
        return desired

    def words(self, desired: Desired, trust: Trust | None) -> dict[str, str]:
        """Deployment to who keeps it, until when and why; for the status."""
        files = self._files()
        found: dict[str, str] = {}
        for record in desired.deployments if trust is not None and files else ():
            try:
                hold = None if trust is None else hold_in(files, record.id, trust)
            except Refused as error:
                found[record.id] = f"not held: {error.problem}"
                continue
            if hold is not None and hold.record is not None and self._lasts(hold):
                until = f" until {hold.until}" if hold.until else ""
                found[record.id] = f"held by {hold.by}{until}: {hold.reason}"
        return found

    def keep(
        self,
        trust: Trust,
        name: str,
        signer: Signer,
        *,
        reason: str,
        until: str | None = None,
        revision: int | None = None,
    ) -> Hold:
        """Keep a deployment as it was adopted, or at an earlier revision of its record.

        Raises `Invalid` for a deployment or a revision that the site never adopted, `Stalled` for
        a key without the role.
        """
        entry, commit = self._adopted(name, revision)
        number = self._number(entry.record.id) + 1
        hold = self._hold(trust, entry, signer, number, reason)
        named = canonical.digest(canonical.dump(entry.record))
        hold = hold.model_copy(update={"record": named, "until": until})
        files = self.store.files(commit)
        path = document_path(entry.record)
        kept = {layout.kept_path(hold.id): canonical.dump(entry), path: files[path]}
        proofs = {
            p: files[p] for p in evidence_paths(files, [entry]) if not p.startswith(layout.CHAIN)
        }
        proofs.pop(layout.signature_path(layout.CHANGE), None)
        self._write(hold, signer, {**kept, **proofs})
        return hold

    def let_go(self, trust: Trust, name: str, signer: Signer, *, reason: str) -> Hold:
        """Follow the office again; `Invalid` where the deployment is not held."""
        entry, _ = self._adopted(name, None)
        number = self._number(entry.record.id)
        if not number:
            raise Invalid(f"{name} is not held")
        hold = self._hold(trust, entry, signer, number + 1, reason)
        self._write(hold, signer, {})
        return hold

    def _kept(self, desired: Desired, hold: Hold, files: dict[str, bytes]) -> Desired:
        proofs = {p: d for p, d in files.items() if not p.startswith("deployments/")}
        merged = {**desired.files, **proofs}
        entry = kept_in(files, hold) if self._lasts(hold) else None
        if entry is None:
            merged.pop(layout.kept_path(hold.id), None)
            return replace(desired, files=merged)
        path = document_path(entry.record)
        records = tuple(entry if e.record.id == hold.id else e for e in desired.change.records)
        change = desired.change.model_copy(update={"records": records})
        return replace(desired, change=change, files={**merged, path: files[path]})

    def _lasts(self, hold: Hold) -> bool:
        return hold.until is None or self.now() < ending(hold.until)

    def _hold(
        self, trust: Trust, entry: RecordEntry, signer: Signer, number: int, reason: str
    ) -> Hold:
        owner, _ = whose(trust.root, signer.key)
        person = trust.root.persons.get(owner)
        if person is None or "site-operator" not in person.roles:
            raise Stalled(
                f"{signer.key.fingerprint} may not hold anything: it is nobody's with the role"
                " site-operator",
                then="nothing was changed",
                help="margo trust add NAME KEY --role site-operator, at the office",
            )
        return Hold(
            fleet=trust.root.fleet,
            site=self.site,
            id=entry.record.id,
            number=number,
            record=None,
            by=owner,
            reason=reason,
        )

    def _adopted(self, name: str, revision: int | None) -> tuple[RecordEntry, str]:
        """A record that this site adopted, and a commit that holds it."""
        tip = self.store.resolve(layout.site_ref(self.site))
        history = () if tip is None else self.store.history(tip, layout.CHANGE, limit=LOOK_BACK)
        for commit in history:
            data = self.store.read(commit.id, layout.CHANGE) or b""
            try:
                change = canonical.load(data, Change, layout.CHANGE)
            except MargoError:
                continue
            for entry in change.records:
                record = entry.record
                named = record.name == name and record.action == "set" and record.application
                if named and revision in {None, record.revision}:
                    return entry, commit.id
        what = name if revision is None else f"revision {revision} of {name}"
        raise Invalid(f"{self.site} never adopted {what}", help="margo status")

    def _number(self, deployment: str) -> int:
        data = self._files().get(layout.hold_path(deployment))
        return 0 if data is None else canonical.load(data, Hold, "hold").number

    def _files(self) -> dict[str, bytes]:
        tip = self.store.resolve(self.ref)
        return {} if tip is None else self.store.files(tip)

    def _write(self, hold: Hold, signer: Signer, more: dict[str, bytes]) -> None:
        tip, path = self.store.resolve(self.ref), layout.hold_path(hold.id)
        files = {p: d for p, d in self._files().items() if p != layout.kept_path(hold.id)}
        data = canonical.dump(hold)
        files |= {path: data, layout.signature_path(path): signer.sign(data, Namespace.HOLD)}
        commit = self.store.write(
            {**files, **more},
            parents=[] if tip is None else [tip],
            author=Authorship(hold.by, "hold@margo-gitops.invalid", self.now()),
            message=f"{self.site}: {hold.reason}\n",
        )
        self.store.move(self.ref, commit, old=tip)
