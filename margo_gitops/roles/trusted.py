"""What `margo trust` reads and writes: whom this fleet believes, as a page for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from margo_gitops.documents import own
from margo_gitops.errors import Invalid, Refused, Stalled, Usage
from margo_gitops.model.approval import ApprovalPolicy, Policy
from margo_gitops.model.trust import Role, TrustRoot
from margo_gitops.roles.central import Central
from margo_gitops.roles.ceremony import PENDING, Ceremony
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.store.gitprogram import must
from margo_gitops.trust.keys import parse_key
from margo_gitops.trust.spoken import heard, spoken
from margo_gitops.trust.sshsig import Signer

POLICY = "policies/approvals.yaml"


@dataclass(frozen=True, slots=True)
class Shown:
    """The root in force, by what it is pinned, and the files that wait for signatures."""

    root: TrustRoot
    pinned: str
    is_pinned: bool
    pending: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        told = {"pinned": self.is_pinned, "fingerprint": self.pinned, "pending": self.pending}
        return {"root": self.root.model_dump(mode="json", by_alias=True), **told}

    def lines(self) -> Iterable[str]:
        """For a terminal."""
        root = self.root
        yield f"root {root.version} of the fleet {root.fleet}"
        yield f"first root: {spoken(self.pinned)}{'' if self.is_pinned else ' (not pinned here)'}"
        yield f"signatures: {root.thresholds.root} a root, {root.thresholds.enrol} an enrolment"
        yield f"approvals: {root.policy.approvals} for every change"
        for rule in root.policy.rules:
            yield f"  {rule.name}: {rule.approvals}"
        for name, person in sorted(root.persons.items()):
            yield f"{name}: {', '.join(person.roles) or 'no role'}"
            for key in person.keys:
                yield f"  {parse_key(key.key).fingerprint} {key.state}"
        for path in self.pending:
            yield f"waits for signatures: {path}"


def shown(co: Central) -> Shown:
    """Whom this fleet believes; `Invalid` for an open one."""
    trust = require_trust(co)
    waiting = co.store.paths(trust.commit, PENDING)
    pending = tuple(path for path in sorted(waiting) if path.endswith(".json"))
    return Shown(trust.roots.root, trust.roots.pinned, co.pinned is not None, pending)


def pin_root(co: Central, said: str) -> str:
    """Pin what `main` holds as its first root, if it is what a person said; its digest."""
    trust = require_trust(co)
    if not heard(said, trust.roots.pinned):
        raise Refused(
            f"you were told {said[:80]!r}, main holds the root {spoken(trust.roots.pinned)}",
            rule="fingerprint",
            then="nothing was pinned",
        )
    if co.store.path is None:
        raise Stalled("this repository keeps no settings")
    must(co.store.path, "config", "margo.root", trust.roots.pinned)
    return trust.roots.pinned


def ceremony(co: Central, signer: Signer) -> Ceremony:
    """A ceremony at this clone; `Stalled` where it has not pinned its root."""
    trust = require_trust(co)
    if co.pinned is None:
        raise Stalled(
            "this clone has not pinned the fleet's first root: nothing is signed on hearsay",
            then="nothing was written",
            help="margo trust pin FINGERPRINT, as a person reads it to you",
        )
    return Ceremony(co.store, trust.commit, trust.roots, signer)


def require_trust(co: Central) -> FleetTrust:
    """The fleet's trust; `Invalid` for an open one."""
    trust = co.trust()
    if trust is None:
        raise Invalid("this fleet is open: nothing in it is signed", help="margo init --help")
    return trust


def with_policy(
    co: Central, root: TrustRoot, root_threshold: int | None, enrol: int | None
) -> TrustRoot:
    """The root with the policy of `main` and with these thresholds.

    Raises `Invalid` for a policy that is none, or that no number of persons could ever meet.
    """
    data = co.store.read(co.head(), POLICY)
    policy = root.policy
    if data is not None:
        source = own.read(data, ApprovalPolicy, POLICY)
        policy = Policy(**{name: getattr(source, name) for name in Policy.model_fields})
    given = {"root": root_threshold, "enrol": enrol}
    named = {name: value for name, value in given.items() if value is not None}
    thresholds = root.thresholds.model_copy(update=named)
    following = root.model_copy(update={"policy": policy, "thresholds": thresholds})
    _require_meetable(following)
    return following


def key_line(given: str) -> str:
    """A public key from its file or as it is; `Usage` for anything else."""
    text = given
    if not given.startswith(("ssh-", "sk-")):
        try:
            text = Path(given).expanduser().read_text("utf-8", "replace")[:1000]
        except OSError as error:
            raise Usage(f"the key {given} cannot be read: {error.strerror}") from error
    try:
        return str(parse_key(text))
    except Refused as error:
        raise Usage(f"{given}: {error.problem}", help="ssh-keygen -t ed25519") from error


def roles_of(names: Iterable[str]) -> tuple[Role, ...]:
    """Roles by name; `Usage` for one that there is not."""
    known: tuple[Role, ...] = get_args(Role)
    chosen = tuple(role for role in known if role in set(names))
    if unknown := sorted(set(names) - set(known)):
        raise Usage(f"there is no role {unknown[0]}: expected {', '.join(known)}")
    return chosen


def _require_meetable(root: TrustRoot) -> None:
    able = {
        name
        for name, person in root.persons.items()
        if "approve" in person.roles and any(key.state == "active" for key in person.keys)
    }
    wanted = [("every change", root.policy.approvals, able)]
    wanted += [
        (rule.name, rule.approvals, able & set(rule.persons) if rule.persons else able)
        for rule in root.policy.rules
    ]
    for name, count, persons in wanted:
        if count > len(persons):
            raise Invalid(
                f"{name} asks for {count} approvals, and {len(persons)} persons can give one",
                help="margo trust add NAME KEY --role approve",
            )
