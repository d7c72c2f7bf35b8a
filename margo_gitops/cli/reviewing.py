"""`margo pr list`, `show` and `diff`: what people look at before they decide."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from margo_gitops.cli.opening import IdArgument, Opened, opened
from margo_gitops.cli.options import HERE, FleetOption, JsonOption
from margo_gitops.cli.output import emit, table
from margo_gitops.model.count import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from margo_gitops.model.proposal import Group, Word
    from margo_gitops.roles.proposals.looking import Look

ExitCodeOption = Annotated[
    bool, typer.Option("--exit-code", help="Exit 1 unless it may be merged.")
]

_SITES = 5
_LINES = 12


def register(noun: typer.Typer) -> None:
    """Add the verbs that only look."""
    noun.command("list")(list_)
    noun.command()(show)
    noun.command()(diff)


def list_(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """List the proposals whose branches are there, with what they say of themselves.

    Example: margo pr list --json
    """
    from margo_gitops.roles.proposals.listing import proposals  # noqa: PLC0415

    with opened(fleet) as found:
        known = proposals(found.co.store, found.co.trust())
    if as_json:
        value = [
            {
                "id": item.id,
                "commit": item.commit,
                "state": item.state,
                "title": item.subject,
                "proposer": item.statement and item.statement.proposer,
                "reason": item.statement and item.statement.reason,
                "records": item.statement and item.statement.records,
                "approvers": item.approvers,
                "problem": item.problem,
            }
            for item in known
        ]
        emit(value, as_json=True)
        return
    rows = [
        (
            item.id,
            item.state,
            item.statement.proposer if item.statement else "-",
            str(item.statement.records) if item.statement else "-",
            ", ".join(item.approvers) or "nobody",
            item.problem or (item.statement.reason if item.statement else item.subject),
        )
        for item in known
    ]
    table("Proposals", ("id", "state", "by", "records", "approved by", "why"), rows)


def show(
    id: IdArgument,
    exit_code: ExitCodeOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show what a proposal would have sites run, who signed it, what is missing, and what is next.

    Example: margo pr show line-2 --exit-code
    """
    with opened(fleet) as found, found.proposing(id) as proposing:
        if (landed := _landed(found, id)) is not None:
            emit(asdict(landed), as_json=as_json, text=_landed_lines(landed))
            return
        seen = proposing.look()
        emit(value(found, seen), as_json=as_json, text=lines(found, seen, full=False))
    if exit_code and seen.missing is not None:
        raise typer.Exit(1)


