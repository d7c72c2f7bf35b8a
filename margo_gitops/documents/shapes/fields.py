"""The fields that several kinds share: ids, digests, and the head of a document."""

from __future__ import annotations

from margo_gitops.documents.shapes.words import Fields, Shape, integer, text, word

_ID = "[A-Za-z0-9._~-]+"
_HEX = "[0-9a-fA-F]"

UUID = f"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
"""A deployment's id (specification, ApplicationDeployment)."""

SHA256 = "sha256:[0-9a-f]{64}"
"""A digest (specification, desired state)."""

LARGEST_VERSION = 2**64 - 1
"""Of a manifest (specification, desired state)."""


def head(*kinds: str, version: str) -> Fields:
    """`apiVersion`, which no version of the specification bounds, and `kind`."""
    return {
        "apiVersion": text(f"The format of this document, for example {version}."),
        "kind": word("What this document is.", *kinds),
    }


def application_id(about: str) -> Shape:
    """The id that an application's author chose (specification, ApplicationDescription)."""
    return text(f"{about} Lower case, digits and dashes.", pattern="^[a-z0-9-]{1,200}$")


def uuid(about: str) -> Shape:
    """An id such as `a3e2f5dc-912e-494f-8395-52cf3769bc06`, in either case."""
    return text(about, pattern=f"^{UUID}$")


def device_id(about: str, *, any_child: bool = False) -> Shape:
    """A hierarchical id; `any_child` also takes a last `/*` (dialect D)."""
    child = r"(/\*)?" if any_child else ""
    return text(about, pattern=f"^{_ID}(/{_ID})*{child}$")


def digest(about: str) -> Shape:
    """`sha256:` and 64 lower-case hex digits."""
    return text(about, pattern=f"^{SHA256}$")


def manifest_version(about: str) -> Shape:
    """A whole number from 1 to 2^64 - 1."""
    return integer(about, least=1, most=LARGEST_VERSION)
