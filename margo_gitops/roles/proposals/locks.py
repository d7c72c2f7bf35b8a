"""Before anything is approved, every name that it would run stands for one digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from margo_gitops.errors import Missing
from margo_gitops.model.application import ApplicationDescription, ProfileType
from margo_gitops.model.record import ApplicationLock
from margo_gitops.render.edits import Edit, lock_application
from margo_gitops.render.main import Main
from margo_gitops.roles.central import Central
from margo_gitops.roles.locking import Locking

Key = tuple[str, str]

_RUN_IMAGES = {ProfileType.COMPOSE, ProfileType.HELM}


def open_locks(main: Main, wanted: Iterable[Key]) -> list[Key]:
    """Which of these application versions have names that are resolved to no digest yet."""
    return [
        key
        for key in sorted(set(wanted))
        if key in main.applications and _open(main.applications[key].lock, _profiles(main, key))
    ]


def resolved(co: Central, keys: Iterable[Key], progress: Callable[[str], None]) -> list[Edit]:
    """The edits that resolve every name of these versions.

    Raises `Missing` (exit 4) where a registry does not say what a name stands for.
    """
    main, edits = co.main(), []
    for key in keys:
        application = main.applications[key]
        locking = Locking(progress)
        made = locking.complete(application.description, co.package(*key), application.lock)
        if locking.open:
            first = locking.open[0]
            raise Missing(
                f"what would run is not known: {first.name} of {first.component} in {key[0]}"
                f" {key[1]} is not locked: {first.why.problem}",
                then="nothing was proposed",
                help=f"margo app lock {key[0]}@{key[1]}",
            )
        if made != application.lock:
            edits.append(lock_application(application.lock, made, locking.fetched))
    return edits


def _profiles(main: Main, key: Key) -> dict[str, ProfileType]:
    description: ApplicationDescription = main.applications[key].description
    return {profile.id or profile.type: profile.type for profile in description.profiles}


def _open(lock: ApplicationLock, types: dict[str, ProfileType]) -> bool:
    """Compose files and charts name images; a lock without any was not looked into."""
    return any(
        component.artifact is None
        or (types.get(component.profile) in _RUN_IMAGES and not component.images)
        for component in lock.components
    )
