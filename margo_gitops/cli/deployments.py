"""`margo deploy`, `set`, `undeploy`, `rollback`: what runs where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.as_proposal import (
    AsProposal,
    PrIdOption,
    PrOption,
    ReasonOption,
    as_proposal,
)
from margo_gitops.cli.options import (
    HERE,
    DryRunOption,
    FleetOption,
    JsonOption,
    NameArgument,
    ParamOption,
    SecretOption,
    YesOption,
    central,
    pairs,
    parameters,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from margo_gitops.model.base import ParameterValue
    from margo_gitops.model.fleet import Intent
    from margo_gitops.render.edits import Edit
    from margo_gitops.render.main import Main
    from margo_gitops.render.values import Alike
    from margo_gitops.roles.central import Central


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(deploy)
    app.command("set")(set_)
    app.command()(undeploy)
    app.command()(rollback)


def deploy(
    application: Annotated[str, typer.Argument(metavar="APP[@VERSION]")],
    site: Annotated[list[str] | None, typer.Option(help="A site, repeatable.")] = None,
    selector: Annotated[list[str] | None, typer.Option(help="K=V on sites, repeatable.")] = None,
    node: Annotated[str | None, typer.Option(help="This node of each site.")] = None,
    each: Annotated[bool, typer.Option("--each", help="Every node of each site.")] = False,
    type_: Annotated[str | None, typer.Option("--type", help="The profile's type or id.")] = None,
    param: ParamOption = None,
    secret: SecretOption = None,
    name: Annotated[str | None, typer.Option(help="Default: the application's id.")] = None,
    pr: PrOption = False,
    id_: PrIdOption = None,
    reason: ReasonOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Deploy an application; refuses an existing NAME.

    Example: margo deploy hello-wasm --site north --site south --param greeting=Moin

    Example: margo deploy hello-wasm --selector line=press --pr --reason "the new line"
    """
    from margo_gitops.cli.choosing import chosen_profile, chosen_version  # noqa: PLC0415
    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.fleet import ApplicationRef, Intent, Targets  # noqa: PLC0415
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.render import edits  # noqa: PLC0415

    how = _How(as_json, dry_run, yes, as_proposal("deploy", id_, reason, pr=pr))
    if not site and not selector:
        raise Usage("where to? expected --site or --selector", help="margo site list")
    if node is not None and each:
        raise Usage("--node and --each exclude each other")
    app_id, _, version = application.partition("@")
    labels = {key: str(value) for key, value in pairs(selector or [], "--selector").items()}
    with central(fleet) as co:
        how.prepare(co)
        main = co.main()
        intent = Intent(
            name=flat(name or app_id, "deployment name"),
            application=ApplicationRef(id=app_id, version=chosen_version(main, app_id, version)),
            profile=type_ or "-",
            targets=Targets(
                sites=tuple(sorted(site or [])),
                selector=labels if selector else None,
                node=node,
                each=each,
            ),
            parameters=parameters(param, secret),
        )
        intent = chosen_profile(co, main, intent, type_)
        edit = edits.deploy(main, intent)
        _carry_out(co, edits.checked(main, intent), intent.name, edit, how)


