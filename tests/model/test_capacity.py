"""What a fleet asks of its remote, against what a hosted forge recommends."""

from __future__ import annotations

from pathlib import Path

from margo_gitops.model.capacity import GITHUB, Load, breaches
from margo_gitops.model.quantity import duration_seconds


def test_eight_hundred_sites_stay_inside_the_limits_with_a_sign_every_four_hours() -> None:
    load = Load(800, alive=4 * 3600)
    assert list(breaches(load)) == []
    assert load.reads_per_second < GITHUB.reads_per_second / 5


def test_an_hourly_sign_of_eight_hundred_sites_is_too_often_for_a_hosted_forge() -> None:
    (told,) = breaches(Load(800))
    assert told == "15.56 pushes a minute, at most 6"


def test_ten_thousand_sites_are_ten_repositories() -> None:
    assert Load(10_000).shards == 10
    assert Load(1).shards == 1
    names = [told.split(" ", 1)[1].split(",")[0] for told in breaches(Load(10_000))]
    assert names == ["branches", "reads a second", "pushes a minute"]


def test_signs_of_life_leave_no_history() -> None:
    assert Load(800).growth_per_year == Load(800, alive=None).growth_per_year == 467_200_000
    assert Load(800, alive=None).push_bytes == 68 * 1601


def test_the_page_on_scale_says_what_the_arithmetic_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line[:3].strip("| ")]
    rows = [row for row in rows if row[0].isdigit()]
    assert len(rows) == 4
    for sites, alive, *told in rows:
        seconds = None if alive == "off" else duration_seconds(alive)
        load = Load(int(sites), alive=seconds)
        assert told == [
            str(load.branches),
            f"{load.reads_per_second:.2f}",
            f"{load.pushes_per_minute:.2f}",
            f"{load.growth_per_year / 1e6:.0f} MB",
        ]
