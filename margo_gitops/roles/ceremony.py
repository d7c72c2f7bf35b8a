"""Roots and enrolments: written by one person, in force when enough of them signed.

Until then they lie under `trust/pending/` of `main`, where nobody believes them; each signature is
a commit of its own, by whoever gave it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Refused, Stalled
from margo_gitops.model import layout
from margo_gitops.model.approval import Policy
from margo_gitops.model.trust import Enrolment, Person, PersonKey, Role, Thresholds, TrustRoot
from margo_gitops.render.edits import Edit
from margo_gitops.store.git import GitStore
from margo_gitops.trust.chain import Trust, follow, require_root, signatures
from margo_gitops.trust.sshsig import Namespace, Signer

EVERY_ROLE: tuple[Role, ...] = ("root", "enrol", "publish", "approve")


def first_root(fleet: str, person: str, signer: Signer) -> dict[str, bytes]:
    """The files of a new fleet's root: one person with every role, signed by that person."""
    key = PersonKey(key=str(signer.key))
    root = TrustRoot(
        fleet=fleet,
        version=1,
        previous=None,
        persons={person: Person(keys=(key,), roles=EVERY_ROLE)},
        thresholds=Thresholds(),
        policy=Policy(),
    )
    path, data = layout.root_path(1), canonical.dump(root)
    return {path: data, layout.signed_by(path, signer.key.id): signer.sign(data, Namespace.ROOT)}


@dataclass(frozen=True, slots=True)
class Ceremony:
    """One person at the fleet's clone, with the chain of trust as `main` at `commit` holds it."""

    store: GitStore
    commit: str
    roots: Trust
    signer: Signer

    def next_root(self, root: TrustRoot, message: str, also: Sequence[Signer] = ()) -> Edit:
        """The root that comes after the one in force, signed by this person, and by these keys.

        `root` is the one in force with what is to change. Raises `Refused` where nobody could sign
        what comes after it, `Stalled` where another one waits for signatures already.
        """
        before = self.roots.root
        path = layout.root_path(before.version + 1)
        previous = canonical.digest(self.roots.files[layout.root_path(before.version)])
        update = {"version": before.version + 1, "previous": previous}
        following = root.model_copy(update=update)
        require_root(following)
        return self._new(path, canonical.dump(following), message, also)

    def enrol(self, enrolment: Enrolment, message: str) -> Edit:
        """A new version of a site's enrolment, signed by this person."""
        path = layout.enrolment_path(enrolment.version, enrolment.site)
        return self._new(path, canonical.dump(enrolment), message)

    def sign(self) -> list[Edit]:
        """This person's signature under everything that waits for one."""
        found = self.store.files(self.commit, layout.PENDING)
        edits = []
        for waiting, data in found.items():
            path = layout.settled_path(waiting)
            mine = layout.signed_by(waiting, self.signer.key.id)
            if waiting.endswith(".json") and mine not in found:
                signed = signatures(found, waiting)
                edits.append(self._signed(path, data, signed, f"Sign {path}", ()))
        return edits

    def _new(self, path: str, data: bytes, message: str, also: Sequence[Signer] = ()) -> Edit:
        held = self.store.read(self.commit, layout.pending_path(path))
        if held is not None and held != data:
            raise Stalled(
                f"{layout.pending_path(path)} waits for signatures and is another one",
                then="nothing was written",
                help="margo trust show; margo trust sign, or remove that file",
            )
        return self._signed(path, data, [], message, also)

    def _signed(
        self, path: str, data: bytes, before: list[bytes], message: str, also: Sequence[Signer]
    ) -> Edit:
        namespace = Namespace.ROOT if path.startswith(layout.ROOTS) else Namespace.ENROL
        own = {
            layout.signed_by(path, signer.key.id): signer.sign(data, namespace)
            for signer in (self.signer, *also)
        }
        files = {path: data, **own}
        waiting = {layout.pending_path(p): d for p, d in files.items()}
        problem = self._lacks(path, data, [*before, *own.values()])
        if problem is not None:
            return Edit(waiting, f"{message}: {problem}")
        laid = self.store.files(self.commit, layout.PENDING)
        begins = layout.pending_path(path).removesuffix(".json") + "."
        moved = {p: d for p, d in laid.items() if p.startswith(begins)}
        final = {layout.settled_path(p): d for p, d in moved.items()}
        return Edit({**dict.fromkeys(moved), **final, **files}, message)

    def _lacks(self, path: str, data: bytes, signed: list[bytes]) -> str | None:
        """What keeps the document from being in force, by the very rule that sites follow."""
        files: dict[str, bytes] = dict(self.roots.files)
        site, local = "", path
        if not path.startswith(layout.ROOTS):
            site = path.split("/")[2]
            local = path.replace(f"/{site}/", "/", 1)
        files[local] = data
        for number, signature in enumerate(signed):
            files[f"{local.removesuffix('.json')}.{number:064x}.sig"] = signature
        try:
            follow(self.roots.pinned, site, files, self.roots)
        except Refused as error:
            return error.problem
        return None


def with_person(root: TrustRoot, name: str, key: str, roles: tuple[Role, ...]) -> TrustRoot:
    """The root with a person, or with a further key and further roles of one."""
    known = root.persons.get(name)
    keys = () if known is None else known.keys
    if all(item.key != key for item in keys):
        keys = (*keys, PersonKey(key=key))
    held = () if known is None else known.roles
    person = Person(keys=keys, roles=tuple(sorted({*held, *roles})))
    return root.model_copy(update={"persons": {**root.persons, name: person}})


def with_state(root: TrustRoot, name: str, state: str, key: str | None) -> TrustRoot:
    """The root with a person's keys, or one of them, retired or revoked; `Invalid` if unknown."""
    person = root.persons.get(name)
    if person is None:
        raise Invalid(f"the root knows no {name}: it knows {', '.join(sorted(root.persons))}")
    if key is not None and all(item.key != key for item in person.keys):
        raise Invalid(f"that key is none of {name}", help="margo trust show")
    keys = tuple(
        item.model_copy(update={"state": state}) if key in {None, item.key} else item
        for item in person.keys
    )
    changed: Mapping[str, Person] = {
        **root.persons,
        name: person.model_copy(update={"keys": keys}),
    }
    return root.model_copy(update={"persons": changed})
