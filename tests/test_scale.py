"""A large fleet: batches, bounded memory, a run that was cut off goes on, status in seconds.

`MARGO_SCALE` is the number of sites, 2,500 unless it is set; the figures of the documentation are
of 10,000.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.model import layout
from margo_gitops.roles.central import BATCH, Central
from margo_gitops.roles.overview import CACHE, Overview
from margo_gitops.store.git import GitStore
from tests.bench.measure import command
from tests.scale import intent, large_fleet, names, report_all
from tests.store.making import fsck, git

SITES = int(os.environ.get("MARGO_SCALE", "2500"))
MEGABYTES = 300
"""What a command over the whole fleet may hold."""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Central]:
    with GitStore.create(tmp_path / "fleet.git") as store:
        yield large_fleet(store, SITES)


@pytest.mark.timeout(600)
def test_a_run_that_was_cut_off_goes_on_and_ends_as_one_that_was_not(fleet: Central) -> None:
    whole = GitStore.memory()
    large_fleet(whole, SITES)
    told: list[str] = []

    def cut(site: str) -> None:
        told.append(site)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.render(progress=cut)
    assert len(fleet.store.refs(layout.SITES)) == BATCH
    assert len(fleet.render(progress=told.append)) == SITES - BATCH
    assert fleet.render() == []
    assert fleet.store.path is not None
    fsck(fleet.store.path)
    assert sorted(told) == sorted({*told})
    unbatched = Central(whole, fleet.branch)
    for site in [*names(3), names(SITES)[-1]]:
        ours = fleet.published(site)
        assert ours is not None
        (theirs,) = unbatched.preview(fleet.main(), [site])
        assert ours == theirs.tree


@pytest.mark.timeout(600)
def test_a_change_of_every_site_stays_in_bounded_memory(fleet: Central, tmp_path: Path) -> None:
    fleet.render()
    fleet.branch.commit({layout.intent_path("hello"): intent("Moin")}, "Moin")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from margo_gitops.cli.options import central\n"
        "with central(Path(sys.argv[1])) as co:\n"
        "    assert len(co.render()) == int(sys.argv[2])\n"
    )
    assert fleet.store.path is not None
    argv = [sys.executable, "-c", program, str(fleet.store.path), str(SITES)]
    assert (command(argv, cwd=tmp_path, env=os.environ).rss or 0) < MEGABYTES


@pytest.mark.timeout(600)
def test_status_of_every_site_takes_seconds_and_bounded_memory(
    fleet: Central, tmp_path: Path
) -> None:
    fleet.render()
    for start in range(0, SITES, BATCH):
        report_all(fleet.store, names(SITES)[start : start + BATCH])
    assert fleet.store.path is not None
    git(fleet.store.path, "pack-refs", "--all")
    first = fleet.statuses(fleet.sites())
    begun = time.monotonic()
    assert fleet.statuses(fleet.sites()) == first
    assert time.monotonic() - begun < 3
    words = ["status", "--json", "--fleet", str(fleet.store.path)]
    argv = [sys.executable, "-m", "margo_gitops", *words]
    assert (command(argv, cwd=tmp_path, env=os.environ).rss or 0) < MEGABYTES
    assert [view.site for view in first] == names(SITES)


def test_a_view_is_made_again_where_a_branch_moved_or_what_is_kept_is_damaged(
    tmp_path: Path,
) -> None:
    with GitStore.create(tmp_path / "fleet.git") as store:
        co = large_fleet(store, 3)
        co.render()
        report_all(store, names(3))
        before = co.statuses(names(3))
        assert co.statuses(names(3)) == before
        report_all(store, ["s00001"], time=1_800_000_000)
        after = co.statuses(names(3))
        assert [view.heard for view in after] == [1_700_000_000, 1_800_000_000, 1_700_000_000]
        assert store.path is not None
        (store.path / CACHE).write_bytes(b"no database")
        assert Overview(store).views(names(3)) == after
