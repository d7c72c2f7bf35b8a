"""A proposal and its forge in step: written where something differs, and never twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from margo_gitops.errors import MargoError, Stalled, Unreachable
from margo_gitops.forges.base import Forge
from margo_gitops.forges.text import APPROVALS, MARKER, SITES
from margo_gitops.model.proposal import Group, Progress, Word
from margo_gitops.roles import telling
from margo_gitops.roles.telling import forge_of, look, note, plan, settled
from margo_gitops.store.git import GitStore
from tests.forges.conftest import Stand
from tests.forges.double import BRANCH, HEAD, MERGE, Fault
from tests.forges.wording import word
from tests.store.making import git

PAGES: list[Mapping[str, bytes]] = []
"""What was put on the preview branch."""


def sync(forge: Forge, one: Word) -> tuple[tuple[telling.Step, ...], str | None]:
    return telling.sync(forge, one, PAGES.append)


def tell(opened: Callable[[], Forge], one: Word) -> list[str]:
    return telling.tell(opened, one, PAGES.append)


GROUPS = (Group("797 sites alike", ("north",), ("greeting = Moin",)),)


def test_a_life_from_proposed_to_running(stand: Stand) -> None:
    """Every step of it on the forge; each is written once, and looked at without a write."""
    double = stand.double
    lives = (
        word(groups=GROUPS),
        word(groups=GROUPS, approvers=("bob",), missing="1 of 2 approvals"),
        word(groups=GROUPS, approvers=("bob", "eve"), missing=None),
        word(groups=GROUPS, approvers=("bob", "eve"), missing=None, state="merged", merge=MERGE),
        _merged(Progress(3, 5, 0)),
        _merged(Progress(3, 5, 1)),
        _merged(Progress(5, 5, 0)),
    )
    for now, one in enumerate(lives):
        if now == 1:
            double.click("carol")
        if now == 3:
            double.finish(1, merged=True)
        sync(stand.forge(), one)
        before = len(double.written)
        assert sync(stand.forge(), one)[0] == ()
        assert len(double.written) == before
        assert len(double.texts()) == 1
        assert double.texts()[0].startswith(MARKER)
        approved = double.status(HEAD, APPROVALS)
        assert approved is not None
        assert approved[0] == ("pending" if now < 2 else "success")
    (said,) = double.texts()
    assert "It runs at 5 of 5 sites." in said
    assert "which is no signature: carol" in said
    assert double.status(MERGE, SITES) == ("success", "runs at 5 of 5 sites")


def test_how_many_requests_it_takes(stand: Stand) -> None:
    """A forge counts them: five to see that all is so, and four more to begin."""
    sync(stand.forge(), word())
    assert len(stand.double.written) == 3
    began = len(stand.double.asked)
    assert began <= 5
    sync(stand.forge(), word())
    assert len(stand.double.asked) - began <= 5
    assert len(stand.double.written) == 3


def test_a_dry_run_writes_nothing(stand: Stand) -> None:
    forge = stand.forge()
    steps = plan(word(), look(forge, word()), forge.limits)
    assert [str(step).split(":")[0] for step in steps] == [
        "open a request from proposal/17",
        "comment",
        f"{APPROVALS} on {HEAD[:12]}",
    ]
    assert stand.double.written == []


def test_a_new_tip_gets_its_own_check_and_the_title_follows(stand: Stand) -> None:
    sync(stand.forge(), word())
    sync(stand.forge(), word("Greet louder", commit="f" * 40))
    assert stand.double.status("f" * 40, APPROVALS) is not None
    assert stand.double.shown(1)[1] == "Proposal 17: Greet louder"


def test_two_comments_of_a_race_become_one(stand: Stand) -> None:
    sync(stand.forge(), word())
    stand.double.comment(f"{MARKER}\nof our other process", "margo-bot", 1)
    assert len(stand.double.texts()) == 2
    sync(stand.forge(), word())
    assert len(stand.double.texts()) == 1
    assert "other process" not in stand.double.texts()[0]


def test_four_at_once_open_one_request(stand: Stand) -> None:
    """Whoever loses finds it; what is doubled is one again by the next."""
    faults: list[MargoError] = []

    def one() -> None:
        try:
            sync(stand.forge(), word())
        except MargoError as error:
            faults.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sync(stand.forge(), word())
    assert len(stand.double.texts()) == 1
    found = stand.forge().request(BRANCH)
    assert found is not None
    assert found.state == "open"
    opened = [w for w in stand.double.written if w[0] == "POST" and w[1].endswith(("pulls", "ts"))]
    assert opened
    assert stand.double.next() <= 7  # one request and at most four comments were ever made
    assert all(isinstance(fault, Unreachable | Stalled) for fault in faults)


def test_what_is_closed_is_closed_there(stand: Stand) -> None:
    sync(stand.forge(), word())
    sync(stand.forge(), word(state="closed"))
    assert stand.double.shown(1)[0] == "closed"
    assert "**Closed**" in stand.double.texts()[0]
    assert sync(stand.forge(), word(state="closed"))[0] == ()


def test_what_is_merged_is_left_to_a_forge_that_sees_it(stand: Stand) -> None:
    """Closed by us in the moment before, it would never be shown as merged."""
    sync(stand.forge(), word())
    sync(stand.forge(), word(state="merged", merge=MERGE))
    sees = stand.forge().sees_merges
    assert stand.double.shown(1)[0] == ("open" if sees else "closed")
    assert sees is (stand.double.kind != "forgejo")


def test_a_result_without_groups_leaves_what_was_said_of_them(stand: Stand) -> None:
    sync(stand.forge(), word(groups=GROUPS, approvers=("bob",)))
    stand.double.finish(1, merged=True)
    landed = word(
        missing=None, state="merged", commit=MERGE, merge=MERGE, progress=Progress(1, 5, 0)
    )
    assert not settled(stand.forge(), landed)
    sync(stand.forge(), landed)
    (said,) = stand.double.texts()
    assert said.startswith(f"{MARKER}\n**Merged**")
    assert "It runs at 1 of 5 sites." in said
    assert said.count("### 797 sites alike") == said.count("greeting = Moin") == 1
    assert "nobody" not in said
    asked = len(stand.double.asked)
    assert settled(stand.forge(), landed)
    assert len(stand.double.asked) == asked + 1


def test_an_id_that_is_used_again(stand: Stand) -> None:
    """What came of the first is not told under the request of the second."""
    stand.double.finish(stand.double.open(BRANCH), merged=True)
    stand.double.branches[BRANCH] = "f" * 40
    sync(stand.forge(), word(commit="f" * 40))
    (before,) = stand.double.texts()
    landed = word(
        missing=None, state="merged", commit=MERGE, merge=MERGE, progress=Progress(5, 5, 0)
    )
    sync(stand.forge(), landed)
    assert stand.double.texts() == [before]
    assert stand.double.shown(2)[0] == "open"
    assert stand.double.status(MERGE, SITES) == ("success", "runs at 5 of 5 sites")


def test_what_was_never_on_the_forge_is_not_opened_to_be_closed(stand: Stand) -> None:
    for state in ("closed", "merged"):
        assert sync(stand.forge(), word(state=state))[0] == ()
    assert stand.double.written == []


@pytest.mark.parametrize("merged", [True, False])
def test_what_people_did_on_the_forge_is_noted(stand: Stand, merged: bool) -> None:
    sync(stand.forge(), word())
    stand.double.finish(1, merged=merged)
    steps, said = sync(stand.forge(), word())
    assert steps == ()
    assert said is not None
    assert ("margo render" if merged else "decides nothing") in said
    assert note(word(), look(stand.forge(), word())) == said


@pytest.mark.parametrize("kind", ["403", "404", "422", "429", "500", "close", "html", "nonsense"])
@pytest.mark.parametrize("method", ["GET", "POST", ""])
def test_no_verb_fails_by_a_forge(stand: Stand, kind: str, method: str) -> None:
    """Whatever it answers: notes. And what was missed is told once it is well again."""
    stand.double.faults = [Fault(kind, method=method, headers={"Retry-After": "900"})]
    notes = tell(stand.forge, word(groups=GROUPS))
    assert all(isinstance(said, str) for said in notes)
    if kind not in {"nonsense", "404"}:
        assert notes
    stand.double.faults = []
    assert tell(stand.forge, word(groups=GROUPS)) == []
    assert stand.double.shown(1)[0] == "open"
    assert len(stand.double.texts()) == 1
    assert stand.double.status(HEAD, APPROVALS) is not None


def test_a_forge_that_takes_no_comment_still_gets_the_check(stand: Stand) -> None:
    place = "/notes" if stand.double.kind == "gitlab" else "/comments"
    stand.double.faults = [Fault("403", on=place, method="POST")]
    (said,) = tell(stand.forge, word())
    assert "does not let this token comment" in said
    assert stand.double.status(HEAD, APPROVALS) is not None
    with pytest.raises(Stalled, match="comment"):
        sync(stand.forge(), word())


def test_a_forge_that_cannot_be_opened_is_a_note() -> None:
    def nothing() -> Forge:
        raise Stalled("there is no token for the forge", help="export MARGO_FORGE_TOKEN=…")

    (said,) = tell(nothing, word())
    assert said.startswith("the forge was not told: there is no token")


def test_a_fleet_without_a_forge_has_nothing_to_be_told(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    token = {"MARGO_FORGE_TOKEN": "t"}
    with GitStore.open(tmp_path) as store:
        assert forge_of(store, token) is None
    git(tmp_path, "remote", "add", "origin", "https://github.com/plant/fleet")
    with GitStore.open(tmp_path) as store:
        assert forge_of(store, {}) is None
        opened = forge_of(store, token)
        assert opened is not None
        assert opened().name == "GitHub"


def _merged(progress: Progress) -> Word:
    return word(
        groups=GROUPS,
        approvers=("bob", "eve"),
        missing=None,
        state="merged",
        merge=MERGE,
        progress=progress,
    )


def test_what_the_comment_has_no_room_for_is_on_the_page_before_it_is_named(stand: Stand) -> None:
    PAGES.clear()
    sync(stand.forge(), word(groups=GROUPS))
    assert PAGES == []
    lines = tuple(f"line {number}" for number in range(100_000))
    long = (Group("all of them", ("north",), lines), *GROUPS)
    sync(stand.forge(), word(groups=long, commit="e" * 40))
    assert "branch `preview/17`" in stand.double.texts()[0]
    (page,) = PAGES
    assert b"line 99999" in page["README.md"]
