"""The one branch that a role writes: taken over, committed to, handed to the remote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from margo_gitops.errors import LostRace, Refused, Stalled
from margo_gitops.model.layout import KEPT
from margo_gitops.store.epochs import (
    CONTINUES,
    EPOCH,
    NUMBER,
    counted,
    descends,
    follows,
    with_trailers,
)
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import Transport, Update


@dataclass(slots=True)
class OwnBranch:
    """`ref` in `store`, written by nobody else, and its twin at `upstream`.

    `is_mine` tells from a tree's files whether this very instance wrote it: two agents for one
    site or node are found by that, and the one that was there first stops (exit 5).
    """

    store: GitStore
    upstream: Transport
    ref: str
    author: str
    now: Callable[[], int]
    is_mine: Callable[[Mapping[str, bytes]], bool]
    contested: Stalled | None = None
    _remote: str | None = None
    _joined: bool = False

    def join(self, remote: str | None, via: Transport | None = None) -> None:
        """Start from the remote's branch where we have none; find a second writer.

        `via` is where that commit is to be had, if not from `upstream`: from a trip. Our own word
        on it that went another way than ours, before our state was lost, is joined to ours.

        Raises `Stalled` where the remote's branch holds commits of another instance that ours
        does not have.
        """
        self._remote = remote
        self.contested = None
        local = self.store.resolve(self.ref)
        self._joined = True
        if remote is None or remote == local:
            return
        (via or self.upstream).fetch(self.store, {self.ref: remote})
        if local is None:
            self.store.move(self.ref, remote, old=None)
        elif not follows(self.store, self.ref, remote, local):
            carried = via is not None and via is not self.upstream
            self._follow(local, remote, carried=carried)

    def files(self) -> dict[str, bytes]:
        """What the branch says now; empty where it does not exist."""
        tip = self.store.resolve(self.ref)
        return {} if tip is None else self.store.files(tip)

    def write(self, files: Mapping[str, bytes], message: str, *, keep: int = 0) -> str | None:
        """Commit these files as the whole tree; None where the branch says so already.

        Without a history of its own it writes nothing until the remote was asked for one: a wiped
        agent goes on where it stood, it does not begin again. After `keep` commits (0: never) the
        branch begins a new epoch, so that the old commits can be dropped.
        """
        tip = self.store.resolve(self.ref)
        if self.contested is not None or (tip is None and not self._joined):
            return None
        if tip is not None and self.store.files(tip) == files:
            return None
        if tip is None:
            return self._commit(files, message, None, [], {NUMBER: 1})
        said = self.store.commit(tip).message
        epoch, number = counted(said, EPOCH), counted(said, NUMBER)
        if not 0 < keep <= number or self._undelivered(tip):
            return self._commit(files, message, tip, [tip], {EPOCH: epoch, NUMBER: number + 1})
        self.store.move(self._kept, tip, old=self.store.resolve(self._kept))
        place = {EPOCH: epoch + 1, CONTINUES: tip, NUMBER: 1}
        return self._commit(files, message, tip, [], place)

    def deliver(self) -> None:
        """Push what the remote lacks; quiet where it has all."""
        tip = self.store.resolve(self.ref)
        if tip is None or self.contested is not None:
            return
        if tip != self._remote:
            self._remote = self._push(tip)
        if (kept := self.store.resolve(self._kept)) is not None:
            self.store.delete(self._kept, old=kept)

    def acknowledged(self) -> None:
        """Let go of the epoch before, once the remote is known to have this one.

        For who hands nothing over himself: what people carry is heard of when they come back.
        """
        tip, kept = self.store.resolve(self.ref), self.store.resolve(self._kept)
        if tip and kept and self._remote and descends(self.store, self._remote, tip):
            self.store.delete(self._kept, old=kept)

    @property
    def _kept(self) -> str:
        """Where the end of the epoch before stays until the remote has the new one."""
        return KEPT + self.ref.removeprefix("refs/heads/")

    def _undelivered(self, tip: str) -> bool:
        """Whether the remote does not have the beginning of this epoch yet."""
        kept = self.store.resolve(self._kept)
        return kept is not None and not descends(self.store, kept, tip)

    def _push(self, tip: str) -> str:
        """Push the tip; what the remote then holds.

        A remote may take no new epochs (it refuses every push that is no fast-forward). The old
        history is then taken up again, and the next epoch is tried when this one is full.
        """
        try:
            self.upstream.push(self.store, [Update(self.ref, self._remote, tip)])
        except (LostRace, Refused):
            there = self.upstream.refs([self.ref]).get(self.ref)
            if there is None or there != self._remote or descends(self.store, there, tip):
                raise
            tip = self._rejoined(tip, there)
            self.upstream.push(self.store, [Update(self.ref, there, tip)])
        return tip

    def _rejoined(self, tip: str, there: str) -> str:
        kept = self.store.resolve(self._kept) or there
        said = self.store.commit(tip).message
        subject = f"{said.splitlines()[0]}\n\nReason: the remote takes no new epoch\n"
        place = {EPOCH: counted(said, EPOCH), NUMBER: 1}
        return self._commit(self.store.files(tip), subject, tip, [kept, tip], place)

    def _commit(
        self,
        files: Mapping[str, bytes],
        message: str,
        old: str | None,
        parents: Sequence[str],
        place: Mapping[str, object],
    ) -> str:
        """Commit and move the branch; `place` says where in its history the commit stands."""
        commit = self.store.write(
            files,
            parents=parents,
            author=Authorship(self.author, "agent@margo-gitops.invalid", self.now()),
            message=with_trailers(message, place),
        )
        self.store.move(self.ref, commit, old=old)
        return commit

    def _follow(self, local: str, remote: str, *, carried: bool) -> None:
        """Follow our own later word (our state was restored); stop at anybody else's."""
        later = self._later(local, remote)
        if (later or carried) and self.is_mine(self.store.files(remote)):
            if later:
                self.store.move(self.ref, remote, old=local)
            else:
                self._join_words(local, remote)
            return
        self.contested = Stalled(
            f"{self.ref.removeprefix('refs/heads/')} at {self.upstream.name} holds"
            f" {remote[:12]}, which this agent did not write: another agent reports in its place",
            then="this one writes nothing until it is alone; what runs goes on running",
            help="stop one of the two; to go on here, delete this agent's --state folder",
        )
        raise self.contested

    def _join_words(self, local: str, remote: str) -> None:
        """Go on from both: sticks come late, and so a box that lost its state began too early."""
        said = [self.store.commit(id).message for id in (local, remote)]
        subject = (
            f"{said[0].splitlines()[0]}\n\nReason: state was lost, this is of before and after\n"
        )
        place = {
            EPOCH: max(counted(words, EPOCH) for words in said),
            NUMBER: max(counted(words, NUMBER) for words in said) + 1,
        }
        self._commit(self.store.files(local), subject, local, [local, remote], place)

    def _later(self, local: str, remote: str) -> bool:
        """Whether the remote's word comes after ours; a later epoch no longer shows its descent."""
        if follows(self.store, self.ref, local, remote):
            return True
        ours, theirs = (counted(self.store.commit(id).message, EPOCH) for id in (local, remote))
        return theirs > ours
