"""Rules of Margo documents that no schema can say (specification; facts of each kind).

One module a kind or subject; `broken` runs those of a document's kind. A rule looks at whatever is
there and is silent about what is not: the schema speaks of that, in the same pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.documents.rule import Fault
from margo_gitops.documents.rules import capabilities, deployment, description, manifest, status
from margo_gitops.documents.rules.node import Node

_OF_KIND: Mapping[Kind, Callable[[Node, Dialect], Iterator[Fault]]] = {
    Kind.DESCRIPTION: description.broken,
    Kind.DEPLOYMENT: deployment.broken,
    Kind.CAPABILITIES: capabilities.broken,
    Kind.STATUS: status.broken,
    Kind.MANIFEST: manifest.broken,
}


def broken(kind: Kind, dialect: Dialect, data: Any) -> Iterator[Fault]:
    """What a document of this kind and dialect breaks besides its schema, in no order."""
    rules = _OF_KIND.get(kind)
    return iter(()) if rules is None else rules(Node(data), dialect)
