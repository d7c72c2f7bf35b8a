"""The compose driver on a real engine: what it starts, keeps, mends and removes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from margo_gitops.errors import Invalid, Missing, Refused, Waiting
from margo_gitops.model.fleet import RuntimePolicy
from margo_gitops.model.observed import ObservedComponent
from margo_gitops.model.state import State
from margo_gitops.runtime.base import ComponentSpec, Workload
from tests.contracts.driver import ONE
from tests.dockerd import IMAGE
from tests.runtime.compose_engine import ComposeHarness
from tests.waiting import until

pytestmark = pytest.mark.docker

FOREVER = 'trap "exit 0" TERM; while :; do sleep 60 & wait $$!; done'


def service(script: str = "", **more: Any) -> dict[str, Any]:
    """A service that runs `script`, and then for ever."""
    return {"image": IMAGE, "command": ["sh", "-c", f"{script}\n{FOREVER}"], **more}


def job(script: str) -> dict[str, Any]:
    """A service that runs `script` to its end."""
    return {"image": IMAGE, "command": ["sh", "-c", script]}


def stack(**services: Any) -> dict[str, Any]:
    return {"services": services}


def workload(*components: ComponentSpec, origin: str = "o1") -> Workload:
    return Workload(ONE, "greeter", origin, components)


def seen(harness: ComposeHarness) -> tuple[str, dict[str, ObservedComponent]]:
    """The origin and the components of the one deployment."""
    (found,) = harness.driver().observe()
    return found.origin, {component.name: component for component in found.components}


def lives(harness: ComposeHarness) -> dict[str, str]:
    """Service to what names its container's present life."""
    template = '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.StartedAt}}'
    found = [harness.asked(container, template) for container in harness.containers(ONE)]
    return dict(line.split(" ", 1) for line in found)


def logs(harness: ComposeHarness, component: str = "hello") -> str:
    return harness.driver().logs(ONE, component)


# What is right goes on running


def test_a_changed_value_changes_only_the_service_that_uses_it(compose: ComposeHarness) -> None:
    file = stack(web=service("echo ${GREETING}"), db=service())
    compose.driver().apply(workload(compose.made(file, values={"GREETING": "Hello"})))
    before = lives(compose)
    changed = compose.made(file, values={"GREETING": "Servus"})
    compose.driver().apply(workload(changed, origin="o2"))
    after = lives(compose)
    assert after["db"] == before["db"]
    assert after["web"] != before["web"]
    until(lambda: "Servus" in logs(compose))
    assert seen(compose)[0] == "o2"


def test_another_origin_of_the_same_restarts_nothing(compose: ComposeHarness) -> None:
    component = compose.component("hello")
    compose.driver().apply(workload(component))
    before = lives(compose)
    compose.driver().apply(workload(component, origin="o2"))
    assert (lives(compose), seen(compose)[0]) == (before, "o2")


def test_a_killed_service_is_mended_and_its_neighbour_is_left_alone(
    compose: ComposeHarness,
) -> None:
    component = compose.made(stack(web=service(), db=service()))
    compose.driver().apply(workload(component))
    before = lives(compose)
    web = before["web"].split()[0]
    compose.engine("kill", web)
    until(lambda: compose.asked(web, "{{.State.Status}}") == "exited")
    detail = "service web exited (137)"
    assert seen(compose)[1]["hello"] == ObservedComponent("hello", State.FAILED, detail, lost=True)
    compose.driver().apply(workload(component))
    assert lives(compose)["db"] == before["db"]
    assert seen(compose)[1]["hello"].state is State.INSTALLED


def test_a_service_that_a_new_version_drops_goes_away(compose: ComposeHarness) -> None:
    compose.driver().apply(workload(compose.made(stack(web=service(), db=service()))))
    compose.driver().apply(workload(compose.made(stack(web=service())), origin="o2"))
    assert set(lives(compose)) == {"web"}


def test_a_removed_container_is_missed_and_comes_back(compose: ComposeHarness) -> None:
    component = compose.component("hello")
    compose.driver().apply(workload(component))
    compose.engine("rm", "--force", *compose.containers(ONE))
    assert seen(compose)[1]["hello"].detail == "service greeter is not there"
    compose.driver().apply(workload(component))
    assert seen(compose)[1]["hello"].state is State.INSTALLED


# What was lost


