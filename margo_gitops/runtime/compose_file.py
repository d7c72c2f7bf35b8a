"""A compose component on disk: found, given its values, and made the document that is run."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from margo_gitops.errors import Invalid, Refused
from margo_gitops.model.application import COMPOSE_FILES
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.runtime.base import ComponentSpec
from margo_gitops.runtime.docker import KEPT

_BY_DIGEST = re.compile(r"(?:^|@)sha256:[0-9a-f]{64}$")
_ENVIRONMENT_MOST = 128 << 10
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(r"(?<![A-Za-z0-9_])(COMPOSE|DOCKER)_")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "$": "$$", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of one component: what compose reads, what containers mount, what they keep.

    They are apart so that no container can change what is read, or lead a mount astray.
    """

    read: Path
    mounts: Path
    data: Path


def find(folder: Path) -> Path:
    """The compose file of an unpacked archive. Raises `Invalid` where there is none."""
    for name in COMPOSE_FILES:
        if (folder / name).is_file():
            return folder / name
    raise Invalid(f"the archive holds no compose file, expected {COMPOSE_FILES[0]} in its folder")


def defaults(folder: Path) -> Iterable[Path]:
    """The author's own `.env`, compose's file of defaults, where the archive has one.

    Raises `Refused` where it would steer compose itself rather than the application.
    """
    file = folder / ".env"
    if not file.is_file():
        return ()
    if _CONTROL.search(file.read_bytes().decode("utf-8", "replace")):
        raise Refused(
            "the archive's .env sets a variable of compose or docker itself (COMPOSE_ or DOCKER_)",
            rule="compose",
        )
    return (file,)


def environment(component: ComponentSpec) -> dict[str, str]:
    """The values as variables that compose interpolates: true and false, lists joined by commas.

    They reach a container only where the file names them: `${NAME}`, or `environment: [NAME]`.
    Raises `Invalid`, which names a variable but never shows its value.
    """
    found = {name: _value(component, name, value) for name, value in component.values.items()}
    size = sum(len(name) + len(value) for name, value in found.items())
    if size > _ENVIRONMENT_MOST:
        raise Invalid(
            f"the values of component {component.name} have {size} characters, expected at most"
            f" {_ENVIRONMENT_MOST}"
        )
    return found


def env_file(values: Mapping[str, str]) -> str:
    """The text of an env file that compose reads as exactly these values."""
    # Double quotes, because only there every character can be escaped.
    return "".join(f'{name}="{value.translate(_ESCAPES)}"\n' for name, value in values.items())


def runnable(
    config: Mapping[str, Any], places: Places, labels: Mapping[str, str]
) -> dict[str, Any]:
    """The resolved `config` with our labels on every service, and its mounts apart from the rest.

    A bind mount of something in the archive becomes a copy for the containers. One of something
    that the archive does not hold is the application's data: it stays from version to version.
    """
    escaped = {key: value.replace("$", "$$") for key, value in labels.items()}
    services = {
        name: {
            **service,
            "labels": {**(service.get("labels") or {}), **escaped},
            "volumes": [_apart(mount, places) for mount in service.get("volumes") or ()],
        }
        for name, service in config["services"].items()
    }
    return {**config, "services": services}


def pinned(
    config: Mapping[str, Any], held: Mapping[str, str], policy: RuntimePolicy
) -> dict[str, Any]:
    """The `config` with each image that is held by the engine's own name for exactly that one.

    Raises `Refused` (rule `image`) for an image that is neither held nor named by digest, unless
    the policy lets them run by name.
    """
    services = {name: dict(service) for name, service in config["services"].items()}
    for name, service in services.items():
        image = str(service.get("image"))
        if image in held:
            service["image"] = held[image]
        elif not (policy.unpinned_images or _BY_DIGEST.search(image)):
            raise Refused(
                f"service {name} asks for the image {image[:200]}, which is not locked; locked are"
                f" {', '.join(sorted(held)) or 'none'}",
                rule="image",
                help="margo app lock, at the fleet's clone; or runtime: {unpinnedImages: true} in"
                " the site's file, if that is meant",
            )
    return {**config, "services": services}


def binds(config: Mapping[str, Any], folder: Path) -> bool:
    """True where containers hold on to files in `folder`."""
    sources = [
        mount.get("source")
        for service in config["services"].values()
        for mount in service.get("volumes") or ()
        if mount.get("type") == "bind"
    ]
    sources += [
        source.get("file")
        for kind in ("configs", "secrets")
        for source in (config.get(kind) or {}).values()
    ]
    return any(source and Path(source).is_relative_to(folder) for source in sources)


def counts(config: Mapping[str, Any]) -> dict[str, int]:
    """How many containers each service is to have."""
    return {name: _count(service) for name, service in config["services"].items()}


def images(config: Mapping[str, Any]) -> list[str]:
    """The images that the services run, each once."""
    return sorted({str(service["image"]) for service in config["services"].values()})


def dump(config: Mapping[str, Any]) -> str:
    """The document as compose reads it: JSON is YAML."""
    return json.dumps(config, ensure_ascii=False, indent=1)


def _count(service: Mapping[str, Any]) -> int:
    replicas = (service.get("deploy") or {}).get("replicas")
    return int(service.get("scale", 1) if replicas is None else replicas)


def _apart(mount: Mapping[str, Any], places: Places) -> Mapping[str, Any]:
    source = Path(str(mount.get("source", "")))
    if mount.get("type") != "bind" or not source.is_relative_to(places.read):
        return mount
    path = str(source.relative_to(places.read))
    # Flat: a container that could write into a folder above another mount's source could leave a
    # link there, and the engine would follow it.
    name = f"{source.name[:40]}-{hashlib.sha256(path.encode()).hexdigest()[:12]}"
    if not source.exists():
        (places.data / name).mkdir(parents=True, exist_ok=True)
        return {**mount, "source": str(places.data / name)}
    if not (places.mounts / name).exists():
        _copy(source, places.mounts / name)
    return {**mount, "source": str(places.mounts / name)}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    if source.is_dir():
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part)
    else:
        shutil.copy2(source, part)
    part.rename(target)


def _value(component: ComponentSpec, name: str, value: Any) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"component {component.name}: the pointer {name[:80]!r} is no environment variable,"
            " expected letters, digits and _, not beginning with a digit"
        )
    if name in KEPT or _CONTROL.match(name):
        raise Invalid(
            f"component {component.name}: the pointer {name} steers docker itself, expected a name"
            " of the application's own"
        )
    text = spelled(value)
    if text is None or "\0" in text:
        raise Invalid(
            f"component {component.name}: the value of {name} is a {type(value).__name__} that no"
            " environment variable can hold, expected text, a number, a boolean or a list of these"
        )
    return text


def spelled(value: Any) -> str | None:
    """A value as the text of a variable; None for what no variable can hold."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list | tuple):
        parts = [spelled(item) for item in value if not isinstance(item, list | tuple)]
        whole = len(parts) == len(value) and None not in parts
        return ",".join(part or "" for part in parts) if whole else None
    return None
