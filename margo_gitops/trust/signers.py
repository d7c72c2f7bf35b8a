"""Who signed something: persons, never keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from margo_gitops.errors import Refused
from margo_gitops.model.trust import Person, Role, TrustRoot
from margo_gitops.trust import sshsig
from margo_gitops.trust.keys import PublicKey, parse_key
from margo_gitops.trust.sshsig import Namespace

MANY = 64
"""Signatures of one document that are looked at; a hostile hand could lay down thousands."""


ACTIVE = frozenset({"active"})
NOT_REVOKED = frozenset({"active", "retired"})


@dataclass(frozen=True, slots=True)
class Signers:
    """The persons who signed, and why the other signatures do not count."""

    persons: frozenset[str]
    problems: tuple[str, ...]

    def missing(self, role: Role, count: int) -> str | None:
        """None where there are enough; else how many are missing and what did not count."""
        if len(self.persons) >= count:
            return None
        told = "".join(f"; {problem}" for problem in self.problems[:3])
        return f"{len(self.persons)} of {count} persons with the role {role} signed it{told}"


@dataclass(frozen=True, slots=True)
class Persons:
    """The persons of a root by their keys; one key is one person's.

    Keys in one of these `states` count: only active ones, where something is to be believed anew.
    """

    root: TrustRoot
    states: frozenset[str] = ACTIVE

    def signed(
        self,
        message: bytes,
        namespace: Namespace,
        signatures: Iterable[bytes],
        role: Role | None,
    ) -> Signers:
        """Those whose key signed this message and counts; with `role`, only persons who have it."""
        owners = owners_of(self.root.persons)
        found: set[str] = set()
        problems: list[str] = []
        for armoured in list(signatures)[:MANY]:
            try:
                found.add(self._person(owners, message, namespace, armoured, role))
            except Refused as error:
                problems.append(error.problem)
        return Signers(frozenset(found), tuple(problems))

    def _person(
        self,
        owners: Mapping[str, tuple[str, str]],
        message: bytes,
        namespace: Namespace,
        armoured: bytes,
        role: Role | None,
    ) -> str:
        key = sshsig.verify(armoured, message, namespace)
        name, state = owners.get(str(key), ("", ""))
        if not name:
            raise Refused(f"{key.fingerprint} is nobody's key", rule="key")
        if state not in self.states:
            raise Refused(f"{key.fingerprint} of {name} is {state}", rule="key")
        if role is not None and role not in self.root.persons[name].roles:
            raise Refused(f"{name} does not have the role {role}", rule="role")
        return name


def owners_of(persons: Mapping[str, Person]) -> dict[str, tuple[str, str]]:
    """Key to its person and its state; `Refused` (rule `root`) where two persons have one key."""
    owners: dict[str, tuple[str, str]] = {}
    for name, person in persons.items():
        for item in person.keys:
            key = str(parse_key(item.key))
            if owners.setdefault(key, (name, item.state))[0] != name:
                raise Refused(f"{owners[key][0]} and {name} have one key", rule="root")
    return owners


def whose(root: TrustRoot, key: PublicKey) -> tuple[str, str]:
    """The person of a key and its state; two empty texts for a stranger's."""
    return owners_of(root.persons).get(str(key), ("", ""))


def able(root: TrustRoot, role: Role) -> set[str]:
    """The persons with a role who have a key to sign with."""
    return {
        name
        for name, person in root.persons.items()
        if role in person.roles and any(key.state in ACTIVE for key in person.keys)
    }


def by_key(key: str, message: bytes, namespace: Namespace, armoured: bytes | None) -> str | None:
    """None where this very key signed the message; else what is wrong with the signature."""
    if armoured is None:
        return "it is unsigned"
    try:
        signed = sshsig.verify(armoured, message, namespace)
    except Refused as error:
        return error.problem
    if str(signed) == key:
        return None
    return f"it is signed by {signed.fingerprint}, expected {parse_key(key).fingerprint}"
