"""A WASI preview 2 command: a component that exports `wasi:cli/run`."""

from __future__ import annotations

from collections.abc import Callable

from wasmtime import Engine, Store
from wasmtime.component import Component, ExportIndex, Linker, Variant

_RUN = "wasi:cli/run@0.2."


def command(engine: Engine, component: Component) -> Callable[[Store], Callable[[], int] | str]:
    """What makes an instance of the component in a store; see `wasm_program.Entry`."""
    linker = Linker(engine)
    linker.add_wasip2()
    run = _run(engine, component)

    def enter(store: Store) -> Callable[[], int] | str:
        if run is None:
            return f"it exports no {_RUN}x, expected a WASI command"
        function = linker.instantiate(store, component).get_func(store, run)
        if function is None:
            return f"what it exports as {_RUN}x is no function"

        def call() -> int:
            result = function(store)
            return int(isinstance(result, Variant) and result.tag == "err")

        return call

    return enter


def _run(engine: Engine, component: Component) -> ExportIndex | None:
    names = [name for name in component.type.exports(engine) if name.startswith(_RUN)]
    interface = component.get_export_index(names[0]) if names else None
    return None if interface is None else component.get_export_index("run", interface)
