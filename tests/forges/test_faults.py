"""What goes wrong with a forge: each fault is said with its next step, and without a secret."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from margo_gitops.errors import MargoError, Stalled, Unreachable
from margo_gitops.forges.base import Check, Comment, Forge, Request
from margo_gitops.forges.line import PATIENCE, Line, session
from tests.forges.conftest import Stand
from tests.forges.double import BRANCH, HEAD, TOKEN, Fault

REQUEST = Request(1, "", "open", HEAD, "", "")
CALLS: dict[str, Callable[[Forge], object]] = {
    "request": lambda forge: forge.request(BRANCH),
    "open": lambda forge: forge.open(BRANCH, "x", "y"),
    "update": lambda forge: forge.update(REQUEST, "x", "y"),
    "close": lambda forge: forge.close(REQUEST),
    "comments": lambda forge: forge.comments(REQUEST),
    "add": lambda forge: forge.add(REQUEST, "x"),
    "replace": lambda forge: forge.replace(Comment(1, 1, "x"), "y"),
    "remove": lambda forge: forge.remove(Comment(1, 1, "x")),
    "checks": lambda forge: forge.checks(HEAD),
    "check": lambda forge: forge.check(HEAD, Check("margo/sites", "success", "x")),
    "clicks": lambda forge: forge.clicks(REQUEST),
    "rules": lambda forge: forge.rules("main"),
}
FAULTS: dict[str, type[MargoError]] = {
    "403": Stalled,
    "404": Stalled,
    "409": Stalled,
    "422": Stalled,
    "500": Unreachable,
    "502": Unreachable,
    "close": Unreachable,
    "nonsense": Unreachable,
    "html": Unreachable,
}
QUIET = {
    ("request", "404"),  # Forgejo says so that there is none
    ("remove", "404"),  # it is gone already
    ("remove", "nonsense"),  # nobody reads what comes back
    ("update", "nonsense"),
    ("close", "nonsense"),
    ("replace", "nonsense"),
    ("add", "nonsense"),
    ("check", "nonsense"),
    ("rules", "403"),  # each field of it is unknown
    ("rules", "404"),
    ("request", "nonsense"),
    ("checks", "nonsense"),
    ("clicks", "nonsense"),
    ("rules", "nonsense"),
}
"""Where a forge, or its client, is content; see `test_nothing_believed`."""


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_of_each_call(stand: Stand, kind: str) -> None:
    stand.double.open()
    stand.double.faults = [Fault(kind)]
    for name, call in CALLS.items():
        error = _error(lambda call=call: call(stand.forge()))  # type: ignore[misc]
        if error is None:
            assert (name, kind) in QUIET
            continue
        assert isinstance(error, FAULTS[kind]), (name, error)
        assert error.help or error.then
        _nothing_leaks(error)


def test_nothing_believed(stand: Stand) -> None:
    """An answer that is none never becomes a request, a comment, a check, or a rule that holds."""
    stand.double.faults = [Fault("nonsense")]
    forge = stand.forge()
    for call in ("request", "open", "comments", "checks", "clicks"):
        try:
            found = CALLS[call](forge)
        except Unreachable:
            continue
        assert found in (None, ()), call


def test_a_forge_that_says_nothing(stand: Stand) -> None:
    stand.double.faults = [Fault("hang")]
    began = time.monotonic()
    with pytest.raises(Unreachable, match="was not reached"):
        stand.forge(silence=0.2).request(BRANCH)
    assert time.monotonic() - began < 5
    stand.double.released.set()


def test_a_forge_that_speaks_without_end(stand: Stand) -> None:
    """A byte now and then trips no timeout: the connection itself has an end."""
    stand.double.faults = [Fault("drip")]
    began = time.monotonic()
    with pytest.raises(Unreachable, match="cut off|was not reached"):
        stand.forge(lifetime=0.3).request(BRANCH)
    assert time.monotonic() - began < 5
    stand.double.released.set()


def test_an_answer_without_end(stand: Stand) -> None:
    stand.double.faults = [Fault("huge")]
    with pytest.raises(Unreachable, match="more than 4 MiB"):
        stand.forge().request(BRANCH)


def test_nobody_there(stand: Stand) -> None:
    forge = stand.forge()
    stand.double.released.set()
    stand.double.faults = [Fault("close")]
    with pytest.raises(Unreachable) as caught:
        forge.request(BRANCH)
    assert "margo pr sync" in str(caught.value)


def test_a_short_pause_is_waited_for_once(stand: Stand) -> None:
    stand.double.open()
    stand.double.faults = [Fault("429", headers={"Retry-After": "3"}, left=1)]
    assert stand.forge().request(BRANCH) is not None
    assert stand.pauses == [3.0]


def test_a_pause_that_does_not_end(stand: Stand) -> None:
    stand.double.faults = [Fault("429", headers={"Retry-After": "3"})]
    with pytest.raises(Unreachable, match="takes no more requests from this token before 2"):
        stand.forge().request(BRANCH)
    assert stand.pauses == [3.0]
    assert len(stand.double.asked) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3600"},
        {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"Retry-After": "soon"},
        {"Retry-After": "9" * 400},
        {},
    ],
)
def test_a_long_pause_is_said(stand: Stand, headers: dict[str, str]) -> None:
    stand.double.faults = [Fault("429", headers=headers)]
    with pytest.raises(Unreachable, match="UTC"):
        stand.forge().request(BRANCH)
    assert stand.pauses == []
    assert len(stand.double.asked) == 1


def test_a_spent_limit_that_comes_as_403(stand: Stand) -> None:
    soon = str(int(time.time() + PATIENCE * 60))
    limit = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": soon}
    stand.double.faults = [Fault("403", headers=limit)]
    with pytest.raises(Unreachable, match="takes no more requests"):
        stand.forge().request(BRANCH)


def test_redirects_are_not_followed(stand: Stand) -> None:
    """Not even to the forge itself: and to another host the token would go along."""
    other = type(stand.double)()
    with other.serve():
        for place in (other.url, stand.double.url):
            there = {"Location": f"{place}/api/v4/elsewhere"}
            stand.double.faults = [Fault("redirect", headers=there)]
            with pytest.raises(Stalled, match="sends requests elsewhere"):
                stand.forge().request(BRANCH)
    assert other.asked == []


def test_an_address_in_an_answer_is_not_followed_elsewhere(stand: Stand) -> None:
    """The clients take addresses out of answers: of comments, of the next page."""
    other = type(stand.double)()
    with other.serve():
        forge = stand.forge()
        made = forge.open(BRANCH, "a", "b")
        forge.add(made, "<!-- margo-gitops -->")
        here, stand.double.url = stand.double.url, other.url
        (comment,) = forge.comments(made)
        forge.replace(comment, "<!-- margo-gitops --> again")
        stand.double.url = here
    assert other.asked == []
    assert stand.double.texts() == ["<!-- margo-gitops --> again"]


def test_the_line_itself_goes_to_one_place_only(stand: Stand) -> None:
    """Whatever address a client takes out of an answer, or a later version of it would."""
    other = type(stand.double)()
    with other.serve():
        over = session(Line(stand.double.url))
        for url in (other.url, stand.double.url.replace("http://", "https://"), "http://localhost"):
            with pytest.raises(Stalled, match="names an address at another place"):
                over.get(url, headers={"Authorization": TOKEN})
    assert other.asked == []


def test_passwords_of_netrc_are_not_for_forges(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests would send them in place of the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert stand.forge().request(BRANCH) is None
    assert stand.double.tokens == [stand.double.token_prefix + TOKEN]


def _error(call: Callable[[], object]) -> MargoError | None:
    try:
        call()
    except MargoError as error:
        return error
    return None


def _nothing_leaks(error: BaseException | None) -> None:
    while error is not None:
        if isinstance(error, MargoError):
            assert TOKEN not in f"{error} {error.help} {error.then}"
        error = error.__cause__
