"""The wasm driver's own promises: limits, restarts, jobs, secrets, what it refuses."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from margo_gitops.errors import Invalid, Missing, Stalled, Waiting
from margo_gitops.model.state import State
from margo_gitops.runtime.base import ComponentSpec, ObservedComponent, Workload
from margo_gitops.runtime.supervisor import LOG_LIMIT
from margo_gitops.runtime.wasm import WasmDriver
from margo_gitops.runtime.wasm_spec import Phase
from tests.contracts.driver import ONE, OURS, STRANGER, running
from tests.runtime import wat
from tests.runtime.wasm_engine import HELLO, WasmHarness
from tests.waiting import until

JOB = {"kind": "job"}


def of(*components: ComponentSpec, origin: str = "o1") -> Workload:
    return Workload(ONE, "greeter", origin, components)


def seen(wasm: WasmHarness) -> ObservedComponent:
    (observed,) = wasm.driver().observe()
    return observed.components[0]


def failed(wasm: WasmHarness) -> ObservedComponent:
    until(lambda: seen(wasm).state is State.FAILED)
    return seen(wasm)


def start(wasm: WasmHarness, component: ComponentSpec) -> None:
    """Apply without waiting, so that how it ends is read from `observe` alone."""
    wasm.driver().apply(of(_without_wait(component)))


def _without_wait(component: ComponentSpec) -> ComponentSpec:
    return ComponentSpec(
        component.name,
        component.artifact,
        component.digest,
        component.values,
        component.secrets,
        component.settings,
        wait=False,
    )


@pytest.mark.parametrize(
    ("text", "settings", "reason"),
    [
        (wat.TRAPS, {}, "unreachable"),
        (wat.exits(7), {}, "exited with code 7"),
        (wat.RETURNS, {}, "exited with code 0, expected a service"),
        (wat.NO_START, {}, "no function _start"),
        (wat.UNKNOWN_IMPORT, {}, "unknown import: `env::socket`"),
        (wat.LARGE_FROM_THE_START, {"memory": "1Mi"}, "exceeds memory limits"),
        (wat.GROWS, {"memory": "1Mi"}, "unreachable"),
        (wat.LOOPS, {"fuel": 1000}, "all fuel consumed"),
    ],
)
def test_a_service_that_ends_is_failed_with_its_reason_and_starts_again(
    wasm: WasmHarness, text: str, settings: dict[str, object], reason: str
) -> None:
    start(wasm, wasm.module(text, settings))
    component = failed(wasm)
    assert reason in component.detail
    assert "starts again after" in component.detail
    assert not component.lost
    until(lambda: wasm.record(ONE).restarts >= 2)


def test_memory_grows_up_to_its_limit(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.GROWS, {"memory": "2Mi"})))
    running(wasm.driver())


def test_waiting_for_a_service_that_fails_at_once_says_why(wasm: WasmHarness) -> None:
    with pytest.raises(Waiting, match=r"component hello of greeter failed: .*_start"):
        wasm.driver().apply(of(wasm.module(wat.NO_START)))


def test_what_comes_after_a_failed_component_waits(wasm: WasmHarness) -> None:
    with pytest.raises(Waiting):
        wasm.driver().apply(of(wasm.module(wat.NO_START, name="first"), wasm.component("second")))
    (observed,) = wasm.driver().observe()
    assert [component.name for component in observed.components] == ["first"]


@pytest.mark.parametrize("text", [wat.LOOPS, wat.SLEEPS_LONG, wat.floods(4096)])
def test_what_never_ends_is_removed_within_three_seconds(wasm: WasmHarness, text: str) -> None:
    wasm.driver().apply(of(wasm.module(text)))
    running(wasm.driver())
    began = time.monotonic()
    wasm.driver().remove(ONE)
    assert time.monotonic() - began < 3.0
    assert wasm.leftovers(ONE) == []


def test_a_job_runs_once_whatever_happens_after_it(wasm: WasmHarness) -> None:
    component = wasm.module(wat.prints("done"), JOB)
    wasm.driver().apply(of(component))
    until(lambda: seen(wasm).detail == "completed")
    life = wasm.life(ONE, "hello")
    wasm.driver().apply(of(component))
    assert seen(wasm) == ObservedComponent("hello", State.INSTALLED, "completed")
    assert wasm.life(ONE, "hello") == life
    assert wasm.driver().logs(ONE, "hello").count("done") == 1


def test_a_failed_job_runs_again_only_for_another_origin(wasm: WasmHarness) -> None:
    component = wasm.module(wat.exits(3), JOB)
    start(wasm, component)
    assert failed(wasm) == ObservedComponent("hello", State.FAILED, "exited with code 3")
    life = wasm.life(ONE, "hello")
    with pytest.raises(Invalid, match="exited with code 3"):
        wasm.driver().apply(of(component))
    assert wasm.life(ONE, "hello") == life
    wasm.driver().apply(of(_without_wait(component), origin="o2"))
    failed(wasm)
    assert wasm.life(ONE, "hello") != life


def test_a_job_killed_half_way_is_lost_and_runs_again(wasm: WasmHarness) -> None:
    component = wasm.module(wat.LOOPS, JOB)
    wasm.driver().apply(of(component))
    wasm.kill(ONE, "hello")
    assert seen(wasm).lost
    wasm.driver().apply(of(component))
    assert running(wasm.driver()).origin == "o1"


def test_values_become_the_whole_environment(wasm: WasmHarness) -> None:
    values = {"TEXT": "a=b c", "YES": True, "NO": False, "COUNT": 3, "LIST": ("x", 1, True)}
    wasm.driver().apply(of(wasm.module(wat.ENVIRONMENT, values=values)))
    printed = until(lambda: _output(wasm))
    assert set(printed.split("\N{REPLACEMENT CHARACTER}")[:-1]) == {
        "TEXT=a=b c",
        "YES=true",
        "NO=false",
        "COUNT=3",
        "LIST=x,1,true",
    }


def test_arguments_follow_the_components_name(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.ARGUMENTS, {"args": ["--level", "5"]})))
    printed = until(lambda: _output(wasm))
    assert printed.split("\N{REPLACEMENT CHARACTER}") == ["hello", "--level", "5", ""]


def _output(wasm: WasmHarness) -> str:
    text = wasm.driver().logs(ONE, "hello")
    return "\n".join(line for line in text.splitlines() if not line.startswith("[margo]"))


def test_a_secret_is_in_no_file_but_the_spec_that_only_we_read(wasm: WasmHarness) -> None:
    plain = wasm.module(wat.TRAPS, values={"TOKEN": "hunter2-hunter2"})
    secret = ComponentSpec(
        "hello",
        plain.artifact,
        plain.digest,
        plain.values,
        secrets=frozenset({"TOKEN"}),
        wait=False,
    )
    wasm.driver().apply(of(secret))
    failed(wasm)
    files = [path for path in wasm.root.rglob("*") if path.is_file()]
    assert [f.name for f in files if b"hunter2" in f.read_bytes()] == ["spec.json"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    with Path(f"/proc/{wasm.life(ONE, 'hello')}/cmdline").open("rb") as command:
        assert b"hunter2" not in command.read()


def test_only_granted_directories_exist_and_their_data_stays(wasm: WasmHarness) -> None:
    grant = {**JOB, "directories": ["/var/data"]}
    wasm.driver().apply(of(wasm.module(wat.creates("kept"), grant)))
    until(lambda: seen(wasm).detail == "completed")
    kept = wasm.folder(ONE) / "data" / "var%2Fdata" / "kept"
    assert kept.is_dir()
    wasm.driver().apply(of(wasm.module(wat.prints("v2"), grant), origin="o2"))
    assert kept.is_dir()


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        ("x", JOB),
        ("../x", {**JOB, "directories": ["/data"]}),
        ("/x", {**JOB, "directories": ["/data"]}),
    ],
)
def test_nothing_outside_the_granted_directories_can_be_reached(
    wasm: WasmHarness, path: str, settings: dict[str, object]
) -> None:
    start(wasm, wasm.module(wat.creates(path), settings))
    assert "exited with code" in failed(wasm).detail
    assert list(wasm.folder(ONE).rglob("x")) == []


def test_folders_however_deep_are_removed(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.LOOPS, {"directories": ["/data"]})))
    handle = os.open(wasm.folder(ONE) / "data" / "data", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=handle)  # no path is long enough for it
        below = os.open("deep", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    wasm.driver().remove(ONE)
    assert wasm.leftovers(ONE) == []


def test_a_removal_cut_short_is_seen_and_ends_when_done_again(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.component("hello")))
    wasm.kill(ONE, "hello")
    folder = wasm.folder(ONE)
    (folder / "trash" / "7").mkdir(parents=True)
    (folder / "trash" / "7" / "file").touch()
    (folder / "state.json").unlink()
    assert seen(wasm).lost
    wasm.driver().remove(ONE)
    assert wasm.leftovers(ONE) == []


def test_logs_are_bounded_on_disk(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.floods(4096))))
    folder = wasm.folder(ONE)
    until(lambda: (folder / "log.1").exists() and (folder / "log").exists())
    for name in ("log", "log.1"):
        assert (folder / name).stat().st_size <= LOG_LIMIT


def test_logs_hold_no_terminal_commands(wasm: WasmHarness) -> None:
    data = wat.prints("XX red", "(loop $again (br $again))").replace('"XX', '"\\1b[')
    wasm.driver().apply(of(wasm.module(data)))
    assert "red" in until(lambda: _output(wasm))
    assert "\x1b" not in _output(wasm)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no WebAssembly: it begins with nothing"),
        (b"(module)", "no WebAssembly"),
        (b"\x7fELF\1\1\1\0", "no WebAssembly"),
        (b"\0asm\2\0\0\0", "version 02000000"),
        (b"\0asm\x0d\0\1\0garbage", "no valid WebAssembly"),
        (b"\0asm\1\0\0\0garbage", "no valid WebAssembly"),
    ],
)
def test_an_artifact_that_is_no_module_is_invalid_and_the_old_one_runs_on(
    wasm: WasmHarness, data: bytes, said: str
) -> None:
    wasm.driver().apply(of(wasm.component("hello")))
    life = wasm.life(ONE, "hello")
    with pytest.raises(Invalid, match=said):
        wasm.driver().apply(of(wasm.module(data), origin="o2"))
    assert running(wasm.driver()).origin == "o1"
    assert wasm.life(ONE, "hello") == life


def test_an_artifact_that_is_gone_or_altered_is_missing(wasm: WasmHarness) -> None:
    gone = wasm.module(wat.LOOPS)
    gone.artifact.unlink()
    with pytest.raises(Missing, match="cannot be read"):
        wasm.driver().apply(of(gone))
    gone.artifact.write_bytes(HELLO.read_bytes())
    with pytest.raises(Missing, match="not what was verified"):
        wasm.driver().apply(of(gone))
    assert list(wasm.driver().observe()) == []


def test_a_workload_in_force_needs_its_artifact_no_more(wasm: WasmHarness) -> None:
    component = wasm.module(wat.LOOPS)
    wasm.driver().apply(of(component))
    component.artifact.unlink()
    wasm.driver().apply(of(component))
    running(wasm.driver())


def test_a_compiled_module_is_used_again_and_never_if_it_is_not_ours(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.LOOPS)))
    (compiled,) = (wasm.root / "cache").iterdir()
    for spoil in (
        lambda: compiled.write_bytes(b"\0\0\0\0"),
        lambda: compiled.write_bytes(compiled.read_bytes()[:-1] + b"?"),
        lambda: compiled.chmod(0o666),
        lambda: (wasm.root / "cache").chmod(0o777),
        compiled.unlink,
    ):
        spoil()
        wasm.kill(ONE, "hello")
        wasm.driver().apply(of(wasm.module(wat.LOOPS)))
        running(wasm.driver())
        (wasm.root / "cache").chmod(0o700)
        assert compiled.stat().st_mode & 0o777 == 0o600


def test_another_owners_id_is_left_alone(wasm: WasmHarness) -> None:
    wasm.driver(STRANGER).apply(of(wasm.component("hello")))
    life = wasm.life(ONE, "hello")
    with pytest.raises(Stalled, match="fleet/north/node-2"):
        wasm.driver().apply(of(wasm.component("hello"), origin="o2"))
    wasm.driver().remove(ONE)
    assert wasm.life(ONE, "hello") == life


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-x", "a\0b", "x" * 64])
def test_a_component_name_that_is_no_folder_name_is_invalid(wasm: WasmHarness, name: str) -> None:
    with pytest.raises(Invalid):
        wasm.driver().apply(of(ComponentSpec(name, HELLO, "sha256:" + "0" * 64)))


def test_names_that_are_no_uuid_or_stand_twice_are_invalid(wasm: WasmHarness) -> None:
    for call in (wasm.driver().remove, lambda name: wasm.driver().logs(name, "hello")):
        with pytest.raises(Invalid):
            call("../" + ONE)
    with pytest.raises(Invalid, match="each name once"):
        wasm.driver().apply(of(wasm.component("hello"), wasm.component("hello")))


def test_folders_that_are_not_ours_are_no_workloads(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.component("hello")))
    for path in ("lost+found/x", f"{ONE}/half-made", "cache/deep"):
        (wasm.root / path).mkdir(parents=True)
    (wasm.root / ONE / "half-made" / "spec.json").write_text('{"owner": 1}')
    assert [c.name for c in running(wasm.driver()).components] == ["hello"]


def test_a_full_disk_stops_the_change_and_nothing_else(
    wasm: WasmHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    wasm.driver().apply(of(wasm.component("hello")))
    with monkeypatch.context() as patch:
        patch.setattr("margo_gitops.runtime.wasm_folder.save", full)
        with pytest.raises(Stalled, match="the disk is full"):
            wasm.driver().apply(of(wasm.component("hello"), origin="o2"))
    wasm.driver().apply(of(wasm.component("hello"), origin="o2"))
    assert running(wasm.driver()).origin == "o2"


def test_available_says_why_not(wasm: WasmHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = wasm.root / "broken"
    broken.mkdir(parents=True)
    (broken / "wasmtime.py").write_text("raise ImportError('no wheel for this processor')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    driver = WasmDriver(wasm.root, OURS)
    assert "no wheel for this processor" in str(driver.available())
    with pytest.raises(Stalled, match="no wheel for this processor"):
        driver.apply(of(wasm.component("hello")))


def test_the_record_is_what_a_person_can_read(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.component("hello")))
    running(wasm.driver())
    record = json.loads((wasm.folder(ONE) / "state.json").read_text())
    assert (record["phase"], record["origin"]) == (Phase.RUNNING, "o1")
