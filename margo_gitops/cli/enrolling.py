"""`invite`, `enroll`, `accept`, `rekey`: how a box comes into a signed fleet, or takes a place.

The office invites, the box asks with a key of its own, the office accepts; each side reads the
other a fingerprint, by telephone or face to face.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption, KeyOption, central
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from margo_gitops.roles.central import Central

SiteArgument = Annotated[str, typer.Argument(help="The site.")]
NodeArgument = Annotated[str, typer.Argument(help="The node.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write it to this file.")
]
RequestOption = Annotated[
    Path | None,
    typer.Option("--request", metavar="FILE", help="The request; default the remote's."),
]
HeardOption = Annotated[
    str | None,
    typer.Option("--heard", metavar="FINGERPRINT", help="The box's key, as its people read it."),
]
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


def register(site: typer.Typer, device: typer.Typer, lo: typer.Typer, en: typer.Typer) -> None:
    """Add the verbs to their nouns."""
    site.command("invite")(site_invite)
    site.command("accept")(site_accept)
    site.command("rekey")(site_rekey)
    device.command("invite")(device_invite)
    device.command("accept")(device_accept)
    device.command("rekey")(device_rekey)
    lo.command("enroll")(lo_enroll)
    en.command("enroll")(en_enroll)


def site_invite(
    site: SiteArgument,
    out: OutOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write the invitation of a site: it is no secret, and worth nothing without the voice.

    Example: margo site invite north --out north.invite.json
    """
    with central(fleet) as co:
        _invite(co, site, None, out, as_json=as_json)


def device_invite(
    site: SiteArgument,
    node: NodeArgument,
    out: OutOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write the invitation of a node.

    Example: margo device invite north n1 --out n1.invite.json
    """
    with central(fleet) as co:
        _invite(co, site, node, out, as_json=as_json)


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


def site_accept(
    site: SiteArgument,
    request: RequestOption = None,
    heard: HeardOption = None,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Enrol the box that asks to be a site's LO, once its people have read you its key.

    Example: margo site accept north --heard "3f2a 99bc 0d41 77e5 c210"
    """
    _accept(fleet, site, None, request, heard, key, again=False, as_json=as_json)


def site_rekey(
    site: SiteArgument,
    request: RequestOption = None,
    heard: HeardOption = None,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Give a site's place to another box: the one before is dead, or no longer believed.

    The new one goes on from the last status that the one before signed, never from less.

    Example: margo site rekey north --heard "3f2a 99bc 0d41 77e5 c210"
    """
    _accept(fleet, site, None, request, heard, key, again=True, as_json=as_json)


def device_accept(
    site: SiteArgument,
    node: NodeArgument,
    request: RequestOption = None,
    heard: HeardOption = None,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Enrol a host as a node of its site.

    Example: margo device accept north n1 --request n1.request.json
    """
    _accept(fleet, site, node, request, heard, key, again=False, as_json=as_json)


def device_rekey(
    site: SiteArgument,
    node: NodeArgument,
    request: RequestOption = None,
    heard: HeardOption = None,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Give a node's place to another host.

    Example: margo device rekey north n1 --request n1.request.json
    """
    _accept(fleet, site, node, request, heard, key, again=True, as_json=as_json)


def _invite(co: Central, site: str, node: str | None, out: Path | None, *, as_json: bool) -> None:
    from margo_gitops.documents import canonical  # noqa: PLC0415
    from margo_gitops.roles.enrolment import invitation  # noqa: PLC0415
    from margo_gitops.trust.spoken import spoken  # noqa: PLC0415

    made = invitation(co, site, node)
    data = canonical.dump(made)
    if out is not None:
        out.write_bytes(data)
    word = "lo" if node is None else "en"
    file = out or f"{node or site}.invite.json"
    text = [
        *([] if out else [data.decode()]),
        f"the fleet's root, to be read to whoever enrolls the box: {spoken(made.root)}",
        f"there: margo {word} enroll --invite {file}",
    ]
    emit(
        {"invitation": made.model_dump(mode="json"), "spoken": spoken(made.root)},
        as_json=as_json,
        text=text,
    )


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
    from margo_gitops.roles.agents import state_folder  # noqa: PLC0415
    from margo_gitops.roles.enrolment import leave_request, read_invitation  # noqa: PLC0415
    from margo_gitops.roles.identity import enrol  # noqa: PLC0415
    from margo_gitops.trust.spoken import spoken  # noqa: PLC0415

    invitation = read_invitation(invite, node=kind == "en")
    _compare("the fleet's root", root, invitation.root, "--root")
    where = state or state_folder(kind, invitation.node or invitation.site)
    identity = enrol(where.resolve(), invitation, again=again)
    left = leave_request(identity, invitation, remote, out)
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


def _accept(
    fleet: Path,
    site: str,
    node: str | None,
    request: Path | None,
    heard: str | None,
    key: Path | None,
    *,
    again: bool,
    as_json: bool,
) -> None:
    from margo_gitops.cli.committing import commit  # noqa: PLC0415
    from margo_gitops.cli.options import person_signer  # noqa: PLC0415
    from margo_gitops.roles.enrolment import accepting, request_of  # noqa: PLC0415
    from margo_gitops.trust.keys import parse_key  # noqa: PLC0415

    with central(fleet) as co:
        asked = request_of(co, site, node, request)
        _compare(f"the key of {node or site}", heard, parse_key(asked.key).id, "--heard")
        edit = accepting(co, asked, person_signer(co.store, key), again=again)
        commit(co, edit, as_json=as_json)


def _compare(what: str, said: str | None, digest: str, option: str) -> None:
    """Nothing is believed before a person has typed what another person read out."""
    import sys  # noqa: PLC0415

    from margo_gitops.errors import Refused, Usage  # noqa: PLC0415
    from margo_gitops.trust.spoken import heard, spoken  # noqa: PLC0415

    if said is None:
        if not sys.stdin.isatty():
            raise Usage(f"nobody is here to compare {what}", help=f"{option} FINGERPRINT")
        said = typer.prompt(f"{what}, as the other side reads it to you")
    if not heard(said, digest):
        raise Refused(
            f"{what}: you heard {said[:80]!r}, here it is {spoken(digest)}",
            rule="fingerprint",
            then="nothing was believed",
        )
