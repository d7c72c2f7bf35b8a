"""A deployment that a node is to run."""

from __future__ import annotations

from dataclasses import dataclass

from margo_gitops.model.deployment import ApplicationDeployment


@dataclass(frozen=True, slots=True)
class Wanted:
    """A deployment that this node is to run, and the exact bytes (`origin`) that ask for it.

    `why` is the reason where it is not simply that somebody wants it.
    """

    id: str
    name: str
    origin: str
    driver: str
    deployment: ApplicationDeployment
    why: str = ""

    @property
    def components(self) -> tuple[str, ...]:
        """The components' names in their order."""
        return tuple(component.name for component in self.deployment.components)
