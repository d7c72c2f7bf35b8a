"""Spellings that a dialect's letter forbids and real documents have: each is a rule with a name.

The schemas are strict. A fault of theirs that fits one of these is a warning, and an error again
with `--strict`. What is read leniently is written strictly (facts of each kind).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from margo_gitops.documents.findings import Path
from margo_gitops.documents.rule import Rule


@dataclass(frozen=True, slots=True)
class Breach:
    """One fault of a schema: the schema's name, the keyword, the place, what is there.

    `wanted` is the keyword's value; `field` the missing or unknown field's name, where the keyword
    is about one.
    """

    schema: str
    keyword: str
    path: Path
    found: Any
    wanted: Any
    field: str | None = None


def _lenient(id: str, asks: str, why: str, cure: str) -> Rule:
    return Rule(id, asks, why, cure, severity="warning", lenient=True)


UNIT_SPACE = _lenient(
    "unit-space",
    "Memory and storage are written without a space: 59Gi.",
    "The published schema has no space; most published examples have one.",
    "Delete the space.",
)
X86_64 = _lenient(
    "arch-x86-64",
    "The architecture of a PC is amd64.",
    "Dialect B also lists x86_64, the others do not; both are read as amd64.",
    "Write amd64.",
)
ROLE_CASE = _lenient(
    "role-case",
    "Device roles are written as Standalone Cluster, Cluster Leader, Standalone Device.",
    "Examples of 2024 have lower case and `cluster lead`; roles are compared without case.",
    "Write the role as the dialect lists it.",
)
WAIT_TEXT = _lenient(
    "wait-text",
    "`wait` is true or false, without quotes.",
    'Published deployments carry the text "true".',
    "Take the quotes off.",
)
VERSION_NUMBER = _lenient(
    "version-number",
    'A version is text: "1.0" in quotes.',
    "A bare 1.0 is a number in YAML, and 1.10 would become 1.1; the 2024 example has one.",
    "Put the version in quotes.",
)
PACKAGE_LOCATION = _lenient(
    "package-location",
    "In dialect D every component comes by repository and revision.",
    "The specification's own gateway examples of rc.3 still name packageLocation.",
    "Push the archive to a registry, and name repository and revision.",
)
OCI_COMPOSE = _lenient(
    "oci-compose",
    "Before dialect D a compose component comes by packageLocation.",
    "Documents of early 2026 and a published example of that time name an OCI repository and a"
    " revision, as D then did.",
    "Write the application in dialect D.",
)
OLD_HEADER = _lenient(
    "old-header",
    "Capabilities and statuses of dialect D have no apiVersion and no kind.",
    "Published examples keep both; the OpenAPI of rc.3 rejects them.",
    "Delete the two lines before you send it to another vendor's fleet manager.",
)
NO_ARTIFACT = _lenient(
    "no-artifact",
    "A component names its artifact.",
    "Descriptions exist whose component has none, as for an agent that updates itself; it can be"
    " stored and shown, but not deployed.",
    "Add packageLocation, or repository and revision.",
)
TEXT_VALUE = _lenient(
    "value-type",
    "A parameter value in a deployment of dialect A or B is text.",
    "The schema of 2025 types it so, later ones allow booleans and numbers; typed values lose"
    " nothing on their way to helm and compose.",
    "Nothing, unless another vendor's client reads the document: then put the value in quotes.",
)
LIST_VALUE = _lenient(
    "value-list",
    "A parameter value in a deployment is one value.",
    "Descriptions may have lists of values, and the specification leaves open how a deployment"
    " carries one; a client that does not read lists refuses the document as a whole.",
    "Nothing on nodes of this project; for another vendor's client, a parameter for each value.",
)
FROM_SITE = _lenient(
    "from-site",
    "A parameter value is a scalar or a list.",
    "`{fromSite: NAME}` is this project's way to keep secrets out of git: its nodes fill the value"
    " in from a file. Another vendor's client refuses it, which beats an empty password.",
    "Nothing on nodes of this project.",
)
SELECTOR_SLIP = _lenient(
    "selector-slip",
    "Selectors have matchExpressions with values, and ContainsAll or ContainsAny.",
    "The specification's own pages slip: matchExpression, value, ContainersAny.",
    "Write matchExpressions, values, ContainsAny.",
)
DATATYPE_CASE = _lenient(
    "datatype-case",
    "A schema entry's type is given as dataType.",
    "The table of 2024 says datatype, its example dataType.",
    "Write dataType.",
)

_SPACED = re.compile(r"[0-9]{1,15} [KMGTPE]i")
_SELECTORS = {"propertySelector", "labelSelector", "itemSelector"}


def _unit_space(b: Breach) -> bool:
    amount = b.keyword == "pattern" and b.path[-1:] in {("memory",), ("storage",)}
    return amount and bool(_SPACED.fullmatch(str(b.found)))


def _x86_64(b: Breach) -> bool:
    return b.keyword == "enum" and b.found == "x86_64"


def _role_case(b: Breach) -> bool:
    if b.keyword != "enum" or "roles" not in b.path or not isinstance(b.found, str):
        return False
    known = {str(word).lower() for word in b.wanted} | {"cluster lead"}
    return b.found.lower() in known


def _wait_text(b: Breach) -> bool:
    return b.keyword == "type" and b.path[-1:] == ("wait",) and b.found in ("true", "false")


def _version_number(b: Breach) -> bool:
    number = isinstance(b.found, int | float) and not isinstance(b.found, bool)
    return b.keyword == "type" and b.path == ("metadata", "version") and number


def _package_location(b: Breach) -> bool:
    if b.schema != "margo/ApplicationDeployment.D" or not isinstance(b.found, dict):
        return False
    here = b.path[-1:] == ("properties",) and "packageLocation" in b.found
    lacking = b.keyword == "required" and b.field in {"repository", "revision"}
    return here and (lacking or b.field in {"packageLocation", "keyLocation"})


def _oci_compose(b: Breach) -> bool:
    if b.path[-1:] != ("properties",) or not isinstance(b.found, dict):
        return False
    by_oci = {"repository", "revision"} <= b.found.keys()
    lacking = b.keyword == "required" and b.field == "packageLocation"
    beside = b.keyword == "additionalProperties" and b.field in {"repository", "revision"}
    return by_oci and "components" in b.path and (lacking or beside)


def _old_header(b: Breach) -> bool:
    later = b.schema.partition(".")[0] in _HEADLESS and b.field in {"apiVersion", "kind"}
    return later and b.path == () and b.keyword == "additionalProperties"


_HEADLESS = {"margo/DeviceCapabilitiesManifest", "margo/DeploymentStatusManifest"}


def _no_artifact(b: Breach) -> bool:
    if b.keyword != "required" or b.path[-1:] != ("properties",) or not isinstance(b.found, dict):
        return False
    none = b.found.keys().isdisjoint({"repository", "revision", "packageLocation"})
    return none and b.schema.startswith("margo/ApplicationDescription.") and "components" in b.path


def _text_value(b: Breach) -> bool:
    old = b.schema in {f"margo/ApplicationDeployment.{name}" for name in ("A", "B", "B2")}
    scalar = isinstance(b.found, bool | int | float)
    return old and b.keyword == "type" and _is_value(b.path) and scalar


def _list_value(b: Breach) -> bool:
    deployment = b.schema.startswith("margo/ApplicationDeployment.")
    return deployment and b.keyword == "type" and _is_value(b.path) and _scalars(b.found)


def _scalars(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(i, str | bool | int | float) for i in found)


def _from_site(b: Breach) -> bool:
    if not isinstance(b.found, dict) or not _is_value(b.path):
        return False
    return b.found.keys() == {"fromSite"} and isinstance(b.found["fromSite"], str)


def _is_value(path: Path) -> bool:
    return len(path) >= 3 and path[-1] == "value" and path[-3] == "parameters"


def _selector_slip(b: Breach) -> bool:
    if _SELECTORS.isdisjoint(b.path):
        return False
    if b.keyword == "enum":
        return b.found in ("ContainersAny", "ContainersAll")
    slips = {"matchExpression": "matchExpressions", "value": "values"}
    if b.keyword == "required":
        return any(slip in b.found and b.field == real for slip, real in slips.items())
    return b.field in slips


def _datatype_case(b: Breach) -> bool:
    entry = b.path[:2] == ("configuration", "schema") and isinstance(b.found, dict)
    if not entry or "datatype" not in b.found:
        return False
    return b.field in {"datatype", "dataType"} and "dataType" not in b.found


_FITS: Mapping[Callable[[Breach], bool], Rule] = {
    _unit_space: UNIT_SPACE,
    _x86_64: X86_64,
    _role_case: ROLE_CASE,
    _wait_text: WAIT_TEXT,
    _version_number: VERSION_NUMBER,
    _package_location: PACKAGE_LOCATION,
    _oci_compose: OCI_COMPOSE,
    _old_header: OLD_HEADER,
    _no_artifact: NO_ARTIFACT,
    _text_value: TEXT_VALUE,
    _list_value: LIST_VALUE,
    _from_site: FROM_SITE,
    _selector_slip: SELECTOR_SLIP,
    _datatype_case: DATATYPE_CASE,
}
RULES = tuple(_FITS.values())


def leniency(breach: Breach) -> Rule | None:
    """The named leniency that a schema's fault falls under, or None: then it is an error."""
    return next((rule for fits, rule in _FITS.items() if fits(breach)), None)
