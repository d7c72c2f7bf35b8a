"""Which approvals a record needs: by site, application, enrolled labels and tenant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from margo_gitops.errors import Invalid, Refused
from margo_gitops.model.approval import ApprovalRule, Freeze, Policy, Scope, Selection
from margo_gitops.roles.approvers import approvals
from margo_gitops.roles.ceremony import with_person
from margo_gitops.roles.trusted import _require_meetable
from margo_gitops.trust.approval import rules_for
from tests.trust.keys import line
from tests.trust.world import SignedFleet

SCOPE = Scope(site="north", labels={"line": "press"}, tenant="acme", application="vision")
CHOICES = {
    "sites": st.sampled_from([(), ("north",), ("south",), ("north", "south")]),
    "labels": st.sampled_from([{}, {"line": "press"}, {"line": "saw"}, {"kind": "x"}]),
    "tenant": st.sampled_from([None, "acme", "other"]),
    "applications": st.sampled_from([(), ("vision",), ("other",)]),
}


@given(st.fixed_dictionaries(CHOICES))
def test_a_selection_selects_what_each_of_its_parts_selects(parts: dict[str, object]) -> None:
    whole = Selection.model_validate(parts).selects(SCOPE)
    assert whole is all(
        Selection.model_validate({name: part}).selects(SCOPE) for name, part in parts.items()
    )


def test_an_application_rule_does_not_select_the_sites_settings() -> None:
    settings = SCOPE.model_copy(update={"application": None})
    assert not Selection(applications=("vision",)).selects(settings)
    assert Selection().selects(settings)


def test_every_rule_that_selects_counts_and_none_that_asks_for_nobody() -> None:
    press = ApprovalRule(name="press", labels={"line": "press"}, approvals=2)
    saw = ApprovalRule(name="saw", labels={"line": "saw"}, approvals=5)
    free = ApprovalRule(name="free", approvals=0)
    policy = Policy(approvals=1, rules=(press, saw, free))
    assert [rule.name for rule in rules_for(policy, SCOPE)] == ["every-change", "press"]
    assert rules_for(Policy(rules=(free,)), SCOPE) == []


def test_a_rule_by_label_is_met_by_its_own_persons() -> None:
    press = ApprovalRule(name="press", labels={"line": "press"}, approvals=1, persons=("carol",))
    fleet = SignedFleet(
        {"north": ("n1",), "south": ("s1",)},
        policy=Policy(approvals=1, rules=(press,)),
        labels={"north": {"line": "press"}},
    )
    id = fleet.propose(fleet.intent())
    fleet.approve(id, "bob")
    assert [item.site for item in fleet.merge(id)] == ["south"]
    (late,) = fleet.co.waiting(fleet.co.main())["north"]
    assert "0 of 1 approvals of carol for the rule press" in late.why
    fleet.approve(id, "carol")
    assert [item.site for item in fleet.co.render()] == ["north"]


def test_a_policy_that_nobody_can_meet_is_refused() -> None:
    fleet = SignedFleet({"north": ()})
    root = fleet.trust.roots.root
    _require_meetable(root.model_copy(update={"policy": Policy(approvals=3)}))
    with pytest.raises(Invalid, match="asks for 4 approvals, and 3 persons can give one"):
        _require_meetable(root.model_copy(update={"policy": Policy(approvals=4)}))
    only = ApprovalRule(name="safety", approvals=2, persons=("bob",))
    with pytest.raises(Invalid, match="safety asks for 2 approvals, and 1 persons can"):
        _require_meetable(root.model_copy(update={"policy": Policy(rules=(only,))}))


def test_a_window_that_is_in_no_calendar_is_no_window() -> None:
    with pytest.raises(ValidationError, match="is in no calendar"):
        Freeze(name="x", begins="2026-02-30T00:00Z", ends="2026-03-01T00:00Z")


def test_a_broken_glass_stays_visible() -> None:
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(approvals=2, break_glass=0))
    id = fleet.propose(fleet.intent(), purpose="break-glass")
    fleet.merge(id)
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}
    (view,) = fleet.co.status("north").deployments
    told = approvals(fleet.co.trust())[view.statement or ""]
    assert told == "BREAK-GLASS by alice, approved by nobody: wanted"


def test_no_glass_is_broken_where_the_policy_has_none() -> None:
    fleet = SignedFleet({"north": ("n1",)}, policy=Policy(approvals=2))
    assert fleet.merge(fleet.propose(fleet.intent(), purpose="break-glass")) == []
    (late,) = fleet.co.waiting(fleet.co.main())["north"]
    assert "which the policy does not allow" in late.why


def test_two_persons_cannot_have_one_key() -> None:
    fleet = SignedFleet({"north": ()})
    root = with_person(fleet.trust.roots.root, "eve", line("bob"), ("approve",))
    with pytest.raises(Refused, match="have one key"):
        fleet.ceremony().next_root(root, "no")
