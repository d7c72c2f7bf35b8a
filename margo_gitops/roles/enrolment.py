"""Enrolment over files and refs: an invitation, a request left somewhere, an acceptance."""

from __future__ import annotations

import json
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Missing
from margo_gitops.model import layout
from margo_gitops.model.report import Adopted
from margo_gitops.model.trust import EnrolRequest, Invitation
from margo_gitops.render.edits import Edit
from margo_gitops.roles.beliefs import Identity
from margo_gitops.roles.central import Central
from margo_gitops.roles.ceremony import Ceremony
from margo_gitops.roles.fleettrust import FleetTrust
from margo_gitops.roles.proofs import newest_status
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.transport import Update, open_transport
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.enrolment import (
    ask,
    node_enrolment,
    read_request,
    relabelled,
    site_enrolment,
)
from margo_gitops.trust.sshsig import Signer


def invitation(co: Central, site: str, node: str | None) -> Invitation:
    """What a new box is told; `Invalid` for a place that the fleet does not have."""
    main, trust = co.main(), _trust(co)
    if site not in main.sites:
        raise Invalid(f"there is no site {site}", help=f"margo site add {site}")
    if node is not None and all(d.id != node for d in main.devices.get(site, ())):
        raise Invalid(f"{site} has no node {node}", help=f"margo device add {site} {node}")
    return Invitation(fleet=main.fleet.id, root=trust.roots.pinned, site=site, node=node)


def read_invitation(path: Path, *, node: bool) -> Invitation:
    """An invitation from its file; `Invalid` where it is for the other kind of box."""
    try:
        data = path.read_bytes()[:4096]
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from error
    found = canonical.load(data, Invitation, str(path))
    if (found.node is not None) is not node:
        place = f"the node {found.node}" if found.node else f"the site {found.site}"
        verb = "margo en enroll" if found.node else "margo lo enroll"
        raise Invalid(f"{path} invites {place}", help=f"{verb} --invite {path}")
    return found


def leave_request(
    identity: Identity, invitation: Invitation, remote: str | None, out: Path | None
) -> str:
    """Write the box's request to a file, or to its own ref of the remote; says where."""
    if remote is None:
        data, signature = ask(
            invitation.fleet, invitation.root, invitation.site, invitation.node, identity.key
        )
        file = out or Path(f"{invitation.node or invitation.site}.request.json")
        file.write_bytes(_carried(data, signature))
        return str(file)
    with GitStore.memory() as store:
        ref, made = _kept(store, identity, invitation)
        far = open_transport(remote)
        before = far.refs([ref]).get(ref)
        if before != made:
            far.push(store, [Update(ref, before, made)])
    return f"{ref} of {far.name}"


def keep_request(mirror: Path, identity: Identity, invitation: Invitation) -> None:
    """Lay a site's own request into its mirror: whatever link it has then hands it on."""
    with GitStore.create(mirror) as store:
        _kept(store, identity, invitation)


def _kept(store: GitStore, identity: Identity, invitation: Invitation) -> tuple[str, str]:
    """The ref of a box's request, and its commit in this store; the same box makes the same."""
    data, signature = ask(
        invitation.fleet, invitation.root, invitation.site, invitation.node, identity.key
    )
    ref = layout.request_ref(invitation.site, invitation.node)
    made = store.write(
        {layout.REQUEST: data, layout.signature_path(layout.REQUEST): signature},
        parents=[],
        author=Authorship("margo", "agent@margo-gitops.invalid", 0),
        message=f"{invitation.node or invitation.site} asks\n",
    )
    held = store.resolve(ref)
    if held != made:
        store.move(ref, made, old=held)
    return ref, made


def request_of(co: Central, site: str, node: str | None, file: Path | None) -> EnrolRequest:
    """The request for a place, from a file or from its ref; its own key signed it."""
    trust = _trust(co).roots
    data, signature = _from_ref(co, site, node) if file is None else _from_file(file)
    found = read_request(data, signature, trust)
    if (found.site, found.node) != (site, node):
        raise Invalid(f"that request is for {found.site} {found.node or ''}, expected {site}")
    return found


