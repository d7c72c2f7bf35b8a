"""Deployment statuses: what they say of the whole fits what they say of the parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.rule import Fault, Rule
from margo_gitops.documents.rules.node import Node
from margo_gitops.documents.rules.unique import twice
from margo_gitops.model.state import State, overall

PRECEDENCE = Rule(
    "status-precedence",
    asks="The overall state is the most severe state of the components: failed, removing,"
    " installing, pending, removed, installed.",
    why="A status that says installed over a failed component hides the failure (specification,"
    " deployment status; the published text names `removing` twice and `removed` never). In dialect"
    " B it is a warning: the specification's own valid example breaks it; in A the overall state"
    " follows the component at work, so nothing is compared.",
    cure="Report the most severe state as status.state.",
)
ERROR_STATE = Rule(
    "status-error",
    asks="A failed state has an error with a code and a message, and no other state has one.",
    why="Without it nobody at the other end knows what to do (specification, deployment status:"
    " failure with code and message is a MUST). Empty texts are read as no error.",
    cure="Add error.code and error.message, or correct the state.",
    severity="warning",
)
RULES = (PRECEDENCE, ERROR_STATE)

_STATES = {state.value for state in State}


def broken(document: Node, dialect: Dialect) -> Iterator[Fault]:
    """What a status breaks besides its schema."""
    components = document.at("components")
    yield from twice(components, "name")
    if dialect is Dialect.A:
        return
    yield from _precedence(document.at("status", "state"), components, dialect)
    for part in (document.at("status"), *components.each()):
        yield from _error(part)


def _precedence(state: Node, components: Node, dialect: Dialect) -> Iterator[Fault]:
    states = [component.at("state").value for component in components.each()]
    known = all(isinstance(s, str) and s in _STATES for s in [state.value, *states])
    if not states or not known:
        return
    expected = overall(State(s) for s in states)
    if state.value != expected:
        text = f"found {state.value}, expected {expected}, the most severe state of its components"
        fault = PRECEDENCE.broken(state.path, text)
        yield fault if dialect is not Dialect.B else replace(fault, severity="warning")


def _error(part: Node) -> Iterator[Fault]:
    state, error = part.at("state"), part.at("error")
    told = any(error.at(name).value for name in ("code", "message"))
    if state.value == "failed" and not told:
        yield ERROR_STATE.broken(state.path, "found failed without an error's code and message")
    elif told and state.text in _STATES - {"failed"}:
        yield ERROR_STATE.broken(error.path, f"found an error in the state {state.value}")
