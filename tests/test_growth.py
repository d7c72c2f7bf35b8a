"""What a fleet writes stays small: signs of life without history, status at a bounded pace."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from margo_gitops.errors import Unreachable
from margo_gitops.model import layout
from margo_gitops.roles.pace import BURST, Pace
from margo_gitops.store.clone import Clone
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.maintenance import Caps, Keeper, measure
from tests.fleet import SimulatedFleet, SimulatedNode, SimulatedSite

HOUR = 3600
INTERVAL = 4 * HOUR
"""Between two signs of life, where nobody says another."""
CAP = 16 << 20
PER_DAY = 64 << 10
"""Bytes that a site with one node may keep: what is not packed yet, and the history of a day."""


class Hands:
    """A clock that only the test moves."""

    def __init__(self, time: int = 1_000_000_000) -> None:
        self.time = time

    def __call__(self) -> int:
        return self.time


def timed(fleet: SimulatedFleet, site: str = "north") -> tuple[SimulatedSite, Hands]:
    simulated, hands = fleet.sites[site], Hands()
    simulated.agent.now = hands
    simulated.agent.branch.now = hands
    simulated.agent._sign.now = hands
    return simulated, hands


def settled() -> SimulatedFleet:
    fleet = SimulatedFleet({"north": ("n1",)})
    fleet.settle()
    fleet.deploy()
    fleet.settle()
    return fleet


def alive(store: GitStore) -> str | None:
    return store.resolve(layout.alive_ref("north"))


def test_a_quiet_site_says_that_it_is_there_by_one_commit_without_history() -> None:
    fleet = settled()
    site, hands = timed(fleet)
    status = fleet.remote.resolve(layout.status_ref("north"))
    signs = set()
    for _ in range(3):
        hands.time += INTERVAL
        assert site.poll().quiet
        sign = alive(fleet.remote)
        assert sign is not None
        assert fleet.remote.commit(sign).parents == ()
        signs.add(sign)
    assert len(signs) == 3
    assert fleet.remote.resolve(layout.status_ref("north")) == status
    assert fleet.co.status("north").heard == hands.time
    assert fleet.co.status("north").in_step


def test_no_sign_is_given_within_the_interval_of_a_status_or_of_another_sign() -> None:
    fleet = settled()
    site, hands = timed(fleet)
    hands.time += INTERVAL - 1
    site.poll()
    assert alive(fleet.remote) is None
    hands.time += 1
    site.poll()
    sign = alive(fleet.remote)
    hands.time += INTERVAL - 1
    site.poll()
    assert alive(fleet.remote) == sign


def test_a_metered_site_gives_no_sign() -> None:
    fleet = settled()
    fleet.co.branch.commit(
        {"sites/north.yaml": _site(b"polling:\n  alive: off\n")}, "A metered link"
    )
    fleet.co.render()
    fleet.settle()
    site, hands = timed(fleet)
    hands.time += 100 * INTERVAL
    assert not site.poll().troubles
    assert alive(fleet.remote) is None


def test_a_sign_that_could_not_be_given_is_given_once_the_link_is_back() -> None:
    fleet = settled()
    site, hands = timed(fleet)
    site.link.is_cut = True
    hands.time += INTERVAL
    assert any(isinstance(trouble, Unreachable) for trouble in site.poll().troubles)
    assert alive(site.mirror) is None
    site.link.is_cut = False
    hands.time += INTERVAL
    site.poll()
    assert alive(fleet.remote) == alive(site.mirror) is not None


def test_a_person_pulls_the_signs(tmp_path: Path) -> None:
    fleet = settled()
    site, hands = timed(fleet)
    clone = Clone.clone("/nowhere", tmp_path / "clone", StoreTransport(fleet.remote))
    for _ in range(2):
        hands.time += INTERVAL
        site.poll()
        clone.pull(StoreTransport(fleet.remote))
        with GitStore.open(clone.path) as store:
            assert alive(store) == alive(fleet.remote) is not None


def test_a_pace_lets_a_burst_through_and_then_one_word_an_interval() -> None:
    hands = Hands(0)
    pace = Pace(hands)
    said = 0
    for second in range(600):
        hands.time = second
        if pace.may(60):
            pace.spend()
            said += 1
    assert said == BURST + 600 // 60 - 1


def test_news_are_held_back_by_an_empty_bucket_and_said_later() -> None:
    fleet = settled()
    site, hands = timed(fleet)
    _exhaust(site, hands)
    tip = fleet.remote.resolve(layout.status_ref("north"))
    fleet.set(greeting="Moin")
    for _ in range(3):
        fleet.poll_all()
    assert fleet.running() == {"n1": {"hello": "Moin"}}
    assert fleet.remote.resolve(layout.status_ref("north")) == tip
    hands.time += 60
    fleet.poll_all()
    assert fleet.remote.resolve(layout.status_ref("north")) != tip
    assert fleet.co.status("north").in_step


def test_a_refusal_is_said_at_once_whatever_was_said_before() -> None:
    fleet = settled()
    site, hands = timed(fleet)
    _exhaust(site, hands)
    ref = layout.site_ref("north")
    tip = fleet.remote.resolve(ref) or ""
    author = Authorship("Mallory", "m@example.invalid", 1)
    files = fleet.remote.files(tip)
    orphan = fleet.remote.write(files, parents=[], author=author, message="rewritten")
    fleet.remote.move(ref, orphan, old=tip)
    site.poll()
    (refusal,) = fleet.co.status("north").refusals
    assert orphan[:12] in refusal


def _exhaust(site: SimulatedSite, hands: Hands) -> None:
    pace = site.agent.pace = Pace(hands)
    for _ in range(BURST):
        pace.spend()


def _site(more: bytes) -> bytes:
    head = b"apiVersion: margo-gitops/v1\nkind: Site\nid: north\nlabels:\n  kind: shop\n"
    return head + more


def test_an_urgent_word_from_an_empty_bucket_owes_nothing() -> None:
    hands = Hands(0)
    pace = Pace(hands)
    for _ in range(BURST + 5):
        pace.spend()
    assert not pace.may(60)
    hands.time += 60
    assert pace.may(60)


@pytest.mark.timeout(3600)
def test_a_year_of_an_en_and_an_lo_fits_a_small_disk(tmp_path: Path) -> None:
    """An hour a step, each with news; `MARGO_DAYS` says how many days, 365 for the whole year."""
    days = int(os.environ.get("MARGO_DAYS", "3"))
    with small_disk(tmp_path / "disk") as folder, ExitStack() as stack:
        mirror = stack.enter_context(GitStore.create(folder / "mirror.git"))
        store = stack.enter_context(GitStore.create(folder / "node.git"))
        fleet = SimulatedFleet({"north": ("n1",)})
        site = SimulatedSite("north", fleet.remote, mirror=mirror)
        node = SimulatedNode("north", "n1", mirror, store=store)
        fleet.sites["north"], fleet.nodes["n1"] = site, node
        fleet.settle()
        fleet.deploy()
        fleet.settle()
        _, hands = timed(fleet)
        node.agent.now = node.agent.branch.now = hands
        caps = Caps(loose=500)
        keepers = [
            Keeper(held.path, hands, caps=caps, young="now")
            for held in (mirror, store)
            if held.path is not None
        ]
        for hour in range(days * 24):
            hands.time += HOUR
            node.memory += 1 << 20
            for outcome in (node.poll(), site.poll()):
                assert not outcome.troubles, hour
            for keeper in keepers:
                keeper.keep()
                assert keeper.trouble is None
        blocks = sum(measure(keeper.git).bytes for keeper in keepers)
        assert blocks < CAP + days * PER_DAY, f"{blocks >> 10} KiB"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """256 MB of a real file system where this user may mount one, else a folder."""
    folder.mkdir()
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(256 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", image], capture_output=True, check=False)
    mounted = made.returncode == 0 and not subprocess.call(
        ["mount", "-o", "loop", image, folder], stderr=subprocess.DEVNULL
    )
    try:
        yield folder
    finally:
        if mounted:
            subprocess.check_call(["umount", folder])
        image.unlink()
