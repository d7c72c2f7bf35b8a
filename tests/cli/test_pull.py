"""What `margo pull` tells: a line for what a person looks at, a number for the rest."""

from __future__ import annotations

from margo_gitops.cli.publish import _moves
from margo_gitops.model import layout


def test_a_few_refs_are_named_many_are_counted_and_signs_of_life_always() -> None:
    sites = [layout.site_ref(f"s{number}") for number in range(11)]
    statuses = [layout.status_ref("north"), layout.status_ref("south")]
    signs = [layout.alive_ref("north")]
    assert _moves([layout.MAIN, *sites, *statuses, *signs]) == [
        "refs/heads/main moved",
        "11 sites moved",
        "refs/heads/status/north moved",
        "refs/heads/status/south moved",
        "1 signs of life moved",
    ]
    assert _moves([]) == []