def test_a_lost_root_folder_loses_nothing(compose: ComposeHarness) -> None:
    component = compose.component("hello")
    compose.driver().apply(workload(component))
    before = lives(compose), seen(compose)
    shutil.rmtree(compose.root)
    assert (lives(compose), seen(compose)) == before
    assert "Hello" in logs(compose)
    compose.driver().apply(workload(component))
    assert lives(compose) == before[0]
    shutil.rmtree(compose.root, ignore_errors=True)
    compose.driver().remove(ONE)
    assert compose.containers(ONE) == []


def test_files_that_containers_hold_on_to_are_given_anew(compose: ComposeHarness) -> None:
    file = stack(web=service("cat /conf/text", volumes=["./conf:/conf"]))
    component = compose.made(file, files={"conf/text": b"from the archive"})
    compose.driver().apply(workload(component))
    (container,) = compose.containers(ONE)
    shutil.rmtree(compose.root)
    compose.driver().apply(workload(component))
    (after,) = compose.containers(ONE)
    assert after != container
    assert compose.engine("exec", after, "cat", "/conf/text") == "from the archive"


def test_a_lost_marker_costs_a_start_that_finds_nothing_to_do(compose: ComposeHarness) -> None:
    component = compose.component("hello")
    compose.driver().apply(workload(component))
    before = lives(compose)
    label = f"label=margo-gitops.deployment={ONE}"
    (marker,) = compose.engine("volume", "ls", "-q", "--filter", label).split()
    compose.engine("volume", "rm", marker)
    assert seen(compose) == ("", {"hello": ObservedComponent("hello", State.INSTALLED)})
    compose.driver().apply(workload(component))
    assert (lives(compose), seen(compose)[0]) == (before, "o1")


# Waiting, and failing


def test_a_job_that_ends_well_is_installed_and_its_service_is_waited_for(
    compose: ComposeHarness,
) -> None:
    health = {"test": ["CMD", "test", "-e", "/tmp/ready"], "interval": "200ms", "retries": 100}
    web = service("sleep 1; echo > /tmp/ready", healthcheck=health)
    compose.driver().apply(workload(compose.made(stack(web=web, migrate=job("echo done")))))
    assert seen(compose) == ("o1", {"hello": ObservedComponent("hello", State.INSTALLED)})


def test_without_wait_a_starting_service_is_not_waited_for(compose: ComposeHarness) -> None:
    health = {"test": ["CMD", "test", "-e", "/tmp/no"], "interval": "60s", "start_period": "60s"}
    component = compose.made(stack(web=service(healthcheck=health)), wait=False)
    compose.driver().apply(workload(component))
    state = ObservedComponent("hello", State.INSTALLING, "service web is starting")
    assert seen(compose) == ("o1", {"hello": state})


def test_a_service_that_fails_at_its_start_is_told_and_the_next_is_not_started(
    compose: ComposeHarness,
) -> None:
    broken = compose.made(stack(web=job("exit 3"), db=service("sleep 1")), name="first")
    fine = compose.component("second")
    with pytest.raises(Waiting, match=r"component first of greeter failed: service web exited \(3"):
        compose.driver().apply(workload(broken, fine))
    origin, components = seen(compose)
    assert origin == ""
    assert {name: part.state for name, part in components.items()} == {"first": State.FAILED}


def test_going_back_after_a_failed_update_brings_the_old_one_back(
    compose: ComposeHarness,
) -> None:
    old = compose.made(stack(web=service("echo old")))
    compose.driver().apply(workload(old))
    with pytest.raises(Waiting):
        compose.driver().apply(workload(compose.made(stack(web=job("exit 3"))), origin="o2"))
    assert seen(compose)[0] == ""
    compose.driver().apply(workload(old))
    assert seen(compose) == ("o1", {"hello": ObservedComponent("hello", State.INSTALLED)})
    until(lambda: "old" in logs(compose))


def test_a_service_that_never_becomes_healthy_ends_the_wait(compose: ComposeHarness) -> None:
    health = {"test": ["CMD", "test", "-e", "/tmp/no"], "interval": "60s", "start_period": "60s"}
    component = compose.made(stack(web=service(healthcheck=health)), timeout=2.0)
    with pytest.raises(Waiting, match=r"not ready after 2 s: service web is starting"):
        compose.driver().apply(workload(component))


def test_an_image_that_cannot_be_had_is_named(compose: ComposeHarness) -> None:
    absent = f"registry.invalid/none@sha256:{'a' * 64}"
    component = compose.made(stack(web={"image": absent}, db=service()))
    with pytest.raises(Missing, match=absent):
        compose.driver().apply(workload(component))
    compose.driver().remove(ONE)
    assert list(compose.driver().observe()) == []


