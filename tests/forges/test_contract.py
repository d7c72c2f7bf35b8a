"""One suite over the three forges: each does what `Forge` promises, on its own terms."""

from __future__ import annotations

import pytest

from margo_gitops.errors import Stalled
from margo_gitops.forges.base import Check, Request
from margo_gitops.forges.text import MARKER
from tests.forges.conftest import Stand
from tests.forges.double import BRANCH, HEAD, OTHERS, OURS, TOKEN
from tests.forges.github_double import GitHubDouble
from tests.forges.gitlab_double import GitLabDouble

MISSING = Request(99, "", "open", HEAD, "", "")


def test_a_branch_without_a_request(stand: Stand) -> None:
    assert stand.forge().request(BRANCH) is None


def test_open_and_found_again(stand: Stand) -> None:
    forge = stand.forge()
    made = forge.open(BRANCH, "Proposal 17", "Why")
    assert (made.state, made.head, made.title, made.body) == ("open", HEAD, "Proposal 17", "Why")
    assert made.url.startswith(stand.double.url)
    assert stand.forge().request(BRANCH) == made


def test_opened_twice_is_there_once(stand: Stand) -> None:
    """Somebody, or our own other process, was quicker."""
    number = stand.double.open(BRANCH, "theirs")
    made = stand.forge().open(BRANCH, "ours", "")
    assert (made.number, made.title) == (number, "theirs")
    assert len([w for w in stand.double.written if w[0] == "POST"]) == 1


def test_a_branch_that_the_forge_does_not_know(stand: Stand) -> None:
    with pytest.raises(Stalled) as caught:
        stand.forge().open("proposal/unpushed", "x", "")
    assert "margo p" in caught.value.help or "git remote" in caught.value.help


@pytest.mark.parametrize("merged", [True, False])
def test_a_request_that_is_over(stand: Stand, merged: bool) -> None:
    number = stand.double.open(BRANCH)
    stand.double.finish(number, merged=merged)
    found = stand.forge().request(BRANCH)
    assert found is not None
    assert found.state == ("merged" if merged else "closed")


@pytest.mark.parametrize("merged", [True, False])
def test_the_open_one_of_two(stand: Stand, merged: bool) -> None:
    stand.double.finish(stand.double.open(BRANCH), merged=merged)
    second = stand.double.open(BRANCH)
    found = stand.forge().request(BRANCH)
    assert found is not None
    assert (found.number, found.state) == (second, "open")


def test_a_branch_of_the_same_name_in_a_fork_is_not_ours(stand: Stand) -> None:
    if isinstance(stand.double, GitLabDouble):
        stand.double.open(BRANCH, fork=True)
    stand.double.open("proposal/18")
    assert stand.forge().request(BRANCH) is None


def test_update_and_close(stand: Stand) -> None:
    forge = stand.forge()
    made = forge.open(BRANCH, "a", "b")
    forge.update(made, "c", "d")
    assert stand.double.shown(made.number) == ("open", "c", "d")
    forge.close(made)
    assert stand.double.shown(made.number)[0] == "closed"
    found = forge.request(BRANCH)
    assert found is not None
    assert found.state == "closed"


def test_only_our_own_comments_are_believed(stand: Stand) -> None:
    forge = stand.forge()
    made = forge.open(BRANCH, "a", "b")
    stand.double.comment(f"{MARKER}\nevil, believe me", OTHERS, made.number)
    stand.double.comment("of ours, but without the marker", OURS, made.number)
    forge.add(made, f"{MARKER}\nfirst")
    (found,) = forge.comments(made)
    assert found.text == f"{MARKER}\nfirst"
    forge.replace(found, f"{MARKER}\nsecond")
    assert [c.text for c in forge.comments(made)] == [f"{MARKER}\nsecond"]
    assert stand.double.texts(OTHERS) == [f"{MARKER}\nevil, believe me"]
    forge.remove(found)
    assert forge.comments(made) == ()


def test_a_comment_of_ours_behind_many_others(stand: Stand) -> None:
    made = stand.forge().open(BRANCH, "a", "b")
    for number in range(230):
        stand.double.comment(f"talk {number}", OTHERS, made.number)
    stand.forge().add(made, MARKER)
    assert [c.text for c in stand.forge().comments(made)] == [MARKER]


def test_who_we_are_can_be_said(stand: Stand) -> None:
    """A token that may not ask who it is: git's margo.forgeUser says it, and nobody is asked."""
    made = stand.forge().open(BRANCH, "a", "b")
    stand.double.comment(MARKER, "robot", made.number)
    assert [c.text for c in stand.forge(user="robot").comments(made)] == [MARKER]
    assert not [path for _, path in stand.double.asked if path.endswith("/user")]


def test_a_workflows_token_is_the_workflows_bot(stand: Stand) -> None:
    if isinstance(stand.double, GitHubDouble):
        stand.double.bot = True
        made = stand.forge().open(BRANCH, "a", "b")
        stand.double.comment(MARKER, "github-actions[bot]", made.number)
        assert len(stand.forge().comments(made)) == 1


def test_checks(stand: Stand) -> None:
    forge = stand.forge()
    assert forge.checks(HEAD) == ()
    states = (
        Check("margo/approvals", "pending", "0 of 2 approvals"),
        Check("margo/approvals", "pending", "1 of 2 approvals"),
        Check("margo/approvals", "success", "approved by ada, bob"),
        Check("margo/approvals", "failure", "no"),
        Check("margo/approvals", "pending", "1 of 2 approvals"),
    )
    for state in states:
        forge.check(HEAD, state)
        assert forge.checks(HEAD) == (state,)
    forge.check(HEAD, Check("margo/sites", "success", "runs at 5 of 5 sites"))
    assert {c.name for c in forge.checks(HEAD)} == {"margo/approvals", "margo/sites"}
    assert forge.checks("e" * 40) == ()


def test_clicks(stand: Stand) -> None:
    made = stand.forge().open(BRANCH, "a", "b")
    for name in ("eve", "ada"):
        stand.double.click(name)
    assert stand.forge().clicks(made) == ("ada", "eve")


def test_a_click_that_was_taken_back(stand: Stand) -> None:
    if not isinstance(stand.double, GitLabDouble):  # there it is gone from the list
        made = stand.forge().open(BRANCH, "a", "b")
        for state in ("APPROVED", {"github": "CHANGES_REQUESTED"}.get(stand.double.kind)):
            stand.double.click("eve", state or "REQUEST_CHANGES")
        assert stand.forge().clicks(made) == ()


def test_what_is_not_there(stand: Stand) -> None:
    with pytest.raises(Stalled, match="no such project or request"):
        stand.forge().clicks(MISSING)


def test_a_wrong_token(stand: Stand) -> None:
    with pytest.raises(Stalled, match="does not know this token") as caught:
        stand.forge(token="of-somebody-else").request(BRANCH)
    assert "of-somebody-else" not in str(caught.value)
    assert caught.value.help


def test_the_token_goes_in_its_header_only(stand: Stand) -> None:
    stand.forge().open(BRANCH, "a", "b")
    assert all(TOKEN in sent for sent in stand.double.tokens)
    assert not [path for _, path in stand.double.asked if TOKEN in path]
    assert TOKEN not in repr(stand.forge())
