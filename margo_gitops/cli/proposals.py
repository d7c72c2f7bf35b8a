"""`margo pr`: proposals, and the signatures that approve them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption, KeyOption, YesOption, central
from margo_gitops.cli.output import emit, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from margo_gitops.roles.central import Central
    from margo_gitops.roles.proposing import Look, Proposing
    from margo_gitops.store.git import GitStore

proposals = typer.Typer(no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The proposal: proposal/ID.")]


def register(app: typer.Typer) -> None:
    """Add the noun."""
    app.add_typer(proposals, name="pr", help="Proposals and their approvals.")


@proposals.command()
def create(
    id: IdArgument,
    reason: Annotated[str, typer.Option(help="Why, for those who approve.")],
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="With fewer approvals; stays visible.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also what runs with less than is asked now.")
    ] = False,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """State what the branch proposal/ID would have sites run, and sign that as its proposer.

    Example: git switch -c proposal/line-2; git commit -a; git switch main; margo pr create line-2
    """
    from margo_gitops.documents import canonical  # noqa: PLC0415

    with _proposing(fleet, id, key) as (_, proposing):
        data = proposing.create(reason, "break-glass" if break_glass else "change", again=again)
        seen = proposing.look()
    told = f"proposal/{id}: {len(seen.records)} records, {seen.judged.missing or 'may be merged'}"
    emit({**_value(id, seen), "statement": canonical.digest(data)}, as_json=as_json, text=told)


@proposals.command()
def show(
    id: IdArgument, key: KeyOption = None, fleet: FleetOption = HERE, as_json: JsonOption = False
) -> None:
    """Show what a proposal would have sites run, who signed it, and what is missing."""
    with _proposing(fleet, id, key) as (_, proposing):
        seen = proposing.look()
    emit(_value(id, seen), as_json=as_json, text=_lines(id, seen))


@proposals.command("list")
def list_(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """List the proposals that this clone knows and that main does not hold yet."""
    from margo_gitops.roles.proposing import open_proposals  # noqa: PLC0415

    with central(fleet) as co:
        _refresh(co.store)
        found = open_proposals(co.store)
    if as_json:
        emit([{"id": id, "commit": commit} for id, commit in found.items()], as_json=True)
    else:
        table("Proposals", ("id", "commit"), [(id, commit[:12]) for id, commit in found.items()])


@proposals.command()
def approve(
    id: IdArgument,
    yes: YesOption = False,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Sign a proposal's statement, after it was held against what its branch renders.

    Example: margo pr approve line-2 && margo push
    """
    import sys  # noqa: PLC0415

    with _proposing(fleet, id, key) as (_, proposing):
        seen = proposing.look()
        if sys.stdin.isatty() and not yes and not as_json:
            for line in _lines(id, seen):
                typer.echo(line)
            typer.confirm("Sign this?", abort=True)
        ref = proposing.approve(seen)
        after = proposing.look()
    told = [f"signed: {ref}", after.judged.missing or "it may be merged"]
    emit({**_value(id, after), "ref": ref}, as_json=as_json, text=told)


@proposals.command()
def merge(
    id: IdArgument, key: KeyOption = None, fleet: FleetOption = HERE, as_json: JsonOption = False
) -> None:
    """Merge a proposal into main and publish it; only once it has its approvals.

    Example: margo pr merge line-2 && margo push
    """
    from margo_gitops.cli.committing import follow, lines_of, summary  # noqa: PLC0415

    with _proposing(fleet, id, key) as (co, proposing):
        merged = proposing.merge(co.branch)
        rendered = follow(co)
    value = {"commit": merged, "rendered": [summary(item) for item in rendered]}
    emit(value, as_json=as_json, text=[f"{merged[:12]} Merge proposal/{id}", *lines_of(rendered)])


@contextmanager
def _proposing(fleet: Path, id: str, key: Path | None) -> Iterator[tuple[Central, Proposing]]:
    """`main` and the proposal, each read as it stands."""
    import time  # noqa: PLC0415
    from dataclasses import replace  # noqa: PLC0415

    from margo_gitops.cli.options import person_signer  # noqa: PLC0415
    from margo_gitops.roles.proposing import ProposalBranch, Proposing  # noqa: PLC0415
    from margo_gitops.store.git import Authorship  # noqa: PLC0415

    with central(fleet) as co:
        co.head()  # the branch is written to, so it must not be the one that is checked out
        _refresh(co.store)
        who, mail = co.branch.who(), "proposal@margo-gitops.invalid"
        branch = ProposalBranch(co.store, id, lambda: Authorship(who, mail, int(time.time())))
        yield co, Proposing(replace(co, branch=branch), branch, person_signer(co.store, key))


def _refresh(store: GitStore) -> None:
    """Bring proposals and approvals from the remote; offline what is here must do."""
    from margo_gitops.errors import MargoError  # noqa: PLC0415
    from margo_gitops.store.sync import fetch_proposals  # noqa: PLC0415
    from margo_gitops.store.transport import open_transport  # noqa: PLC0415

    url = store.setting("remote.origin.url")
    if url is None:
        return
    try:
        fetch_proposals(store, open_transport(url))
    except MargoError as error:
        typer.echo(f"margo: the remote was not asked: {error.problem}", err=True)


def _value(id: str, seen: Look) -> dict[str, object]:
    statement = seen.statement
    return {
        "id": id,
        "proposer": statement.proposer,
        "purpose": statement.purpose,
        "reason": statement.reason,
        "approvers": sorted(seen.judged.approvers),
        "missing": seen.judged.missing,
        "records": [
            {"site": r.site, "name": r.name, "action": r.action, "version": r.version}
            for r in seen.records
        ],
    }


def _lines(id: str, seen: Look) -> list[str]:
    statement = seen.statement
    glass = ", breaking the glass" if statement.purpose == "break-glass" else ""
    lines = [f"proposal/{id} by {statement.proposer}{glass}: {statement.reason}"]
    for record in seen.records[:20]:
        version = f" {record.application} {record.version}" if record.application else ""
        lines.append(f"  {record.site}: {record.action} {record.name}{version}")
    if len(seen.records) > 20:
        lines.append(f"  and {len(seen.records) - 20} more")
    signed = ", ".join(sorted(seen.judged.approvers)) or "nobody"
    return [*lines, f"approved by {signed}", seen.judged.missing or "it may be merged"]
