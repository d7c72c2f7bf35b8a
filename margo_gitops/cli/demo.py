"""`margo demo`: a whole fleet on this machine, step by step, each step proved by what was seen."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from margo_gitops.cli.options import JsonOption
from margo_gitops.cli.output import emit


class RuntimeName(StrEnum):
    """The runtimes that there is an example for."""

    WASM = "wasm"
    COMPOSE = "compose"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the fleet; say how to go on.")] = False,
    runtime: Annotated[RuntimeName, typer.Option(help="What its workloads run on.")] = (
        RuntimeName.WASM
    ),
    image: Annotated[
        str, typer.Option(help="For compose: an image with a shell, where a registry has it.")
    ] = "docker.io/library/busybox:1.37",
    as_json: JsonOption = False,
) -> None:
    """Run a fleet of two sites and three nodes in a temporary folder, and prove each step.

    Examples: margo demo · margo demo --runtime compose
    """
    import tempfile  # noqa: PLC0415

    from margo_gitops.cli.template import carried  # noqa: PLC0415
    from margo_gitops.roles.demonstration import (  # noqa: PLC0415
        Demonstration,
        Proof,
        require_runtime,
    )
    from margo_gitops.roles.props import Compose, Prop, Wasm  # noqa: PLC0415

    def tell(proof: Proof) -> None:
        if not as_json:
            mark = "ok  " if proof.ok else "FAIL"
            typer.echo(f"{mark} {proof.name} ({proof.seconds:.1f} s): {proof.proved}")

    prop: Prop = Wasm() if runtime is RuntimeName.WASM else Compose(image)
    require_runtime(prop)
    folder = Path(tempfile.mkdtemp(prefix="margo-demo-"))
    examples = Path(str(carried("examples")))
    with Demonstration(folder, examples, prop, keep=keep) as demonstration:
        proofs = list(demonstration.run(tell))
    value = {"steps": [proof.as_json() for proof in proofs]}
    text = [f"the fleet is kept in {folder}; go on: cd {folder}/clone && margo up"] if keep else []
    emit(value, as_json=as_json, text=text)
    if not all(proof.ok for proof in proofs):
        raise typer.Exit(1)
