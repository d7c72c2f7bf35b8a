"""What a forge is set to, against what a fleet needs: each difference has a name and a cure."""

from __future__ import annotations

import pytest

from margo_gitops.errors import Unreachable
from margo_gitops.forges.base import EVERY, Rules, Unknown
from margo_gitops.forges.github import GitHub
from margo_gitops.roles.forgerules import Pages, machine_checks, main_checks
from tests.forges.conftest import Stand
from tests.forges.double import Fault
from tests.forges.github_double import GitHubDouble

PAGES = Pages.of("github", "https://github.com", "plant/fleet")


def wrong(rules: Rules) -> set[str]:
    return {check.name for check in main_checks(rules, PAGES) if not check.ok and check.needed}


def test_a_project_that_nobody_set_up(stand: Stand) -> None:
    rules = stand.forge().rules("main")
    assert rules.protected is False
    assert rules.pushers == (EVERY,)
    names = {"main protected", "push to main", "force push to main", "deletion of main"}
    checks = {"required check margo/approvals", "required check validate"}
    assert wrong(rules) == names | checks
    assert all(check.cure for check in main_checks(rules, PAGES) if not check.ok)


def test_a_project_that_is_set_up(stand: Stand) -> None:
    stand.double.protect("classic")
    assert wrong(stand.forge().rules("main")) == set()
    for branch in ("site/any", "preview/any", "overview"):
        (check,) = machine_checks(stand.forge().rules(branch), PAGES)
        assert check.ok


def test_rulesets_of_github(stand: Stand) -> None:
    if isinstance(stand.double, GitHubDouble):
        stand.double.protect("sets")
        rules = stand.forge().rules("main")
        assert (rules.pushers, rules.force_push, rules.deletion) == ((), False, False)
        assert rules.checks == ("margo/approvals", "validate")
        stand.double.faults = [Fault("403", on="/protection")]
        seen = stand.forge().rules("main")
        assert wrong(seen) == set()
        assert isinstance(seen.dismisses_stale, Unknown)


def test_what_a_token_may_not_see_is_not_known(stand: Stand) -> None:
    """Neither green nor red: a note that says so."""
    stand.double.protect("classic")
    stand.double.faults = [Fault("403", on="protect")]
    rules = stand.forge().rules("main")
    assert isinstance(rules.protected, Unknown)
    assert wrong(rules) <= {"required check validate", "required check margo/approvals"}
    found = {check.name: check for check in main_checks(rules, PAGES)}
    assert found["main protected"].found.startswith("not known: only a")
    assert not found["main protected"].needed


def test_github_hides_with_404_too() -> None:
    """`Not Found` where a token is no administrator's, `Branch not protected` where it is."""
    double = GitHubDouble()
    with double.serve():
        stand = Stand(double)
        assert stand.forge().rules("main").protected is False
        double.faults = [Fault("404", on="/protection")]
        assert isinstance(stand.forge().rules("main").protected, Unknown)
    assert isinstance(stand.forge(), GitHub)


def test_a_project_that_cannot_be_asked(stand: Stand) -> None:
    stand.double.faults = [Fault("502")]
    with pytest.raises(Unreachable, match="answered 502"):
        stand.forge().rules("main")


def _rules(**given: object) -> Rules:
    fine: dict[str, object] = {
        "branch": "main",
        "protected": True,
        "pushers": (),
        "reviews": 0,
        "checks": ("margo/approvals", "ci / validate"),
        "force_push": False,
        "deletion": False,
        "dismisses_stale": False,
        "merges": ("merge", "squash"),
        "deletes_head": False,
        "queue": False,
    }
    return Rules(**{**fine, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "name", "needed"),
    [
        ({}, "", True),
        ({"protected": False}, "main protected", True),
        ({"pushers": (EVERY,)}, "push to main", True),
        ({"pushers": ("administrators",)}, "push to main", False),
        ({"checks": ("validate",)}, "required check margo/approvals", True),
        ({"checks": ("margo/approvals",)}, "required check validate", True),
        ({"checks": (EVERY,)}, "", True),
        ({"force_push": True}, "force push to main", True),
        ({"deletion": True}, "deletion of main", True),
        ({"deletes_head": True}, "proposal branches deleted after a merge", True),
        ({"merges": ()}, "ways to merge", True),
        ({"queue": True, "checks": ("validate", "proposal")}, "", True),
        (
            {"queue": True, "checks": ("validate", "proposal", "margo/approvals")},
            "merge queue",
            True,
        ),
        ({"queue": True, "checks": ("validate",)}, "required check proposal", True),
        ({"reviews": 2}, "", True),
        ({"dismisses_stale": True}, "", True),
        ({"reviews": Unknown("x")}, "reviews asked for", False),
    ],
)
def test_each_difference(given: dict[str, object], name: str, needed: bool) -> None:
    differ = [check for check in main_checks(_rules(**given), PAGES) if not check.ok]
    assert [check.name for check in differ] == ([name] if name else [])
    for check in differ:
        assert check.needed is needed
        assert check.cure


def test_machines_may_push() -> None:
    (closed,) = machine_checks(_rules(branch="site/any"), PAGES)
    assert (closed.ok, closed.needed, closed.name) == (False, True, "push to site/*")
    (some,) = machine_checks(_rules(branch="overview", pushers=("bot",)), PAGES)
    assert some.ok
    assert "bot" in some.found
    names = [c.name for c in machine_checks(_rules(branch="overview"), PAGES, replaced=True)]
    assert names == ["push to overview", "force push to overview"]
    free = _rules(branch="overview", pushers=(EVERY,), force_push=True)
    assert all(check.ok for check in machine_checks(free, PAGES, replaced=True))
    (hidden,) = machine_checks(_rules(branch="overview", pushers=Unknown("x")), PAGES)
    assert (hidden.ok, hidden.needed) == (False, False)
