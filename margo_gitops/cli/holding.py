"""`margo lo hold` and `release`: a site's people keep a deployment as it was, with no link."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import JsonOption, KeyOption, NameArgument
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from margo_gitops.roles.holding import Holding
    from margo_gitops.trust.chain import Trust
    from margo_gitops.trust.sshsig import Signer

SiteOption = Annotated[str, typer.Option("--site", help="The site's id.")]
StateOption = Annotated[
    Path | None, typer.Option("--state", help="The state folder of the site's LO.")
]
ReasonOption = Annotated[str, typer.Option(help="Why, for whoever finds it at night.")]


def register(lo: typer.Typer) -> None:
    """Add the verbs."""
    lo.command()(hold)
    lo.command()(release)


def hold(
    name: NameArgument,
    site: SiteOption,
    reason: ReasonOption,
    revision: Annotated[
        int | None, typer.Option(help="An earlier one that the site adopted; default the present.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="When it ends by itself, in UTC: 2026-12-01T06:00Z.")
    ] = None,
    key: KeyOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a deployment at what this site adopted, or put it back; run it at the site's box.

    It needs no link. The office sees it in the status, and decides what is next.

    Example: margo lo hold press --site north --revision 3 --reason "the new one drops parts"
    """
    with _holding(site, state, key) as (holding, trust, signer):
        made = holding.keep(trust, name, signer, reason=reason, until=until, revision=revision)
    told = f"{name} is held by {made.by}: {reason}. It ends with: margo lo release {name}"
    emit(made.model_dump(mode="json"), as_json=as_json, text=told)


def release(
    name: NameArgument,
    site: SiteOption,
    reason: ReasonOption,
    key: KeyOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow the office again for a deployment that was held.

    Example: margo lo release press --site north --reason "parts are checked"
    """
    with _holding(site, state, key) as (holding, trust, signer):
        made = holding.let_go(trust, name, signer, reason=reason)
    emit(made.model_dump(mode="json"), as_json=as_json, text=f"{name} follows the office again")


@contextmanager
def _holding(
    site: str, state: Path | None, key: Path | None
) -> Iterator[tuple[Holding, Trust, Signer]]:
    import time  # noqa: PLC0415

    from margo_gitops.cli.options import person_signer  # noqa: PLC0415
    from margo_gitops.errors import Stalled  # noqa: PLC0415
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.roles.agents import MIRROR, state_folder  # noqa: PLC0415
    from margo_gitops.roles.beliefs import Beliefs  # noqa: PLC0415
    from margo_gitops.roles.holding import Holding  # noqa: PLC0415
    from margo_gitops.roles.identity import identity_in  # noqa: PLC0415
    from margo_gitops.store.git import GitStore  # noqa: PLC0415

    where = (state or state_folder("lo", flat(site, "site id"))).resolve()
    identity = identity_in(where)
    if identity is None:
        raise Stalled(
            f"{where} was enrolled in no signed fleet: nobody can hold anything there",
            then="nothing was changed",
            help="margo suspend NAME, at the office",
        )
    with GitStore.open(where / MIRROR) as store:
        trust = Beliefs(site, store, identity).held()
        if trust is None:
            raise Stalled(f"{site} has adopted nothing yet", then="nothing was changed")
        yield Holding(site, store, lambda: int(time.time())), trust, person_signer(store, key)
