"""One compose component made ready: unpacked, given its values, resolved, checked, written down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Refused, Waiting
from margo_gitops.model.application import COMPOSE_FILES
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.process import run
from margo_gitops.runtime import compose_file, compose_policy
from margo_gitops.runtime.archive import is_archive, unpack
from margo_gitops.runtime.base import ComponentSpec
from margo_gitops.runtime.compose_images import Images
from margo_gitops.runtime.compose_state import Started
from margo_gitops.runtime.docker import Docker, Project

_DATA = "data"
_DELETE = 120.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A component that was checked and may be started; `files` are to stand there while it is.

    `fresh` says that its folder was not there before.
    """

    project: Project
    document: Path
    files: Mapping[Path, str]
    images: tuple[str, ...]
    started: Started
    fresh: bool


def digest_of(component: ComponentSpec) -> str:
    """The digest over all that a component is started from. Raises `Invalid` for its values."""
    settings = json.dumps(component.settings, sort_keys=True, ensure_ascii=False)
    values = compose_file.environment(component)
    images = sorted(image.id for image in component.images)
    return canonical.digest(canonical.dumps([component.digest, values, settings, *images]))


def folder_of(folder: Path, component: ComponentSpec) -> Path:
    """Where in the component's `folder` its version's archive is unpacked for compose to read."""
    return _version(folder, component) / "read"


def prepare(
    docker: Docker,
    component: ComponentSpec,
    *,
    folder: Path,
    project: str,
    labels: Mapping[str, str],
    policy: RuntimePolicy,
    images: Images,
) -> Prepared:
    """Unpack into `folder`, resolve, check, give the engine its images; nothing that runs changes.

    Raises `Refused`, `Invalid`, `Failing`, `Unreachable`, `OSError`, with the component named.
    """
    version = _version(folder, component)
    places = compose_file.Places(version / "read", version / "mounts", folder / _DATA)
    fresh = not places.read.is_dir()
    values = compose_file.environment(component)
    with _told_of(component):
        if fresh:
            _unpack(component.artifact, places.read)
        file = compose_file.find(places.read)
        compose_policy.check_files(places.read, file)
        own = {folder / "values.env": compose_file.env_file(values)}
        env_files = (*compose_file.defaults(places.read), *own)
        with written(own):
            config = docker.config(Project(project, places.read, file, env_files))
        compose_policy.check_resolved(config, places.read, policy)
        held = {
            image.reference: images.hold(image, timeout=component.timeout)
            for image in component.images
        }
        pinned = compose_file.pinned(config, held, policy)
    runnable = compose_file.runnable(pinned, places, labels)
    document = folder / "compose.json"
    return Prepared(
        project=Project(project, places.read, document, env_files),
        document=document,
        files={**own, document: compose_file.dump(runnable)},
        images=tuple(compose_file.images(runnable)),
        started=Started(
            name=component.name,
            spec=digest_of(component),
            services=compose_file.counts(runnable),
            binds=compose_file.binds(runnable, folder),
            images=tuple(sorted(held.values())),
        ),
        fresh=fresh,
    )


@contextmanager
def written(files: Mapping[Path, str]) -> Iterator[None]:
    """Have these files for a while, readable by their owner only: they may hold secrets."""
    try:
        for path, text in files.items():
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        yield
    finally:
        for path in files:
            path.unlink(missing_ok=True)


def without_secrets(words: str, component: ComponentSpec) -> str:
    """`words` with the component's secret values blotted out."""
    values = compose_file.environment(component)
    for secret in filter(None, (values.get(pointer) for pointer in component.secrets)):
        words = words.replace(secret, "***")
    return words


def tidy(folder: Path, component: ComponentSpec) -> None:
    """Delete what other versions left in the component's folder; its data stays."""
    keep = {_DATA, _version(folder, component).name}
    for path in folder.iterdir():
        if path.name not in keep:
            delete(path)


def delete(folder: Path) -> None:
    """Delete a folder that containers wrote into; quiet where there is none. Raises `Waiting`."""
    # rm, because no depth is too deep for it: a container can nest folders without end.
    done = run(["rm", "-rf", "--", str(folder)], timeout=_DELETE)
    if done.code:
        raise Waiting(f"{folder.name} was not deleted: {done.err.strip()[-200:]}")


def _version(folder: Path, component: ComponentSpec) -> Path:
    return folder / component.digest.removeprefix("sha256:")[:16]


def _unpack(artifact: Path, into: Path) -> None:
    if is_archive(artifact):
        unpack(artifact, into)
        return
    part = into.with_name(f"{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    shutil.copyfile(artifact, part / COMPOSE_FILES[0])
    part.rename(into)


@contextmanager
def _told_of(component: ComponentSpec) -> Iterator[None]:
    """Name the component in its faults; they may quote a file with its values filled in."""
    try:
        yield
    except Refused as error:
        problem = without_secrets(f"component {component.name}: {error.problem}", component)
        raise Refused(problem, rule=error.rule, then=error.then, help=error.help) from None
    except Invalid as error:
        problem = without_secrets(f"component {component.name}: {error.problem}", component)
        raise Invalid(problem, then=error.then, help=error.help) from None
