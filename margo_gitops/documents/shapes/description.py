"""ApplicationDescription in each dialect (specification, application package)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.shapes.fields import application_id, head
from margo_gitops.documents.shapes.needs import definitions, needs
from margo_gitops.documents.shapes.parameters import configuration, parameters
from margo_gitops.documents.shapes.profiles import EXTENSIBLE, profile
from margo_gitops.documents.shapes.words import Fields, Shape, list_of, obj, scalars, text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Letter:
    """Where the dialects differ; types and resources besides (`profiles.TYPES`, `needs`).

    `kind` is None where there is none. `strict` are the rules that came after A: a profile has an
    id and components, an e-mail address has its form.
    """

    kind: str | None = "ApplicationDescription"
    id_on_top: bool = False
    strict: bool = True


_LETTERS: Mapping[Dialect, _Letter] = {
    Dialect.A: _Letter(kind="application", strict=False),
    Dialect.B: _Letter(),
    Dialect.B2: _Letter(),
    Dialect.CM: _Letter(id_on_top=True),
    Dialect.C: _Letter(id_on_top=True),
    Dialect.D: _Letter(id_on_top=True, kind=None),
}


def description(dialect: Dialect) -> tuple[Shape, dict[str, Shape]]:
    """The shape, and the definitions that it refers to."""
    letter = _LETTERS[dialect]
    id_: Fields = {"id": application_id("The application's id.")}
    metadata = obj(
        "What the application is.",
        must={**({} if letter.id_on_top else id_), **_metadata(letter)},
        may={"description": text("What it does, in a sentence.")},
    )
    shape = obj(
        "An application, as its author offers it.",
        must={
            **_head(letter),
            **(id_ if letter.id_on_top else {}),
            "metadata": metadata,
            "deploymentProfiles": list_of(
                "The ways to install it; one of them is used.", _profile(dialect), least=1
            ),
        },
        may={
            "parameters": parameters(
                scalars("The value where nobody sets another."), required=False
            ),
            "configuration": configuration(dialect),
        },
        extensible=dialect in EXTENSIBLE,
    )
    return shape, definitions(dialect)


def _head(letter: _Letter) -> Fields:
    if letter.kind is None:
        return {"apiVersion": text("The format of this document, for example v1.")}
    return head(letter.kind, version="margo.org/v1-alpha1")


def _metadata(letter: _Letter) -> Fields:
    return {
        "name": text("What a person reads.", least=1),
        "version": text('The package\'s version, in quotes, as "1.2.0"; its tag is the same.'),
        "catalog": _catalog(".*@[a-z0-9.-]*" if letter.strict else None),
    }


def _catalog(email: str | None) -> Shape:
    author = obj(
        "One author.",
        may={
            "name": text("The author's name."),
            "email": text("The author's e-mail address.", pattern=email),
        },
    )
    organization = obj(
        "One organization.",
        must={"name": text("Its name.")},
        may={"site": text("Its web site.")},
    )
    return obj(
        "What a store shows.",
        must={"organization": list_of("Who offers it.", organization, least=1)},
        may={
            "application": _shown(),
            "author": list_of("Who wrote it.", author),
        },
    )


def _shown() -> Shape:
    return obj(
        "The page of the application; paths begin at the package's root.",
        may={
            "descriptionFile": text("A Markdown file that describes it."),
            "icon": text("A picture, as ./resources/press.png."),
            "licenseFile": text("Its license: text, Markdown or PDF."),
            "releaseNotes": text("What is new: Markdown or PDF."),
            "site": text("Its web site."),
            "tagline": text("What it is good for, in one line."),
            "tags": list_of("Words to find it by.", text("One word.")),
        },
    )


def _profile(dialect: Dialect) -> Shape:
    strict = _LETTERS[dialect].strict
    id_: Fields = {"id": text("A name of this profile, unique in this document.", least=1)}
    about = {"description": text("What sets it apart; also what `other` among its needs is.")}
    return profile(
        dialect,
        must=id_ if strict else {},
        may={**about, **needs(dialect)},
        components_may_lack=not strict,
    )
