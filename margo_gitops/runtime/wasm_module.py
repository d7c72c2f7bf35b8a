"""One WebAssembly module under wasmtime: compiled once, run with WASI preview 1, stoppable.

    python -m margo_gitops.runtime.wasm_module ARTIFACT DIGEST COMPILED FUEL

compiles ahead and ends, so that no supervisor carries the compiler's memory: a supervisor that
finds the compiled file is a third smaller. A compiled file is machine code: it is used only if it
and its folder are ours alone, and compiled anew where anything about it does not fit.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from wasmtime import (
    Config,
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

from margo_gitops.runtime.wasm_spec import DATA, Spec, write

_TABLE_ELEMENTS = 100_000
_TABLES = 4
_CHECK = 4


class Outcome(NamedTuple):
    """How a run ended: the exit code, or none and the reason."""

    code: int | None
    error: str


class Runner:
    """Runs one module, again and again if asked.

    Raises `WasmtimeError`, `OSError` or `ValueError` where the module cannot be loaded.
    """

    def __init__(self, spec: Spec, folder: Path, stopping: threading.Event) -> None:
        self._spec = spec
        self._folder = folder
        self._stopping = stopping
        self._engine = engine(fuel=bool(spec.fuel))
        self._module = load(self._engine, spec)
        self._linker = Linker(self._engine)
        self._linker.define_wasi()

    def run(self, output: Callable[[bytes], int], started: Callable[[], None]) -> Outcome:
        """One life of the module, from `started` to its end; all it prints goes to `output`.

        Raises `WasmtimeError` or `OSError` where its directories cannot be opened.
        """
        store = self._store(output)
        if self._stopping.is_set():  # looked at after the deadline is set: no interrupt is missed
            return Outcome(None, "stopped")
        try:
            exports = self._linker.instantiate(store, self._module).exports(store)
            entry = exports.get("_start")
            if not isinstance(entry, Func):
                return Outcome(None, "it exports no function _start, expected a WASI command")
            started()
            entry(store)
        except ExitTrap as exit:
            return Outcome(exit.code, f"exited with code {exit.code}" if exit.code else "")
        except (Trap, WasmtimeError) as fault:
            return Outcome(None, reason(fault))
        return Outcome(0, "")

    def interrupt(self) -> None:
        """End a running module at its next loop or call; from another thread."""
        self._engine.increment_epoch()

    def _store(self, output: Callable[[bytes], int]) -> Store:
        store = Store(self._engine)
        store.set_epoch_deadline(1)
        store.set_limits(
            memory_size=self._spec.memory,
            table_elements=_TABLE_ELEMENTS,
            tables=_TABLES,
            memories=1,
            instances=1,
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


def engine(*, fuel: bool) -> Engine:
    """The one configuration: interruptible, one thread, 32-bit memory; fuel only if asked."""
    config = Config()
    config.epoch_interruption = True
    config.consume_fuel = fuel
    config.wasm_threads = False
    config.wasm_memory64 = False
    return Engine(config)


def load(engine: Engine, spec: Spec) -> Module:
    """The module, compiled before or now; raises as `compile` does."""
    encoded = _trusted(Path(spec.compiled))
    if encoded is not None:
        with suppress(WasmtimeError):  # another wasmtime's or processor's: not to be run
            return Module.deserialize(engine, encoded)
    return compile(engine, Path(spec.artifact), spec.digest, Path(spec.compiled))


def compile(engine: Engine, artifact: Path, digest: str, target: Path) -> Module:
    """Compile the module and keep the result in `target`, if that can be written.

    Raises `ValueError` where the bytes are not those of `digest`, `WasmtimeError` where they are
    no valid module, `OSError` where they cannot be read.
    """
    import hashlib  # noqa: PLC0415 -- 3 MB that no supervisor is to carry

    data = artifact.read_bytes()
    found = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if found != digest:
        raise ValueError(f"its file is {found[:19]}..., expected {digest[:19]}...")
    module = Module(engine, data)
    encoded = bytes(module.serialize())
    with suppress(OSError):  # compiling again next time costs time, not correctness
        write(target, zlib.crc32(encoded).to_bytes(_CHECK, "big") + encoded)
    return module


def reason(fault: Exception) -> str:
    """The last, most exact line of what wasmtime says, without its addresses."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return (lines[-1] if lines else type(fault).__name__)[:300]


def _trusted(path: Path) -> bytes | None:
    try:
        folder = path.parent.lstat()
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not (_ours_alone(folder) and _ours_alone(os.fstat(descriptor))):
            return None
        check, encoded = file.read(_CHECK), file.read()
    return encoded if zlib.crc32(encoded).to_bytes(_CHECK, "big") == check else None


def _ours_alone(entry: os.stat_result) -> bool:
    return entry.st_uid == os.geteuid() and not stat.S_IMODE(entry.st_mode) & 0o077


def main(argv: list[str]) -> int:
    """Compile ahead; what is wrong goes to standard output.

    Exit code 1 where the module is not valid, 2 where its file is not as named.
    """
    artifact, digest, target, fuel = argv
    try:
        compile(engine(fuel=fuel != "0"), Path(artifact), digest, Path(target))
    except (WasmtimeError, ValueError, OSError) as fault:
        sys.stdout.write(reason(fault))
        return 1 if isinstance(fault, WasmtimeError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