def diff(
    id: IdArgument,
    site: Annotated[str | None, typer.Option(help="What this site gets alone.")] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 where it changes something.")
    ] = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show what a proposal changes at its sites: documents, parameters, digests; equal ones once.

    Example: margo pr diff line-2 --site north
    """
    from margo_gitops.errors import Invalid  # noqa: PLC0415
    from margo_gitops.plan.changes import at, summary  # noqa: PLC0415
    from margo_gitops.roles.proposals.remembered import groups_of  # noqa: PLC0415

    with opened(fleet) as found, found.proposing(id) as proposing:
        groups = () if _landed(found, id) is not None else groups_of(proposing)
    if site is not None:
        groups = at(groups, site)
        if not groups:
            raise Invalid(f"proposal/{id} changes nothing at {site}", help=f"margo pr show {id}")
    text = [f"proposal/{id}: {summary(groups) if groups else 'no difference'}"]
    for group in groups:
        text += ["", *group_lines(group, full=True)]
    shown = {"id": id, "summary": summary(groups), "groups": [_group(group) for group in groups]}
    emit(shown, as_json=as_json, text=text)
    if exit_code and groups:
        raise typer.Exit(1)


def _landed(found: Opened, id: str) -> Word | None:
    """The proposal if `main` holds it, with what came of it; in an open fleet None."""
    from margo_gitops.model import layout  # noqa: PLC0415
    from margo_gitops.roles.proposals.branch import trunk_of  # noqa: PLC0415
    from margo_gitops.roles.proposals.landed import landed, word_of_landed  # noqa: PLC0415
    from margo_gitops.roles.proposals.listing import merged  # noqa: PLC0415

    store = found.co.store
    tip, trunk = store.resolve(layout.proposal_ref(id)), trunk_of(store)
    if trunk is None or (tip is not None and not merged(store, id, tip)):
        return None
    item = next((one for one in landed(store, trunk, most=100) if one.id == id), None)
    return None if item is None else word_of_landed(found.co, item)


def _landed_lines(landed: Word) -> Iterator[str]:
    yield f"proposal/{landed.id} by {landed.proposer}: {landed.reason}"
    yield f"{count(landed.records, 'record')} at {count(landed.sites, 'site')}"
    yield f"merged by {(landed.merge or '')[:12]}"
    if landed.progress is not None:
        refused = f", refused at {landed.progress.refused}" if landed.progress.refused else ""
        yield f"it runs at {landed.progress.running} of {landed.progress.of} sites{refused}"


def word(found: Opened, seen: Look) -> Word:
    """A proposal that was looked at, in words."""
    from margo_gitops.roles.proposals.listing import known  # noqa: PLC0415
    from margo_gitops.roles.proposals.words import word_of  # noqa: PLC0415

    return word_of(seen, known(found.co.store, seen.id, found.co.trust()))


def value(found: Opened, seen: Look) -> dict[str, Any]:
    """A proposal for `--json`."""
    told = word(found, seen)
    return {
        "id": told.id,
        "commit": told.commit,
        "state": told.state,
        "proposer": told.proposer,
        "purpose": seen.stated and seen.stated.statement.purpose,
        "reason": told.reason,
        "statement": seen.stated and seen.stated.digest,
        "approvers": told.approvers,
        "missing": told.missing,
        "next": seen.next,
        "sites": told.sites,
        "records": [
            {"site": r.site, "name": r.name, "action": r.action, "version": r.version}
            for r in (change.after.record for change in seen.all)
        ],
    }


def lines(found: Opened, seen: Look, *, full: bool) -> list[str]:
    """A proposal on a terminal."""
    from margo_gitops.plan.changes import summary  # noqa: PLC0415

    known = word(found, seen)
    glass = seen.stated is not None and seen.stated.statement.purpose == "break-glass"
    by = f" by {known.proposer}" if known.proposer else ""
    told = [f"proposal/{seen.id}{by}{', breaking the glass' if glass else ''}: {known.reason}"]
    records = count(known.records, "record")
    told.append(f"{records}, {summary(known.groups)}" if known.records else "no change")
    for group in known.groups:
        told += group_lines(group, full=full)
    if seen.strangers:
        told.append(f"not enrolled, so they get nothing yet: {_some(tuple(seen.strangers))}")
    if found.co.trust() is not None:
        told.append(f"approved by {', '.join(seen.approvers) or 'nobody'}")
    return [*told, seen.missing or "it may be merged", f"next: {seen.next}"]


def group_lines(group: Group, *, full: bool) -> Iterator[str]:
    """A group: its sites, the first few by name, and its lines, the first few without `full`."""
    yield f"{count(len(group.sites), 'site')}: {group.title}"
    yield f"  at {_some(group.sites)}"
    shown = group.lines if full else group.lines[:_LINES]
    yield from (f"  {line}" for line in shown)
    if len(shown) < len(group.lines):
        yield f"  … and {len(group.lines) - len(shown)} more lines: margo pr diff"


def _some(sites: tuple[str, ...]) -> str:
    more = len(sites) - _SITES
    return ", ".join(sites[:_SITES]) + (f" and {more} more" if more > 0 else "")


def _group(group: Group) -> dict[str, Any]:
    return {"title": group.title, "sites": list(group.sites), "lines": list(group.lines)}
