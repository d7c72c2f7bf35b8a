"""What wakes an agent, and whether it then asks its remote or only looks."""

from __future__ import annotations

from pathlib import Path

from margo_gitops.reconcile import Wake
from margo_gitops.roles.serving.repositories import NEWS, announce
from margo_gitops.roles.waking import Waker
from margo_gitops.store.git import GitStore
from tests.store.making import chain


def test_a_ref_makes_it_ask_and_a_nodes_news_only_look(tmp_path: Path) -> None:
    with GitStore.create(tmp_path / "far.git") as far:
        (tmp_path / NEWS).mkdir()
        waker = Waker([tmp_path / "far.git"], ["heads/site/1"], [tmp_path / NEWS])
        with waker:
            assert waker.wait(20) is Wake.CHANGED  # the watch is on
            for node in ("n1", "n1", "n2"):
                announce(tmp_path, node)
                assert waker.wait(20) is Wake.TIME
            chain(far, 1, "refs/heads/site/1")
            assert waker.wait(20) is Wake.CHANGED
            waker.stop()
            assert waker.wait(20) is Wake.STOP


def test_news_come_long_before_the_time_is_up(tmp_path: Path) -> None:
    (tmp_path / NEWS).mkdir()
    with Waker([], [], [tmp_path / NEWS]) as waker:
        waker.wait(20)
        announce(tmp_path, "n1")
        assert waker.wait(1000) is Wake.TIME
