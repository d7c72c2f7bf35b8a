"""Leavers, rotations, dead boxes: who is believed afterwards, and what goes on running."""

from __future__ import annotations

import pytest

from margo_gitops.errors import Invalid, Refused, Stalled
from margo_gitops.model import layout
from margo_gitops.model.approval import Freeze, Policy
from margo_gitops.model.suspension import ending
from margo_gitops.roles.beliefs import Beliefs
from margo_gitops.roles.ceremony import with_person, with_state
from margo_gitops.roles.holding import Holding
from margo_gitops.roles.proofs import signed_status
from margo_gitops.store.local import StoreTransport
from margo_gitops.trust.enrolment import site_enrolment
from tests.trust.keys import key, line
from tests.trust.world import SignedFleet, SignedNode, SignedSite

ONE = Policy(approvals=1)


def fleet_at_work(policy: Policy = ONE) -> SignedFleet:
    fleet = SignedFleet({"north": ("n1",)}, policy=policy)
    fleet.approved(fleet.intent(), "bob", "carol")
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    return fleet


def test_a_site_that_was_offline_for_three_roots_follows_each_of_them() -> None:
    fleet = fleet_at_work()
    site = fleet.sites["north"]
    site.link.is_cut = True
    fleet.change_root(with_person(fleet.trust.roots.root, "dora", line("dora"), ("approve",)))
    rotated = with_state(fleet.trust.roots.root, "alice", "retired", None)
    rotated = with_person(rotated, "alice", line("alice-2"), ())
    fleet.co.apply(fleet.ceremony().next_root(rotated, "New key", also=[key("alice-2")]))
    fleet.publisher = "alice-2"
    fleet.co.render()
    fleet.change_root(with_state(fleet.trust.roots.root, "bob", "revoked", None))
    id = fleet.propose(fleet.change(greeting="Moin"), by="alice-2")
    fleet.approve(id, "dora")
    fleet.merge(id)
    site.link.mend()
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Moin"}}
    held = site.agent.read()
    assert held is not None
    assert held.change.root == 5


def test_what_a_leaver_approved_goes_on_running() -> None:
    fleet = fleet_at_work()
    for state in ("retired", "revoked"):
        fleet.change_root(with_state(fleet.trust.roots.root, "bob", state, None))
        fleet.settle()
        assert fleet.running() == {"n1": {"hello": "Hello"}}
        assert not fleet.sites["north"].poll().troubles


def test_a_site_that_lost_its_repositories_goes_on_where_its_own_word_says() -> None:
    fleet = fleet_at_work()
    identity = fleet.sites["north"].agent.identity
    fleet.change_root(with_state(fleet.trust.roots.root, "bob", "revoked", None))
    fleet.settle()
    box = SignedSite("north", fleet.remote, identity=identity)
    assert not box.poll().troubles, "records that it held need no approval again"
    held = box.agent.read()
    assert held is not None
    assert [record.name for record in held.deployments] == ["hello"]


def test_a_site_that_lost_mark_and_repositories_believes_its_own_signed_status() -> None:
    fleet = fleet_at_work()
    old = fleet.remote.resolve(layout.site_ref("north"))
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    new = fleet.remote.resolve(layout.site_ref("north"))
    assert old is not None
    assert new is not None
    fleet.remote.move(layout.site_ref("north"), old, old=new)
    box = SignedSite("north", fleet.remote, identity=fleet.identity("north"))
    (refused, *_) = box.poll().troubles
    assert isinstance(refused, Refused)
    assert refused.rule == "floor"
    fleet.remote.move(layout.site_ref("north"), new, old=old)
    assert not box.poll().troubles


def test_a_wiped_site_writes_nothing_before_its_remote_answers() -> None:
    fleet = fleet_at_work()
    box = SignedSite("north", fleet.remote, identity=fleet.identity("north"))
    box.link.is_cut = True
    box.poll()
    assert box.mirror.refs() == {}


