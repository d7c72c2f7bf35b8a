"""Rules of lock files: each package has one, and it is of these very bytes."""

from __future__ import annotations

from collections.abc import Iterator

from margo_gitops.documents.fleet.breach import Breach, breach
from margo_gitops.documents.fleet.places import FILE_NAME
from margo_gitops.documents.fleet.survey import Survey
from margo_gitops.documents.rule import Rule
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.record import ApplicationLock

LOCK = Rule(
    id="lock",
    asks="Each application version has a lock that names its bytes and all its components.",
    why=(
        "Names are resolved to digests once, before anybody approves (DESIGN section 2); a version"
        " without a lock is not in the store, one with another's would run what nobody saw."
    ),
    cure="Add the package with margo app add FOLDER, which writes both in one commit.",
)
RULES = (LOCK,)


def locks(found: Survey) -> Iterator[Breach]:
    """What packages and their locks break of each other."""
    for id, version in found.packages:
        path = f"locks/{id}/{version}.json"
        if path not in found.names:
            text = f"{path} is missing, expected the lock of this version"
            yield breach(f"{found.packages[id, version]}margo.yaml", LOCK, (), text)
    for path, lock in found.of(ApplicationLock):
        yield from _lock(found, path, lock)


def _lock(found: Survey, path: str, lock: ApplicationLock) -> Iterator[Breach]:
    _, id, file = path.split("/")
    version = file.removesuffix(".json")
    if (lock.application, lock.version) != (id, version):
        text = f"found {lock.application} {lock.version}, expected {id} {version}, as the path says"
        yield breach(path, FILE_NAME, ("application",), text)
        return
    folder = found.packages.get((id, version))
    if folder is None:
        yield breach(path, LOCK, (), f"apps/{id}/{version}/margo.yaml is missing")
        return
    verdict = found.verdicts.get(f"{folder}margo.yaml")
    if verdict is not None and verdict.digest != lock.description.digest:
        text = (
            f"found {lock.description.digest[:19]}…, expected {verdict.digest[:19]}… (margo.yaml)"
        )
        yield breach(path, LOCK, ("description", "digest"), text)
        return
    description = found.description(id, version)
    if description is not None and (problem := _components(lock, description)):
        yield breach(path, LOCK, ("components",), problem)


def _components(lock: ApplicationLock, description: ApplicationDescription) -> str | None:
    locked = {(entry.profile, entry.component) for entry in lock.components}
    named = {
        (str(profile.id or profile.type), component.name)
        for profile in description.profiles
        for component in profile.components
    }
    for profile, component in sorted(named - locked):
        return f"the component {component} of the profile {profile} is missing"
    for profile, component in sorted(locked - named):
        return f"found the component {component} of {profile}, which the package does not have"
    return None
