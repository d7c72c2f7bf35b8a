"""From WebAssembly to machine code, once: a core module, or a component of WASI preview 2.

    python -m margo_gitops.runtime.wasm_compile ARTIFACT DIGEST COMPILED FUEL

compiles ahead and ends, so that no supervisor carries the compiler's memory: a supervisor that
finds the compiled file is a third smaller. A compiled file is machine code: it is used only if it
and its folder are ours alone, and compiled anew where anything about it does not fit.
"""

from __future__ import annotations

import os
import stat
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wasmtime import Config, Engine, Module, WasmtimeError

from margo_gitops.runtime.wasm_spec import COMPONENT, Spec, write

if TYPE_CHECKING:
    from wasmtime.component import Component

_CHECK = 4


def engine(*, fuel: bool) -> Engine:
    """The one configuration: interruptible, one thread, 32-bit memory; fuel only if asked."""
    config = Config()
    config.epoch_interruption = True
    config.consume_fuel = fuel
    config.wasm_threads = False
    config.wasm_memory64 = False
    return Engine(config)


def load(engine: Engine, spec: Spec) -> Module | Component:
    """The program, compiled before or now; raises as `compile` does."""
    encoded = _trusted(Path(spec.compiled))
    if encoded is not None:
        with suppress(WasmtimeError):  # another wasmtime's or processor's: not to be run
            return _deserialized(engine, encoded)
    return compile(engine, Path(spec.artifact), spec.digest, Path(spec.compiled))


def compile(engine: Engine, artifact: Path, digest: str, target: Path) -> Module | Component:
    """Compile a module or component and keep the result in `target`, if that can be written.

    Raises `ValueError` where the bytes are not those of `digest`, `WasmtimeError` where they are
    no valid program, `OSError` where they cannot be read.
    """
    import hashlib  # noqa: PLC0415 -- 3 MB that no supervisor is to carry

    data = artifact.read_bytes()
    found = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if found != digest:
        raise ValueError(f"its file is {found[:19]}..., expected {digest[:19]}...")
    program = _compiled(engine, data)
    encoded = bytes(program.serialize())
    with suppress(OSError):  # compiling again next time costs time, not correctness
        write(target, zlib.crc32(encoded).to_bytes(_CHECK, "big") + encoded)
    return program


def reason(fault: Exception) -> str:
    """The last, most exact line of what wasmtime says, without its addresses.

    Where causes are numbered, it says what they are the causes of.
    """
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    if not lines:
        return type(fault).__name__
    number, found, cause = lines[-1].partition(": ")
    numbered = found and number.isdecimal()
    return (f"{lines[0]}: {cause}" if numbered else lines[-1])[:300]


def _compiled(engine: Engine, data: bytes) -> Module | Component:
    if not data.startswith(COMPONENT):
        return Module(engine, data)
    from wasmtime.component import Component  # noqa: PLC0415 -- memory that modules do not need

    return Component(engine, data)


def _deserialized(engine: Engine, encoded: bytes) -> Module | Component:
    with suppress(WasmtimeError):
        return Module.deserialize(engine, encoded)
    from wasmtime.component import Component  # noqa: PLC0415

    return Component.deserialize(engine, encoded)


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

    Exit code 1 where the program is not valid, 2 where its file is not as named.
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
