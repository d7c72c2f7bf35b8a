"""The seam between the reconciler and an engine: `Driver`, and the values that cross it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from margo_gitops.model.application import ProfileType
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.model.observed import Observed, ObservedComponent
from margo_gitops.model.record import Artifact

__all__ = ["ComponentSpec", "Driver", "Image", "Observed", "ObservedComponent", "Owner", "Workload"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose workloads a driver may see and touch; everything else is a stranger's."""

    fleet: str
    site: str
    node: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image as its component names it, pinned: verified local files by digest.

    `manifest` is the host's own, `id` the digest of its configuration, `layers` are in order.
    """

    reference: str
    manifest: Artifact
    id: str
    layers: tuple[str, ...]
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One component, ready to run.

    `artifact` is a verified local file whose sha256 is `digest`. `values` maps pointer to value
    (for compose and wasm: environment variable to value). `secrets` names those pointers whose
    values must never be logged or reported. `settings` are the author's
    `x-margo-gitops-extensions`. `timeout` is in seconds. `pins` maps each image that it names to
    the digest that it is locked to, `images` are those of them that are here as files.
    """

    name: str
    artifact: Path
    digest: str
    values: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)
    wait: bool = True
    timeout: float = 300.0
    pins: Mapping[str, str] = field(default_factory=dict)
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """One deployment as a driver is to run it; `origin` names the exact desired bytes.

    `policy` is what its site lets workloads ask of their hosts, looked at whenever a component is
    started or changed.
    """

    id: str
    name: str
    origin: str
    components: tuple[ComponentSpec, ...]
    policy: RuntimePolicy = field(default_factory=RuntimePolicy)


class Driver(Protocol):
    """What the reconciler asks of an engine.

    Every method may be called again after any failure or kill. `Unreachable` says that the engine
    did not answer: nothing is then known, and nothing is done. Other faults of one workload are
    `Invalid` or `Refused` (its own, or its site's policy: a further try gives the same answer),
    `Failing` (it did not come to run), `Waiting` (something is not there yet) or `Stalled` (the
    host's, for a person).
    """

    type: ProfileType
    name: str

    def available(self) -> str | None:
        """None if workloads can run here, else why not, in words."""

    def observe(self) -> Sequence[Observed]:
        """Everything of this owner that the engine holds, running or not, read from the engine."""

    def apply(self, workload: Workload) -> None:
        """Make the engine hold exactly this, components in order; restart nothing that is right."""

    def remove(self, deployment_id: str) -> None:
        """Stop it and leave nothing of it; quiet where there is nothing."""

    def logs(self, deployment_id: str, component: str, tail: int = 100) -> str:
        """The component's last lines of output; empty where there is none."""
