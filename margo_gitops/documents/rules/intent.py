"""Our own intents: the values that people set."""

from __future__ import annotations

from collections.abc import Iterator

from margo_gitops.documents.rule import Fault
from margo_gitops.documents.rules.node import Node
from margo_gitops.documents.rules.secrets import of_value


def broken(document: Node) -> Iterator[Fault]:
    """Values of an intent, for all sites or for one, that look like secrets."""
    overrides = [site.at("parameters") for _, site in document.at("overrides").fields()]
    for parameters in (document.at("parameters"), *overrides):
        for name, value in parameters.fields():
            yield from of_value(name, value)
