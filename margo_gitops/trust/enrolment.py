"""Enrolment: a box asks with its own key, a person accepts; each has heard the other's voice."""

from __future__ import annotations

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Refused
from margo_gitops.model import layout
from margo_gitops.model.fleet import Site
from margo_gitops.model.report import Adopted
from margo_gitops.model.trust import Enrolment, EnrolRequest, TrustRoot
from margo_gitops.trust.chain import Trust
from margo_gitops.trust.signers import by_key
from margo_gitops.trust.sshsig import Namespace, Signer

LONGEST = 4096
"""Bytes of a request."""


def ask(fleet: str, root: str, site: str, node: str | None, signer: Signer) -> tuple[bytes, bytes]:
    """A request of a box and its signature."""
    request = EnrolRequest(fleet=fleet, root=root, site=site, node=node, key=str(signer.key))
    data = canonical.dump(request)
    return data, signer.sign(data, Namespace.REQUEST)


def read_request(data: bytes, signature: bytes, trust: Trust) -> EnrolRequest:
    """A request that its own key signed, for this very fleet; else `Refused` (rule `request`)."""
    if len(data) > LONGEST:
        raise Refused(f"a request of {len(data)} bytes, expected at most {LONGEST}", rule="request")
    request = canonical.load(data, EnrolRequest, "an enrolment request")
    if problem := by_key(request.key, data, Namespace.REQUEST, signature):
        raise Refused(f"an enrolment request: {problem}", rule="request")
    if request.fleet != trust.root.fleet or request.root != trust.pinned:
        raise Refused(
            f"an enrolment request for the fleet {request.fleet} with the root"
            f" {request.root[:23]}…, expected {trust.root.fleet} and {trust.pinned[:23]}…",
            rule="request",
        )
    return request


def site_enrolment(
    trust: Trust, site: Site, key: str, *, adopted: Adopted | None = None, status: str | None = None
) -> Enrolment:
    """The first enrolment of a site, or the next one with another key.

    `trust` holds the enrolment in force, if there is one. `adopted` is what the box before said
    last, in `status`: the floor of the new one.
    """
    first = Enrolment(
        fleet=trust.root.fleet,
        site=site.id,
        version=1,
        previous=None,
        root=trust.root.version,
        key=key,
        labels=site.labels,
        tenant=site.tenant,
        floor=0 if adopted is None else adopted.generation,
        status=status,
        adopted=adopted,
    )
    before = trust.enrolment
    if before is None:
        return first
    data = trust.files[layout.enrolment_path(before.version)]
    links = {"version": before.version, "nodes": before.nodes}
    return following(first.model_copy(update=links), data, trust.root)


def relabelled(trust: Trust, site: Site) -> Enrolment:
    """The site's enrolment with its present labels and tenant; `Invalid` where it has none."""
    before = trust.enrolment
    if before is None:
        raise Invalid(f"{site.id} is not enrolled yet", help=f"margo site invite {site.id}")
    data = trust.files[layout.enrolment_path(before.version)]
    return following(before, data, trust.root, labels=site.labels, tenant=site.tenant)


def node_enrolment(trust: Trust, site: str, node: str, key: str) -> Enrolment:
    """The site's enrolment with this key for one of its nodes; `Invalid` where it has none."""
    before = trust.enrolment
    if before is None:
        raise Invalid(f"{site} is not enrolled yet", help=f"margo site invite {site}")
    data = trust.files[layout.enrolment_path(before.version)]
    return following(before, data, trust.root, nodes={**before.nodes, node: key})


def following(before: Enrolment, data: bytes, root: TrustRoot, **update: object) -> Enrolment:
    """What comes after an enrolment of these bytes, under this root: the same but for `update`."""
    links = {
        "version": before.version + 1,
        "previous": canonical.digest(data),
        "root": root.version,
    }
    return before.model_copy(update={**links, **update})
