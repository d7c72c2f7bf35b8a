"""The example: its module is its source, and it does what its README says."""

from __future__ import annotations

from pathlib import Path

import wasmtime

from margo_gitops.documents import margo
from margo_gitops.documents.canonical import digest
from margo_gitops.documents.dialects import Dialect, Kind, detect
from margo_gitops.documents.yaml import Parsed, parse
from margo_gitops.model.application import Component
from margo_gitops.runtime.base import ComponentSpec, Workload
from tests.contracts.driver import ONE
from tests.runtime.wasm_engine import HELLO, WasmHarness
from tests.waiting import until

PACKAGE = HELLO.parents[1]


def test_the_module_is_built_from_the_source() -> None:
    assert HELLO.read_bytes() == bytes(wasmtime.wat2wasm(HELLO.with_suffix(".wat").read_text()))


def test_the_module_asks_for_nothing_but_wasi() -> None:
    module = wasmtime.Module(wasmtime.Engine(), HELLO.read_bytes())
    assert {item.module for item in module.imports} == {"wasi_snapshot_preview1"}


def test_the_description_is_dialect_d_and_names_the_module() -> None:
    assert detect(_parsed().data) == (Kind.DESCRIPTION, Dialect.D)
    assert PACKAGE / _described().settings["artifact"] == HELLO


def greet(wasm: WasmHarness, **values: str) -> None:
    described = _described()
    component = ComponentSpec(
        described.name,
        HELLO,
        digest(HELLO.read_bytes()),
        values,
        settings=described.settings,
    )
    wasm.driver().apply(Workload(ONE, "greeter", "o1", (component,)))


def test_it_greets_at_once_and_again(wasm: WasmHarness) -> None:
    greet(wasm, GREETING="Grüezi", ADDRESSEE="Nachtschicht", GREETINGS="decoy")
    until(lambda: "Grüezi, Nachtschicht!\n" in wasm.driver().logs(ONE, "hello"))
    until(lambda: "Grüezi, Nachtschicht! (2)\n" in wasm.driver().logs(ONE, "hello"))


def test_without_values_it_has_its_own(wasm: WasmHarness) -> None:
    greet(wasm)
    until(lambda: "Hello, World!\n" in wasm.driver().logs(ONE, "hello"))


def test_long_values_are_printed_whole(wasm: WasmHarness) -> None:
    greet(wasm, GREETING="g" * 8000, ADDRESSEE="a" * 8000)
    line = f"{'g' * 8000}, {'a' * 8000}!\n"
    until(lambda: line in wasm.driver().logs(ONE, "hello"))


def test_it_sleeps_without_using_the_processor(wasm: WasmHarness) -> None:
    greet(wasm)
    until(lambda: "(2)" in wasm.driver().logs(ONE, "hello"))
    stat = Path(f"/proc/{wasm.record(ONE).pid}/stat")
    before = _ticks(stat)
    until(lambda: "(4)" in wasm.driver().logs(ONE, "hello"))
    assert _ticks(stat) - before <= 10


def _parsed() -> Parsed:
    return parse((PACKAGE / "margo.yaml").read_bytes(), "margo.yaml")


def _described() -> Component:
    description, _ = margo.read_description((PACKAGE / "margo.yaml").read_bytes(), "margo.yaml")
    (profile,) = description.profiles
    (component,) = profile.components
    return component


def _ticks(stat: Path) -> int:
    """Hundredths of a second of processor time so far."""
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
