"""Roots and enrolments that several persons sign, histories that a root allows, forks healed."""

from __future__ import annotations

import pytest

from margo_gitops.documents import own
from margo_gitops.errors import Invalid, Refused
from margo_gitops.model import layout
from margo_gitops.model.approval import ApprovalRule, Policy
from margo_gitops.render.edits import Edit, begin_epochs
from margo_gitops.roles.beliefs import Beliefs
from margo_gitops.roles.ceremony import with_person, with_state
from margo_gitops.roles.enrolment import relabelling
from margo_gitops.roles.trusted import reissued, shown, with_epochs
from margo_gitops.store.git import Authorship
from margo_gitops.trust.enrolment import ask, node_enrolment, read_request, site_enrolment
from tests.attacks.forge import Forge
from tests.trust.keys import key, line
from tests.trust.world import SignedFleet


def two(fleet: SignedFleet) -> None:
    """Two must sign whatever comes."""
    root = fleet.trust.roots.root
    both = root.thresholds.model_copy(update={"root": 2, "enrol": 2})
    fleet.change_root(root.model_copy(update={"thresholds": both}), "bob")
    assert fleet.trust.roots.root.thresholds == both


def test_a_root_waits_for_its_second_signature() -> None:
    fleet = SignedFleet({"north": ("n1",)})
    two(fleet)
    before = fleet.trust.roots.root.version
    fleet.change_root(with_epochs(fleet.trust.roots.root, ["north"]))
    assert fleet.trust.roots.root.version == before
    assert shown(fleet.co).pending == (f"{layout.PENDING}/root/{before + 1}.json",)
    (edit,) = fleet.ceremony("bob").sign()
    fleet.co.apply(edit)
    assert fleet.trust.roots.root.version == before + 1
    assert shown(fleet.co).pending == ()
    fleet.co.render()
    fleet.settle()
    assert not fleet.sites["north"].poll().troubles


def test_an_enrolment_waits_for_its_second_signature() -> None:
    fleet = SignedFleet({"north": ("n1",)})
    two(fleet)
    trust = fleet.trust.trust("north")
    made = node_enrolment(trust, "north", "n2", line("north/n2"))
    fleet.co.apply(fleet.ceremony().enrol(made, "n2"))
    held = fleet.trust.trust("north").enrolment
    assert held is not None
    assert set(held.nodes) == {"n1"}
    (edit,) = fleet.ceremony("carol").sign()
    fleet.co.apply(edit)
    held = fleet.trust.trust("north").enrolment
    assert held is not None
    assert set(held.nodes) == {"n1", "n2"}
    assert fleet.ceremony("carol").sign() == []


def test_a_branch_begins_a_history_that_a_root_allows() -> None:
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(approvals=1))
    fleet.approved(fleet.intent())
    fleet.settle()
    main = fleet.co.main()
    file = fleet.remote.read(main.commit, layout.site_path("north")) or b""
    fleet.co.apply(begin_epochs(main, {"north": file}))
    assert fleet.co.render() == [], "main alone begins nothing"
    fleet.change_root(with_epochs(fleet.trust.roots.root, ["north"]))
    tip = fleet.remote.resolve(layout.site_ref("north"))
    assert tip is not None
    assert fleet.remote.commit(tip).parents == ()
    fleet.settle()
    held = fleet.sites["north"].agent.read()
    assert held is not None
    assert (held.commit, held.change.epoch) == (tip, 2)


def test_a_fork_of_a_signed_branch_is_healed_by_a_merge() -> None:
    """Two publishers, one of whom did not know of the other's generation; the site took his."""
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(approvals=1))
    fleet.approved(fleet.intent("one"))
    fleet.settle()
    forge = Forge(fleet)
    before = fleet.remote.commit(forge.tip()).parents[0]
    fleet.approved(fleet.intent("two"))
    taken = forge.tip()
    fleet.settle()
    fleet.remote.move(layout.site_ref("north"), before, old=taken)
    fleet.approved(fleet.intent("three"))
    fleet.settle()
    assert set(fleet.running()["n1"]) == {"one", "two", "three"}
    assert fleet.co.status("north").in_step


def test_a_status_that_the_site_did_not_sign_heals_nothing() -> None:
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(approvals=1))
    fleet.approved(fleet.intent("one"))
    fleet.settle()
    ref = layout.status_ref("north")
    tip = fleet.remote.resolve(ref)
    assert tip is not None
    files = fleet.remote.files(tip)
    files["site.json"] = files["site.json"].replace(b'"generation":', b'"generation":1')
    author = Authorship("Mallory", "m@example.invalid", 1)
    made = fleet.remote.write(files, parents=[tip], author=author, message="forged\n")
    fleet.remote.move(ref, made, old=tip)
    assert fleet.co.render() == []


