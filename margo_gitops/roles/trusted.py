"""What `margo trust` reads and writes: whom this fleet believes, as a page for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from margo_gitops.documents import canonical, own
from margo_gitops.errors import Invalid, Refused, Stalled, Usage
from margo_gitops.model import layout
from margo_gitops.model.approval import ApprovalPolicy, Policy
from margo_gitops.model.trust import Enrolment, Role, TrustRoot
from margo_gitops.render.edits import Edit
from margo_gitops.roles.central import Central
from margo_gitops.roles.ceremony import Ceremony, first_root
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.store.gitprogram import must
from margo_gitops.trust.enrolment import following
from margo_gitops.trust.keys import parse_key
from margo_gitops.trust.signers import able, whose
from margo_gitops.trust.spoken import heard, spoken
from margo_gitops.trust.sshsig import Namespace, Signer

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
    waiting = co.store.paths(trust.commit, layout.PENDING)
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
    pin_digest(co, trust.roots.pinned)
    return trust.roots.pinned


def ceremony(co: Central, signer: Signer) -> Ceremony:
    """A ceremony at this clone; `Stalled` where it has not pinned its root."""
    trust = require_trust(co)
    co.require_pinned("nothing was written")
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


def begin_anew(co: Central, person: str, signer: Signer) -> tuple[Edit, str]:
    """A new first root, by one person, and the enrolments of before under it; and its digest.

    The way out where a fleet's root keys are lost. Every box must be told of it by hand: none
    believes a root that the one before did not sign.
    """
    main = co.main()
    files: dict[str, bytes | None] = dict.fromkeys(co.store.paths(main.commit, layout.ROOTS))
    files |= dict.fromkeys(co.store.paths(main.commit, layout.PENDING))
    files |= dict.fromkeys(co.store.paths(main.commit, layout.ENROLMENTS))
    root = first_root(main.fleet.id, person, signer)
    files |= root
    for site in sorted(main.sites):
        held = _last_enrolment(co, site)
        if held is not None:
            made = held.model_copy(update={"version": 1, "previous": None, "root": 1})
            data, path = canonical.dump(made), layout.enrolment_path(1, site)
            files[path] = data
            files[layout.signed_by(path, signer.key.id)] = signer.sign(data, Namespace.ENROL)
    digest = canonical.digest(root[layout.root_path(1)])
    return Edit(files, f"A new first root, by {person}"), digest


def pin_digest(co: Central, digest: str) -> None:
    """Let this clone believe a root that was just made here."""
    if co.store.path is None:
        raise Stalled("this repository keeps no settings")
    must(co.store.path, "config", "margo.root", digest)


def sign_with(co: Central, key: Path) -> None:
    """Let this clone sign with another key of its person from now on."""
    if co.store.path is not None:
        must(co.store.path, "config", "margo.key", str(key.expanduser().resolve()))


def owner(root: TrustRoot, signer: Signer) -> str | None:
    """Whose key this is; None for a stranger's."""
    return whose(root, signer.key)[0] or None


def _last_enrolment(co: Central, site: str) -> Enrolment | None:
    """The newest enrolment of a site on `main`, whoever signed it."""
    folder = f"{layout.ENROLMENTS}/{site}"
    found = co.store.files(co.head(), folder)
    versions = [
        (int(name), data)
        for path, data in found.items()
        if (name := path.removeprefix(f"{folder}/").removesuffix(".json")).isdecimal()
    ]
    if not versions:
        return None
    return canonical.load(max(versions)[1], Enrolment, folder)


def reissued(co: Central, signer: Signer) -> Edit | None:
    """The enrolments that rest on revoked keys, signed anew by this person; None where none does.

    Their boxes hold them; it is for what is published next, and for boxes that come.
    """
    found = ceremony(co, signer)
    trust = require_trust(co)
    changes: dict[str, bytes | None] = {}
    for site in sorted(co.main().sites):
        try:
            trust.trust(site)
        except Refused:
            held = _last_enrolment(co, site)
            if held is None:
                continue
            data = co.store.read(co.head(), layout.enrolment_path(held.version, site)) or b""
            made = following(held, data, trust.roots.root)
            changes |= found.enrol(made, site).changes
    return Edit(changes, "Enrolments signed anew") if changes else None


def with_epochs(root: TrustRoot, sites: Iterable[str]) -> TrustRoot:
    """The root that allows each of these sites' branches one history more."""
    more = {site: root.epochs.get(site, 1) + 1 for site in sites}
    return root.model_copy(update={"epochs": {**root.epochs, **more}})


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
    all_of_them = able(root, "approve")
    wanted = [("every change", root.policy.approvals, all_of_them)]
    wanted += [
        (
            rule.name,
            rule.approvals,
            all_of_them & set(rule.persons) if rule.persons else all_of_them,
        )
        for rule in root.policy.rules
    ]
    for name, count, persons in wanted:
        if count > len(persons):
            raise Invalid(
                f"{name} asks for {count} approvals, and {len(persons)} persons can give one",
                help="margo trust add NAME KEY --role approve",
            )
