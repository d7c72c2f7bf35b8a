"""`margo lo enroll`, `margo en enroll`: a box makes its key and asks for its place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from margo_gitops.cli.comparing import OutOption, compare
from margo_gitops.cli.options import JsonOption
from margo_gitops.cli.output import emit

InviteOption = Annotated[
    Path, typer.Option("--invite", metavar="FILE", help="The invitation from the office.")
]
RootOption = Annotated[
    str | None,
    typer.Option("--root", metavar="FINGERPRINT", help="The fleet's root, as the office reads it."),
]
RemoteOption = Annotated[
    str | None, typer.Option("--remote", help="Where to leave the request; else a file is carried.")
]
StateOption = Annotated[Path | None, typer.Option("--state", help="The agent's state folder.")]
AgainOption = Annotated[
    bool, typer.Option("--again", help="The fleet has a new first root: its people began anew.")
]


def register(lo: typer.Typer, en: typer.Typer) -> None:
    """Add the verb to both."""
    lo.command("enroll")(lo_enroll)
    en.command("enroll")(en_enroll)


def lo_enroll(
    invite: InviteOption,
    root: RootOption = None,
    remote: RemoteOption = None,
    out: OutOption = None,
    state: StateOption = None,
    again: AgainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make this box's key, pin the fleet's root, and ask to be the site's LO.

    Example: margo lo enroll --invite north.invite.json --remote https://git.example/plant.git
    """
    _enroll("lo", invite, root, remote, out, state, again=again, as_json=as_json)


def en_enroll(
    invite: InviteOption,
    root: RootOption = None,
    remote: RemoteOption = None,
    out: OutOption = None,
    state: StateOption = None,
    again: AgainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make this host's key, pin the fleet's root, and ask to be a node of its site.

    Example: margo en enroll --invite n1.invite.json --out n1.request.json
    """
    _enroll("en", invite, root, remote, out, state, again=again, as_json=as_json)


def _enroll(
    kind: str,
    invite: Path,
    root: str | None,
    remote: str | None,
    out: Path | None,
    state: Path | None,
    *,
    again: bool,
    as_json: bool,
) -> None:
    from margo_gitops.roles.agents import MIRROR, state_folder  # noqa: PLC0415
    from margo_gitops.roles.enrolment import (  # noqa: PLC0415
        keep_request,
        leave_request,
        read_invitation,
    )
    from margo_gitops.roles.identity import enrol  # noqa: PLC0415
    from margo_gitops.trust.spoken import spoken  # noqa: PLC0415

    invitation = read_invitation(invite, node=kind == "en")
    compare("the fleet's root", root, invitation.root, "--root")
    where = state or state_folder(kind, invitation.node or invitation.site)
    identity = enrol(where.resolve(), invitation, again=again)
    left = leave_request(identity, invitation, remote, out)
    if kind == "lo":
        keep_request(where / MIRROR, identity, invitation)
    own = spoken(identity.key.key.id)
    who = f"margo site accept {invitation.site}"
    if invitation.node is not None:
        who = f"margo device accept {invitation.site} {invitation.node}"
    emit(
        {"key": str(identity.key.key), "spoken": own, "request": left, "state": str(where)},
        as_json=as_json,
        text=[
            f"this box's key, to be read to the office: {own}",
            f"the request is at {left}",
            f"there: {who}",
        ],
    )
