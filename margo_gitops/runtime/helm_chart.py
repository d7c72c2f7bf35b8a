"""A chart made ready: unpacked, rendered with its values, checked, its images by digest.

What was checked is what is installed: a chart of one file, which is rendered no second time.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from margo_gitops.documents import canonical, yaml
from margo_gitops.errors import Invalid, Refused
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.model.pointer import assemble
from margo_gitops.runtime import rendered
from margo_gitops.runtime.archive import unpack
from margo_gitops.runtime.base import ComponentSpec
from margo_gitops.runtime.helm_program import Cluster

_FILE = "rendered.yaml"
_KEPT = ("name", "version", "appVersion", "description")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a component goes: its release and namespace."""

    release: str
    namespace: str


def digest_of(component: ComponentSpec, place: Place) -> str:
    """The digest over all that a component is installed from. Raises `Invalid` for its values."""
    pins = sorted(component.pins.items())
    settings = json.dumps(component.settings, sort_keys=True, ensure_ascii=False)
    values = json.dumps(values_of(component), sort_keys=True, ensure_ascii=False)
    parts = [component.digest, values, settings, place.release, place.namespace, pins]
    return canonical.digest(canonical.dumps(parts))


def values_of(component: ComponentSpec) -> dict[str, Any]:
    """The values as the chart gets them, nested (specification, parameters)."""
    return assemble(component.values.items())


@contextmanager
def prepared(
    cluster: Cluster, component: ComponentSpec, place: Place, policy: RuntimePolicy, folder: Path
) -> Iterator[Path]:
    """The folder of a chart that installs exactly what was checked; `folder` is gone after it.

    Raises `Refused` for what the archive or the policy forbids, `Invalid` for what does not render,
    with the component named; and as `Cluster.render` does.
    """
    with _told_of(component), _scratch(folder) as scratch:
        chart = scratch / "chart"
        unpack(component.artifact, chart)
        values = scratch / "values.json"
        values.touch(mode=0o600)
        values.write_text(json.dumps(values_of(component)), encoding="utf-8")
        found = rendered.read(cluster.render(place.release, chart, place.namespace, values))
        values.unlink()
        types = chart / "crds"
        rendered.check(found, place.namespace, policy)
        if types.exists() and not policy.cluster_wide:
            raise Refused(
                "the chart defines types of resources (crds/), which this site's runtime policy"
                " does not allow",
                rule="runtime-policy",
                help="runtime: {clusterWide: true} in the site's file, if that is meant",
            )
        text = found.pinned(component.pins, policy)
        yield _derived(scratch / "derived", chart, text)


def images_of(archive: Path, values: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """The images that a chart names with these values, without a cluster.

    Raises `Refused` for the archive, `Invalid` where it does not render, `Stalled` without helm.
    """
    with _scratch(folder) as scratch:
        unpack(archive, scratch / "chart")
        file = scratch / "values.json"
        file.write_text(json.dumps(assemble(values.items())), encoding="utf-8")
        text = Cluster().render("release", scratch / "chart", "default", file, alone=True)
    return rendered.read(text).image_names()


def without_secrets(words: str, component: ComponentSpec) -> str:
    """`words` with the component's secret values blotted out."""
    for pointer in component.secrets:
        secret = str(component.values.get(pointer) or "")
        words = words.replace(secret, "***") if secret else words
    return words


def _derived(folder: Path, chart: Path, text: str) -> Path:
    """A chart that renders to exactly this text."""
    (folder / "templates").mkdir(parents=True)
    (folder / _FILE).write_text(text, encoding="utf-8")
    (folder / "templates" / "all.yaml").write_text(f'{{{{ .Files.Get "{_FILE}" }}}}\n')
    (folder / "Chart.yaml").write_text(json.dumps(_described(chart / "Chart.yaml")))
    if (chart / "crds").is_dir():
        shutil.copytree(chart / "crds", folder / "crds")
    return folder


def _described(file: Path) -> Mapping[str, Any]:
    """The name and version of the chart, so that `helm list` shows them."""
    with file.open("rb") as source:
        found = yaml.parse(source.read(yaml.MAX_BYTES + 1), "Chart.yaml").data
    if not isinstance(found, dict):
        raise Invalid("Chart.yaml is no chart's description")
    return {"apiVersion": "v2", **{key: str(found[key]) for key in _KEPT if key in found}}


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder for a while; what a crash left there, values among it, goes first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _told_of(component: ComponentSpec) -> Iterator[None]:
    """Name the component in its faults; they may quote a file with its values filled in."""
    try:
        yield
    except Refused as error:
        problem = without_secrets(f"component {component.name}: {error.problem}", component)
        raise Refused(problem, rule=error.rule, then=error.then, help=error.help) from None
    except Invalid as error:
        problem = without_secrets(f"component {component.name}: {error.problem}", component)
        raise Invalid(problem, then=error.then, help=error.help) from None
