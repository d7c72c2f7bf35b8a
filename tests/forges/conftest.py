"""The three doubles, served, and the forge of each as `open_forge` makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from margo_gitops.forges.base import Forge
from margo_gitops.forges.choosing import Place
from margo_gitops.forges.forgejo import Forgejo
from margo_gitops.forges.github import GitHub
from margo_gitops.forges.gitlab import GitLab
from margo_gitops.forges.line import Line
from tests.forges.double import TOKEN
from tests.forges.forgejo_double import ForgejoDouble
from tests.forges.github_double import GitHubDouble
from tests.forges.gitlab_double import GitLabDouble

AnyDouble = GitHubDouble | GitLabDouble | ForgejoDouble
KINDS: dict[str, Callable[[], AnyDouble]] = {
    "github": GitHubDouble,
    "gitlab": GitLabDouble,
    "forgejo": ForgejoDouble,
}


@dataclass
class Stand:
    """A double that answers, and how it is asked."""

    double: AnyDouble
    pauses: list[float] = field(default_factory=list)

    @property
    def project(self) -> str:
        return "plant/edge/fleet" if self.double.kind == "gitlab" else "plant/fleet"

    def forge(
        self,
        *,
        token: str = TOKEN,
        user: str | None = None,
        silence: float = 2.0,
        lifetime: float = 10.0,
    ) -> Forge:
        """A client that was not used yet."""
        kind = self.double.kind
        assert kind in {"github", "gitlab", "forgejo"}
        place = Place(kind, self.double.url, self.project, token, user)  # type: ignore[arg-type]
        pause, patience = self.pauses.append, (2.0, silence)
        line = Line(self.double.url, pause=pause, silence=patience, lifetime=lifetime)
        adapters: dict[str, Callable[[Place, Line], Forge]] = {
            "github": GitHub,
            "gitlab": GitLab,
            "forgejo": Forgejo,
        }
        return adapters[kind](place, line)


@pytest.fixture(params=sorted(KINDS))
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """Each forge in turn; whatever is not described fails the test."""
    double = KINDS[request.param]()
    with double.serve():
        yield Stand(double)
    assert double.violations == []
