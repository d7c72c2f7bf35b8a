"""The real wasm driver for tests: modules from text, and every supervisor ended by its pid."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import wasmtime

from margo_gitops.documents.canonical import digest
from margo_gitops.runtime import wasm_folder
from margo_gitops.runtime.base import ComponentSpec, Owner
from margo_gitops.runtime.wasm import WasmDriver
from margo_gitops.runtime.wasm_spec import STATE, Record, alive, read_record
from tests.contracts.driver import OURS
from tests.waiting import until

HELLO = Path(__file__).parents[2] / "examples/hello-wasm/resources/hello.wasm"


class WasmHarness:
    """A folder of supervisors, and the contract's `Harness` over it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "wasm"
        self._modules = folder

    def driver(self, owner: Owner = OURS) -> WasmDriver:
        return WasmDriver(self.root, owner)

    def component(self, name: str, greeting: str = "Hello") -> ComponentSpec:
        return ComponentSpec(name, HELLO, digest(HELLO.read_bytes()), {"GREETING": greeting})

    def module(
        self,
        text: str | bytes,
        settings: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        name: str = "hello",
    ) -> ComponentSpec:
        """A component of a module given as text, or as bytes whatever they are."""
        data = text if isinstance(text, bytes) else bytes(wasmtime.wat2wasm(text))
        path = self._modules / f"{name}-{digest(data)[7:19]}.wasm"
        path.write_bytes(data)
        return ComponentSpec(name, path, digest(data), values or {}, settings=settings or {})

    def folder(self, id: str, component: str = "hello") -> Path:
        return self.root / id / component

    def record(self, id: str, component: str = "hello") -> Record:
        record = read_record(self.folder(id, component))
        assert record is not None
        return record

    def greeting(self, id: str, component: str) -> str:
        said = wasm_folder.tail(self.folder(id, component), 20)
        found = re.findall(r"^(?:GREETING=?)?(\w+)(?:,.*)?$", said, re.MULTILINE)
        return str(found[-1]) if found else ""

    def kill(self, id: str, component: str) -> None:
        self._end(self.folder(id, component))

    def life(self, id: str, component: str) -> str:
        return str(self.record(id, component).pid)

    def leftovers(self, id: str) -> list[str]:
        compiled = [str(path) for path in (self.root / "cache").glob("*")]
        return [str(path) for path in (self.root / id).rglob("*")] + compiled

    def close(self) -> None:
        """End every supervisor that is left."""
        for state in self.root.glob(f"*/*/{STATE}"):
            self._end(state.parent)

    def _end(self, folder: Path) -> None:
        record = read_record(folder)
        if record is not None and alive(folder):
            with suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGKILL)
        until(lambda: not alive(folder))
