"""Names of refs and paths: the only place that knows them (DESIGN section 2)."""

from __future__ import annotations

import re

from margo_gitops.errors import Usage

MAIN = "refs/heads/main"
SITES = "refs/heads/site/"
STATUSES = "refs/heads/status/"
NODES = "refs/heads/node/"
REPORTS = "refs/heads/report/"
ARTIFACTS = "refs/margo/artifact/"
ALIVES = "refs/margo/alive/"
APPROVALS = "refs/margo/approval/"
PROPOSALS = "refs/heads/proposal/"
ORIGIN = "refs/remotes/origin/"
"""In a person's clone: where the remote's branches were when it was last asked."""

ORIGIN_MAIN = f"{ORIGIN}main"
PREVIEWS = "refs/heads/preview/"
"""What a proposal changes, as a page for people; no machine reads it."""

REQUESTS = "refs/margo/request/"
TRIPS = "refs/margo/trip/"
"""What an office knows of a site's sticks, and in a site's own mirror what the site does."""

HOLDS = "refs/margo/hold/"
"""In a site's own mirror: what people there keep at an earlier record."""

TRUST = "refs/margo/trust/"
"""In an agent's own store: the chain of trust that it followed."""

RENDERED = "refs/margo/rendered/"
RENDERED_MAIN = "refs/margo/rendered/main"
"""How far `main` is rendered, where CI does it (docs/decisions/0009)."""

OVERVIEW = "refs/heads/overview"
"""A page of the fleet for people; no machine reads it."""

KEPT = "refs/margo/kept/"
"""In an agent's own store: the end of the epoch before, until the remote has the new one."""

CHAIN = "trust/"
ROOTS = "trust/root"
ENROLMENTS = "trust/enrolment"
PENDING = "trust/pending"
STATEMENTS = "trust/statements"
VOIDED = "trust/voided"

FLEET = "fleet.yaml"
MANIFEST = "manifest.json"
SETTINGS = "settings.json"
SITE_ARTIFACTS = "artifacts.json"
CHANGE = "change.json"
PLACEMENT = "placement.json"
SITE_STATUS = "site.json"
NODE_REPORT = "node.json"
ARTIFACT_BLOB = "blob"
ALIVE = "alive.json"
REQUEST = "request.json"

_FLAT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def flat(name: str, what: str = "id") -> str:
    """`name` if it may stand in a ref and a path, else `Usage`."""
    if _FLAT.fullmatch(name):
        return name
    raise Usage(
        f"{name!r} is no {what}: found {len(name)} characters, expected 1 to 63 of a-z, 0-9 and -,"
        " not beginning with -",
    )


def site_ref(site: str) -> str:
    """The branch of a site's desired state."""
    return SITES + flat(site, "site id")


def status_ref(site: str) -> str:
    """The branch of a site's status."""
    return STATUSES + flat(site, "site id")


def node_ref(node: str) -> str:
    """The branch of a node's share, in the site's own mirror."""
    return NODES + flat(node, "node id")


def report_ref(node: str) -> str:
    """The branch of a node's report, in the site's own mirror."""
    return REPORTS + flat(node, "node id")


def request_ref(site: str, node: str | None) -> str:
    """The ref by which a new box asks for its place."""
    place = flat(site, "site id")
    return REQUESTS + (place if node is None else f"{place}.{flat(node, 'node id')}")


def proposal_ref(id: str) -> str:
    """The branch of a proposal."""
    return PROPOSALS + flat(id, "proposal id")


def preview_ref(id: str) -> str:
    """The branch of a proposal's page."""
    return PREVIEWS + flat(id, "proposal id")


def known_ref(branch: str) -> str:
    """Where a clone remembers the remote's branch to be."""
    return ORIGIN + branch.removeprefix("refs/heads/")


def alive_ref(site: str) -> str:
    """The ref of a site's sign of life: one parentless commit, replaced each time."""
    return ALIVES + flat(site, "site id")


def trips_ref(site: str) -> str:
    """The ref of the ledger of a site's sticks."""
    return TRIPS + flat(site, "site id")


def artifact_ref(digest: str) -> str:
    """The ref of a small artifact that travels in git."""
    return ARTIFACTS + digest.removeprefix("sha256:")


def app_folder(app: str, version: str) -> str:
    """Where one version of an application stands on `main`, byte for byte."""
    return f"apps/{app}/{version}"


def lock_path(app: str, version: str) -> str:
    """Where an application's lock stands on `main`."""
    return f"locks/{app}/{version}.json"