def test_a_port_that_is_taken_is_told_in_the_engines_words(compose: ComposeHarness) -> None:
    taker, other = (
        compose.made(stack(web=service(ports=["127.0.0.1:18099:80"])), name=name)
        for name in ("taker", "other")
    )
    with pytest.raises(Invalid, match="component other of greeter did not start: .*already"):
        compose.driver().apply(workload(taker, other))
    _, components = seen(compose)
    assert components["taker"].state is State.INSTALLED
    assert components["other"].detail == "service web was never started"


# Values and files


def test_values_reach_containers_only_where_the_file_says_so(compose: ComposeHarness) -> None:
    file = stack(web=service("env", environment=["NAMED", "MADE=<${QUOTED}>"]), db=service("env"))
    values = {"NAMED": True, "QUOTED": "it's $HOME \"\\", "UNNAMED": "unnamed-value"}
    compose.driver().apply(workload(compose.made(file, values=values)))
    until(lambda: "MADE=<it's $HOME \"\\>" in logs(compose))
    assert "NAMED=true" in logs(compose)
    assert "unnamed-value" not in logs(compose)


def test_nothing_of_the_agents_environment_can_be_interpolated(
    compose: ComposeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_TOKEN", "the-agents-own")
    file = stack(web=service("echo token=${AGENT_TOKEN:-none}.", environment=["AGENT_TOKEN"]))
    compose.driver().apply(workload(compose.made(file)))
    until(lambda: "token=none." in logs(compose))


def test_the_authors_defaults_stand_under_the_values(compose: ComposeHarness) -> None:
    file = stack(web=service("echo ${A}-${B}."))
    component = compose.made(file, values={"B": "ours"}, files={".env": b"A=author\nB=author\n"})
    compose.driver().apply(workload(component))
    until(lambda: "author-ours." in logs(compose))


def test_values_do_not_stay_on_disk_and_secrets_not_in_words_or_labels(
    compose: ComposeHarness,
) -> None:
    secrets = frozenset({"PASSWORD"})
    file = stack(web=service("echo ${PASSWORD}", environment=["PASSWORD"]))
    values = {"PASSWORD": "correct-horse"}
    compose.driver().apply(workload(compose.made(file, values=values, secrets=secrets)))
    (container,) = compose.containers(ONE)
    assert "correct-horse" not in compose.asked(container, "{{json .Config.Labels}}")
    volumes = compose.engine("volume", "ls", "-q").split()
    assert "correct-horse" not in compose.engine("volume", "inspect", *volumes)
    on_disk = [path.read_text() for path in compose.root.rglob("*") if path.is_file()]
    assert on_disk
    assert not any("correct-horse" in text for text in on_disk)


@pytest.mark.parametrize(
    "file",
    [
        stack(web={"image": IMAGE, "ports": ["${PASSWORD}"]}),
        stack(web=service(volumes=["/${PASSWORD}:/x"])),
    ],
)
def test_a_fault_that_quotes_the_file_does_not_quote_a_secret(
    compose: ComposeHarness, file: Mapping[str, Any]
) -> None:
    values, secrets = {"PASSWORD": "correct-horse"}, frozenset({"PASSWORD"})
    with pytest.raises((Invalid, Refused)) as caught:
        compose.driver().apply(workload(compose.made(file, values=values, secrets=secrets)))
    assert "***" in str(caught.value)
    assert "correct-horse" not in str(caught.value)


def test_a_mount_of_the_archive_is_a_copy_and_any_other_is_data_that_stays(
    compose: ComposeHarness,
) -> None:
    volumes = ["./conf:/conf", "./kept:/kept", "named:/named"]
    script = "echo $$(cat /conf/text) >> /kept/log; cat /kept/log; echo evil > /conf/text"
    file = stack(web=service(script, volumes=volumes)) | {"volumes": {"named": {}}}
    one = compose.made(file, files={"conf/text": b"one"})
    compose.driver().apply(workload(one))
    until(lambda: "one" in logs(compose))
    (container,) = compose.containers(ONE)
    compose.engine("exec", container, "sh", "-c", "echo still here > /named/text")
    two = compose.made(file, files={"conf/text": b"two"})
    compose.driver().apply(workload(two, origin="o2"))
    until(lambda: "one\ntwo" in _unprefixed(logs(compose)))
    (container,) = compose.containers(ONE)
    assert compose.engine("exec", container, "cat", "/named/text") == "still here"
    read = [path.read_text() for path in compose.root.rglob("read/conf/text")]
    assert read == ["two"]
    compose.driver().remove(ONE)
    assert compose.leftovers(ONE) == []


def _unprefixed(text: str) -> str:
    return "\n".join(line.partition("| ")[2] for line in text.splitlines())


@pytest.mark.parametrize("name", ["compose.yml", "docker-compose.yaml", "docker-compose.yml"])
def test_other_spellings_of_older_dialects_are_found(compose: ComposeHarness, name: str) -> None:
    packed = compose.packed({f"top/{name}": compose.text(stack(web=service("echo found")))})
    compose.driver().apply(workload(packed))
    until(lambda: "found" in logs(compose))


def test_a_bare_compose_file_is_a_component(compose: ComposeHarness) -> None:
    compose.driver().apply(workload(compose.bare(stack(web=service("echo bare")))))
    until(lambda: "bare" in logs(compose))


# What is refused leaves what runs alone


@pytest.mark.parametrize(
    "file",
    [
        stack(web={"image": IMAGE, "privileged": True}),
        stack(web={"image": IMAGE, "privileged": "${YES}"}),
        stack(web={"build": "."}),
        stack(web={"image": IMAGE, "volumes": ["/:/host"]}),
        stack(web={"image": IMAGE, "volumes": ["/var/run/docker.sock:/sock"]}),
        stack(web={"image": IMAGE, "network_mode": "host"}),
        {"include": ["/etc/hosts"]},
    ],
)
def test_a_component_that_asks_too_much_changes_nothing(
    compose: ComposeHarness, file: Mapping[str, Any]
) -> None:
    compose.driver().apply(workload(compose.component("hello")))
    before = lives(compose), seen(compose)
    greedy = compose.made(file, name="greedy", values={"YES": "true"})
    with pytest.raises(Refused, match="component greedy"):
        compose.driver().apply(workload(compose.component("hello", "new"), greedy, origin="o2"))
    assert (lives(compose), seen(compose)) == before


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"top/readme": b""}, "holds no compose file"),
        ({"top/compose.yaml": b"services: 1"}, "docker compose refuses the file"),
        ({"top/compose.yaml": b"{"}, "not YAML"),
    ],
)
def test_what_is_no_compose_component_is_invalid(
    compose: ComposeHarness, files: Mapping[str, bytes], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        compose.driver().apply(workload(compose.packed(files)))
    assert list(compose.driver().observe()) == []


def test_an_env_that_steers_compose_is_refused(compose: ComposeHarness) -> None:
    component = compose.made(stack(web=service()), files={".env": b"COMPOSE_FILE=/etc/x\n"})
    with pytest.raises(Refused, match=r"\.env"):
        compose.driver().apply(workload(component))


def test_two_components_of_one_name_are_invalid(compose: ComposeHarness) -> None:
    with pytest.raises(Invalid, match="two components named hello"):
        compose.driver().apply(workload(compose.component("hello"), compose.component("hello")))


def test_a_strangers_containers_and_volumes_are_left_alone(compose: ComposeHarness) -> None:
    engine = compose.engine
    stranger = engine("run", "-d", "--label", "margo-gitops.fleet=other", "-v", "own:/x", IMAGE)
    try:
        compose.driver().apply(workload(compose.component("hello")))
        compose.driver().remove(ONE)
        assert compose.asked(stranger, "{{.State.Running}}") == "true"
        assert "own" in engine("volume", "ls", "-q").split()
    finally:
        engine("rm", "--force", stranger)
        engine("volume", "rm", "own")


def test_a_policy_that_allows_it_runs_it(compose: ComposeHarness) -> None:
    component = compose.made(stack(web=service(cap_add=["SYS_TIME"])))
    allowed = replace(workload(component), policy=RuntimePolicy(privileged=True))
    compose.driver().apply(allowed)
    assert seen(compose)[1]["hello"].state is State.INSTALLED


def test_a_folder_left_by_a_refused_component_goes_with_the_deployment(
    compose: ComposeHarness,
) -> None:
    with pytest.raises(Refused):
        compose.driver().apply(workload(compose.made(stack(web={"build": "."}))))
    compose.driver().remove(ONE)
    assert list(compose.root.iterdir()) == []


def test_a_changed_timeout_alone_restarts_nothing(compose: ComposeHarness) -> None:
    component = compose.component("hello")
    compose.driver().apply(workload(component))
    before = lives(compose)
    compose.driver().apply(workload(replace(component, timeout=10.0)))
    assert lives(compose) == before


def test_an_archive_that_lies_is_refused_before_the_engine_hears_of_it(
    compose: ComposeHarness, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="component hello: .*one top-level directory"):
        compose.driver().apply(workload(compose.packed({"a/compose.yaml": b"", "b/x": b""})))
    assert list(compose.driver().observe()) == []
