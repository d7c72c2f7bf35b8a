"""Generated models of every kind, each with what one dialect has room for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st
from pydantic import BaseModel

from margo_gitops.documents.codecs import Model, capabilities
from margo_gitops.documents.dialects import DIALECTS, Dialect, Kind
from margo_gitops.model.application import (
    ApplicationDescription,
    Component,
    EligibilityRule,
    Expression,
    Hardware,
    Parameter,
    Profile,
    ProfileType,
    Requirements,
    Target,
)
from margo_gitops.model.base import FromSite
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities, Part, Processor, processors_of
from margo_gitops.model.manifest import DesiredStateManifest, ServedBundle, ServedDeployment
from margo_gitops.model.state import State
from margo_gitops.model.status import ComponentStatus, DeploymentStatus, StatusError

_Model = TypeVar("_Model", bound=BaseModel)

D = Dialect.D
PAIRS = [(k, d) for k in Kind if k is not Kind.PROBLEM for d in DIALECTS[k]]
"""Every kind and dialect that is read and written."""

EXTENDED = {Dialect.CM, Dialect.C, Dialect.CP, D}
"""The dialects that have extensions."""


def made(model: type[_Model], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[_Model]:
    """Instances by field name; `st.builds` would look for the wire names."""
    return st.fixed_dictionaries(fields).map(lambda values: model(**values))


text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=20
)
words = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)
scalars = st.one_of(
    text,
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: not x.is_integer()),
)
values = st.one_of(scalars, st.lists(text, min_size=1, max_size=3).map(tuple))
uuids = st.uuids().map(str)
sizes = st.integers(1, 2**20).map(lambda n: n << 20)


def many(of: st.SearchStrategy[Any], least: int = 0, most: int = 2) -> st.SearchStrategy[Any]:
    return st.lists(of, min_size=least, max_size=most).map(tuple)


def extensions(dialect: Dialect) -> st.SearchStrategy[dict[str, Any]]:
    inner = st.dictionaries(words, st.one_of(words, st.booleans(), st.integers(0, 9)), max_size=2)
    names = words.map(lambda name: f"x-{name}-extensions")
    return st.dictionaries(names, inner, max_size=1 if dialect in EXTENDED else 0)


def _hardware(kinds: list[str]) -> st.SearchStrategy[tuple[Hardware, ...]]:
    return many(
        made(
            Hardware,
            type=st.sampled_from(kinds),
            manufacturer=st.none() | text,
            model=st.none() | text,
        )
    )


_processor = {
    "cores": st.integers(1, 64).map(Decimal) | st.just(Decimal("0.5")),
    "architectures": st.lists(st.sampled_from(["amd64", "arm64"]), unique=True).map(tuple),
}
_room = {
    "memory": st.none() | sizes,
    "storage": st.none() | sizes,
}
capacities = made(Requirements, **_processor, **_room)
requirements = made(
    Requirements,
    **_processor,
    **_room,
    peripherals=_hardware(["gpu", "display"]),
    interfaces=_hardware(["ethernet", "rs232"]),
)
_simple = st.one_of(
    made(Expression, key=words, operator=st.sampled_from(["Exists", "DoesNotExist"])),
    made(
        Expression,
        key=words,
        operator=st.sampled_from(["In", "NotIn"]),
        values=many(words, 1),
    ),
)
_pointing = made(
    Expression,
    key=words.map(lambda name: f"/{name}"),
    operator=st.sampled_from(["ContainsAll", "ContainsAny"]),
    items=many(
        made(
            Expression,
            key=words.map(lambda name: f"/{name}"),
            operator=st.just("In"),
            values=many(words, 1),
        ),
        1,
    ),
)
rules = st.one_of(
    made(EligibilityRule, labels=many(_simple, 1)),
    made(EligibilityRule, properties=many(_pointing, 1), labels=many(_simple)),
)
_common = {"wait": st.booleans(), "timeout": st.none() | st.just("8m30s")}


def components(dialect: Dialect, type: ProfileType) -> st.SearchStrategy[tuple[Component, ...]]:
    by_package = dialect is not D and type is ProfileType.COMPOSE
    artifact: Mapping[str, st.SearchStrategy[Any]] = (
        {
            "package_location": words.map(lambda n: f"https://packages.example/{n}.tar.gz"),
            "key_location": st.none() | words.map(lambda n: f"https://packages.example/{n}.asc"),
        }
        if by_package
        else {
            "repository": words.map(lambda name: f"oci://fleet.invalid/{name}"),
            "revision": st.just("1.0.0"),
        }
    )
    # The profile's type is in the name: a name in two profiles would take two kinds of pointers.
    return st.lists(
        made(
            Component,
            name=words.map(lambda name: f"{name}-{type}"),
            extensions=extensions(dialect),
            **_common,
            **artifact,
        ),
        min_size=1,
        max_size=2,
        unique_by=lambda component: component.name,
    ).map(tuple)


def known_types(dialect: Dialect) -> list[ProfileType]:
    return list(ProfileType) if dialect is D else [ProfileType.HELM, ProfileType.COMPOSE]


def parameters(
    names: list[str], value: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Parameter]]:
    target = made(Target, pointer=words, components=st.sampled_from(names).map(lambda n: (n,)))
    return st.dictionaries(words, made(Parameter, value=value, targets=many(target, 1)), max_size=3)


versions = st.sampled_from(["1.0.0", "1.0", "2.3.7-rc.1", "7"])


@st.composite
def descriptions(draw: st.DrawFn, dialect: Dialect) -> ApplicationDescription:
    profiles = tuple(
        draw(
            made(
                Profile,
                type=st.just(kind),
                id=st.none() if dialect is Dialect.A else st.just(f"profile-{index}"),
                description=st.none() if dialect is Dialect.A else st.none() | text,
                components=components(dialect, kind),
                requirements=_needed(dialect),
                eligibility=many(rules) if dialect is D else st.just(()),
                extensions=extensions(dialect),
            )
        )
        for index, kind in enumerate(
            draw(st.lists(st.sampled_from(known_types(dialect)), min_size=1, max_size=3))
        )
    )
    names = [component.name for profile in profiles for component in profile.components]
    parameter = draw(parameters(names, st.none() | values))
    return draw(
        made(
            ApplicationDescription,
            api_version=st.none() | st.just("v1alpha9"),
            id=words,
            name=text,
            version=versions,
            description=st.none() | text,
            catalog=st.fixed_dictionaries(
                {"organization": st.just([{"name": "Example"}])},
                optional={"application": st.just({"tagline": "Hello", "tags": ["a", "b"]})},
            ),
            profiles=st.just(profiles),
            parameters=st.just(parameter),
            configuration=st.none() | st.just(_CONFIGURATION),
            extensions=extensions(dialect),
        )
    )


_CONFIGURATION = {
    "sections": [{"name": "General", "settings": [{"parameter": "p", "name": "P", "schema": "s"}]}],
    "schema": [{"name": "s", "dataType": "integer", "minValue": 1}],
}


def _needed(dialect: Dialect) -> st.SearchStrategy[Requirements | None]:
    if dialect is Dialect.A:
        return st.none()
    return st.none() | (capacities if dialect is D else requirements)


def _values(dialect: Dialect) -> st.SearchStrategy[Any]:
    """By the letter a deployment's value is text in the oldest dialects, then any scalar."""
    return text if dialect in {Dialect.A, Dialect.B, Dialect.B2} else scalars


