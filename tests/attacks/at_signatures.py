"""Attacks on signatures, and on the number of persons behind them."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.approval import Policy
from margo_gitops.model.trust import Person
from margo_gitops.roles.ceremony import with_person
from margo_gitops.trust import approval, signers, sshsig
from margo_gitops.trust.sshsig import Namespace
from tests.attacks.forge import (
    Forge,
    altered,
    approved,
    running,
)
from tests.attacks.table import FORGE, THIEF, Tried, attack, both, instead, without
from tests.trust.keys import key, line

TWO = Policy(approvals=2)


@attack(
    who=FORGE,
    stops="change.json needs the signature of a person with the role publish",
    rule="signature",
    says="change.json is unsigned",
    off=without("signature", "approval"),
)
def _unsigned() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    altered(draft)
    draft.signer = None
    return forge.offer(draft)


@attack(
    who=FORGE,
    stops="the signature must be of a key that the root names",
    rule="signature",
    says="is nobody's key",
    off=without("signature", "approval"),
)
def _wrong_key() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    altered(draft)
    draft.signer = "mallory"
    return forge.offer(draft)


@attack(
    who="a person with the role approve and no other",
    stops="publishing is a role of its own",
    rule="signature",
    says="bob does not have the role publish",
    off=without("signature", "approval"),
)
def _a_person_without_the_role() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    altered(draft)
    draft.signer = "bob"
    return forge.offer(draft)


def _of_any_namespace(self: sshsig.Signature, message: bytes, _: Namespace) -> object:
    return _verify(self, message, Namespace(self.namespace))


_verify = sshsig.Signature.verify


@attack(
    who="somebody who got a publisher to sign other bytes for another purpose",
    stops="a signature names its purpose, and is none for another",
    rule="signature",
    says="made for 'margo-approve-v1', expected margo-publish-v1",
    off=instead(sshsig.Signature, "verify", _of_any_namespace),
)
def _wrong_namespace() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    approved(draft, "alice", "bob")
    draft.namespace = Namespace.APPROVE
    return forge.offer(draft)


_parse = sshsig.parse


def _cut_at_the_end(armoured: bytes) -> sshsig.Signature:
    end = b"-----END SSH SIGNATURE-----\n"
    return _parse(armoured[: armoured.index(end) + len(end)])


@attack(
    who=FORGE,
    stops="a signature file is one armour block, and nothing before or after it",
    rule="signature",
    says="nothing before or after it",
    off=instead(sshsig, "parse", _cut_at_the_end),
)
def _junk_after_the_armour() -> Tried:
    forge = Forge(running())
    files = forge.draft().files()
    files["change.json.sig"] += b"# and a word of my own\n"
    return forge.offer(files)


@attack(
    who=THIEF,
    stops="the policy's number of persons must have signed the statement",
    rule="approval",
    says="1 of 2 approvals for the rule every-change",
    off=without("approval"),
)
def _too_few_persons() -> Tried:
    forge = Forge(running(TWO))
    draft = forge.draft()
    approved(draft, "alice", "bob")
    return forge.offer(draft)


def _each_key_somebody(persons: Mapping[str, Person]) -> dict[str, tuple[str, str]]:
    names = {"bob": "bob", "bob-2": "carol"}
    return {**_owners(persons), **{line(k): (n, "active") for k, n in names.items()}}


_owners = signers.owners_of


@attack(
    who="an approver with two keys, and a stolen publish key",
    stops="persons are counted, never keys",
    rule="approval",
    says="1 of 2 approvals",
    off=instead(signers, "owners_of", _each_key_somebody),
)
def _two_keys_of_one_person() -> Tried:
    fleet = running(TWO)
    root = with_person(fleet.trust.roots.root, "bob", line("bob-2"), ())
    fleet.change_root(root)
    fleet.settle()
    forge = Forge(fleet)
    draft = forge.draft()
    approved(draft, "alice", "bob", "bob-2")
    return forge.offer(draft)


@attack(
    who="an approver who proposes, and a stolen publish key",
    stops="the proposer's own approval does not count",
    rule="approval",
    says="0 of 1 approvals",
    off=instead(approval, "others", lambda persons, _: persons),
)
def _proposer_as_approver() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    approved(draft, "bob", proposer="bob")
    return forge.offer(draft)


@attack(
    who="an approver who names another as proposer, and a stolen publish key",
    stops="the proposer must have signed, too",
    rule="approval",
    says="its proposer carol did not sign it",
    off=instead(approval, "proposed", lambda *_: True),
)
def _a_proposer_who_never_proposed() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    approved(draft, "bob", proposer="carol")
    return forge.offer(draft)


@attack(
    who=FORGE,
    stops="statements, proofs and signatures are bounded before they are read",
    rule="approval",
    says="bytes, expected at most 4096",
    off=both(instead(approval, "LONGEST", 1 << 30), without("approval")),
)
def _an_oversized_statement() -> Tried:
    """Of a stolen publisher: 5 MB for every node to parse."""
    forge = Forge(running())
    draft = forge.draft()
    entry = altered(draft, statement=None)
    data = b'{"reason":"' + b"x" * (5 << 20) + b'"}'
    digest = canonical.digest(data)
    stated = entry.model_copy(update={"statement": digest})
    draft.entries = [stated if e is entry else e for e in draft.entries]
    draft.proofs[layout.statement_path(digest)] = data
    return forge.offer(draft)


@attack(
    who=THIEF,
    stops="statements and proofs are flat, and parsed by a parser with a bounded depth",
    rule="approval",
    says="is no Proof document",
    off=without("approval"),
)
def _a_deeply_nested_proof() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    entry = approved(draft, "alice", "bob")
    path = layout.proof_path(canonical.digest(canonical.dump(entry.record)))
    draft.proofs[path] = b"[" * 2000 + b"]" * 2000
    return forge.offer(draft)


@attack(
    who=THIEF,
    stops="so many signatures of one document are looked at, and no more",
    rule="approval",
    says="its proposer alice did not sign it",
    off=without("approval"),
)
def _ten_thousand_signatures() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    entry = approved(draft, "alice")
    begins = layout.approvals_path(entry.statement or "")
    one = key("mallory").sign(b"", Namespace.APPROVE)
    draft.proofs |= {f"{begins}{number:064x}.sig": one for number in range(2000)}
    return forge.offer(draft)
