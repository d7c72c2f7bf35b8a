"""What a compose file may not ask for, as written and as resolved."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from margo_gitops.errors import Invalid, MargoError, Refused
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.runtime.compose_policy import check_files, check_resolved

CLOSED = RuntimePolicy()
WEB: dict[str, Any] = {
    "name": "p",
    "services": {
        "web": {
            "image": "web:1",
            "command": None,
            "environment": {"A": "1"},
            "networks": {"default": None},
            "security_opt": ["no-new-privileges:true"],
            "privileged": False,
            "network_mode": "service:db",
            "pid": "service:db",
        }
    },
    "networks": {"default": {"name": "p_default", "ipam": {}}},
    "volumes": {"data": {"name": "p_data"}},
    "x-notes": "none",
}

PRIVILEGED = {
    "privileged": True,
    "cap_add": ["NET_ADMIN"],
    "devices": ["/dev/mem:/dev/mem"],
    "device_cgroup_rules": ["a *:* rwm"],
    "security_opt": ["seccomp=unconfined"],
    "userns_mode": "host",
    "cgroup": "host",
    "cgroup_parent": "/",
    "pid": "host",
    "ipc": "container:strangers",
    "uts": "host",
    "runtime": "other",
    "annotations": {"a": "b"},
    "use_api_socket": True,
    "volumes_from": ["container:strangers:rw"],
    "post_start": [{"command": ["sh"], "privileged": True}],
    "pre_stop": [{"command": ["sh"], "privileged": True}],
}


def with_service(**fields: Any) -> dict[str, Any]:
    config = copy.deepcopy(WEB)
    config["services"]["web"].update(fields)
    return config


def mounting(source: object, **fields: Any) -> dict[str, Any]:
    mount = {"type": "bind", "source": str(source), "target": "/x", **fields}
    return with_service(volumes=[mount])


def refusal(config: dict[str, Any], folder: Path, policy: RuntimePolicy = CLOSED) -> Refused:
    with pytest.raises(Refused) as caught:
        check_resolved(config, folder, policy)
    return caught.value


def test_an_ordinary_file_passes(tmp_path: Path) -> None:
    check_resolved(WEB, tmp_path, CLOSED)


@pytest.mark.parametrize("key", PRIVILEGED)
def test_privileges_need_the_policy(tmp_path: Path, key: str) -> None:
    config = with_service(**{key: PRIVILEGED[key]})
    error = refusal(config, tmp_path)
    assert error.rule == "runtime-policy"
    assert f"service web asks for {key}" in str(error)
    check_resolved(config, tmp_path, RuntimePolicy(privileged=True))


@pytest.mark.parametrize("mode", ["host", "container:strangers"])
def test_anothers_network_needs_the_policy(tmp_path: Path, mode: str) -> None:
    config = with_service(network_mode=mode)
    assert "network_mode" in refusal(config, tmp_path, RuntimePolicy(privileged=True)).problem
    check_resolved(config, tmp_path, RuntimePolicy(host_network=True))


@pytest.mark.parametrize(
    "network",
    [
        {"external": True, "name": "host"},
        {"name": "strangers_default"},
        {"name": "p_n", "driver": "macvlan"},
        {"name": "p_n", "driver_opts": {"com.docker.network.bridge.name": "eth0"}},
    ],
)
def test_a_network_that_is_not_its_own_needs_the_policy(
    tmp_path: Path, network: dict[str, Any]
) -> None:
    config = {**WEB, "networks": {"n": network}}
    assert refusal(config, tmp_path).rule == "runtime-policy"
    check_resolved(config, tmp_path, RuntimePolicy(host_network=True))


@pytest.mark.parametrize("key", ["build", "provider", "external_links", "never_heard_of"])
def test_what_is_not_known_to_be_harmless_is_refused_under_any_policy(
    tmp_path: Path, key: str
) -> None:
    everything = RuntimePolicy(privileged=True, host_network=True, host_paths=("/",))
    error = refusal(with_service(**{key: {"type": "x"}}), tmp_path, everything)
    assert (error.rule, key in error.problem) == ("compose", True)


def test_a_top_level_key_that_is_not_known_is_refused(tmp_path: Path) -> None:
    assert "models" in refusal({**WEB, "models": {"m": {}}}, tmp_path).problem


@pytest.mark.parametrize("volume", [{"external": True, "name": "p_v"}, {"name": "strangers"}])
def test_a_strangers_volume_is_never_mounted(tmp_path: Path, volume: dict[str, Any]) -> None:
    everything = RuntimePolicy(privileged=True, host_network=True, host_paths=("/",))
    assert "own" in refusal({**WEB, "volumes": {"v": volume}}, tmp_path, everything).problem


def test_a_named_volume_is_no_way_round_the_rule_on_paths(tmp_path: Path) -> None:
    device = {"name": "p_v", "driver_opts": {"type": "none", "o": "bind", "device": "/"}}
    assert "driver" in refusal({**WEB, "volumes": {"v": device}}, tmp_path).problem


@pytest.mark.parametrize("path", ["/", "/etc", "/var/lib/../../etc/shadow"])
def test_the_hosts_files_stay_out_of_reach(tmp_path: Path, path: str) -> None:
    error = refusal(mounting(path), tmp_path)
    assert error.rule == "runtime-policy"
    assert path in error.problem


def test_the_archives_own_files_and_allowed_paths_are_mounted(tmp_path: Path) -> None:
    inside, beside = tmp_path / "read", tmp_path / "read-not"
    check_resolved(mounting(inside / "conf"), inside, CLOSED)
    check_resolved(mounting("/srv/data/x"), inside, RuntimePolicy(host_paths=("/srv/data",)))
    refusal(mounting(beside), inside)
    refusal(mounting("/srv/database"), inside, RuntimePolicy(host_paths=("/srv/data",)))


def test_a_link_out_of_an_allowed_path_is_followed_before_it_is_judged(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "link").symlink_to("/etc")
    policy = RuntimePolicy(host_paths=(str(tmp_path / "allowed"),))
    refusal(mounting(tmp_path / "allowed" / "link"), tmp_path / "read", policy)


@pytest.mark.parametrize("name", ["docker.sock", "podman.sock"])
def test_the_engines_socket_needs_both_permissions(tmp_path: Path, name: str) -> None:
    config = mounting(f"/run/{name}")
    paths = ("/run",)
    assert "socket" in refusal(config, tmp_path, RuntimePolicy(host_paths=paths)).problem
    refusal(config, tmp_path, RuntimePolicy(privileged=True))
    check_resolved(config, tmp_path, RuntimePolicy(privileged=True, host_paths=paths))


def test_a_shared_mount_and_an_unknown_kind_of_mount_are_refused(tmp_path: Path) -> None:
    shared = mounting(tmp_path / "a", bind={"propagation": "rshared"})
    assert "shares mounts" in refusal(shared, tmp_path).problem
    assert "type npipe" in refusal(mounting(tmp_path, type="npipe"), tmp_path).problem


@pytest.mark.parametrize("kind", ["configs", "secrets"])
def test_configs_and_secrets_come_from_the_archive(tmp_path: Path, kind: str) -> None:
    check_resolved({**WEB, kind: {"a": {"file": str(tmp_path / "a")}}}, tmp_path, CLOSED)
    refusal({**WEB, kind: {"a": {"file": "/etc/shadow"}}}, tmp_path)
    refusal({**WEB, kind: {"a": {"external": True}}}, tmp_path)


@pytest.mark.parametrize("config", [{**WEB, "services": {}}, with_service(image="")])
def test_a_file_that_runs_nothing_is_invalid(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        check_resolved(config, tmp_path, CLOSED)


# The files as written


def looked_at(folder: Path, **files: str) -> MargoError | None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    try:
        check_files(folder, folder / "compose.yaml")
    except MargoError as error:
        return error
    return None


OUTSIDE = ["/etc/shadow", "../x", "a/../../x", "~/x", "${A}/x", "https://x.invalid/y", "oci://x/y"]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize(
    "text",
    [
        "include: [{path!r}]",
        "include: [{{path: {path!r}}}]",
        "include: [{{path: [a.yaml, {path!r}]}}]",
        "include: [{{path: a.yaml, env_file: {path!r}}}]",
        "services: {{w: {{env_file: {path!r}}}}}",
        "services: {{w: {{env_file: [a.env, {path!r}]}}}}",
        "services: {{w: {{env_file: [{{path: {path!r}, required: false}}]}}}}",
        "services: {{w: {{label_file: [{path!r}]}}}}",
        "services: {{w: {{extends: {{file: {path!r}, service: x}}}}}}",
    ],
)
def test_nothing_outside_the_archive_is_read(tmp_path: Path, text: str, path: str) -> None:
    error = looked_at(tmp_path, compose_yaml=text.format(path=path))
    assert isinstance(error, Refused)
    assert path in error.problem


def test_build_is_refused_before_anything_is_resolved(tmp_path: Path) -> None:
    error = looked_at(tmp_path, compose_yaml="services: {w: {build: .}}")
    assert isinstance(error, Refused)
    assert "build" in error.problem


@pytest.mark.parametrize(
    "start", ["include: [sub/more.yaml]", "services: {w: {extends: {file: sub/more.yaml}}}"]
)
def test_files_that_are_included_are_looked_at_too(tmp_path: Path, start: str) -> None:
    harmless = "services: {x: {image: x, env_file: a.env}}"
    assert looked_at(tmp_path, compose_yaml=start, sub__more_yaml=harmless) is None
    harmful = "services: {x: {image: x, env_file: /etc/shadow}}"
    assert isinstance(looked_at(tmp_path, compose_yaml=start, sub__more_yaml=harmful), Refused)


def test_a_nested_name_is_looked_up_from_every_folder_it_might_mean(tmp_path: Path) -> None:
    """Compose takes it from the includer's folder or the project's, by version."""
    files = {
        "compose_yaml": "include: [sub/a.yaml]",
        "sub__a_yaml": "include: [b.yaml]",
        "sub__b_yaml": "services: {}",
    }
    assert looked_at(tmp_path, **files) is None
    assert isinstance(looked_at(tmp_path, **files, b_yaml="include: [/etc/x.yaml]"), Refused)


def test_another_project_directory_is_refused(tmp_path: Path) -> None:
    text = "include: [{path: a.yaml, project_directory: sub}]"
    assert isinstance(looked_at(tmp_path, compose_yaml=text), Refused)


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    files = {"compose_yaml": "include: [a.yaml]", "a_yaml": "include: [compose.yaml]"}
    assert looked_at(tmp_path, **files) is None


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    names = ", ".join(f"n{number}.yaml" for number in range(60))
    error = looked_at(tmp_path, compose_yaml=f"include: [{names}]")
    assert isinstance(error, Refused)
    assert "more than 50 files" in error.problem


@pytest.mark.parametrize(
    "text",
    [
        "services: {w: &a {image: x}, v: {<<: *a}}",
        "include: !reset []",
        "services: {}\n---\ninclude: [/etc/x]",
        "include: []\ninclude: [/etc/x]",
        "- a list",
    ],
)
def test_what_two_parsers_may_read_differently_is_invalid(tmp_path: Path, text: str) -> None:
    assert isinstance(looked_at(tmp_path, compose_yaml=text), Invalid)
