"""The base of every model: frozen, checked on construction, camelCase on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

API_VERSION = "margo-gitops/v1"

Scalar = str | bool | int | float
"""A parameter value of one element."""

Flat = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""A site, node, proposal or deployment name: fit for a ref and a path (DESIGN section 2)."""

AppId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,200}$")]
"""An application's id (specification, ApplicationDescription)."""

Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}$")]
"""An application's version: also a folder and an OCI tag, so no slash and no leading dot."""

DeviceId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*(/\*)?$", max_length=400)
]
"""A hierarchical device id; a trailing `/*` lets the gateway choose (dialect D)."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""A content digest over exact bytes."""

CommitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A git commit id (sha1)."""

Uuid = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
]
"""A deployment's or fleet's id."""

Labels = dict[str, str]
Extensions = dict[str, Any]
"""`x-<name>-extensions` objects, kept as they came."""


class Frozen(BaseModel):
    """A value: immutable, closed, camelCase on the wire and snake_case in code."""

    model_config = ConfigDict(
        frozen=True,
        defer_build=True,  # most programs use a few models only
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class FromSite(Frozen):
    """A secret that never enters git: the node reads NAME from a root-only file of its own."""

    from_site: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$"),
        Field(description="The name of the file that holds the secret on the node."),
    ]


ParameterValue = Scalar | tuple[Scalar, ...] | FromSite
"""A parameter value: a scalar or a list of scalars, as the specification has it, or a secret."""


class OwnDocument(Frozen):
    """One of this project's own files: it says its format version and its kind."""

    api_version: Literal["margo-gitops/v1"] = "margo-gitops/v1"
