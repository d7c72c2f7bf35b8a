"""What every transport promises, whatever is at its other end; subclasses bring the `remote`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from margo_gitops.errors import LostRace, MargoError, Missing, Refused, Unreachable
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport, Update
from tests.store.making import chain, commit

MAIN = "refs/heads/main"
SITE = "refs/heads/site/1"
LOOKALIKE = "refs/heads/site/10"
ALIVE = "refs/margo/alive/1"
ARTIFACT = "refs/margo/artifact/" + "ab" * 32


@dataclass(frozen=True)
class Remote:
    """A remote under test: `open` gives a new client each time."""

    open: Callable[[], AbstractContextManager[Transport]]


class OneRefContract:
    """The suite for a remote in which one ref can be pushed: `ref`."""

    ref = SITE

    @pytest.fixture
    def far(self, remote: Remote) -> Iterator[Transport]:
        with remote.open() as transport:
            yield transport

    @pytest.fixture
    def store(self) -> Iterator[GitStore]:
        with GitStore.memory() as store:
            yield store

    def test_an_empty_remote_has_no_refs(self, far: Transport) -> None:
        assert far.refs([MAIN, SITE, self.ref, "refs/margo/"]) == {}

    def test_what_is_pushed_can_be_fetched(self, far: Transport, store: GitStore) -> None:
        ids = chain(store, 3)
        far.push(store, [Update(self.ref, None, ids[-1])])
        assert far.refs([self.ref]) == {self.ref: ids[-1]}
        with GitStore.memory() as other:
            far.fetch(other, far.refs([self.ref]))
            assert other.refs() == {}
            other.check(ids[-1])
            assert other.files(ids[-1]) == store.files(ids[-1])
            assert other.files(ids[0]) == store.files(ids[0])

    def test_a_change_is_fetched_onto_what_is_held(self, far: Transport, store: GitStore) -> None:
        ids = chain(store, 2)
        far.push(store, [Update(self.ref, None, ids[-1])])
        with GitStore.memory() as other:
            far.fetch(other, {self.ref: ids[-1]})
            other.move(self.ref, ids[-1], old=None)
            new = commit(store, {"a/file": b"changed"}, ids[-1])
            far.push(store, [Update(self.ref, ids[-1], new)])
            far.fetch(other, far.refs([self.ref]))
            assert other.files(new) == {"a/file": b"changed"}
            far.fetch(other, far.refs([self.ref]))

    def test_a_push_again_is_quiet(self, far: Transport, store: GitStore) -> None:
        update = Update(self.ref, None, commit(store))
        far.push(store, [update])
        far.push(store, [update])
        far.push(store, [])
        assert far.refs([self.ref]) == {self.ref: update.new}

    def test_a_push_onto_another_tip_is_a_lost_race(self, far: Transport, store: GitStore) -> None:
        one, two, three = chain(store, 3)
        far.push(store, [Update(self.ref, None, two)])
        with pytest.raises(LostRace):
            far.push(store, [Update(self.ref, one, three)])
        with pytest.raises(LostRace):
            far.push(store, [Update(self.ref, None, three)])
        assert far.refs([self.ref]) == {self.ref: two}

    def test_a_push_never_leaves_commits_behind(self, far: Transport, store: GitStore) -> None:
        one, two = chain(store, 2)
        far.push(store, [Update(self.ref, None, two)])
        for backwards in (one, commit(store, {"other": b""})):
            with pytest.raises(Refused) as refused:
                far.push(store, [Update(self.ref, two, backwards)])
            assert refused.value.rule == "fast-forward"
        assert far.refs([self.ref]) == {self.ref: two}

    def test_a_commit_that_is_not_there_is_not_fetched(
        self, far: Transport, store: GitStore
    ) -> None:
        far.push(store, [Update(self.ref, None, commit(store))])
        with GitStore.memory() as other, pytest.raises((Refused, Missing, Unreachable)):
            far.fetch(other, {self.ref: "ab" * 20})


class TransportContract(OneRefContract):
    """The whole suite."""

    def test_only_the_refs_asked_for_come_back(self, far: Transport, store: GitStore) -> None:
        one, two = commit(store), commit(store, {"b": b""})
        refs = {MAIN: one, SITE: one, LOOKALIKE: two, ALIVE: two}
        far.push(store, [Update(ref, None, id) for ref, id in refs.items()])
        assert far.refs([SITE]) == {SITE: one}
        assert far.refs(["refs/heads/site/"]) == {SITE: one, LOOKALIKE: two}
        assert far.refs([MAIN, "refs/margo/"]) == {MAIN: one, ALIVE: two}
        assert far.refs(["refs/heads/sit"]) == {}
        assert far.refs(["refs/heads/site/1/"]) == {}

    def test_an_epoch_begins_only_after_the_tip_and_never_on_main(
        self, far: Transport, store: GitStore
    ) -> None:
        one, two = chain(store, 2)
        after = {
            id: commit(store, {"epoch": b"2"}, message=f"Again\n\nContinues: {id}\n")
            for id in (one, two)
        }
        far.push(store, [Update(SITE, None, two), Update(MAIN, None, two)])
        for update in (Update(SITE, two, after[one]), Update(MAIN, two, after[two])):
            with pytest.raises(Refused) as refused:
                far.push(store, [update])
            assert refused.value.rule == "fast-forward"
        next_one = commit(store, {"epoch": b"2", "more": b""}, after[two])
        far.push(store, [Update(SITE, two, next_one)])
        assert far.refs([SITE, MAIN]) == {SITE: next_one, MAIN: two}
        with GitStore.memory() as other:
            far.fetch(other, {SITE: next_one})
            other.check(next_one)

    def test_a_sign_of_life_is_replaced(self, far: Transport, store: GitStore) -> None:
        one, two = commit(store, {"a": b"1"}), commit(store, {"a": b"2"})
        far.push(store, [Update(ALIVE, None, one)])
        far.push(store, [Update(ALIVE, one, two)])
        assert far.refs([ALIVE]) == {ALIVE: two}
        with pytest.raises(LostRace):
            far.push(store, [Update(ALIVE, one, two), Update(SITE, one, two)])

    def test_a_remote_that_was_set_back_is_fetched_for_the_caller_to_judge(
        self, far: Transport, store: GitStore
    ) -> None:
        one, two = commit(store, {"a": b"1"}), commit(store, {"a": b"2"})
        far.push(store, [Update(ALIVE, None, one)])
        with GitStore.memory() as other:
            far.fetch(other, {ALIVE: one})
            other.move(ALIVE, one, old=None)
            far.push(store, [Update(ALIVE, one, two)])
            far.fetch(other, far.refs([ALIVE]))
            other.check(two)
            assert other.resolve(ALIVE) == one

    def test_many_and_large_files_travel(self, far: Transport, store: GitStore) -> None:
        files = {f"f/{number}": f"{number}".encode() * 50 for number in range(250)}
        noise = b"".join(bytes([number * 97 % 251, number % 7]) for number in range(900_000))
        first = commit(store, files | {"artifact": noise})
        far.push(store, [Update(ARTIFACT, None, first)])
        with GitStore.memory() as other:
            far.fetch(other, far.refs(["refs/margo/artifact/"]))
            assert other.files(first) == store.files(first)


class SharedOneRefContract(OneRefContract):
    """The suite for what two processes may use at once."""

    def test_of_two_pushers_exactly_one_wins(self, remote: Remote) -> None:
        with GitStore.memory() as store, remote.open() as far:
            base = commit(store)
            far.push(store, [Update(self.ref, None, base)])
        barrier = threading.Barrier(2)
        ends: list[str | MargoError] = []

        def work(me: str) -> None:
            with GitStore.memory() as mine, remote.open() as near:
                near.fetch(mine, near.refs([self.ref]))
                new = commit(mine, {"who": me.encode()}, base)
                barrier.wait(20)
                try:
                    near.push(mine, [Update(self.ref, base, new)])
                except MargoError as error:
                    ends.append(error)
                else:
                    ends.append(new)

        threads = [threading.Thread(target=work, args=[me]) for me in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [end for end in ends if isinstance(end, str)]
        losers = [end for end in ends if not isinstance(end, str)]
        with remote.open() as far:
            assert far.refs([self.ref]) == {self.ref: winners[0]}
        assert len(winners) == 1
        assert [type(loser) for loser in losers] == [LostRace]


class SharedTransportContract(TransportContract, SharedOneRefContract):
    """The whole suite for what two processes may use at once."""