@st.composite
def deployments(draw: st.DrawFn, dialect: Dialect) -> ApplicationDeployment:
    kind = draw(st.sampled_from(known_types(dialect)))
    parts = draw(components(dialect, kind))
    secrets = made(FromSite, from_site=words)
    return draw(
        made(
            ApplicationDeployment,
            api_version=st.none() if dialect is D else st.none() | st.just("v1alpha9"),
            id=uuids,
            name=words,
            namespace=st.none() | words if dialect is Dialect.CP else words,
            application_id=words,
            device_id=words.map(lambda site: f"{site}/*") if dialect is D else st.none(),
            type=st.just(kind),
            components=st.just(parts),
            requirements=st.none() | capacities if dialect is D else st.none(),
            eligibility=many(rules) if dialect is D else st.just(()),
            parameters=parameters([part.name for part in parts], _values(dialect) | secrets),
            extensions=extensions(dialect),
            profile_extensions=extensions(dialect),
        )
    )


def _parts(kinds: list[str], dialect: Dialect) -> st.SearchStrategy[tuple[Part, ...]]:
    old = dialect is Dialect.A
    return many(
        made(
            Part,
            type=st.sampled_from(kinds),
            manufacturer=st.none() if old else st.none() | text,
            model=st.none() | text,
            name=st.none() | text if old else st.none(),
            details=st.dictionaries(words, text, max_size=2) if old else st.just({}),
        )
    )


_ROLES = {
    "Standalone Cluster": ProfileType.HELM,
    "Cluster Leader": ProfileType.HELM,
    "Standalone Device": ProfileType.COMPOSE,
}