def accepting(co: Central, asked: EnrolRequest, signer: Signer, *, again: bool) -> Edit:
    """The edit that enrols this key; with `again` in the place of another.

    Raises `Invalid` where the place is taken, or where there is nothing to take over.
    """
    trust = _trust(co)
    of_site = trust.trust(asked.site)
    held = of_site.enrolment
    name = asked.node or asked.site
    before = None if held is None else held.key_of(asked.node)
    if before == asked.key:
        raise Invalid(f"{name} is enrolled with that very key already")
    if before is not None and not again:
        noun = f"device rekey {asked.site}" if asked.node else "site rekey"
        raise Invalid(f"{name} is enrolled with another key", help=f"margo {noun} {name}")
    if before is None and again:
        raise Invalid(f"{name} is not enrolled yet: there is no key to replace")
    ceremony = Ceremony(co.store, trust.commit, trust.roots, signer)
    if asked.node is not None:
        made = node_enrolment(of_site, asked.site, asked.node, asked.key)
        return ceremony.enrol(made, f"Enrol the node {asked.node} of {asked.site}")
    site = co.main().sites[asked.site]
    status, adopted = _last_word(co, asked.site, of_site)
    made = site_enrolment(of_site, site, asked.key, adopted=adopted, status=status)
    return ceremony.enrol(made, f"Enrol {asked.site}")


def relabelling(co: Central, site: str, signer: Signer) -> Edit:
    """The edit that lets the policy select a site by the labels that `sites/` says now.

    Raises `Invalid` where they are enrolled already, or the site is not.
    """
    main, trust = co.main(), _trust(co)
    if site not in main.sites:
        raise Invalid(f"there is no site {site}", help="margo site list")
    of_site, wanted = trust.trust(site), main.sites[site]
    held = of_site.enrolment
    if held is not None and (held.labels, held.tenant) == (wanted.labels, wanted.tenant):
        raise Invalid(f"the labels of {site} are enrolled as they are")
    ceremony = Ceremony(co.store, trust.commit, trust.roots, signer)
    return ceremony.enrol(relabelled(of_site, wanted), f"Enrol the labels of {site}")


def _last_word(co: Central, site: str, trust: Trust) -> tuple[str | None, Adopted | None]:
    """The newest status that the key enrolled so far signed, and what it says was adopted."""
    tip = co.store.resolve(layout.status_ref(site))
    if tip is None or trust.enrolment is None:
        return None, None
    found = newest_status(co.store, tip, trust.enrolment.key)
    return (None, None) if found is None else (found[0], found[1].adopted)


def _trust(co: Central) -> FleetTrust:
    found = co.trust()
    if found is None:
        raise Invalid("this fleet is open: its boxes need no enrolment")
    co.require_pinned("nothing was written")
    return found


def _from_ref(co: Central, site: str, node: str | None) -> tuple[bytes, bytes]:
    ref = layout.request_ref(site, node)
    tip = co.store.resolve(ref)
    if tip is None:
        raise Missing(f"nobody asks for {node or site} yet", help="margo pull; or --request FILE")
    signature = co.store.read(tip, layout.signature_path(layout.REQUEST)) or b""
    return co.store.read(tip, layout.REQUEST) or b"", signature


def _carried(data: bytes, signature: bytes) -> bytes:
    """Request and signature in one file, for a stick."""
    value = {"request": data.decode(), "signature": signature.decode()}
    return canonical.dumps(value)


def _from_file(file: Path) -> tuple[bytes, bytes]:
    try:
        value = json.loads(file.read_bytes()[:16_384])
        return str(value["request"]).encode(), str(value["signature"]).encode()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid(f"{file} holds no enrolment request", help="margo lo enroll") from error
