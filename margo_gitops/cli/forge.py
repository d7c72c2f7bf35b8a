"""`margo pr sync`: proposals on the forge, brought into step with what the repository says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.opening import opened
from margo_gitops.cli.options import HERE, DryRunOption, FleetOption, JsonOption
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from margo_gitops.cli.opening import Opened
    from margo_gitops.forges.base import Forge
    from margo_gitops.model.proposal import Word
    from margo_gitops.roles.telling import Show

_LANDED = 10
"""Merged proposals whose result is brought up to date: one request each."""

IdArgument = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="The proposal; else all open ones, and the newest merged."),
]


def register(noun: typer.Typer) -> None:
    """Add the verb."""
    noun.command()(sync)


def sync(
    id: IdArgument = None,
    dry_run: DryRunOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show proposals on the forge as they stand: request, comment, checks; nothing twice.

    The forge is that of the clone's remote; git's margo.forge and margo.forgeUrl name it where its
    host does not. The token is MARGO_FORGE_TOKEN.

    Example: margo pr sync line-2 --dry-run
    """
    import os  # noqa: PLC0415
    from itertools import chain  # noqa: PLC0415

    from margo_gitops.forges.choosing import open_forge  # noqa: PLC0415
    from margo_gitops.roles.telling import look, note, place_of, plan, sync  # noqa: PLC0415

    said, value = [], []
    with opened(fleet) as found:
        forge = open_forge(place_of(found.co.store, os.environ))
        for word in chain(_words(found, id), _landed(found, forge, id)):
            if dry_run:
                seen = look(forge, word)
                steps, told = plan(word, seen, forge.limits), note(word, seen)
            else:
                steps, told = sync(forge, word, page(found, word))
            done = [str(step) for step in steps]
            value.append({"id": word.id, "dryRun": dry_run, "steps": done, "note": told})
            said += [f"{word.branch}: {one}" for one in done or ["in step"]]
            said += [f"{word.branch}: {told}"] if told else []
    emit(value, as_json=as_json, text=said or ["in step: no proposal is open"])


def page(found: Opened, word: Word) -> Show:
    """Puts a proposal's page on its branch."""
    from margo_gitops.model.layout import preview_ref  # noqa: PLC0415

    ref, message = preview_ref(word.id), f"What proposal/{word.id} changes\n"
    return lambda files: found.origin.show(ref, files, message)


def known(found: Opened) -> bool:
    """Whether the clone's remote is on a forge that this person has a token for."""
    import os  # noqa: PLC0415

    from margo_gitops.roles.telling import forge_of  # noqa: PLC0415

    return forge_of(found.co.store, os.environ) is not None


def tell_forge(found: Opened, word: Word) -> None:
    """Show a proposal on the clone's forge, if it has one; what fails is a note, and no more."""
    import os  # noqa: PLC0415

    from margo_gitops.roles.telling import forge_of, tell  # noqa: PLC0415

    forge = forge_of(found.co.store, os.environ)
    if forge is not None:
        found.origin.notes += tell(forge, word, page(found, word))


def _words(found: Opened, id: str | None) -> Iterator[Word]:
    """The one that is named, else all that are open; one that cannot be looked at is told."""
    from margo_gitops.errors import MargoError  # noqa: PLC0415
    from margo_gitops.model import layout  # noqa: PLC0415
    from margo_gitops.roles.proposals.listing import known, proposals  # noqa: PLC0415
    from margo_gitops.roles.proposals.words import word_of  # noqa: PLC0415

    store, trust = found.co.store, found.co.trust()
    if id is not None and store.resolve(layout.proposal_ref(id)) is None:
        return  # it may have landed
    listed = [known(store, id, trust)] if id else proposals(store, trust)
    for one in listed:
        if id is None and one.state != "open":
            continue
        try:
            with found.proposing(one.id) as proposing:
                word = word_of(proposing.look(), one)
        except MargoError as error:
            if id is not None:
                raise
            typer.echo(f"margo: proposal/{one.id} was left as it is: {error}", err=True)
            continue
        yield word


def _landed(found: Opened, forge: Forge, id: str | None) -> Iterator[Word]:
    """The newest that came into main, and whose result the forge does not show yet."""
    from margo_gitops.roles.proposals.branch import trunk_of  # noqa: PLC0415
    from margo_gitops.roles.proposals.landed import landed, word_of_landed  # noqa: PLC0415
    from margo_gitops.roles.telling import settled  # noqa: PLC0415

    trunk = trunk_of(found.co.store)
    for item in landed(found.co.store, trunk, most=_LANDED) if trunk else ():
        if id in {None, item.id}:
            word = word_of_landed(found.co, item)
            if not settled(forge, word):
                yield word
