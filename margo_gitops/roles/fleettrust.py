"""The trust of a fleet as `main` holds it: who may publish what, and the files that prove it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused, Stalled
from margo_gitops.model import layout
from margo_gitops.model.record import Change, Record, RecordEntry
from margo_gitops.render import Decision, Signed, SiteTree
from margo_gitops.roles.statements import Statements
from margo_gitops.store.git import GitStore
from margo_gitops.trust import content
from margo_gitops.trust.approval import Evidence, frozen, read_statement, unapproved
from margo_gitops.trust.chain import Trust, follow
from margo_gitops.trust.offer import Offer
from margo_gitops.trust.signers import NOT_REVOKED, Persons
from margo_gitops.trust.sshsig import Namespace, Signer, parse


@dataclass
class FleetTrust:
    """One commit's chain of roots, verified from the first; enrolments and statements as asked.

    `now` is the publisher's clock in seconds since 1970, for the freeze windows.
    """

    store: GitStore
    commit: str
    roots: Trust
    now: Callable[[], float]
    late: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    """What a rendering held back, by site and name, and why."""
    _trusts: dict[str, Trust] = field(default_factory=dict, repr=False)

    def signed(self, site: str) -> Signed:
        """What rendering this site asks; an enrolment of 0 where it has none."""
        version = self._version(site)
        epoch = self.roots.root.epochs.get(site, 1)
        return Signed(
            self.roots.root.version,
            version,
            epoch,
            decide=lambda record: self.decide(site, record),
            renew=lambda entry: self.renewed(site, entry),
        )

    def trust(self, site: str) -> Trust:
        """The chain with the site's newest enrolment, checked; without any where it has none.

        It counts as it was signed: sites hold what they hold. Raises `Refused` (rule `enrolment`)
        where it rests on revoked keys.
        """
        if site not in self._trusts:
            found = self._of(site)
            own = {f"{layout.ENROLMENTS}/{name}": self.store.blob(id) for name, id in found.items()}
            self._trusts[site] = follow(self.roots.pinned, site, own, self.roots, as_signed=True)
        return self._trusts[site]

    def enrolment_id(self, site: str) -> str | None:
        """The blob of a site's newest enrolment, which decides its key; nothing is read."""
        return self._files.get(site, {}).get(f"{self._version(site)}.json")

    def site_key(self, site: str) -> str | None:
        """The key that a site is enrolled with; `Refused` where that rests on revoked ones."""
        enrolment = self.trust(site).enrolment
        return None if enrolment is None else enrolment.key

    def decide(self, site: str, record: Record) -> Decision:
        """Whether a record may be published: by which statement, or what it waits for."""
        decision = self._decided(site, record)
        if decision.waits is not None:
            self.late[site, record.name] = decision.waits
        return decision

    def _decided(self, site: str, record: Record) -> Decision:
        try:
            trust = self.trust(site)
        except Refused as error:
            return Decision(waits=error.problem)
        if trust.enrolment is None:
            return Decision(waits=f"{site} is not enrolled: margo site invite {site}")
        why: str | None = None
        for digest, evidence in ((None, None), *self.statements.evidence(record)):
            why = unapproved(record, evidence, trust.root, trust.enrolment)
            if why is None:
                why = frozen(record, evidence, trust.root, trust.enrolment, self.now())
            if why is None:
                return Decision(digest)
        return Decision(waits=why)

    def renewed(self, site: str, entry: RecordEntry) -> RecordEntry:
        """A published entry, by a newer statement where its own no longer meets the policy.

        Also where its own broke the glass, and another was approved in order since.
        """
        found = dict(self.statements.evidence(entry.record))
        if not found.keys() - {entry.statement}:
            return entry
        trust = self.trust(site)
        meet = [
            digest
            for digest, evidence in found.items()
            if unapproved(entry.record, evidence, trust.root, trust.enrolment) is None
        ]
        if self.broke_glass(entry):
            meet = [digest for digest in meet if digest != entry.statement]
        if not meet or entry.statement in meet:
            return entry
        return entry.model_copy(update={"statement": meet[0]})

    def broke_glass(self, entry: RecordEntry) -> bool:
        """Whether it runs by fewer approvals than are asked for, and nobody approved it since."""
        held = None if entry.statement is None else self.statements.held.get(entry.statement)
        return held is not None and read_statement(held.statement).purpose == "break-glass"

    def lacks(self, entry: RecordEntry) -> bool:
        """Whether an entry would need a further statement."""
        trust = self.trust(entry.record.site)
        found = [evidence for _, evidence in self.statements.evidence(entry.record)]
        judged = (unapproved(entry.record, e, trust.root, trust.enrolment) for e in (None, *found))
        return all(judged)

    def proven(self, tree: SiteTree, before: Mapping[str, bytes]) -> SiteTree:
        """The tree with the chain of trust and what proves each record; only the signature lacks.

        `before` are the files of the generation before, from which held records take their proof.
        """
        files = {**tree.files, **self.trust(tree.change.site).files}
        for entry in tree.change.records:
            files |= self._proof(entry, before)
        return SiteTree(files, tree.change)

    def published(self, files: Mapping[str, bytes]) -> bool:
        """Whether a site branch's files are a state that a publisher of this fleet signed, whole.

        A forge could plant another one for us to build on, and have us sign what is in it.
        """
        persons = Persons(self.roots.root, NOT_REVOKED)
        signature = files.get(layout.signature_path(layout.CHANGE), b"")
        data = files.get(layout.CHANGE, b"")
        if not persons.signed(data, Namespace.PUBLISH, [signature], "publish").persons:
            return False
        try:
            change = canonical.load(data, Change, layout.CHANGE)
        except Refused:
            return False
        offer = Offer(change.site, "", files, descends=True)
        return content.tree(offer, change, None) is None

    def publisher(self, signer: Signer) -> Signer:
        """The key that signs changes; `Stalled` where it may not."""
        probe = signer.sign(b"", Namespace.PUBLISH)
        found = self.roots.persons.signed(b"", Namespace.PUBLISH, [probe], "publish")
        if found.persons:
            return signer
        raise Stalled(
            f"this key may not publish: {found.problems[0]}",
            then="nothing was published",
            help="margo trust show",
        )

    @cached_property
    def statements(self) -> Statements:
        """Every statement on `main`, with the signatures that lie there and on refs."""
        return Statements(self.store, self.commit)

    @cached_property
    def _files(self) -> Mapping[str, Mapping[str, str]]:
        """Site to the names of its enrolment's files and their blobs; nothing of them is read."""
        found: dict[str, dict[str, str]] = {}
        for path, id in self.store.paths(self.commit, layout.ENROLMENTS).items():
            site, _, name = path.removeprefix(f"{layout.ENROLMENTS}/").partition("/")
            found.setdefault(site, {})[name] = id
        return found

    def _of(self, site: str) -> Mapping[str, str]:
        """The same of one site, without a look at ten thousand others."""
        if "_files" in self.__dict__:
            return self._files.get(site, {})
        folder = f"{layout.ENROLMENTS}/{site}"
        found = self.store.paths(self.commit, folder)
        return {path.removeprefix(f"{folder}/"): id for path, id in found.items()}

    def _version(self, site: str) -> int:
        """A site's newest enrolment; 0 where it has none."""
        names = (name.removesuffix(".json") for name in self._files.get(site, ()))
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def _proof(self, entry: RecordEntry, before: Mapping[str, bytes]) -> dict[str, bytes]:
        if entry.statement is None:
            return {}
        own = [
            layout.statement_path(entry.statement),
            layout.proof_path(canonical.digest(canonical.dump(entry.record))),
        ]
        if all(path in before for path in own):
            begins = layout.approvals_path(entry.statement)
            signed = (path for path in before if path.startswith(begins))
            return {path: before[path] for path in (*own, *signed)}
        evidence = dict(self.statements.evidence(entry.record))[entry.statement]
        return _files(own, entry.statement, evidence)


def read_trust(
    store: GitStore, commit: str, pinned: str | None, now: Callable[[], float]
) -> FleetTrust | None:
    """The fleet's trust at a commit of `main`; None for an open fleet.

    Without a pin the first root is taken from `main` itself: enough to look, never to sign. Raises
    `Refused` (rule `root`) where the chain is broken, or gone from a fleet whose root is pinned.
    """
    files = store.files(commit, layout.ROOTS)
    first = files.get(layout.root_path(1))
    if first is None:
        if pinned is None:
            return None
        raise Refused(
            f"main at {commit[:12]} holds no root, and this clone has one pinned:"
            " the fleet was signed",
            rule="root",
        )
    trust = follow(pinned or canonical.digest(first), "", files, None)
    return FleetTrust(store, commit, trust, now)


def _files(own: Iterable[str], statement: str, evidence: Evidence) -> dict[str, bytes]:
    files = dict(zip(own, (evidence.statement, evidence.proof or b""), strict=True))
    for signature in evidence.signatures:
        files[f"{layout.approvals_path(statement)}{parse(signature).key.id}.sig"] = signature
    return files
