"""Attacks by whoever holds the forge, with and without a stolen key, on what a site adopts."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.approval import ApprovalRule, Policy
from margo_gitops.model.record import EpochStart
from margo_gitops.model.trust import Enrolment, Person, TrustRoot
from margo_gitops.render import edits
from margo_gitops.roles import adopting
from margo_gitops.roles.ceremony import first_root, with_person, with_state
from margo_gitops.store.git import GitStore
from margo_gitops.trust import approval, chain, signers, sshsig
from margo_gitops.trust.sshsig import Namespace
from tests.attacks.forge import (
    WHO,
    Forge,
    Forged,
    altered,
    approved,
    content,
    deployment,
    running,
)
from tests.attacks.table import Tried, attack, both, instead, without
from tests.trust.keys import key, line
from tests.trust.world import SignedSite

FORGE = "the forge, or whoever can push to it"
THIEF = "the forge with a stolen publish key"
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
    who=THIEF,
    stops="a record names its site",
    rule="site",
    says="it is for the site south, expected north",
    off=both(without("site"), instead(adopting, "require_valid_site", lambda *_: None)),
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
        instead(adopting, "require_valid_site", lambda *_: None),
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


@attack(
    who=THIEF,
    stops="generations grow in bounded steps",
    rule="jump",
    says="is more than 100000 after",
    off=without("jump"),
)
def _a_generation_burnt_to_the_maximum() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    draft.change = draft.change.model_copy(update={"generation": 2**53 - 1})
    return forge.offer(draft)


@attack(
    who=THIEF,
    stops="only a root allows a further history of a branch",
    rule="histories",
    says="epoch 2 is begun, the root allows 1",
    off=without("histories"),
)
def _a_history_that_no_root_allows() -> Tried:
    forge = Forge(running())
    draft = forge.draft()
    start = EpochStart(commit=forge.tip(), generation=draft.change.generation - 1)
    draft.change = draft.change.model_copy(update={"epoch": 2, "continues": start})
    return forge.offer(draft)


@attack(
    who=FORGE,
    stops="a generation that was left behind does not come back",
    rule="rollback",
    says="already adopted",
    off=without("rollback", "descent", "records", "trust"),
)
def _force_push_of_an_earlier_state() -> Tried:
    fleet = running()
    forge = Forge(fleet)
    old = forge.tip()
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    fleet.remote.move(layout.site_ref("north"), old, old=forge.tip())
    return forge.poll(old)


@attack(
    who=THIEF,
    stops="one generation has one commit",
    rule="fork",
    says="the same number with other bytes is a fork",
    off=without("fork", "descent"),
)
def _two_states_of_one_generation() -> Tried:
    fleet = running()
    forge = Forge(fleet)
    before = fleet.remote.commit(forge.tip()).parents[0]
    draft = forge.draft()
    update = {"generation": draft.change.generation - 1, "source": draft.change.source[::-1]}
    draft.change = draft.change.model_copy(update=update)
    return forge.poll(forge.put(draft.files(), "north", before))


@attack(
    who=THIEF,
    stops="what comes next descends from what is in force",
    rule="descent",
    says="the branch was rewritten",
    off=without("descent"),
)
def _a_rewritten_branch() -> Tried:
    fleet = running()
    forge = Forge(fleet)
    before = fleet.remote.commit(forge.tip()).parents[0]
    return forge.poll(forge.put(forge.draft().files(), "north", before))


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


@attack(
    who=FORGE,
    stops="a box that lost its state goes on from its mark and its own signed status",
    rule="floor",
    says="adopted before it lost its state",
    off=without("floor", "approval"),
)
def _an_older_state_for_a_box_that_lost_its_own() -> Tried:
    fleet = running()
    forge = Forge(fleet)
    old = forge.tip()
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    fleet.remote.move(layout.site_ref("north"), old, old=forge.tip())
    marks = fleet.identity("north")
    box = SignedSite("north", fleet.remote, identity=marks)
    return forge.poll(old, lo=box)


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
