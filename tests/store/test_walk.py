"""Walks find every object, whatever way a history took."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.local import StoreTransport

AUTHOR = Authorship("Ada", "ada@example.invalid", 1)

trees = st.dictionaries(
    st.sampled_from(["a", "d/b", "d/c", "d/e/f", "g/h"]), st.sampled_from([b"1", b"2"]), min_size=1
)


def copied(history: list[dict[str, bytes]]) -> None:
    """Make the history, fetch it into an empty store, and read all of it there."""
    source, target = GitStore.memory(), GitStore.memory()
    commits: list[str] = []
    for number, files in enumerate(history):
        parents = commits[-1:]
        commits.append(source.write(files, parents=parents, author=AUTHOR, message=f"{number}"))
    source.move("refs/heads/main", commits[-1], old=None)
    StoreTransport(source).fetch(target, {"refs/heads/main": commits[-1]})
    for commit, files in zip(commits, history, strict=True):
        assert target.files(commit) == files


def test_a_history_that_returns_to_an_older_tree_is_fetched_whole() -> None:
    old = {"apps/a": b"1", "locks/a": b"1", "sites/n": b"1"}
    copied([{"sites/n": b"1"}, old, {**old, "deployments/h": b"1"}, old])


@settings(max_examples=150, deadline=None)
@given(st.lists(trees, min_size=1, max_size=8))
def test_every_history_is_fetched_whole(history: list[dict[str, bytes]]) -> None:
    copied(history)
