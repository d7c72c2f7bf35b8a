"""Attacks on whom a site believes: roots, enrolments, keys that count no more."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.approval import ApprovalRule, Policy
from margo_gitops.model.trust import Enrolment, Person, TrustRoot
from margo_gitops.roles.ceremony import first_root, with_person, with_state
from margo_gitops.store.git import GitStore
from margo_gitops.trust import chain, signers
from margo_gitops.trust.sshsig import Namespace
from tests.attacks.forge import (
    WHO,
    Forge,
    Forged,
    altered,
    approved,
    running,
)
from tests.attacks.table import FORGE, THIEF, Tried, attack, instead, without
from tests.trust.keys import key, line
from tests.trust.world import SignedSite

_owners = signers.owners_of


@attack(
    who=FORGE,
    stops="a root needs enough persons of the one before and of itself",
    rule="root",
    says="0 of 1 persons with the role root signed it",
    off=instead(chain, "_require_signed", lambda *_: None),
)
def _policy_changed_on_the_forge() -> Tried:
    """A root of the forge's own, with its key as publisher and a policy that asks for nobody."""
    forge = Forge(running())
    draft = forge.draft()
    held = canonical.load(draft.proofs["trust/root/2.json"], TrustRoot, "root")
    mallory = with_person(held, "mallory", line("mallory"), ("publish", "root"))
    _next_root(draft, mallory.model_copy(update={"policy": Policy()}), "mallory")
    altered(draft, statement=None)
    draft.signer = "mallory"
    return forge.offer(draft)


@attack(
    who="whoever stole one of two root keys",
    stops="a root needs its whole threshold of persons",
    rule="root",
    says="1 of 2 persons with the role root signed it",
    off=instead(signers.Signers, "missing", lambda *_: None),
)
def _rotation_with_one_stolen_key() -> Tried:
    fleet = running()
    root = fleet.trust.roots.root
    two = root.thresholds.model_copy(update={"root": 2})
    fleet.change_root(root.model_copy(update={"thresholds": two}), "bob")
    fleet.settle()
    forge = Forge(fleet)
    draft = forge.draft()
    held = canonical.load(draft.proofs["trust/root/3.json"], TrustRoot, "root")
    mallory = with_person(held, "mallory", line("mallory"), ("publish", "root"))
    _next_root(draft, mallory.model_copy(update={"policy": Policy()}), "bob")
    altered(draft, statement=None)
    draft.signer = "mallory"
    return forge.offer(draft)


def _next_root(draft: Forged, root: TrustRoot, *signed: str) -> None:
    before = draft.proofs[layout.root_path(root.version)]
    update = {"version": root.version + 1, "previous": canonical.digest(before)}
    made = root.model_copy(update=update)
    data, path = canonical.dump(made), layout.root_path(made.version)
    draft.proofs[path] = data
    for name in signed:
        own = key(name)
        draft.proofs[layout.signed_by(path, own.key.id)] = own.sign(data, Namespace.ROOT)
    draft.change = draft.change.model_copy(update={"root": made.version})


@attack(
    who=THIEF,
    stops="labels that the policy selects by are in the enrolment, which needs its own signatures",
    rule="enrolment",
    says="0 of 1 persons with the role enrol signed it",
    off=instead(signers.Signers, "missing", lambda *_: None),
)
def _label_changed_on_the_forge() -> Tried:
    press = ApprovalRule(name="press", labels={"line": "press"}, approvals=1)
    forge = Forge(running(Policy(rules=(press,)), north={"line": "press"}))
    draft = forge.draft()
    version = draft.change.enrolment or 0
    path = layout.enrolment_path(version)
    held = canonical.load(draft.proofs[path], Enrolment, path)
    update = {
        "version": version + 1,
        "labels": {},
        "previous": canonical.digest(draft.proofs[path]),
    }
    after = layout.enrolment_path(version + 1)
    draft.proofs[after] = canonical.dump(held.model_copy(update=update))
    draft.change = draft.change.model_copy(update={"enrolment": version + 1})
    altered(draft, statement=None)
    return forge.offer(draft)


def _every_state_counts(persons: Mapping[str, Person]) -> dict[str, tuple[str, str]]:
    return {line: (name, "active") for line, (name, _) in _owners(persons).items()}


def _by_a_key_that_is(state: str) -> Tried:
    fleet = running()
    fleet.change_root(with_state(fleet.trust.roots.root, "bob", state, None))
    fleet.settle()
    forge = Forge(fleet)
    draft = forge.draft()
    approved(draft, "alice", "bob")
    return forge.offer(draft)


@attack(
    who="somebody who left and kept the key, and a stolen publish key",
    stops="a retired key approves nothing new",
    rule="approval",
    says="of bob is retired",
    off=instead(signers, "owners_of", _every_state_counts),
)
def _a_retired_key() -> Tried:
    return _by_a_key_that_is("retired")


@attack(
    who="whoever found a lost laptop, and a stolen publish key",
    stops="a revoked key signs nothing that counts",
    rule="approval",
    says="of bob is revoked",
    off=instead(signers, "owners_of", _every_state_counts),
)
def _a_revoked_key() -> Tried:
    return _by_a_key_that_is("revoked")


@attack(
    who=FORGE,
    stops="a box pins the first root by a fingerprint that came by another way",
    rule="root",
    says="it is the root of another fleet",
    off=instead(chain, "pinned_is", lambda *_: True),
)
def _the_root_of_another_fleet() -> Tried:
    """Offered to a new box, which has nothing but its pin."""
    fleet, stranger = running(), GitStore.memory()
    box = SignedSite("north", stranger, identity=fleet.identity("north"))
    forge = Forge(fleet)
    draft = forge.draft()
    root = first_root(fleet.trust.roots.root.fleet, "mallory", key("mallory"))
    draft.proofs = dict(root)
    _enrol(draft, "mallory")
    draft.change = draft.change.model_copy(update={"root": 1, "enrolment": 1})
    draft.entries = [e.model_copy(update={"statement": None}) for e in draft.entries]
    draft.signer = "mallory"
    made = stranger.write(draft.files(), parents=[], author=WHO, message="forged\n")
    stranger.move(layout.site_ref("north"), made, old=None)
    return forge.poll(made, lo=box)


def _enrol(draft: Forged, by: str) -> None:
    enrolment = Enrolment(
        fleet=draft.change.fleet,
        site="north",
        version=1,
        previous=None,
        root=1,
        key=line("north/"),
    )
    path, data = layout.enrolment_path(1), canonical.dump(enrolment)
    draft.proofs[path] = data
    draft.proofs[layout.signed_by(path, key(by).key.id)] = key(by).sign(data, Namespace.ENROL)


@attack(
    who=FORGE,
    stops="a signed fleet has no unsigned state: a box that was enrolled asks for signatures",
    rule="enrolment",
    says="it is unsigned, and this site was enrolled",
    off=without("enrolment", "signature", "trust", "approval"),
)
def _a_fleet_passed_off_as_open() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    altered(draft, statement=None)
    draft.change = draft.change.model_copy(update={"root": None, "enrolment": None})
    draft.signer = None
    return forge.offer(draft)
