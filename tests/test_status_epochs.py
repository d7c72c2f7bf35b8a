"""A status branch begins again when it is full: nothing is lost on the way, whatever happens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.errors import Stalled, Unreachable
from margo_gitops.model.layout import KEPT, status_ref
from margo_gitops.roles.branch import OwnBranch
from margo_gitops.store.daemon import DaemonTransport
from margo_gitops.store.epochs import counted, trailers
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.maintenance import tidy
from margo_gitops.store.objects import oid
from margo_gitops.store.transport import Transport, open_transport
from tests import gitdaemon
from tests.engines import require
from tests.fleet import Link
from tests.store.making import fsck, git

REF = status_ref("north")
FULL = 3


@dataclass
class Writer:
    """An agent's branch in a repository on the disk, and how many words it was asked to say."""

    path: Path
    upstream: Transport
    instance: str = "lo"
    words: int = 0
    branch: OwnBranch = field(init=False)
    store: GitStore = field(init=False)

    def start(self) -> None:
        self.store = GitStore.create(self.path)
        self.branch = OwnBranch(
            self.store, self.upstream, REF, "margo lo north", lambda: 1_000_000_000, self._mine
        )

    def say(self, keep: int = FULL) -> None:
        self.words += 1
        files = {"word": str(self.words).encode(), "who": self.instance.encode()}
        assert self.branch.write(files, f"word {self.words}\n", keep=keep) is not None

    def reach(self) -> None:
        """As a pass does: ask for the tip, then deliver."""
        self.branch.join(self.upstream.refs([REF]).get(REF))
        self.branch.deliver()

    def tell(self) -> None:
        self.say()
        self.reach()

    def again(self) -> None:
        self.store.close()
        self.start()

    def length(self) -> int:
        return len(list(self.store.history(self.store.refs()[REF])))

    def message(self) -> str:
        return self.store.commit(self.store.refs()[REF]).message

    def _mine(self, files: Mapping[str, bytes]) -> bool:
        return files.get("who") == self.instance.encode()


@contextmanager
def writer(folder: Path, upstream: Transport) -> Iterator[Writer]:
    made = Writer(folder / "mirror.git", upstream)
    made.start()
    try:
        yield made
    finally:
        made.store.close()


def test_a_full_branch_begins_again_and_says_after_what(tmp_path: Path) -> None:
    with GitStore.memory() as remote, writer(tmp_path, StoreTransport(remote)) as lo:
        lo.reach()
        for _ in range(FULL):
            lo.tell()
        last = remote.refs()[REF]
        lo.tell()
        first = remote.refs()[REF]
        assert remote.commit(first).parents == ()
        assert trailers(remote.commit(first).message) == {
            "Epoch": "2", "Continues": last, "Number": "1"
        }  # fmt: skip
        assert lo.store.refs(KEPT) == {}
        tidy(lo.path, young="now")
        lo.again()
        assert oid(last) not in lo.store.objects
        lo.reach()
        lo.tell()
        assert counted(lo.message(), "Number") == 2
        fsck(lo.path)


def test_without_a_limit_history_only_grows(tmp_path: Path) -> None:
    with GitStore.memory() as remote, writer(tmp_path, StoreTransport(remote)) as lo:
        lo.reach()
        for _ in range(3 * FULL):
            lo.say(keep=0)
        lo.reach()
        assert lo.length() == 3 * FULL


def test_a_state_restored_from_before_the_border_goes_on_after_it(tmp_path: Path) -> None:
    with GitStore.memory() as remote, writer(tmp_path, StoreTransport(remote)) as lo:
        lo.reach()
        lo.tell()
        early = lo.store.refs()[REF]
        for _ in range(FULL):
            lo.tell()
        lo.store.move(REF, early, old=lo.store.refs()[REF])
        tidy(lo.path, young="now")
        lo.again()
        lo.reach()
        lo.tell()
        assert remote.refs()[REF] == lo.store.refs()[REF]
        assert counted(lo.message(), "Epoch") == 2


def test_anothers_epoch_is_not_followed(tmp_path: Path) -> None:
    with GitStore.memory() as remote, writer(tmp_path, StoreTransport(remote)) as lo:
        lo.reach()
        lo.tell()
        held = lo.store.refs()[REF]
        (tmp_path / "other").mkdir()
        with writer(tmp_path / "other", StoreTransport(remote)) as other:
            other.reach()
            other.instance = "another"
            for _ in range(FULL):
                other.say()
            other.branch.deliver()
        with pytest.raises(Stalled, match="another agent"):
            lo.reach()
        assert lo.store.refs()[REF] == held


def test_a_remote_that_takes_no_epoch_keeps_one_history(tmp_path: Path) -> None:
    require("git-daemon", gitdaemon.problem())
    with gitdaemon.git_daemon(tmp_path) as daemon:
        bare = daemon.repository("plant.git")
        git(bare, "config", "receive.denyNonFastForwards", "true")
        far = open_transport(daemon.url("plant.git"))
        assert isinstance(far, DaemonTransport)
        with closing(far), writer(tmp_path, far) as lo:
            lo.reach()
            for _ in range(2 * FULL + 1):
                lo.say()
                lo.reach()
            assert git(bare, "rev-parse", REF) == lo.store.refs()[REF]
            words = git(bare, "log", "--format=%s", REF).splitlines()
            assert {f"word {number}" for number in range(1, 2 * FULL + 2)} == set(words)
            assert len(words) == 2 * FULL + 1 + 2  # one commit more for each epoch refused
            assert lo.store.refs(KEPT) == {}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["say", "reach", "cut", "mend", "restart", "prune"]), max_size=40))
def test_any_order_of_words_cuts_and_restarts_loses_nothing(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, GitStore.memory() as remote:
        link = Link(StoreTransport(remote))
        with writer(Path(folder), link) as lo:
            for step in ["reach", "say", *steps, "mend", "say", "reach"]:
                match step:
                    case "say":
                        lo.say()
                    case "reach":
                        with suppress(Unreachable):
                            lo.reach()
                    case "restart":
                        lo.again()
                    case "prune":
                        tidy(lo.path, young="now")
                        lo.again()
                    case _:
                        link.is_cut = step == "cut"
            assert remote.refs() == {REF: lo.store.refs()[REF]}
            remote.check(remote.refs()[REF])
            assert remote.files(remote.refs()[REF])["word"] == str(lo.words).encode()
            assert lo.store.refs(KEPT) == {}
            assert lo.branch.contested is None
