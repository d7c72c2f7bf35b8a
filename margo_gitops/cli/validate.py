"""`margo validate`: check documents and repositories of them, as the pre-commit hooks do."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import JsonOption
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from margo_gitops.documents.dialects import Dialect
    from margo_gitops.documents.findings import Finding
    from margo_gitops.documents.rule import Rule
    from margo_gitops.roles.checking import Options
    from margo_gitops.roles.trees import Tree


class LayoutName(StrEnum):
    """What the files are: `auto` looks for fleet.yaml, then for margo.yaml."""

    AUTO = "auto"
    FLEET = "fleet"
    APP = "app"
    NONE = "none"


LayoutOption = Annotated[
    LayoutName, typer.Option(help="A fleet repository, an application's own, or loose files.")
]
IndexOption = Annotated[
    bool, typer.Option("--index", help="What the next commit changes, and what that breaks.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Leniencies become errors.")]
DialectOption = Annotated[
    str | None, typer.Option(help="Judge Margo documents as this dialect: A to D.")
]
ExplainOption = Annotated[
    str | None, typer.Option(metavar="RULE", help="Say what a rule asks, and why; or `all`.")
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(validate)


def validate(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; default here.")
    ] = None,
    layout: LayoutOption = LayoutName.AUTO,
    index: IndexOption = False,
    strict: StrictOption = False,
    dialect: DialectOption = None,
    explain: ExplainOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check Margo documents and this project's own; exit 1 where one has an error.

    In a fleet's clone also what files must have in common, such as a deployment and its
    application. Example: margo validate apps/ deployments/hello.yaml
    """
    if explain is not None:
        _explain(explain, as_json=as_json)
        return
    from margo_gitops.documents.fleet import Layout  # noqa: PLC0415
    from margo_gitops.roles.checking import Options  # noqa: PLC0415
    from margo_gitops.roles.trees import trees_of  # noqa: PLC0415

    options = Options(strict=strict, dialect=_dialect(dialect))
    wanted = None if layout is LayoutName.AUTO else Layout(layout.value)
    found = [
        finding
        for tree in trees_of(paths or [Path()], wanted)
        for finding in _findings(tree, options, index=index)
    ]
    _print(found, as_json=as_json)
    if any(finding.severity == "error" for finding in found):
        raise typer.Exit(1)


def _findings(tree: Tree, options: Options, *, index: bool) -> list[Finding]:
    import os  # noqa: PLC0415
    from functools import partial  # noqa: PLC0415

    from margo_gitops.cli.progress import progress  # noqa: PLC0415
    from margo_gitops.roles.trees import check_staged, check_tree  # noqa: PLC0415

    shown = partial(progress, "checking")
    if index:
        return check_staged(tree, options, os.environ, shown)
    return check_tree(tree, options, shown)


def _print(findings: list[Finding], *, as_json: bool) -> None:
    from dataclasses import asdict  # noqa: PLC0415

    value = [asdict(finding) for finding in findings] if as_json else []
    emit(value, as_json=as_json, text=(_line(finding) for finding in findings))


def _line(finding: Finding) -> str:
    if finding.severity == "error":
        return str(finding)
    from dataclasses import replace  # noqa: PLC0415

    return str(replace(finding, message=f"warning: {finding.message}"))


def _dialect(name: str | None) -> Dialect | None:
    if name is None:
        return None
    from margo_gitops.documents.dialects import Dialect  # noqa: PLC0415
    from margo_gitops.errors import Usage  # noqa: PLC0415

    try:
        return Dialect(name)
    except ValueError as error:
        known = ", ".join(f"{d.value} ({d.period})" for d in Dialect)
        raise Usage(f"found the dialect {name!r}, expected one of: {known}") from error


def _explain(name: str, *, as_json: bool) -> None:
    from dataclasses import asdict  # noqa: PLC0415

    from margo_gitops.documents.catalogue import RULES as rules  # noqa: N811, PLC0415

    if name == "all":
        emit(
            sorted(rules), as_json=as_json, text=(f"{id}: {rules[id].asks}" for id in sorted(rules))
        )
        return
    if name not in rules:
        _unknown(name, rules)
    emit(asdict(rules[name]), as_json=as_json, text=_told(rules[name]))


def _told(rule: Rule) -> list[str]:
    severity = f"{rule.severity}, an error with --strict" if rule.lenient else rule.severity
    return [f"{rule.id} ({severity})", rule.asks, f"Why: {rule.why}", f"Cure: {rule.cure}"]


def _unknown(name: str, rules: Mapping[str, Rule]) -> None:
    from difflib import get_close_matches  # noqa: PLC0415

    from margo_gitops.errors import Usage  # noqa: PLC0415

    near = ", ".join(get_close_matches(name, rules, n=4, cutoff=0.4)) or "none is near"
    raise Usage(f"there is no rule {name!r}: {near}", help="margo validate --explain all")
