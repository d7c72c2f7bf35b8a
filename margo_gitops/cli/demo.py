"""`margo demo`: a whole fleet on this machine, step by step, each step proved by what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from margo_gitops.cli.options import JsonOption
from margo_gitops.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the fleet; say how to go on.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a fleet of two sites and three nodes in a temporary folder, and prove each step.

    Example: margo demo --json
    """
    import tempfile  # noqa: PLC0415

    from margo_gitops.cli.template import carried  # noqa: PLC0415
    from margo_gitops.roles.demonstration import Demonstration, Proof  # noqa: PLC0415

    def tell(proof: Proof) -> None:
        if not as_json:
            mark = "ok  " if proof.ok else "FAIL"
            typer.echo(f"{mark} {proof.name} ({proof.seconds:.1f} s): {proof.proved}")

    folder = Path(tempfile.mkdtemp(prefix="margo-demo-"))
    example = Path(str(carried("examples"))) / "hello-wasm"
    with Demonstration(folder, example, keep=keep) as demonstration:
        proofs = list(demonstration.run(tell))
    value = {"steps": [proof.as_json() for proof in proofs]}
    text = [f"the fleet is kept in {folder}; go on: cd {folder}/clone && margo up"] if keep else []
    emit(value, as_json=as_json, text=text)
    if not all(proof.ok for proof in proofs):
        raise typer.Exit(1)
