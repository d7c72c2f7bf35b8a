"""What a fleet asks of its remote, against what a hosted forge recommends."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.model.capacity import GITHUB, Load, breaches, load_of
from margo_gitops.model.fleet import Polling
from margo_gitops.model.quantity import duration_seconds


def test_the_defaults_keep_eight_hundred_sites_inside_the_limits() -> None:
    polling = Polling()
    poll, alive = (duration_seconds(time) for time in (polling.interval, polling.alive))
    load = load_of(800, poll=poll, alive=alive)
    assert load == load_of(800)
    assert list(breaches(load)) == []
    assert load.reads_per_second < GITHUB.reads_per_second / 5
    assert [breach.what for breach in breaches(load_of(900))] == ["pushes a minute"]


def test_an_hourly_sign_of_eight_hundred_sites_is_too_often_for_a_hosted_forge() -> None:
    (breach,) = breaches(load_of(800, alive=3600))
    assert str(breach) == "15.56 pushes a minute, at most 6"
    assert "polling.alive" in breach.cure


def test_ten_thousand_sites_are_ten_repositories() -> None:
    assert load_of(10_000).shards == 10
    assert load_of(1).shards == 1
    found = list(breaches(load_of(10_000)))
    assert [b.what for b in found] == ["branches", "reads a second", "pushes a minute"]
    assert all("10 repositories" in breach.cure for breach in found)


def test_signs_of_life_leave_no_history() -> None:
    assert load_of(800).growth_per_year == load_of(800, alive=None).growth_per_year == 467_200_000
    assert load_of(800, alive=None).push_bytes == 68 * 1601


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 9), st.integers(1, 9)), max_size=5))
def test_loads_add_up(parts: list[tuple[int, int, int]]) -> None:
    loads = [load_of(sites, poll=60.0 * poll, alive=3600.0 * alive) for sites, poll, alive in parts]
    load = sum(loads, Load())
    assert load.sites == load.signing == sum(sites for sites, _, _ in parts)
    assert load.reads_per_second == pytest.approx(sum(one.reads_per_second for one in loads))
    assert load.growth_per_year == sum(one.growth_per_year for one in loads)


def test_the_page_on_scale_says_what_the_arithmetic_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line[:3].strip("| ")]
    rows = [row for row in rows if row[0].isdigit()]
    assert len(rows) == 4
    for sites, alive, *told in rows:
        seconds = None if alive == "off" else duration_seconds(alive)
        load = load_of(int(sites), alive=seconds)
        assert told == [
            str(load.branches),
            f"{load.reads_per_second:.2f}",
            f"{load.pushes_per_minute:.2f}",
            f"{load.growth_per_year / 1e6:.0f} MB",
        ]