def test_a_request_reaches_the_office_through_the_site() -> None:
    fleet = SignedFleet({"north": ("n1",)})
    asked = ask(fleet.trust.roots.root.fleet, fleet.pinned, "north", "n2", key("north/n2"))
    mirror = fleet.sites["north"].mirror
    files = dict(zip(("request.json", "request.json.sig"), asked, strict=True))
    author = Authorship("n2", "n2@example.invalid", 1)
    made = mirror.write(files, parents=[], author=author, message="n2 asks\n")
    mirror.move(layout.request_ref("north", "n2"), made, old=None)
    fleet.sites["north"].poll()
    assert fleet.remote.resolve(layout.request_ref("north", "n2")) == made
    found = read_request(*asked, fleet.trust.roots)
    assert (found.node, found.key) == ("n2", line("north/n2"))
    stranger = ask("00000000-0000-0000-0000-000000000000", fleet.pinned, "north", None, key("x"))
    with pytest.raises(Refused, match="for the fleet 00000000"):
        read_request(*stranger, fleet.trust.roots)


def test_enrolments_that_rest_on_a_revoked_key_are_signed_anew() -> None:
    fleet = SignedFleet({"north": ("n1",), "south": ("s1",)})
    root = fleet.trust.roots.root
    root = with_person(root, "bob", line("bob"), ("publish",))
    fleet.change_root(root)
    fleet.settle()
    fleet.co.apply(
        fleet.ceremony("bob").next_root(with_state(root, "alice", "revoked", None), "stolen")
    )
    fleet.publisher = "bob"
    with pytest.raises(Refused, match="of alice is revoked"):
        fleet.trust.trust("north")
    edit = reissued(fleet.co, key("bob"))
    assert edit is not None
    fleet.co.apply(edit)
    assert reissued(fleet.co, key("bob")) is None
    assert [item.site for item in fleet.co.render()] == ["north", "south"]
    fleet.settle()
    assert not [trouble for outcome in fleet.poll_all() for trouble in outcome.troubles]


def test_trust_advances_alone_where_the_change_beside_it_is_refused() -> None:
    fleet = SignedFleet({"north": ("n1",)})
    root = with_person(fleet.trust.roots.root, "dora", line("dora"), ("approve",))
    fleet.change_root(root)
    forge = Forge(fleet)
    files = {**forge.files(), "change.json.sig": b"junk"}
    site = fleet.sites["north"]
    held = site.agent.read()
    tried = forge.offer(files)
    assert tried.said is not None
    assert not tried.succeeded
    assert site.agent.read() == held
    trust = Beliefs("north", site.mirror, fleet.identity("north")).held()
    assert trust is not None
    assert trust.root.version == fleet.trust.roots.root.version


def test_the_policy_follows_a_label_once_it_is_enrolled() -> None:
    saw = ApprovalRule(name="saw", labels={"line": "saw"}, approvals=1)
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(rules=(saw,)))
    main = fleet.co.main()
    site = main.sites["north"].model_copy(update={"labels": {"line": "saw"}})
    fleet.co.apply(Edit({layout.site_path("north"): own.write(site)}, "Another line"))
    fleet.co.apply(fleet.intent("one"))
    assert [item.deployments for item in fleet.co.render()] == [("one",)]
    fleet.settle()
    fleet.co.apply(relabelling(fleet.co, "north", key("alice")))
    with pytest.raises(Invalid, match="enrolled as they are"):
        relabelling(fleet.co, "north", key("alice"))
    fleet.co.render()
    fleet.co.apply(fleet.intent("two"))
    assert fleet.co.render() == []
    (late,) = fleet.co.waiting(fleet.co.main())["north"]
    assert late.why == "two is approved by nobody: the rule saw asks for 1"
    fleet.settle()
    assert set(fleet.running()["n1"]) == {"one"}


def test_labels_are_enrolled_anew_with_a_new_box() -> None:
    fleet = SignedFleet({"north": ("n1",)}, labels={"north": {"line": "press"}})
    trust = fleet.trust.trust("north")
    made = site_enrolment(trust, fleet.co.main().sites["north"], line("other"))
    assert made.labels == {"kind": "shop", "line": "press"}
    assert trust.enrolment is not None
    assert (made.version, made.nodes) == (trust.enrolment.version + 1, trust.enrolment.nodes)