def test_a_dead_box_is_replaced_and_the_old_one_is_not_believed_any_more() -> None:
    fleet = fleet_at_work()
    trust = fleet.trust.trust("north")
    status = fleet.remote.resolve(layout.status_ref("north"))
    assert status is not None
    said = signed_status(fleet.remote.files(status), line("north/"))
    assert said is not None
    made = site_enrolment(
        trust,
        fleet.co.main().sites["north"],
        line("north/new"),
        adopted=said.adopted,
        status=status,
    )
    fleet.co.apply(fleet.ceremony().enrol(made, "A new box"))
    fleet.co.render()
    (refused, *_) = fleet.sites["north"].poll().troubles
    assert isinstance(refused, Refused)
    assert "does not name the key of this box" in refused.problem
    fleet.sites["north"] = SignedSite(
        "north", fleet.remote, identity=fleet.identity("north", "new")
    )
    fleet.nodes["n1"].link.to = StoreTransport(fleet.sites["north"].mirror)
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    assert fleet.co.status("north").in_step


def test_a_node_that_lost_its_repositories_takes_no_older_share() -> None:
    fleet = fleet_at_work()
    mirror = fleet.sites["north"].mirror
    old = mirror.resolve(layout.node_ref("n1"))
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    new = mirror.resolve(layout.node_ref("n1"))
    assert old is not None
    assert new is not None
    mirror.move(layout.node_ref("n1"), old, old=new)
    identity = fleet.identity("north", "n1")
    box = SignedNode("north", "n1", mirror, engine=fleet.nodes["n1"].engine, identity=identity)
    (refused, *_) = box.poll().troubles
    assert isinstance(refused, Refused)
    assert refused.rule == "sequence"
    assert box.values() == {"hello": "Moin"}


def test_a_site_puts_a_deployment_back_without_a_link_and_lets_go_of_it_again() -> None:
    fleet = fleet_at_work()
    root = with_person(fleet.trust.roots.root, "olga", line("olga"), ("site-operator",))
    fleet.change_root(root)
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    site = fleet.sites["north"]
    site.link.is_cut = True
    holding = Holding("north", site.mirror, lambda: int(fleet.now))
    trust = Beliefs("north", site.mirror, fleet.identity("north")).held()
    assert trust is not None
    with pytest.raises(Stalled, match="may not hold anything"):
        holding.keep(trust, "hello", key("bob"), reason="no")
    with pytest.raises(Invalid, match="never adopted revision 7"):
        holding.keep(trust, "hello", key("olga"), reason="no", revision=7)
    holding.keep(trust, "hello", key("olga"), reason="Moin drops parts", revision=1)
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    assert all(outcome.quiet for outcome in fleet.poll_all())
    site.link.mend()
    fleet.approved(fleet.change(greeting="Tach"))
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    (view,) = fleet.co.status("north").deployments
    assert (view.state, view.why) == ("held", "held by olga: Moin drops parts")
    fleet.nodes["n1"].restart()
    site.restart()
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    holding.let_go(trust, "hello", key("olga"), reason="parts are checked")
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Tach"}}
    assert fleet.co.status("north").in_step


def test_a_hold_ends_by_itself() -> None:
    fleet = fleet_at_work()
    fleet.change_root(with_person(fleet.trust.roots.root, "olga", line("olga"), ("site-operator",)))
    fleet.settle()
    site = fleet.sites["north"]
    trust = Beliefs("north", site.mirror, fleet.identity("north")).held()
    assert trust is not None
    holding = Holding("north", site.mirror, lambda: 0)
    holding.keep(trust, "hello", key("olga"), reason="audit", until="2026-01-01T00:00Z")
    site.agent._holding = Holding("north", site.mirror, lambda: ending("2025-12-31T00:00Z"))
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    site.agent._holding = Holding("north", site.mirror, lambda: ending("2026-01-01T00:00Z"))
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Moin"}}


def test_a_freeze_holds_back_until_it_ends_and_a_broken_glass_does_not_wait() -> None:
    freeze = Freeze(name="audit", begins="2026-09-20T00:00Z", ends="2026-09-30T00:00Z")
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(freezes=(freeze,), break_glass=0))
    fleet.settle()
    fleet.co.apply(fleet.intent())
    assert fleet.co.render() == []
    (late,) = fleet.co.waiting(fleet.co.main())["north"]
    assert late.why == "hello is frozen until 2026-09-30T00:00Z: audit"
    id = fleet.propose(fleet.intent("urgent", sites=("north",)), purpose="break-glass")
    assert [item.deployments for item in fleet.merge(id)] == [("urgent",)]
    fleet.now += 30 * 86_400
    fleet.co.render()
    fleet.settle()
    assert set(fleet.running()["n1"]) == {"hello", "urgent"}
