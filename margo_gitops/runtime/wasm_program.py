"""One WebAssembly program under wasmtime: run with WASI preview 1 or 2, bounded, stoppable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wasmtime import (
    Engine,
    ExitTrap,
    Func,
    Linker,
    Module,
    Store,
    Trap,
    WasiConfig,
    WasmtimeError,
)

from margo_gitops.runtime.wasm_compile import engine, load, reason
from margo_gitops.runtime.wasm_spec import DATA, Spec

_TABLE_ELEMENTS = 100_000
_TABLES, _INSTANCES = 32, 64

Entry = Callable[[Store], Callable[[], int] | str]
"""Makes an instance in a store: the call that runs it to its exit code, or what it lacks."""


class Outcome(NamedTuple):
    """How a run ended: the exit code, or none and the reason."""

    code: int | None
    error: str


class Runner:
    """Runs one program, again and again if asked.

    A component may be made of several core modules; together they have one memory, as all that is
    built by today's compilers does. The network is denied: nothing here grants it.
    Raises `WasmtimeError`, `OSError` or `ValueError` where the program cannot be loaded.
    """

    def __init__(self, spec: Spec, folder: Path, stopping: threading.Event) -> None:
        self._spec = spec
        self._folder = folder
        self._stopping = stopping
        self._engine = engine(fuel=bool(spec.fuel))
        self._entry = _entry(self._engine, spec)

    def run(self, output: Callable[[bytes], int], started: Callable[[], None]) -> Outcome:
        """One life of the program, from `started` to its end; all it prints goes to `output`.

        Raises `WasmtimeError` or `OSError` where its directories cannot be opened.
        """
        store = self._store(output)
        if self._stopping.is_set():  # looked at after the deadline is set: no interrupt is missed
            return Outcome(None, "stopped")
        try:
            call = self._entry(store)
            if isinstance(call, str):
                return Outcome(None, call)
            started()
            code = call()
        except ExitTrap as exit:
            code = exit.code
        except (Trap, WasmtimeError) as fault:
            return Outcome(None, reason(fault))
        return Outcome(code, f"exited with code {code}" if code else "")

    def interrupt(self) -> None:
        """End a running program at its next loop or call; from another thread."""
        self._engine.increment_epoch()

    def _store(self, output: Callable[[bytes], int]) -> Store:
        store = Store(self._engine)
        store.set_epoch_deadline(1)
        store.set_limits(
            memory_size=self._spec.memory,
            table_elements=_TABLE_ELEMENTS,
            tables=_TABLES,
            memories=1,
            instances=_INSTANCES,
        )
        if self._spec.fuel:
            store.set_fuel(self._spec.fuel)
        store.set_wasi(self._wasi(output))
        return store

    def _wasi(self, output: Callable[[bytes], int]) -> WasiConfig:
        wasi = WasiConfig()
        wasi.argv = [self._spec.component, *self._spec.args]
        wasi.env = list(self._spec.environment.items())
        wasi.stdout_custom = output
        wasi.stderr_custom = output
        for guest, name in self._spec.directories.items():
            host = self._folder / DATA / name
            host.mkdir(parents=True, exist_ok=True)
            wasi.preopen_dir(str(host), guest)
        return wasi


def _entry(engine: Engine, spec: Spec) -> Entry:
    program = load(engine, spec)
    if isinstance(program, Module):
        return _module(engine, program)
    from margo_gitops.runtime.wasm_component import command  # noqa: PLC0415 -- only where needed

    return command(engine, program)


def _module(engine: Engine, module: Module) -> Entry:
    linker = Linker(engine)
    linker.define_wasi()

    def enter(store: Store) -> Callable[[], int] | str:
        start = linker.instantiate(store, module).exports(store).get("_start")
        if not isinstance(start, Func):
            return "it exports no function _start, expected a WASI command"

        def call() -> int:
            start(store)
            return 0

        return call

    return enter
