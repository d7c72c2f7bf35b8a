"""Deaths: of the agent, of a supervisor, of the folder; nothing is orphaned and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from margo_gitops import process
from margo_gitops.errors import Waiting
from margo_gitops.runtime import wasm_folder
from margo_gitops.runtime.base import Workload
from margo_gitops.runtime.wasm_spec import LOCK, LOCK_HELD, Phase, alive, hold, read_spec
from tests.contracts.driver import ONE, lost, running
from tests.runtime import wat
from tests.runtime.wasm_engine import HELLO, WasmHarness
from tests.waiting import until

AGENT = """
import sys
from pathlib import Path
from threading import Event
from margo_gitops.documents.canonical import digest
from margo_gitops.runtime.base import ComponentSpec, Owner, Workload
from margo_gitops.runtime.wasm import WasmDriver

root, module, id = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
component = ComponentSpec("hello", module, digest(module.read_bytes()))
driver = WasmDriver(root, Owner("fleet", "north", "node-1"))
driver.apply(Workload(id, "greeter", "o1", (component,)))
print("applied", flush=True)
Event().wait()
"""


def one(wasm: WasmHarness) -> Workload:
    return Workload(ONE, "greeter", "o1", (wasm.component("hello"),))


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def test_a_workload_outlives_its_killed_agent(wasm: WasmHarness, tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    argv = [sys.executable, "-c", AGENT, str(wasm.root), str(HELLO), ONE]
    agent = process.start(argv, log=log)
    try:
        until(lambda: "applied" in log.read_text())
        life = wasm.life(ONE, "hello")
    finally:
        agent.kill()
        agent.wait()
    lines = wasm.driver().logs(ONE, "hello")
    until(lambda: wasm.driver().logs(ONE, "hello") > lines)
    assert running(wasm.driver()).origin == "o1"
    assert wasm.life(ONE, "hello") == life


def test_a_killed_supervisor_is_repaired_with_a_new_one(wasm: WasmHarness) -> None:
    wasm.driver().apply(one(wasm))
    first = wasm.record(ONE).pid
    os.kill(first, signal.SIGKILL)
    assert lost(wasm.driver()).components[0].detail == "its supervisor is gone"
    wasm.driver().apply(one(wasm))
    running(wasm.driver())
    assert wasm.record(ONE).pid != first


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_supervisor_ends_when_asked(wasm: WasmHarness, number: signal.Signals) -> None:
    wasm.driver().apply(Workload(ONE, "greeter", "o1", (wasm.module(wat.LOOPS),)))
    pid = wasm.record(ONE).pid
    os.kill(pid, number)
    until(lambda: gone(pid), 3.0)


def test_a_stopped_supervisor_is_killed(wasm: WasmHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wasm_folder, "_TERMINATE", 0.2)
    wasm.driver().apply(one(wasm))
    os.kill(wasm.record(ONE).pid, signal.SIGSTOP)
    wasm.driver().remove(ONE)
    assert wasm.leftovers(ONE) == []


def test_a_supervisor_whose_folder_vanished_ends_by_itself(wasm: WasmHarness) -> None:
    wasm.driver().apply(one(wasm))
    pid = wasm.record(ONE).pid
    lock = wasm.folder(ONE) / LOCK
    shutil.rmtree(wasm.root)
    until(lambda: gone(pid))
    wasm.driver().apply(one(wasm))
    assert wasm.record(ONE).pid != pid
    assert lock.exists()


def test_one_folder_has_one_supervisor(wasm: WasmHarness) -> None:
    wasm.driver().apply(one(wasm))
    pid = wasm.record(ONE).pid
    argv = [sys.executable, "-m", "margo_gitops.runtime.supervisor", str(wasm.folder(ONE))]
    done = process.run(argv, timeout=30, cwd=wasm_folder.HOME)
    assert done.code == LOCK_HELD
    assert wasm.record(ONE).pid == pid


def test_looking_never_keeps_a_supervisor_from_starting(tmp_path: Path) -> None:
    assert not alive(tmp_path)
    lock = hold(tmp_path)
    assert lock is not None
    assert alive(tmp_path)
    os.close(lock)
    assert not alive(tmp_path)


@pytest.mark.parametrize("spec", [None, "{}", "[]", "not JSON"])
def test_without_a_spec_there_is_nothing_to_supervise(tmp_path: Path, spec: str | None) -> None:
    if spec is not None:
        (tmp_path / "spec.json").write_text(spec)
    argv = [sys.executable, "-m", "margo_gitops.runtime.supervisor", str(tmp_path)]
    done = process.run(argv, timeout=30, cwd=wasm_folder.HOME)
    assert (done.code, done.out) == (1, "")
    assert "no readable spec" in done.err


def test_a_pid_of_somebody_else_is_never_signalled(wasm: WasmHarness) -> None:
    """A record left by a dead supervisor may name a number that another process has by now."""
    wasm.driver().apply(one(wasm))
    wasm.kill(ONE, "hello")
    bystander = process.start(["sleep", "600"], log=wasm.root / "bystander.log")
    try:
        state = wasm.folder(ONE) / "state.json"
        state.write_text(state.read_text().replace(str(wasm.record(ONE).pid), str(bystander.pid)))
        wasm.driver().apply(one(wasm))
        wasm.driver().remove(ONE)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_crash_between_the_spec_and_the_start_is_repaired(
    wasm: WasmHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> process.Finished:
        return process.Finished(-signal.SIGKILL, "", "")

    wasm.driver().apply(one(wasm))
    changed = Workload(ONE, "greeter", "o2", (wasm.component("hello", "Servus"),))
    with monkeypatch.context() as patch:
        patch.setattr(wasm_folder, "run", killed)
        with pytest.raises(Waiting, match="did not start"):
            wasm.driver().apply(changed)
    spec = read_spec(wasm.folder(ONE))
    assert spec is not None
    assert spec.origin == "o2"
    assert lost(wasm.driver()).origin == "o2"
    wasm.driver().apply(changed)
    assert running(wasm.driver()).origin == "o2"


def test_a_supervisor_is_small(wasm: WasmHarness) -> None:
    wasm.driver().apply(one(wasm))
    until(lambda: wasm.record(ONE).phase is Phase.RUNNING)
    status = Path(f"/proc/{wasm.record(ONE).pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    assert int(resident.split()[1]) < 32 << 10, resident
