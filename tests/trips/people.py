"""What people do with `main` in two weeks: deploy, change, undeploy, and approve at leisure."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass

from margo_gitops.model.trust import EnrolRequest
from margo_gitops.render import edits
from margo_gitops.render.edits import Edit
from margo_gitops.roles.enrolment import accepting
from margo_gitops.store.git import GitStore
from tests.faults.world import twin
from tests.fleet import FLEET_ID
from tests.trust.keys import key, line
from tests.trust.world import SignedFleet

NAMES = ("hello", "press", "oven")


def moved_to(base: SignedFleet, remote: GitStore) -> SignedFleet:
    """The same fleet over a remote of its own."""
    fleet = copy.copy(base)
    fleet.remote = remote
    fleet.co = fleet.office(remote, fleet._author)
    return fleet


def another(base: SignedFleet) -> SignedFleet:
    """The same fleet, as it is now, apart from the first."""
    return moved_to(base, twin(base.remote))


@dataclass
class People:
    """They work at the remote itself; one proposal is open at a time."""

    fleet: SignedFleet
    chance: random.Random
    open: str | None = None
    said: int = 0

    def work(self) -> str:
        """Somebody does something; what."""
        if self.open is not None:
            return self.decide() if self.chance.random() < 0.7 else "nobody looks at the proposal"
        verb, edit = self._wanted()
        if self.fleet.policy.approvals:
            self.open = self.fleet.propose(edit)
            return f"{verb}, proposed"
        self.fleet.co.apply(edit)
        self.fleet.co.render()
        return verb

    def decide(self) -> str:
        """Bob approves what is open, and it is merged and published."""
        if self.open is None:
            return ""
        self.fleet.approve(self.open, "bob")
        self.fleet.merge(self.open)
        self.open = None
        return "approved and merged"

    def rekey(self, site: str, box: str) -> None:
        """The office accepts another box in a site's place, and publishes that."""
        self.decide()
        asks = EnrolRequest(
            fleet=FLEET_ID,
            root=self.fleet.pinned,
            site=site,
            node=None,
            key=line(f"{site}/{box}"),
        )
        self.fleet.co.apply(accepting(self.fleet.co, asks, key("alice"), again=True))
        self.fleet.co.render()

    def wanted(self, site: str) -> dict[str, str]:
        """What `main` says that a site runs."""
        return {
            name: str(intent.parameters.get("greeting", "Hello"))
            for name, intent in self.fleet.co.main().intents.items()
            if site in intent.targets.sites
        }

    def _wanted(self) -> tuple[str, Edit]:
        there = self.fleet.co.main().intents
        name = self.chance.choice(NAMES)
        if name not in there:
            sites = sorted(self.fleet.nodes_of)
            some = tuple(self.chance.sample(sites, self.chance.randint(1, len(sites))))
            return f"deploy {name} at {', '.join(some)}", self.fleet.intent(name, sites=some)
        if self.chance.random() < 0.2:
            return f"undeploy {name}", edits.undeploy(self.fleet.co.main(), name)
        self.said += 1
        return f"set {name} v{self.said}", self.fleet.change(name, greeting=f"v{self.said}")