@st.composite
def devices(draw: st.DrawFn, dialect: Dialect) -> DeviceCapabilities:
    hosting = dialect in {Dialect.C2, D}
    roles = () if hosting else draw(st.lists(st.sampled_from(list(_ROLES)), min_size=1, max_size=2))
    cpus = draw(
        many(
            made(
                Processor,
                cores=st.integers(1, 64).map(Decimal),
                architecture=st.sampled_from(["amd64", "arm64"]),
                frequency=st.none() | st.just("2.4 GHz") if dialect is Dialect.A else st.none(),
            ),
            1,
        )
    )
    total = sum((cpu.cores for cpu in cpus), Decimal(0))
    architectures = tuple(dict.fromkeys(cpu.architecture for cpu in cpus))
    played = frozenset(_ROLES[role] for role in roles)
    return capabilities.completed(
        draw(
            made(
                DeviceCapabilities,
                api_version=st.none() if dialect is D else st.none() | st.just("v1alpha9"),
                id=words,
                vendor=text,
                model_number=text,
                serial_number=text,
                roles=st.just(tuple(roles)),
                cores=st.just(total),
                architectures=st.just(architectures),
                cpus=st.just(() if cpus == processors_of(total, architectures) else cpus),
                memory=sizes,
                storage=sizes,
                peripherals=_parts(["gpu", "display"], dialect),
                interfaces=_parts(["ethernet", "wifi"], dialect),
                deployment_types=_hosted(dialect) if hosting else st.just(played),
                runtimes=st.just(("oci",)) if hosting else st.just(()),
                otel_collector=st.booleans() if hosting else st.none(),
                labels=_labels if dialect is D else st.just({}),
                extensions=extensions(dialect) if dialect is D else st.just({}),
            )
        )
    )


def _hosted(dialect: Dialect) -> st.SearchStrategy[frozenset[ProfileType]]:
    return st.frozensets(st.sampled_from(known_types(dialect)), min_size=1)


_labels = st.dictionaries(words, st.one_of(words, st.booleans(), st.integers(0, 99)), max_size=3)
_OLD_STATES = [State.PENDING, State.INSTALLING, State.INSTALLED, State.FAILED]


def statuses(dialect: Dialect) -> st.SearchStrategy[DeploymentStatus]:
    states = st.sampled_from(_OLD_STATES if dialect is Dialect.A else list(State))
    named = dialect in {Dialect.C, D}
    errors = st.none() | made(
        StatusError, code=words, source=words if named else st.just(""), message=text
    )
    return made(
        DeploymentStatus,
        api_version=st.none() if named else st.none() | st.just("v1"),
        deployment_id=uuids,
        device_id=st.none() | words if named else st.none(),
        adopted=st.integers(1, 2**40) if dialect is D else st.none(),
        state=states,
        error=errors,
        components=many(made(ComponentStatus, name=words, state=states, error=errors), 0, 3),
    )


@st.composite
def manifests(draw: st.DrawFn, dialect: Dialect) -> DesiredStateManifest:
    digests = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
    sizes = st.none() | st.integers(1, 2**40)
    entries = []
    for id, digest in draw(st.dictionaries(uuids, digests, min_size=1, max_size=2)).items():
        url = f"/api/v1/deployments/{id}/{digest}"
        size = draw(sizes)
        entries.append(ServedDeployment(deployment_id=id, digest=digest, size_bytes=size, url=url))
    digest = draw(digests)
    bundle = ServedBundle(
        media_type="application/vnd.margo.bundle.v1+tar+gzip",
        digest=digest,
        size_bytes=draw(sizes),
        url=f"/api/v1/bundles/{digest}",
    )
    empty = draw(st.booleans())
    return DesiredStateManifest(
        manifest_version=draw(st.integers(1, 2**53 - 1)),
        client_id=None if empty or dialect is D else draw(words),
        bundle=None if empty else bundle,
        deployments=() if empty else tuple(entries),
    )


_OF_KIND: dict[Kind, Callable[[Dialect], st.SearchStrategy[Any]]] = {
    Kind.DESCRIPTION: descriptions,
    Kind.DEPLOYMENT: deployments,
    Kind.CAPABILITIES: devices,
    Kind.STATUS: statuses,
    Kind.MANIFEST: manifests,
}


def models(kind: Kind, dialect: Dialect) -> st.SearchStrategy[Model]:
    """What the dialect of the kind can say."""
    made: st.SearchStrategy[Any] = _OF_KIND[kind](dialect)
    return made
