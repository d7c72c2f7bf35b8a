"""Generated documents: deployments, statuses and capabilities that could be anybody's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st
from pydantic import BaseModel

from margo_gitops.model.application import (
    Component,
    EligibilityRule,
    Expression,
    Parameter,
    ProfileType,
    Requirements,
    Target,
)
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.device import DeviceCapabilities
from margo_gitops.model.state import State
from margo_gitops.model.status import ComponentStatus, DeploymentStatus, StatusError

_Model = TypeVar("_Model", bound=BaseModel)


def made(model: type[_Model], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[_Model]:
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


some: st.SearchStrategy[tuple[str, ...]] = st.lists(words, min_size=1, max_size=2).map(tuple)


def _parameters(
    pointers: st.SearchStrategy[str],
    components: st.SearchStrategy[tuple[str, ...]],
) -> st.SearchStrategy[dict[str, Parameter]]:
    target = made(Target, pointer=pointers, components=components)
    targets = st.lists(target, min_size=1, max_size=2).map(tuple)
    return st.dictionaries(words, made(Parameter, value=values, targets=targets), max_size=3)


requirements = made(
    Requirements,
    cores=st.none() | st.integers(1, 64).map(Decimal) | st.just(Decimal("0.5")),
    architectures=st.lists(st.sampled_from(["amd64", "arm64"]), unique=True).map(tuple),
    memory=st.integers(1, 2**20).map(lambda n: n << 20),
    storage=st.none() | st.integers(1, 2**20).map(lambda n: n << 20),
).filter(lambda found: found.cores is not None or not found.architectures)
label_rules = made(
    EligibilityRule,
    labels=st.lists(
        st.one_of(
            made(Expression, key=words, operator=st.sampled_from(["Exists", "DoesNotExist"])),
            made(
                Expression,
                key=words,
                operator=st.sampled_from(["In", "NotIn"]),
                values=st.lists(words, min_size=1, max_size=2).map(tuple),
            ),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
)

deployments_d = made(
    ApplicationDeployment,
    id=uuids,
    name=words,
    namespace=words,
    application_id=words,
    device_id=words.map(lambda site: f"{site}/*"),
    type=st.sampled_from(list(ProfileType)),
    components=st.lists(
        made(
            Component,
            name=words,
            repository=words.map(lambda name: f"oci://fleet.invalid/{name}"),
            revision=st.just("1.0.0"),
            wait=st.booleans(),
            timeout=st.none() | st.just("8m30s"),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    requirements=st.none() | requirements,
    eligibility=st.lists(label_rules, max_size=2).map(tuple),
    parameters=_parameters(words, some),
)
deployments_b = made(
    ApplicationDeployment,
    id=uuids,
    name=words,
    namespace=words,
    application_id=words,
    type=st.sampled_from([ProfileType.HELM, ProfileType.COMPOSE]),
    components=st.lists(
        made(
            Component,
            name=st.just("main"),
            package_location=words.map(lambda name: f"https://packages.example/{name}.tar.gz"),
            wait=st.booleans(),
        ),
        min_size=1,
        max_size=1,
    ).map(tuple),
    parameters=_parameters(words, st.just(("main",))),
)
errors = st.none() | made(StatusError, code=words, source=words, message=text)
statuses = made(
    DeploymentStatus,
    deployment_id=uuids,
    device_id=words,
    adopted=st.integers(1, 2**40),
    state=st.sampled_from(list(State)),
    error=errors,
    components=st.lists(
        made(ComponentStatus, name=words, state=st.sampled_from(list(State)), error=errors),
        max_size=3,
    ).map(tuple),
)
capabilities = made(
    DeviceCapabilities,
    id=words,
    vendor=text,
    model_number=text,
    serial_number=text,
    cores=st.integers(1, 128).map(Decimal),
    architectures=st.just(("amd64",)),
    memory=st.integers(1, 2**20).map(lambda n: n << 20),
    storage=st.integers(1, 2**20).map(lambda n: n << 20),
    deployment_types=st.sets(st.sampled_from(list(ProfileType)), min_size=1).map(frozenset),
    runtimes=st.just(("oci",)),
    otel_collector=st.booleans(),
    labels=st.dictionaries(words, st.one_of(words, st.booleans(), st.integers(0, 99)), max_size=3),
)
