"""Attacks on what comes after what: numbers, histories, a box that lost its own."""

from __future__ import annotations

from margo_gitops.model import layout
from margo_gitops.model.record import EpochStart
from tests.attacks.forge import (
    Forge,
    running,
)
from tests.attacks.table import FORGE, THIEF, Tried, attack, without
from tests.trust.world import SignedSite


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
