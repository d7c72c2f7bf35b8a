"""The site's own branch as its LO adopts it: believed first, then taken or refused, whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Change
from margo_gitops.model.report import Adopted, Refusal
from margo_gitops.roles.adopted import in_force
from margo_gitops.roles.beliefs import Beliefs
from margo_gitops.roles.proofs import newest_status
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Transport
from margo_gitops.trust.adoption import adopt, reread
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.offer import Desired, Offer

LOOK_BACK = 2000
"""Generations of its branch that a box looks through for what it once adopted."""


@dataclass(slots=True)
class Adopting:
    """What one site holds of its branch. `beliefs` is None where it was enrolled nowhere.

    `refusals` are those of the tip that was looked at last; None before the first look.
    """

    site: str
    store: GitStore
    beliefs: Beliefs | None = None
    refusals: tuple[Refusal, ...] | None = None
    held: Desired | None = None

    @property
    def ref(self) -> str:
        """The branch."""
        return layout.site_ref(self.site)

    def read(self) -> Desired | None:
        """The adopted desired state, checked again from the mirror's own bytes."""
        tip = self.store.resolve(self.ref)
        if tip is None:
            return None
        if self.held is None or self.held.commit != tip:
            self.held = reread(self.site, tip, self.store.files(tip))
        return self.held

    def take(self, tip: str, status: str | None, remote: Transport) -> None:
        """Adopt the branch's tip, as `remote` has it, or raise `Refused` and stay as we are.

        `status` is the tip of this site's own word, by which it knows where it stood.
        """
        held = self.read()
        if held is not None and held.commit == tip:
            self.refusals = ()
            return
        remote.fetch(self.store, {self.ref: tip})
        files = self.store.files(tip)
        try:
            desired = self._adopted(tip, files, held, status)
        except Refused as error:
            self.refusals = (Refusal(commit=tip, rule=error.rule, message=error.problem[:600]),)
            raise
        if self.beliefs is not None:
            self.beliefs.mark(adopted=in_force(desired))
        self.store.move(self.ref, tip, old=None if held is None else held.commit)
        self.held, self.refusals = desired, ()

    def _adopted(
        self, tip: str, files: Mapping[str, bytes], held: Desired | None, status: str | None
    ) -> Desired:
        from margo_gitops.roles.checking import require_valid_site  # noqa: PLC0415

        trust = self._believed(files)
        since = None if trust is None or held is not None else self._since(trust, status)
        offer = Offer(
            self.site,
            tip,
            files,
            descends=held is None or self.store.is_ancestor(held.commit, tip),
            trust=trust,
            since=since,
            known=frozenset() if since is None else self._known(tip, since),
        )
        desired = adopt(offer, held)
        require_valid_site(self.site, tip, files)
        return desired

    def _believed(self, files: Mapping[str, bytes]) -> Trust | None:
        if self.beliefs is None:
            return None
        trust = self.beliefs.learn(files)
        self.beliefs.require_mine(trust)
        return trust

    def _since(self, trust: Trust, status: str | None) -> Adopted | None:
        """The furthest that this site, or the box before it, is known to have come."""
        beliefs, enrolment = self.beliefs, trust.enrolment
        if beliefs is None or enrolment is None:
            return None
        mark = beliefs.identity.marks.read()
        own = None if status is None else newest_status(self.store, status, enrolment.key)
        words = (enrolment.adopted, mark.adopted if mark else None, own[1].adopted if own else None)
        known = [adopted for adopted in words if adopted is not None]
        return max(known, key=lambda adopted: (adopted.epoch, adopted.generation), default=None)

    def _known(self, tip: str, since: Adopted) -> frozenset[str]:
        """The records of what was adopted, found in the branch's history by its digest."""
        for commit in self.store.history(tip, layout.CHANGE, limit=LOOK_BACK):
            data = self.store.read(commit.id, layout.CHANGE) or b""
            if canonical.digest(data) == since.change:
                change = canonical.load(data, Change, layout.CHANGE)
                return frozenset(
                    canonical.digest(canonical.dump(entry.record)) for entry in change.records
                )
        return frozenset()
