"""A site's sign of life: `refs/margo/alive/<site>`, one parentless commit, replaced each time.

A status is written only where something changed, so that its history stays small; a site where
nothing happens says "I was here" by this ref, which keeps no history at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.report import Agent
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import Transport, Update
from margo_gitops.trust.sshsig import Namespace, Signer


@dataclass(slots=True)
class SignOfLife:
    """The sign of one site, made at most once in an interval and only where no status told it.

    `signer` is the site's key; None in an open fleet.
    """

    site: str
    store: GitStore
    upstream: Transport
    agent: Agent
    now: Callable[[], int]
    signer: Signer | None = None
    _tried: int | None = None

    @property
    def ref(self) -> str:
        """The ref that is replaced."""
        return layout.alive_ref(self.site)

    def give(self, seconds: float) -> None:
        """Replace the sign where the last word of the site is older than so many seconds.

        Tried once in that time, also where the remote refuses it: status never waits for a sign.
        Nothing is written where the remote does not answer.
        """
        if not self._due(seconds):
            return
        now = self._tried = self.now()
        there = self.upstream.refs([self.ref]).get(self.ref)
        held = self.store.resolve(self.ref)
        commit = self.store.write(
            self._files(now),
            parents=[],
            author=Authorship(f"margo lo {self.site}", "agent@margo-gitops.invalid", now),
            message=f"{self.site}: alive\n",
        )
        if commit != held:
            self.store.move(self.ref, commit, old=held)
        if there != commit:
            self.upstream.push(self.store, [Update(self.ref, there, commit)])

    def _files(self, now: int) -> dict[str, bytes]:
        """In a signed fleet it says the time itself: anybody can date a commit."""
        said: dict[str, object] = {"instance": self.agent.instance, "site": self.site}
        if self.signer is None:
            return {layout.ALIVE: canonical.dumps(said)}
        data = canonical.dumps({**said, "time": now})
        signature = self.signer.sign(data, Namespace.ALIVE)
        return {layout.ALIVE: data, layout.signature_path(layout.ALIVE): signature}

    def _due(self, seconds: float) -> bool:
        """A clock that was set back makes it due: what it said before is of no day."""
        tips = [self.store.resolve(ref) for ref in (self.ref, layout.status_ref(self.site))]
        said = [self.store.commit(tip).time for tip in tips if tip is not None]
        if self._tried is not None:
            said.append(self._tried)
        return all(not 0 <= self.now() - time < seconds for time in said)
