"""Rules of a site's rendered tree: manifest, documents and statuses say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from margo_gitops.documents.fleet.breach import IDENTITY, Breach, breach
from margo_gitops.documents.fleet.survey import Survey
from margo_gitops.documents.rule import Rule
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.layout import MANIFEST
from margo_gitops.model.record import Manifest, ManifestEntry
from margo_gitops.model.status import DeploymentStatus

MANIFEST_DOCUMENTS = Rule(
    id="manifest-documents",
    asks="The manifest lists each deployment document once, and each entry has its document.",
    why=(
        "What the manifest does not list is removed, and what it lists must be there"
        " (specification, desired state)."
    ),
    cure="Render the tree again with margo render; never edit it by hand.",
)
MANIFEST_DIGEST = Rule(
    id="manifest-digest",
    asks="An entry's digest and size are those of the document's exact bytes.",
    why="A client must drop the whole update where one digest differs (specification, digests).",
    cure="Render again; where git changed line ends, set `* -text` in .gitattributes.",
)
DEPLOYMENT_ID = Rule(
    id="deployment-id",
    asks="An entry's deploymentId is the id inside its document.",
    why="Status is reported by id: with two of them it is reported for nobody.",
    cure="Render the tree again with margo render.",
)
STATUS_COMPONENTS = Rule(
    id="status-components",
    asks="A status has exactly one entry for each component of its deployment.",
    why="The specification asks for one each; a component that is left out looks healthy.",
    cure="Update the agent that wrote it.",
)
RULES = (MANIFEST_DOCUMENTS, MANIFEST_DIGEST, DEPLOYMENT_ID, STATUS_COMPONENTS)


def site_tree(found: Survey) -> Iterator[Breach]:
    """What the files of a `site/<site>` or `status/<site>` tree break of each other."""
    manifest = found.fact(MANIFEST, Manifest)
    documents = dict(found.of(ApplicationDeployment))
    if manifest is not None:
        for index, entry in enumerate(manifest.deployments):
            yield from _entry(found, documents, index, entry)
        listed = {entry.deployment_id for entry in manifest.deployments}
        digests = {entry.digest for entry in manifest.deployments}
        for path, document in documents.items():
            if document.id not in listed and found.verdicts[path].digest not in digests:
                text = f"{MANIFEST} does not list the deployment {document.id}"
                yield breach(path, MANIFEST_DOCUMENTS, IDENTITY, text)
    yield from _statuses(found, documents)


def _entry(
    found: Survey,
    documents: dict[str, ApplicationDeployment],
    index: int,
    entry: ManifestEntry,
) -> Iterator[Breach]:
    at = ("deployments", index)
    same_id = [path for path, document in documents.items() if document.id == entry.deployment_id]
    same_bytes = [path for path in documents if found.verdicts[path].digest == entry.digest]
    if len(same_id) > 1:
        text = f"{' and '.join(same_id[:3])} are both {entry.deployment_id}"
        yield breach(MANIFEST, MANIFEST_DOCUMENTS, (*at, "deploymentId"), text)
    elif not same_id and same_bytes:
        path = same_bytes[0]
        text = f"found {entry.deployment_id}, expected {documents[path].id}, the id in {path}"
        yield breach(MANIFEST, DEPLOYMENT_ID, (*at, "deploymentId"), text)
    elif not same_id:
        text = f"no document has the id {entry.deployment_id}"
        yield breach(MANIFEST, MANIFEST_DOCUMENTS, (*at, "deploymentId"), text)
    else:
        verdict = found.verdicts[same_id[0]]
        if verdict.digest != entry.digest:
            text = f"found {entry.digest[:19]}…, expected {verdict.digest[:19]}… ({same_id[0]})"
            yield breach(MANIFEST, MANIFEST_DIGEST, (*at, "digest"), text)
        elif verdict.size != entry.size_bytes:
            text = f"found {entry.size_bytes}, expected {verdict.size} bytes ({same_id[0]})"
            yield breach(MANIFEST, MANIFEST_DIGEST, (*at, "sizeBytes"), text)


def _statuses(found: Survey, documents: dict[str, ApplicationDeployment]) -> Iterator[Breach]:
    expected = {
        document.id: Counter(component.name for component in document.components)
        for document in documents.values()
    }
    for path, status in found.of(DeploymentStatus):
        wanted = expected.get(status.deployment_id)
        listed = Counter(component.name for component in status.components)
        if wanted is not None and listed != wanted:
            missing, extra = sorted(wanted - listed), sorted(listed - wanted)
            told = [f"{name} is missing" for name in missing]
            told += [f"{name} is one too many" for name in extra]
            yield breach(path, STATUS_COMPONENTS, ("components",), ", ".join(told[:6]))