def site_path(site: str) -> str:
    """Where a site is described on `main`."""
    return f"sites/{flat(site, 'site id')}.yaml"


def device_path(site: str, node: str) -> str:
    """Where our side of a device stands on `main`."""
    return f"devices/{flat(site, 'site id')}/{flat(node, 'node id')}.yaml"


def intent_path(name: str) -> str:
    """Where an intent stands on `main`."""
    return f"deployments/{flat(name, 'deployment name')}.yaml"


def document_path(name: str, node: str | None) -> str:
    """Where a deployment stands on `site/<site>` and `node/<node>`."""
    return f"deployments/{name}.yaml" if node is None else f"deployments/{name}.{node}.yaml"


def status_path(name: str, node: str) -> str:
    """Where a deployment's status on one node stands on `status/<site>` and `report/<node>`."""
    return f"deployments/{name}/{node}.json"


def capabilities_path(node: str) -> str:
    """Where a node's capabilities stand on `status/<site>` and `report/<node>`."""
    return f"devices/{node}/capabilities.json"


def deployment_id(fleet: str, site: str, name: str, node: str | None = None) -> str:
    """The deployment's uuid: the same for every renderer, for ever (DESIGN section 2)."""
    return _named(fleet, f"{site}/{name}" if node is None else f"{site}/{name}/{node}")


def settings_id(fleet: str, site: str) -> str:
    """The id of the record of a site's settings; `.` cannot be in a deployment's path."""
    return _named(fleet, f"{site}/.settings")


def target_of(site: str, node: str | None) -> str:
    """The record's target: a node of the site, or the site's choice."""
    return f"{site}/*" if node is None else f"{site}/{node}"


def node_of(target: str) -> str | None:
    """The node that a record's target names; None where the site chooses."""
    node = target.rpartition("/")[2]
    return None if node == "*" else node


def before_ref(node: str) -> str:
    """In a node's own store: the share that it adopted before the present one."""
    return f"refs/margo/before/{flat(node, 'node id')}"


def memory_ref(node: str) -> str:
    """In a node's own store: the tries and the last good versions that it remembers."""
    return f"refs/margo/memory/{flat(node, 'node id')}"


def signature_path(path: str) -> str:
    """Where the one signature of a machine file stands, beside it."""
    return f"{path}.sig"


def root_path(version: int) -> str:
    """Where a version of the root stands, on `main` and on every site branch."""
    return f"{ROOTS}/{version}.json"


def enrolment_path(version: int, site: str | None = None) -> str:
    """Where a site's enrolment stands: on its own branch, or among all on `main`."""
    return f"{ENROLMENTS}/{f'{site}/' if site else ''}{version}.json"


def hold_path(deployment: str) -> str:
    """Where the hold of a deployment stands, beside the site's word and its nodes' shares."""
    return f"holds/{deployment}.json"


def kept_path(deployment: str) -> str:
    """Where the record stands that a hold keeps."""
    return f"holds/{deployment}.record.json"


def pending_path(path: str) -> str:
    """Where a file of the chain waits on `main` until enough persons signed it."""
    return path.replace(CHAIN, f"{PENDING}/", 1)


def settled_path(waiting: str) -> str:
    """Where such a file stands once enough persons signed it."""
    return waiting.replace(f"{PENDING}/", CHAIN, 1)


def voided_path(statement: str) -> str:
    """Where the records of a closed proposal's statement stand on `main`, by its digest."""
    return f"{VOIDED}/{statement.removeprefix('sha256:')}.records"


def statement_path(statement: str) -> str:
    """Where a statement stands on a site branch, by its digest."""
    return f"statements/{statement.removeprefix('sha256:')}.json"


def proof_path(record: str) -> str:
    """Where a record's proof stands on a site branch, by the record's digest."""
    return f"proofs/{record.removeprefix('sha256:')}.json"


def approvals_path(statement: str) -> str:
    """How the paths of a statement's signatures begin on a site branch."""
    return f"approvals/{statement.removeprefix('sha256:')}."


def signed_by(path: str, key: str) -> str:
    """Where a key's signature of a file stands that several sign, by the key's id."""
    return f"{path.removesuffix('.json')}.{key}.sig"


def approval_ref(statement: str, key: str) -> str:
    """The ref of one person's signature of a statement, by the key's id."""
    return f"{APPROVALS}{statement.removeprefix('sha256:')}-{key}"


def _named(fleet: str, path: str) -> str:
    from uuid import UUID, uuid5  # noqa: PLC0415  # 6 ms that agents do not need

    return str(uuid5(UUID(fleet), path))
