"""State manifests: bundle, digests and addresses agree."""

from __future__ import annotations

from collections.abc import Iterator

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node
from margo_gitops.documents.rules.unique import twice

BUNDLE = Rule(
    "manifest-bundle",
    asks="`bundle` is null exactly when there are no deployments.",
    why="An empty archive must not be served, and a missing one is no deletion (specification,"
    " state manifest).",
    cure="Set bundle to null for an empty list, else name the archive.",
)
ADDRESS = Rule(
    "manifest-url",
    asks="The url of a bundle or deployment ends in its digest.",
    why="A client asks for content by its digest; another address is another content"
    " (specification, state manifest).",
    cure="Write the digest of this entry as the url's last part.",
)
DEPLOYMENT_ADDRESS = Rule(
    "manifest-id",
    asks="The url of a deployment holds its deploymentId.",
    why="Else the entry names one deployment and fetches another (specification, state manifest).",
    cure="Write the deploymentId of this entry before the digest.",
)
RULES = (BUNDLE, ADDRESS, DEPLOYMENT_ADDRESS)


def broken(document: Node, _: Dialect) -> Iterator[Fault]:
    """What a manifest breaks besides its schema."""
    deployments, bundle = document.at("deployments"), document.at("bundle")
    yield from twice(deployments, "deploymentId")
    if isinstance(deployments.value, list) and document.has("bundle"):
        yield from _bundle(bundle, empty=not deployments.value)
    for entry in (bundle, *deployments.each()):
        yield from _address(entry)


def _bundle(bundle: Node, *, empty: bool) -> Iterator[Fault]:
    if (bundle.value is None) != empty:
        found, expected = ("null", "a bundle") if bundle.value is None else ("a bundle", "null")
        text = f"found {found}, expected {expected}: it is null exactly without deployments"
        yield BUNDLE.broken(bundle.path, text)


def _address(entry: Node) -> Iterator[Fault]:
    url, digest, id = (entry.at(name) for name in ("url", "digest", "deploymentId"))
    if url.text is None:
        return
    if digest.text is not None and not url.text.endswith("/" + digest.text):
        text = f"found {url.text[-80:]!r}, expected it to end in {digest.text[:80]}"
        yield ADDRESS.broken(url.path, text)
    elif id.text is not None and f"/{id.text}/" not in url.text:
        text = f"found {url.text[-80:]!r}, expected {id.text[:40]} before the digest"
        yield DEPLOYMENT_ADDRESS.broken(url.path, text)
