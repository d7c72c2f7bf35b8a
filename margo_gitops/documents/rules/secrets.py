"""Literals that look like secrets: git forgets nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node
from margo_gitops.model.secret import looks_secret

SECRET_LITERAL = Rule(
    "secret-literal",
    asks="A password, token or key is not written down in a document.",
    why="What is in git stays in its history, on every clone and every stick.",
    cure="Set it with --secret NAME=KEY (`value: {fromSite: KEY}`): the node reads it from a file"
    " of its own. What was committed must be changed where it is used.",
    severity="warning",
)
KEY_MATERIAL = Rule(
    "key-material",
    asks="No document holds a private key or an access token.",
    why="The text has the unmistakable form of one. Whoever reads the repository can use it.",
    cure="Revoke it now, take it out of the file, and give it to the node as a site secret.",
)
RULES = (SECRET_LITERAL, KEY_MATERIAL)

_MATERIAL = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}"
    r"|\bgithub_pat_[A-Za-z0-9_]{40}|\bglpat-[A-Za-z0-9_-]{20}|\bxox[abprs]-[A-Za-z0-9-]{10}"
    r"|\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10}"
)


def broken(parameters: Node) -> Iterator[Fault]:
    """Parameter values, of a description or a deployment, that look like secrets."""
    for name, parameter in parameters.fields():
        yield from of_value(name, parameter.at("value"))


def of_value(name: str, value: Node) -> Iterator[Fault]:
    """A fault where the value of a parameter of this name is a secret in plain."""
    if any(_MATERIAL.search(text) for text in _texts(value.value)):
        yield KEY_MATERIAL.broken(value.path, f"{name} holds a private key or an access token")
    elif looks_secret(name) and any(_texts(value.value)):
        yield SECRET_LITERAL.broken(
            value.path, f"the value of {name} stands in plain text, expected {{fromSite: …}}"
        )


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, str)]
