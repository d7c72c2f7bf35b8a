"""`margo pr`: to propose a change, to approve it, to bring it into main or to close it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli import forge, reviewing
from margo_gitops.cli.opening import IdArgument, Opened, opened
from margo_gitops.cli.options import (
    HERE,
    DryRunOption,
    FleetOption,
    JsonOption,
    KeyOption,
    OfflineOption,
    YesOption,
)
from margo_gitops.cli.output import emit, harmless

if TYPE_CHECKING:
    from margo_gitops.model.proposal import Word
    from margo_gitops.roles.proposals.proposing import Proposing, Purpose
    from margo_gitops.roles.publishing import Published

proposals = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the noun."""
    reviewing.register(proposals)
    forge.register(proposals)
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
    offline: OfflineOption = False,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """State what the branch proposal/ID would have sites run, and sign that as its proposer.

    Names of images and artifacts are resolved first. The proposal goes to the remote, if there is
    one.

    Example: git switch -c proposal/line-2; git commit -a; git switch main; margo pr create line-2
    """
    from margo_gitops.cli.proposing import shown, stated  # noqa: PLC0415

    with opened(fleet) as found, found.proposing(id, key) as proposing:
        purpose: Purpose = "break-glass" if break_glass else "change"
        seen = stated(found, proposing, reason, purpose, again=again, offline=offline)
        shown(found, seen, as_json=as_json)


@proposals.command()
def approve(
    id: IdArgument,
    yes: YesOption = False,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Sign a proposal's statement, after it was held against what main would be with it.

    The signature goes to the remote, if there is one.

    Example: margo pr diff line-2 && margo pr approve line-2
    """
    import sys  # noqa: PLC0415

    from margo_gitops.cli.proposing import shown  # noqa: PLC0415
    from margo_gitops.cli.reviewing import lines  # noqa: PLC0415

    with opened(fleet) as found:
        with found.proposing(id, key) as proposing:
            seen = proposing.look()
        if sys.stdin.isatty() and not yes and not as_json:
            for line in lines(found, seen, full=False):
                typer.echo(harmless(line))
            typer.confirm("Sign this?", abort=True)
        ref = proposing.approve(seen)
        found.origin.send()
        shown(found, proposing.look(), as_json=as_json, first=f"signed: {ref}", ref=ref)


@proposals.command()
def merge(
    id: IdArgument,
    dry_run: DryRunOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Merge a proposal into main, at the remote too, and publish it; once it has its approvals.

    With `render: ci` the publishing is left to CI. Where others merge at the same time, it is tried
    again on top of theirs.

    Example: margo pr merge line-2
    """
    from margo_gitops.cli.committing import later, lines_of, summary  # noqa: PLC0415
    from margo_gitops.roles.proposals.merging import merge, require_approved, tidy  # noqa: PLC0415

    with opened(fleet, asking=False) as found, found.proposing(id) as proposing:
        if dry_run:
            found.origin.refresh()
            require_approved(proposing.look())
            emit({"dryRun": True, "id": id}, as_json=as_json, text=f"would merge proposal/{id}")
            return
        done = merge(proposing, found.origin)
        told = replace(reviewing.word(found, done.seen), state="merged", merge=done.commit)
        if forge.known(found):
            forge.tell_forge(found, told)
        tidy(proposing, found.origin, done.seen)
        rendered = _publish(found, id) if found.co.main().fleet.render == "here" else []
    notes = later(found.co)
    value = {
        "commit": done.commit,
        "rendered": [summary(item) for item in rendered],
        "notes": notes,
    }
    text = [f"{done.commit[:12]} Merge proposal/{id}", *lines_of(rendered), *notes]
    emit(value, as_json=as_json, text=text)


@proposals.command()
def close(
    id: IdArgument,
    void: Annotated[
        bool, typer.Option("--void", help="Propose that what was approved counts for nothing.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Drop a proposal, here and at the remote.

    A signature cannot be taken back: with --void a second proposal gives each record of the first
    one a successor, which no site goes back from.

    Example: margo pr close line-2 --void --reason "the new part breaks"
    """
    from margo_gitops.roles.proposals.closing import close  # noqa: PLC0415

    told = reason or f"proposal/{id} was closed"
    with opened(fleet, asking=False) as found, found.proposing(id, key) as proposing:
        word = _closed(found, proposing) if forge.known(found) else None
        done = close(proposing, found.origin, void=void, reason=told)
        found.origin.send()
        if word is not None:
            forge.tell_forge(found, word)
    text = [f"closed proposal/{id}"]
    if done.void is not None:
        text.append(f"proposal/{done.void.id}: {done.void.missing or 'it may be merged'}")
        text.append(f"next: {done.void.next}")
    elif done.approvers:
        text.append(
            f"what {', '.join(done.approvers)} signed stays signed: whoever copied it and has a"
            " publish key could bring it to sites, until their deployments change again"
        )
    value = {"id": id, "approvers": done.approvers, "void": done.void and done.void.id}
    emit(value, as_json=as_json, text=text)


def _closed(found: Opened, proposing: Proposing) -> Word:
    """What its forge is told of a proposal that is closed, whatever it lacks."""
    return replace(reviewing.word(found, proposing.unstated()), state="closed")


def _publish(found: Opened, id: str) -> list[Published]:
    """What follows a merge where people's verbs render; `Missing` for who may not publish."""
    from margo_gitops.cli.committing import look_ahead  # noqa: PLC0415
    from margo_gitops.cli.progress import progress  # noqa: PLC0415
    from margo_gitops.errors import Missing, Stalled  # noqa: PLC0415
    from margo_gitops.roles.outgoing import publish  # noqa: PLC0415

    try:
        found.co.publisher("")
    except Stalled as error:
        raise Missing(
            f"proposal/{id} is merged, and not published: {error.problem}",
            then="sites go on with what they have",
            help="margo render --push, by somebody with the role publish",
        ) from error
    with progress("rendering", len(found.co.main().sites)) as advance:
        rendered = publish(found.co, found.origin, progress=advance)
    look_ahead(found.co)
    return rendered
