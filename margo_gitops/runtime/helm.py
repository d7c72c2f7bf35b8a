"""Helm charts on a Kubernetes cluster: installed as they were checked, watched, put back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from margo_gitops.errors import Failing, Invalid
from margo_gitops.model.application import ProfileType
from margo_gitops.model.observed import Observed
from margo_gitops.runtime import helm_chart as charts
from margo_gitops.runtime import rendered
from margo_gitops.runtime.base import ComponentSpec, Owner, Workload
from margo_gitops.runtime.helm_chart import Place
from margo_gitops.runtime.helm_markers import DEPLOYMENT, Markers
from margo_gitops.runtime.helm_program import Cluster, Release
from margo_gitops.runtime.helm_state import HelmMarker, Installed, judge, observed

_GOOD = frozenset({"deployed", "superseded"})
_FLAT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ODD = re.compile(r"[^a-z0-9]+")
_TALKING = ("deployment", "statefulset", "daemonset", "job", "pod")


class HelmDriver:
    """Runs components of type `helm`, with Helm 3.13 and later or Helm 4. Implements `Driver`.

    A component is one release. It goes to the namespace that its settings name, else to one with
    the deployment's name, which stays when it is removed. `live: true` in its settings asks that
    its objects are compared at each look, not only its release. Images are run by the digest that
    they are locked to; the cluster fetches them itself.
    """

    type = ProfileType.HELM
    name = "helm"

    def __init__(self, root: Path, owner: Owner, *, cluster: Cluster | None = None) -> None:
        self._root = root.absolute()
        self._cluster = cluster or Cluster()
        self._markers = Markers(self._cluster, owner)

    def available(self) -> str | None:
        """None if helm, kubectl and a cluster answer here, else why not."""
        return self._cluster.problem()

    def observe(self) -> Sequence[Observed]:
        """Every deployment of this owner; its origin is empty where it was not installed whole.

        Raises `Unreachable` where the cluster does not answer.
        """
        markers, releases = self._markers.read(), self._releases()
        found = [
            observed(marker, releases, self._drifted(marker, releases))
            for marker in markers.values()
        ]
        strays = {release.deployment for release in releases.values()} - set(markers)
        found += [Observed(id, id, "", ()) for id in strays]
        return sorted(found, key=lambda item: item.id)

    def apply(self, workload: Workload) -> None:
        """Install exactly these components, in order; releases that are right are left alone.

        All is rendered and checked before anything is touched. Raises `Refused` for what an archive
        or the policy forbids, `Invalid` for what does not render, `Failing` where helm fails or
        needs longer than the component's timeout: the release is then put back to what it was.
        """
        places = {
            component.name: self._place(workload, component) for component in workload.components
        }
        if len(places) != len(workload.components):
            raise Invalid(f"two components of {workload.name} have one name")
        before = self._markers.read().get(workload.id)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self._scratch(workload.id), ignore_errors=True)
            todo = {
                part.name: stack.enter_context(self._prepared(workload, part, places[part.name]))
                for part in workload.components
                if not self._settled(part, places[part.name], before)
            }
            self._drop(workload.id, keep={(p.namespace, p.release) for p in places.values()})
            self._bring(workload, before, places, todo)

    def remove(self, deployment_id: str) -> None:
        """Uninstall it and leave nothing of it but its namespace; quiet where there is nothing."""
        self._drop(deployment_id, keep=set())
        self._markers.delete(deployment_id)
        shutil.rmtree(self._scratch(deployment_id), ignore_errors=True)

    def logs(self, deployment_id: str, component: str, tail: int = 100) -> str:
        """The last lines of output of the component's pods; empty where there is none."""
        marker = self._markers.read().get(deployment_id)
        installed = marker and marker.component(component)
        return self._said(installed.key, tail) if installed else ""

    def _bring(
        self,
        workload: Workload,
        before: HelmMarker | None,
        places: Mapping[str, Place],
        todo: Mapping[str, Path],
    ) -> None:
        """Install in order; what is done is marked after each, so that a crash repeats little."""
        held = {item.name: item for item in (before.components if before else ())}
        held = {name: item for name, item in held.items() if name in places}
        origin = before.origin if before else ""
        for component in workload.components:
            if component.name not in todo:
                continue
            place = places[component.name]
            try:
                now = self._install(workload, component, place, todo[component.name])
            except Failing:
                self._put_back(workload, held, component.name, place, origin)
                raise
            held[component.name], origin = now, ""
            self._mark(workload, "", held)
        self._mark(workload, workload.origin, held)

    def _install(
        self, workload: Workload, component: ComponentSpec, place: Place, chart: Path
    ) -> Installed:
        self._mend(place)
        labels = {**self._markers.labels, DEPLOYMENT: workload.id}
        wait = component.timeout if component.wait else None
        try:
            self._cluster.upgrade(place.release, chart, place.namespace, labels, wait=wait)
        except Failing as error:
            said = self._said((place.namespace, place.release), 20)
            words = f"component {component.name} of {workload.name} did not come to run:"
            told = " ".join(filter(None, (words, error.problem, said)))
            raise Failing(charts.without_secrets(told, component)) from None
        release = self._releases()[place.namespace, place.release]
        return Installed(
            name=component.name,
            spec=charts.digest_of(component, place),
            release=place.release,
            namespace=place.namespace,
            revision=release.revision,
            live=bool(component.settings.get("live")),
        )

    def _put_back(
        self,
        workload: Workload,
        held: dict[str, Installed],
        name: str,
        place: Place,
        origin: str,
    ) -> None:
        """The release as it was before a failed upgrade; nothing where there was none."""
        self._mend(place)
        release = self._releases().get((place.namespace, place.release))
        before = held.pop(name, None)
        if before and release and before.key == (place.namespace, place.release):
            held[name] = before.model_copy(update={"revision": release.revision})
        self._mark(workload, origin if before else "", held)

    def _mend(self, place: Place) -> None:
        """What a crash or a failure left half done: back to the last revision that was whole."""
        release = self._releases().get((place.namespace, place.release))
        if release is None or release.status == "deployed":
            return
        history = self._cluster.history(place.release, place.namespace)
        good = [revision for revision, status in history if status in _GOOD]
        if good:
            self._cluster.rollback(place.release, place.namespace, max(good))
        else:
            self._cluster.uninstall(place.release, place.namespace)

    def _settled(self, component: ComponentSpec, place: Place, marker: HelmMarker | None) -> bool:
        held = marker and marker.component(component.name)
        if not held or held.spec != charts.digest_of(component, place):
            return False
        releases = self._releases()
        drifted = held.key in self._drifted(marker, releases) if marker else False
        return not judge(held, releases.get(held.key), drifted=drifted).lost

    def _drifted(
        self, marker: HelmMarker, releases: Mapping[tuple[str, str], Release]
    ) -> set[tuple[str, str]]:
        """The releases whose objects are to be compared, and are not as they were made."""
        looked = [item for item in marker.components if item.live and item.key in releases]
        return {item.key for item in looked if self._changed(item)}

    def _changed(self, item: Installed) -> bool:
        manifest = self._cluster.manifest(item.release, item.namespace)
        return self._cluster.differs(manifest, item.namespace)

    def _drop(self, id: str, *, keep: set[tuple[str, str]]) -> None:
        for release in self._releases({DEPLOYMENT: id}).values():
            if (release.namespace, release.name) not in keep:
                self._cluster.uninstall(release.name, release.namespace)

    def _said(self, key: tuple[str, str], tail: int) -> str:
        namespace, release = key
        try:
            found = rendered.read(self._cluster.manifest(release, namespace))
        except (Failing, Invalid):
            return ""
        lines = [
            line
            for item in found.objects
            if item.kind.lower() in _TALKING
            for line in self._cluster.last_words(item.kind.lower(), item.name, namespace, tail)
        ]
        return "\n".join(lines[-tail:])

    def _prepared(
        self, workload: Workload, component: ComponentSpec, place: Place
    ) -> AbstractContextManager[Path]:
        scratch = self._scratch(workload.id, component.name)
        return charts.prepared(self._cluster, component, place, workload.policy, scratch)

    def _scratch(self, *names: str) -> Path:
        return self._root.joinpath(*(self._markers.short(name) for name in names))

    def _place(self, workload: Workload, component: ComponentSpec) -> Place:
        """A release of its own for each component of each deployment of each node."""
        namespace = str(component.settings.get("namespace") or workload.name)
        if not _FLAT.fullmatch(namespace):
            raise Invalid(
                f"component {component.name}: {namespace[:80]!r} is no namespace, expected 1 to 63"
                " of a-z, 0-9 and -"
            )
        short = _ODD.sub("-", f"{workload.name[:30]}-{component.name[:12]}".lower()).strip("-")
        own = self._markers.short(workload.id, component.name)
        return Place(f"{short}-{own}", namespace)

    def _releases(self, more: Mapping[str, str] | None = None) -> dict[tuple[str, str], Release]:
        found = self._cluster.releases({**self._markers.labels, **(more or {})}, DEPLOYMENT)
        return {(release.namespace, release.name): release for release in found}

    def _mark(self, workload: Workload, origin: str, held: Mapping[str, Installed]) -> None:
        order = [item.name for item in workload.components]
        parts = tuple(held[name] for name in order if name in held)
        self._markers.write(
            HelmMarker(id=workload.id, name=workload.name, origin=origin, components=parts)
        )
