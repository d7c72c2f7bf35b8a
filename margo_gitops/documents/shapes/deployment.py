"""ApplicationDeployment in each dialect (specification, desired state)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.fields import application_id, device_id, head, uuid
from margo_gitops.documents.shapes.needs import definitions, needs
from margo_gitops.documents.shapes.parameters import parameters
from margo_gitops.documents.shapes.profiles import EXTENSIBLE, profile
from margo_gitops.documents.shapes.words import Fields, Shape, map_of, obj, scalar, text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Letter:
    """Where the dialects differ; types besides (`profiles.TYPES`).

    `version` is the usual apiVersion, None where there are no apiVersion and kind. `openapi` names
    what only the OpenAPI files have: labels, and parameters that may be left out.
    """

    version: str | None = "application.margo.org/v1alpha1"
    id_on_top: bool = True
    application_in_spec: bool = False
    namespace: bool = True
    device: bool = False
    text_values: bool = False
    openapi: bool = False


_2025 = _Letter(id_on_top=False, text_values=True)
_2026 = _Letter()

_LETTERS: Mapping[Dialect, _Letter] = {
    Dialect.A: _2025,
    Dialect.B: _2025,
    Dialect.B2: _2025,
    Dialect.CM: _2026,
    Dialect.C: _2026,
    Dialect.CP: _Letter(
        version="margo.org", application_in_spec=True, namespace=False, openapi=True
    ),
    Dialect.D: _Letter(version=None, application_in_spec=True, device=True, openapi=True),
}

_ID: Fields = {"id": uuid("The deployment's UUID; it stays for life.")}
_APPLICATION: Fields = {"applicationId": application_id("The id of the application.")}


def deployment(dialect: Dialect) -> tuple[Shape, dict[str, Shape]]:
    """The shape, and the definitions that it refers to."""
    letter = _LETTERS[dialect]
    shape = obj(
        "One application for one device.",
        must={
            **(head("ApplicationDeployment", version=letter.version) if letter.version else {}),
            **(_ID if letter.id_on_top else {}),
            "metadata": _metadata(letter),
            "spec": _spec(dialect, letter),
        },
    )
    return shape, definitions(dialect) if dialect is Dialect.D else {}


def _metadata(letter: _Letter) -> Shape:
    annotations = {
        **({} if letter.id_on_top else _ID),
        **({} if letter.application_in_spec else _APPLICATION),
    }
    namespace: Fields = {"namespace": text("The namespace that its parts are installed in.")}
    labels: Fields = {"labels": map_of("Labels of the deployment.", text("The label's value."))}
    device: Fields = {
        "deviceId": device_id(
            "The device; gateway-1/* leaves the choice to the gateway.", any_child=True
        )
    }
    return obj(
        "Which deployment this is.",
        must={
            "name": text("Its name; errors are reported under it.", least=1),
            **(namespace if letter.namespace else {}),
            **(device if letter.device else {}),
            **({"annotations": obj("Its ids.", must=annotations)} if annotations else {}),
        },
        may={
            **({} if letter.namespace else namespace),
            **(labels if letter.openapi else {}),
        },
    )


def _spec(dialect: Dialect, letter: _Letter) -> Shape:
    said = "The value that the components get."
    value = text(said) if letter.text_values else scalar(said)
    given: Fields = {"parameters": parameters(value, required=True)}
    return obj(
        "What the device runs.",
        must={
            **(_APPLICATION if letter.application_in_spec else {}),
            "deploymentProfile": profile(dialect, may=needs(dialect) if letter.device else {}),
            **({} if letter.openapi else given),
        },
        may=given if letter.openapi else {},
        extensible=dialect in EXTENSIBLE,
    )
