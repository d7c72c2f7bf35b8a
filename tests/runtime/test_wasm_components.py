"""WASI preview 2 components keep the drivers' contract, and are held as tightly as modules."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.runtime.base import ComponentSpec
from margo_gitops.runtime.wasm_spec import Phase
from tests.contracts.driver import ONE, SpeakingContract, running
from tests.runtime import wat_component as wat
from tests.runtime.test_wasm import JOB, failed, of, start
from tests.runtime.wasm_engine import WasmHarness
from tests.waiting import until


class _Components(WasmHarness):
    """The contract's service as a component of preview 2."""

    def component(self, name: str, greeting: str = "Hello") -> ComponentSpec:
        return self.module(wat.FIRST_VARIABLE, values={"GREETING": greeting}, name=name)


class TestWasmComponents(SpeakingContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[WasmHarness]:
        made = _Components(tmp_path)
        yield made
        made.close()


@pytest.mark.parametrize(
    ("program", "settings", "reason"),
    [
        (wat.TRAPS, {}, "unreachable"),
        (wat.FAILS, {}, "exited with code 1"),
        (wat.SUCCEEDS, {}, "exited with code 0, expected a service"),
        (wat.NO_RUN, {}, "exports no wasi:cli/run"),
        (wat.UNKNOWN_IMPORT, {}, "factory:press/control"),
        (wat.GROWS, {"memory": "1Mi"}, "unreachable"),
        (wat.LOOPS, {"fuel": 1000}, "all fuel consumed"),
    ],
)
def test_a_service_that_ends_is_failed_with_its_reason(
    wasm: WasmHarness, program: str | bytes, settings: dict[str, object], reason: str
) -> None:
    start(wasm, wasm.module(program, settings))
    assert reason in failed(wasm).detail
    until(lambda: wasm.record(ONE).restarts >= 2)


def test_memory_grows_up_to_its_limit(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.GROWS, {"memory": "2Mi"})))
    running(wasm.driver())


def test_what_never_ends_is_removed_within_three_seconds(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.LOOPS)))
    running(wasm.driver())
    began = time.monotonic()
    wasm.driver().remove(ONE)
    assert time.monotonic() - began < 3.0
    assert wasm.leftovers(ONE) == []


def test_a_job_ends_with_its_last_words_kept(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.prints("done", then=""), JOB)))
    until(lambda: wasm.record(ONE).phase is Phase.COMPLETED)
    assert "done" in wasm.driver().logs(ONE, "hello")


def test_directories_are_those_granted_and_none_else(wasm: WasmHarness) -> None:
    granted = {**JOB, "directories": ["/data"]}
    wasm.driver().apply(of(wasm.module(wat.creates("made"), granted)))
    until(lambda: wasm.record(ONE).phase is Phase.COMPLETED)
    assert [path.name for path in wasm.folder(ONE).glob("data/*/*")] == ["made"]


@pytest.mark.parametrize(
    ("directory", "settings"),
    [("made", JOB), ("../made", {**JOB, "directories": ["/data"]})],
)
def test_nothing_outside_them_can_be_reached(
    wasm: WasmHarness, directory: str, settings: dict[str, object]
) -> None:
    start(wasm, wasm.module(wat.creates(directory), settings))
    assert "exited with code 1" in failed(wasm).detail
    assert list(wasm.folder(ONE).rglob("made")) == []


def test_the_network_is_denied(wasm: WasmHarness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        start(wasm, wasm.module(wat.connects(port), JOB))
        assert "exited with code 1" in failed(wasm).detail
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_compiled_component_is_used_again(wasm: WasmHarness) -> None:
    wasm.driver().apply(of(wasm.module(wat.FIRST_VARIABLE, values={"GREETING": "one"})))
    (compiled,) = (wasm.root / "cache").iterdir()
    made = compiled.stat().st_mtime_ns
    wasm.driver().apply(
        of(wasm.module(wat.FIRST_VARIABLE, values={"GREETING": "two"}), origin="o2")
    )
    until(lambda: "two" in wasm.driver().logs(ONE, "hello"))
    assert compiled.stat().st_mtime_ns == made
