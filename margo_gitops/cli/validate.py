"""`margo validate`: check documents, as the pre-commit hook does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from margo_gitops.cli.options import JsonOption
from margo_gitops.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(validate)


def validate(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; default here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check Margo documents and this project's own; exit 1 where one has an error.

    Example: margo validate apps/ deployments/hello.yaml
    """
    from margo_gitops.documents.check import check  # noqa: PLC0415
    from margo_gitops.errors import Invalid  # noqa: PLC0415

    findings = []
    for path in paths or [Path()]:
        if not path.exists():
            raise Invalid(f"there is no file {path}")
        for file in _documents(path):
            findings += check(file.read_bytes(), str(file))
    lines = [str(finding) for finding in findings]
    emit([asdict(finding) for finding in findings], as_json=as_json, text=lines)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def _documents(path: Path) -> list[Path]:
    """A file as it is; of a folder what a fleet repository keeps as documents."""
    if path.is_file():
        return [path]
    names = [p for ending in ("yaml", "yml", "json") for p in path.rglob(f"*.{ending}")]
    return sorted(
        p
        for p in names
        if not any(part.startswith(".") or part == "resources" for part in p.parts)
        and (p.name == "margo.yaml" or "apps" not in p.parts)
    )
