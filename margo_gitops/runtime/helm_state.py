"""What a cluster's releases say of a deployment. Values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import ValidationError

from margo_gitops.model.base import Frozen
from margo_gitops.model.observed import Observed, ObservedComponent
from margo_gitops.model.state import State
from margo_gitops.runtime.helm_program import Release


class Installed(Frozen):
    """A component that was installed whole.

    `spec` is the digest over all that it was installed from, `revision` its release's. `live` says
    that its objects are compared too.
    """

    name: str
    spec: str
    release: str
    namespace: str
    revision: int
    live: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name of its release."""
        return self.namespace, self.release


class HelmMarker(Frozen):
    """A deployment as this node installed it last: a ConfigMap of the cluster.

    `origin` is empty while an apply is under way.
    """

    id: str
    name: str
    origin: str
    components: tuple[Installed, ...]

    def component(self, name: str) -> Installed | None:
        """The component of that name, if it was installed whole."""
        return next((item for item in self.components if item.name == name), None)


def read_marker(text: str) -> HelmMarker | None:
    """The marker of a text; None where another program wrote it."""
    try:
        return HelmMarker.model_validate_json(text)
    except ValidationError:
        return None


def observed(
    marker: HelmMarker,
    releases: Mapping[tuple[str, str], Release],
    drifted: Collection[tuple[str, str]],
) -> Observed:
    """A deployment by its marker, the releases of the cluster, and those with changed objects."""
    return Observed(
        id=marker.id,
        name=marker.name,
        origin=marker.origin,
        components=tuple(
            judge(item, releases.get(item.key), drifted=item.key in drifted)
            for item in marker.components
        ),
    )


def judge(installed: Installed, release: Release | None, *, drifted: bool) -> ObservedComponent:
    """Installed where its release is there, is the one that we made, and nobody changed it."""
    problem = _problem(installed, release, drifted=drifted)
    if not problem:
        return ObservedComponent(installed.name, State.INSTALLED)
    return ObservedComponent(installed.name, State.FAILED, problem, lost=True)


def _problem(installed: Installed, release: Release | None, *, drifted: bool) -> str:
    who = f"release {installed.release}"
    if release is None:
        return f"{who} is not there"
    if release.revision != installed.revision:
        return f"{who} has revision {release.revision}, expected {installed.revision}"
    if release.status != "deployed":
        return f"{who} is {release.status}"
    return f"objects of {who} were changed" if drifted else ""
