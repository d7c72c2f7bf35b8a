"""DeploymentStatusManifest in each dialect (specification, deployment status)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.fields import device_id, head, manifest_version, uuid
from margo_gitops.documents.shapes.words import Fields, Shape, list_of, obj, text, word

_STATES_2024 = (
    *("pending", "installing", "installed", "failed"),
    *("Pending", "Installing", "Installed", "Failed", "Failure", "Success"),
)
"""The table's, the prose's and the example's."""

_STATES = ("pending", "installing", "installed", "failed", "removing", "removed")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Letter:
    """Where the dialects differ: `reporter` is who reports for whom (since rc.2)."""

    kind: str | None = None
    states: tuple[str, ...] = _STATES
    reporter: bool = False
    adopted: bool = False


_LETTERS: Mapping[Dialect, _Letter] = {
    Dialect.A: _Letter(kind="DeploymentStatus", states=_STATES_2024),
    Dialect.B: _Letter(kind="DeploymentStatusManifest"),
    Dialect.C: _Letter(reporter=True),
    Dialect.D: _Letter(reporter=True, adopted=True),
}


def status(dialect: Dialect) -> Shape:
    """The shape of a report on one deployment."""
    letter = _LETTERS[dialect]
    adopted: Fields = {
        "adoptedManifestVersion": manifest_version("The manifest that the device follows.")
    }
    reporter: Fields = {"deviceId": device_id("The device, where a gateway reports for it.")}
    component = obj(
        "One component.",
        must={"name": text("The component's name."), **_state(letter)},
        may=_error(letter),
    )
    return obj(
        "How one deployment fares on its device.",
        must={
            **(head(letter.kind, version="deployment.margo.org/v1alpha1") if letter.kind else {}),
            "deploymentId": uuid("The deployment's UUID."),
            **(adopted if letter.adopted else {}),
            "status": obj("The deployment as a whole.", must=_state(letter), may=_error(letter)),
            "components": list_of("Every component of the deployment.", component),
        },
        may=reporter if letter.reporter else {},
    )


def _state(letter: _Letter) -> Fields:
    return {"state": word("How far it is.", *letter.states)}


def _error(letter: _Letter) -> Fields:
    source: Fields = {"source": text("Whose error: a deployment, a component, or a gateway.")}
    return {
        "error": obj(
            "What went wrong.",
            must={
                "code": text("The error's code; empty where all is well."),
                "message": text("The error in words; empty where all is well."),
            },
            may=source if letter.reporter else {},
        )
    }