def set_(
    name: NameArgument,
    version: Annotated[str | None, typer.Option(help="Another version.")] = None,
    param: ParamOption = None,
    secret: SecretOption = None,
    at: Annotated[list[str] | None, typer.Option(help="SITE:K=V for one site.")] = None,
    add_site: Annotated[list[str] | None, typer.Option(help="One more site.")] = None,
    drop_site: Annotated[list[str] | None, typer.Option(help="One site less.")] = None,
    pr: PrOption = False,
    id_: PrIdOption = None,
    reason: ReasonOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Change a deployment.

    Example: margo set hello-wasm --param greeting=Hi --at north:greeting=Ahoy
    """
    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.layout import intent_path  # noqa: PLC0415
    from margo_gitops.render import edits  # noqa: PLC0415

    how = _How(as_json, dry_run, yes, as_proposal("set", id_, reason, pr=pr))
    overrides: dict[str, dict[str, ParameterValue]] = {}
    for text in at or []:
        where, colon, pair = text.partition(":")
        if not colon:
            raise Usage(f"--at {text!r}: expected SITE:NAME=VALUE")
        overrides.setdefault(where, {}).update(pairs([pair], "--at"))
    settings = edits.Settings(
        version=version,
        parameters=parameters(param, secret),
        at=overrides,
        add_sites=add_site or (),
        drop_sites=drop_site or (),
    )
    with central(fleet) as co:
        how.prepare(co)
        main = co.main()
        file = co.store.read(main.commit, intent_path(name))
        edit = edits.change(main, name, settings, file=file)
        after = edits.checked(main, _intent(edit))
        _carry_out(co, after, name, edit, how)


def undeploy(
    name: NameArgument,
    pr: PrOption = False,
    id_: PrIdOption = None,
    reason: ReasonOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Remove a deployment from every site that has it.

    Example: margo undeploy hello-wasm --pr
    """
    from margo_gitops.render import edits  # noqa: PLC0415
    from margo_gitops.render.main import targeted  # noqa: PLC0415

    how = _How(as_json, dry_run, yes, as_proposal("undeploy", id_, reason, pr=pr))
    with central(fleet) as co:
        how.prepare(co)
        main = co.main()
        edit = edits.undeploy(main, name)
        _finish(co, edit, name, len(targeted(main.intents[name], main.sites)), how)


def rollback(
    name: NameArgument,
    to: Annotated[str | None, typer.Option(help="A version that it had before.")] = None,
    pr: PrOption = False,
    id_: PrIdOption = None,
    reason: ReasonOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Set a deployment back to what it was before its last change.

    Example: margo rollback hello-wasm --to 1.0.0
    """
    from margo_gitops.model.layout import intent_path  # noqa: PLC0415
    from margo_gitops.render import edits  # noqa: PLC0415

    how = _How(as_json, dry_run, yes, as_proposal("rollback", id_, reason, pr=pr))
    with central(fleet) as co:
        how.prepare(co)
        main = co.main()
        path = intent_path(name)
        past = (
            data
            for found in co.store.history(main.commit, path)
            if (data := co.store.read(found.id, path)) is not None
        )
        edit = edits.rollback(main, name, past, to)
        after = edits.checked(main, _intent(edit))
        _carry_out(co, after, name, edit, how)


def _intent(edit: Edit) -> Intent:
    from margo_gitops.documents import own  # noqa: PLC0415
    from margo_gitops.model.fleet import Intent  # noqa: PLC0415

    path, data = next(iter(edit.changes.items()))
    return own.read(data or b"", Intent, path)


@dataclass(frozen=True, slots=True)
class _How:
    """How a verb's edit is carried out; `proposal` where others are to approve it first."""

    as_json: bool
    dry_run: bool
    yes: bool
    proposal: AsProposal | None

    def prepare(self, co: Central) -> None:
        """Before `main` is read."""
        if self.proposal is not None:
            from margo_gitops.cli.proposing import require_fresh  # noqa: PLC0415

            require_fresh(co)


def _carry_out(co: Central, after: Main, name: str, edit: Edit, how: _How) -> None:
    """Check the change as it would be rendered, then finish it."""
    from margo_gitops.render.main import targeted  # noqa: PLC0415
    from margo_gitops.render.values import alike  # noqa: PLC0415
    from margo_gitops.roles.placeable import require_placeable, unplaceable  # noqa: PLC0415

    sites = targeted(after.intents[name], after.sites)
    if how.proposal is None or how.dry_run:  # a proposal is rendered when it is stated
        for _ in co.previews(after, sites):
            pass
    require_placeable(unplaceable(co.store, after, name), name)
    _finish(co, edit, name, len(sites), how, alike(after, name) if how.dry_run else ())


def _finish(
    co: Central, edit: Edit, name: str, sites: int, how: _How, values: Sequence[Alike] = ()
) -> None:
    """Ask where many sites are touched; then commit and render, or propose."""
    from margo_gitops.cli.committing import commit, confirm  # noqa: PLC0415

    confirm(sites, yes=how.yes or how.dry_run)
    if how.proposal is not None and not how.dry_run:
        from margo_gitops.cli.proposing import propose  # noqa: PLC0415

        propose(co, edit, how.proposal, name, as_json=how.as_json)
        return
    verb = "commit" if how.proposal is None else "propose"
    commit(co, edit, as_json=how.as_json, dry_run=how.dry_run, values=values, verb=verb)
