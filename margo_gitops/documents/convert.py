"""A document in another dialect, and what that dialect has no room for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from margo_gitops.documents import codecs, margo, schemas
from margo_gitops.documents.codecs import Model, table, unknown
from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.documents.findings import Path
from margo_gitops.documents.leniency import FROM_SITE
from margo_gitops.documents.margo import Document
from margo_gitops.documents.yaml import Parsed, parse
from margo_gitops.errors import Invalid, MargoError
from margo_gitops.model.application import ApplicationDescription, Component
from margo_gitops.model.base import FromSite
from margo_gitops.model.deployment import ApplicationDeployment

_ABSENT = object()
_CURE = "keep it elsewhere, or leave it out"
_TEXT_ONLY = (Dialect.A, Dialect.B, Dialect.B2)
_CURES = {
    "requiredResources": "write an eligibility rule that you answer for: up to dialect C nothing"
    " says what an unmet need does, in D it keeps the device out",
    "packageLocation": "push the archive to a registry and name repository and revision",
    "keyLocation": "sign the artifact in its registry",
    "eligibilityRules": "keep the document in dialect D",
    "deviceId": "name the device by another way: in a fleet, the site's record has it",
    "roles": "say the roles again on the other side: two of them run helm",
    "value": "another reader must take the text for the type that the application declares",
}


@dataclass(frozen=True, slots=True)
class Converted:
    """The document in its new dialect; each loss is a line with place, field and what to do."""

    data: bytes
    losses: tuple[str, ...]


def convert(data: bytes, where: str, to: Dialect, *, allow_loss: bool) -> Converted:
    """The document `data` in the dialect `to`, which the strict schema of that dialect accepts.

    A document that speaks `to` already is returned as it is. A loss is whatever would read
    otherwise on the way back; required peripherals and interfaces are one even though a rule of D
    can ask for them, because an unmet need means nothing up to C and forbids the device in D.

    Raises `Invalid` where `data` cannot be read, where the kind has no such dialect, for what `to`
    requires and the document lacks, which is never made up, and, without `allow_loss`, that names
    every loss.
    """
    parsed = parse(data, where)
    document = margo.read(data, where)
    if document.dialect is to:
        return Converted(data, ())
    if to not in table.HEADS[document.kind]:
        known = ", ".join(table.HEADS[document.kind])
        raise Invalid(f"{where}: {document.kind} has no dialect {to}, expected one of: {known}")
    wire = _strict(document.kind, to, _bare(document, to))
    losses = tuple(_losses(document, to, wire, parsed, where))
    problems = [*_lacking(document.kind, to, wire, where), *(() if allow_loss else losses)]
    if problems:
        raise Invalid(
            "\n".join([f"{where} cannot be converted to dialect {to}:", *problems]),
            help="" if allow_loss or len(problems) > len(losses) else "--allow-loss",
        )
    return Converted(margo.serialise(document.kind, to, wire), losses)


def _bare(document: Document, to: Dialect) -> Model:
    """The model without fields of nobody's dialect, under the new dialect's own apiVersion."""
    model = _without_version(document.model)
    model = model.model_copy(update={"unknown": {}})
    if isinstance(model, ApplicationDescription):
        profiles = tuple(
            profile.model_copy(update={"components": _known(profile.components)})
            for profile in model.profiles
        )
        return model.model_copy(update={"profiles": profiles})
    if isinstance(model, ApplicationDeployment):
        update: dict[str, Any] = {"components": _known(model.components)}
        if to in _TEXT_ONLY:
            update["parameters"] = {
                name: parameter.model_copy(update={"value": _as_text(parameter.value)})
                for name, parameter in model.parameters.items()
            }
        return model.model_copy(update=update)
    return model


def _without_version(model: Model) -> Model:
    if "api_version" not in type(model).model_fields:
        return model
    return model.model_copy(update={"api_version": None})


def _known(components: Iterable[Component]) -> tuple[Component, ...]:
    return tuple(component.model_copy(update={"unknown": {}}) for component in components)


def _as_text(value: Any) -> Any:
    """A scalar as the deployments of 2025 write it; a list has no such form."""
    if isinstance(value, str | tuple | FromSite):
        return value
    return json.dumps(value)


def _strict(kind: Kind, to: Dialect, model: Model) -> dict[str, Any]:
    """The wire object that will be read, without the fields that the letter of `to` lacks."""
    made = margo.serialise(kind, to, codecs.encode(kind, to, margo.whole_cores(model)))
    wire = parse(made, "the result").data
    extra = [f.path for f in schemas.faults(schemas.margo(kind, to), wire) if f.on_key]
    return unknown.without(wire, [unknown.pointer(path) for path in extra])


def _lacking(kind: Kind, to: Dialect, wire: Mapping[str, Any], where: str) -> Iterator[str]:
    """What the strict schema of `to` still says: all that the document does not give it."""
    for fault in schemas.faults(schemas.margo(kind, to), wire):
        if fault.rule is not FROM_SITE:
            yield f"{where}: dialect {to} does not accept {fault.message}"


def _losses(
    document: Document, to: Dialect, wire: Mapping[str, Any], parsed: Parsed, where: str
) -> Iterator[str]:
    """What differs between the document and its way there and back, in its own words."""
    kind, dialect = document.kind, document.dialect
    try:
        back = codecs.decode(kind, to, wire, None)
    except (ValidationError, MargoError, KeyError):
        return  # it lacks what it must have, and is refused for that
    before = codecs.encode(kind, dialect, _without_version(document.model))
    after = codecs.encode(kind, dialect, back)
    for path, found, then in differences(before, after, ()):
        if path in {("apiVersion",), ("kind",)}:
            continue
        line, column = parsed.position(path)
        name = ".".join(str(step) for step in path)
        becomes = "has no place" if then is _ABSENT else f"would become {_shown(then)}"
        cure = next((_CURES[step] for step in path[::-1] if step in _CURES), _CURE)
        text = f"{name}: {_shown(found)} {becomes} in dialect {to}"
        yield f"{where}:{line}:{column}: {text}; {cure}"


def differences(found: Any, then: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    """Where `then` does not say what `found` says, and both; what only `then` has is no matter."""
    if isinstance(found, dict) and isinstance(then, dict):
        for key, value in found.items():
            yield from differences(value, then.get(key, _ABSENT), (*path, key))
    elif isinstance(found, list) and isinstance(then, list) and len(found) == len(then):
        for index, (old, new) in enumerate(zip(found, then, strict=True)):
            yield from differences(old, new, (*path, index))
    elif type(found) is not type(then) or found != then:
        yield path, found, then


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
