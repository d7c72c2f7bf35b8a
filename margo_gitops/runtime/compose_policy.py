"""What a compose file may ask of its host: what is not known to be harmless is refused.

Two looks. The files as written, before compose reads them, because reading them already follows
`include`, `extends` and `env_file`. Then the configuration as compose resolved it, which is the
authority on all else: that very document is what is run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from margo_gitops.documents import yaml
from margo_gitops.errors import Invalid, Refused
from margo_gitops.model.fleet import RuntimePolicy

MOST_FILES = 50

# fmt: off
_HARMLESS = frozenset({
    "attach", "blkio_config", "command", "configs", "container_name", "cpu_count", "cpu_percent",
    "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset",
    "depends_on", "deploy", "develop", "dns", "dns_opt", "dns_search", "domainname", "entrypoint",
    "environment", "expose", "extra_hosts", "gpus", "group_add", "healthcheck", "hostname", "image",
    "init", "labels", "links", "logging", "mac_address", "mem_limit", "mem_reservation",
    "mem_swappiness", "memswap_limit", "networks", "oom_kill_disable", "oom_score_adj",
    "pids_limit", "platform", "ports", "profiles", "pull_policy", "read_only", "restart", "scale",
    "secrets", "shm_size", "stdin_open", "stop_grace_period", "stop_signal", "sysctls", "tmpfs",
    "tty", "ulimits", "user", "volumes", "working_dir",
})
# fmt: on
_TOP = frozenset({"name", "services", "networks", "volumes", "configs", "secrets"})
_MOUNTS = frozenset({"bind", "volume", "tmpfs"})
_SOCKETS = frozenset({"docker.sock", "podman.sock", "containerd.sock", "crio.sock"})
_QUIET_PROPAGATION = frozenset({"", "private", "rprivate"})


def _hosts(value: Any) -> bool:
    return value == "host" or str(value).startswith("container:")


_PRIVILEGED: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("privileged", "cap_add", "devices", "device_cgroup_rules"), bool),
    **dict.fromkeys(("cgroup_parent", "runtime", "annotations", "userns_mode"), bool),
    **dict.fromkeys(("use_api_socket", "credential_spec", "storage_opt"), bool),
    **dict.fromkeys(("cgroup", "pid", "ipc", "uts"), _hosts),
    "security_opt": lambda opts: any(not str(o).startswith("no-new-privileges") for o in opts),
    "volumes_from": lambda names: any(_hosts(name) for name in names),
    "post_start": lambda hooks: any(hook.get("privileged") for hook in hooks),
    "pre_stop": lambda hooks: any(hook.get("privileged") for hook in hooks),
}


def check_files(folder: Path, file: Path) -> None:
    """Look at a compose file, and at all files of `folder` that it includes or extends.

    Raises `Refused` (rule `compose`) for `build`, and for what would be read from outside the
    archive; `Invalid` for what is no unambiguous YAML.
    """
    names, bases = {file.name}, {file.parent}
    seen: set[Path] = set()
    # Which folder a nested name starts from depends on compose's version and on how it was
    # reached, so a name is looked up in each folder that any of these files lies in.
    while found := {base / name for base in bases for name in names} - seen:
        seen |= found
        for path in filter(Path.is_file, found):
            names |= set(_named(_parsed(path, folder), path.relative_to(folder)))
            bases.add(path.parent)
        if len(names) > MOST_FILES or len(bases) > MOST_FILES:
            _refuse(f"the compose file includes more than {MOST_FILES} files")


def _parsed(path: Path, folder: Path) -> Mapping[str, Any]:
    where = str(path.relative_to(folder))
    with path.open("rb") as file:
        found = yaml.parse(file.read(yaml.MAX_BYTES + 1), where).data
    if not isinstance(found, dict):
        raise Invalid(f"{where}: expected a compose file, found {type(found).__name__}")
    return found


def _named(data: Mapping[str, Any], where: Path) -> Iterator[str]:
    """The further compose files that one names; everything that it reads is inside."""
    for entry in _listed(data.get("include")):
        long = entry if isinstance(entry, dict) else {"path": entry}
        if "project_directory" in long:
            _refuse(f"{where}: include.project_directory is not known to be harmless")
        for name in _listed(long.get("env_file")):
            _inside(name, f"{where}: include.env_file")
        for name in _listed(long.get("path")):
            yield _inside(name, f"{where}: include")
    services = data.get("services") or {}
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            yield from _service_files(service, f"{where}: service {name}")


def _service_files(service: Mapping[str, Any], where: str) -> Iterator[str]:
    if "build" in service:
        _refuse(f"{where} asks for build; expected an image: nothing is built on a node")
    for key in ("env_file", "label_file"):
        for entry in _listed(service.get(key)):
            _inside(entry.get("path") if isinstance(entry, dict) else entry, f"{where}: {key}")
    extends = service.get("extends")
    if isinstance(extends, dict) and extends.get("file") is not None:
        yield _inside(extends["file"], f"{where}: extends")


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _inside(path: Any, where: str) -> str:
    # No link is in the archive, so a path that says nothing of the outside stays inside.
    plain = (
        isinstance(path, str) and not set(path) & set("$:\\\0") and not path.startswith(("/", "~"))
    )
    if not plain or ".." in path.split("/"):
        _refuse(f"{where} names {str(path)[:100]!r}, expected a relative path inside the archive")
    return str(path)


def check_resolved(config: Mapping[str, Any], folder: Path, policy: RuntimePolicy) -> None:
    """Look at a configuration that compose resolved.

    Raises `Refused`: rule `runtime-policy` for what the site's policy could allow, rule `compose`
    for what nothing allows.
    """
    rules = _Rules(folder, policy)
    for key in sorted(key for key in config if key not in _TOP and not key.startswith("x-")):
        _refuse(f"the compose file asks for {key}, which is not known to be harmless")
    if not config.get("services"):
        raise Invalid("the compose file has no service to run")
    for name, service in config["services"].items():
        rules.service(f"service {name}", service)
    for name, volume in (config.get("volumes") or {}).items():
        rules.volume(f"volume {name}", volume or {}, f"{config['name']}_{name}")
    for name, network in (config.get("networks") or {}).items():
        rules.network(f"network {name}", network or {}, f"{config['name']}_{name}")
    for kind in ("configs", "secrets"):
        for name, source in (config.get(kind) or {}).items():
            rules.file(f"{kind} {name}", source or {})


class _Rules:
    def __init__(self, folder: Path, policy: RuntimePolicy) -> None:
        self._folder = folder
        self._policy = policy

    def service(self, where: str, service: Mapping[str, Any]) -> None:
        for key, value in service.items():
            if (harms := _PRIVILEGED.get(key)) is not None:
                if value and harms(value):
                    self._need_privileged(f"{where} asks for {key}: {str(value)[:60]}")
            elif key == "network_mode":
                if _hosts(value):
                    self._need_host_network(f"{where} asks for network_mode: {value}")
            elif key not in _HARMLESS and not key.startswith("x-"):
                _refuse(f"{where} asks for {key}, which is not known to be harmless")
        if not service.get("image"):
            raise Invalid(f"{where} names no image")
        for mount in service.get("volumes") or ():
            self._mount(where, mount)

    def _mount(self, where: str, mount: Mapping[str, Any]) -> None:
        kind = mount.get("type")
        if kind not in _MOUNTS:
            _refuse(f"{where} asks for a mount of type {kind}, which is not known to be harmless")
        if kind != "bind":
            return
        source = str(mount.get("source"))
        if os.path.basename(os.path.normpath(source)) in _SOCKETS:  # noqa: PTH119
            self._need_privileged(f"{where} mounts the engine's socket {source}")
        if (mount.get("bind") or {}).get("propagation", "") not in _QUIET_PROPAGATION:
            self._need_privileged(f"{where} shares mounts with the host at {source}")
        self._path(where, source)

    def volume(self, where: str, volume: Mapping[str, Any], own: str) -> None:
        if volume.get("external") or volume.get("name", own) != own:
            _refuse(f"{where} is not the component's own (name or external)")
        if volume.get("driver", "local") != "local" or volume.get("driver_opts"):
            self._need_privileged(f"{where} asks for a volume driver or its options")

    def network(self, where: str, network: Mapping[str, Any], own: str) -> None:
        if network.get("external") or network.get("name", own) != own:
            self._need_host_network(f"{where} is not the component's own (name or external)")
        if network.get("driver", "bridge") not in {"", "bridge"} or network.get("driver_opts"):
            self._need_host_network(f"{where} asks for a network driver or its options")

    def file(self, where: str, source: Mapping[str, Any]) -> None:
        if source.get("external"):
            _refuse(f"{where} is not the component's own (external)")
        if source.get("file") is not None:
            self._path(where, str(source["file"]))

    def _path(self, where: str, path: str) -> None:
        # realpath, because a path of the host, unlike one of the archive, can be a link.
        real = Path(os.path.realpath(path))
        allowed = (str(self._folder), *self._policy.host_paths)
        if not any(real.is_relative_to(os.path.realpath(root)) for root in allowed):
            _refuse(
                f"{where} mounts {path} of the host, which this site's runtime policy does not"
                " allow",
                rule="runtime-policy",
                help="name it in runtime.hostPaths of the site's file, if that is meant",
            )

    def _need_privileged(self, what: str) -> None:
        if not self._policy.privileged:
            _refuse(
                f"{what}, which this site's runtime policy does not allow",
                rule="runtime-policy",
                help="runtime: {privileged: true} in the site's file, if that is meant",
            )

    def _need_host_network(self, what: str) -> None:
        if not self._policy.host_network:
            _refuse(
                f"{what}, which this site's runtime policy does not allow",
                rule="runtime-policy",
                help="runtime: {hostNetwork: true} in the site's file, if that is meant",
            )


def _refuse(problem: str, *, rule: str = "compose", help: str = "") -> NoReturn:
    raise Refused(problem, rule=rule, help=help)
