"""`invite`, `accept`, `rekey`, `relabel`: the office's side of an enrolment.

The office invites, the box asks with a key of its own, the office accepts; each side reads the
other a fingerprint, by telephone or face to face.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.comparing import OutOption, compare
from margo_gitops.cli.options import HERE, FleetOption, JsonOption, KeyOption, central
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from margo_gitops.roles.central import Central

SiteArgument = Annotated[str, typer.Argument(help="The site.")]
NodeArgument = Annotated[str, typer.Argument(help="The node.")]
RequestOption = Annotated[
    Path | None,
    typer.Option("--request", metavar="FILE", help="The request; default the remote's."),
]
HeardOption = Annotated[
    str | None,
    typer.Option("--heard", metavar="FINGERPRINT", help="The box's key, as its people read it."),
]


def register(site: typer.Typer, device: typer.Typer) -> None:
    """Add the verbs to their nouns."""
    site.command("invite")(site_invite)
    site.command("accept")(site_accept)
    site.command("rekey")(site_rekey)
    site.command("relabel")(site_relabel)
    device.command("invite")(device_invite)
    device.command("accept")(device_accept)
    device.command("rekey")(device_rekey)


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


def site_relabel(
    site: SiteArgument,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Enrol a site's present labels and tenant: approval rules select by what is enrolled.

    Example: margo site relabel north
    """
    from margo_gitops.cli.committing import commit  # noqa: PLC0415
    from margo_gitops.cli.options import person_signer  # noqa: PLC0415
    from margo_gitops.roles.enrolment import relabelling  # noqa: PLC0415

    with central(fleet) as co:
        edit = relabelling(co, site, person_signer(co.store, key))
        commit(co, edit, as_json=as_json)


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
        compare(f"the key of {node or site}", heard, parse_key(asked.key).id, "--heard")
        edit = accepting(co, asked, person_signer(co.store, key), again=again)
        commit(co, edit, as_json=as_json)
