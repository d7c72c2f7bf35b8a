"""What a document is: a kind and a dialect that this project reads, or a word on why not."""

from __future__ import annotations

from typing import Any

from margo_gitops.documents.dialects import DIALECTS, Dialect, Kind, detect
from margo_gitops.documents.faults import shown
from margo_gitops.documents.rule import Fault, Rule

KIND = Rule(
    "kind",
    asks="A document is of a kind that Margo or this project has.",
    why="The kind is told by `kind`, or where a dialect has none by the field that only one kind"
    " has (specification). Other tools' kinds are theirs: nothing here acts on them.",
    cure="Correct `kind`; keep other tools' files out of the folders of a fleet repository.",
)
DIALECT = Rule(
    "dialect",
    asks="A document speaks a dialect that its kind has.",
    why="Five dialects are in use, and not every kind exists in each (specification, history).",
    cure="`margo convert FILE --to D`, or drop --dialect.",
)
SANDBOX = Rule(
    "sandbox",
    asks="A deployment is one of the specification, not of the sandbox's own toolkit.",
    why="The sandbox templates name spec.appPackageRef and spec.deviceRef, or its own apiVersion;"
    " no version of the specification has them.",
    cure="Deploy the application with `margo deploy`, or write the deployment in dialect D.",
)
VERSION = Rule(
    "version",
    asks="A file of this project says apiVersion: margo-gitops/v1.",
    why="A newer format may mean something else by the same words.",
    cure="Install the version of margo that wrote it, or correct the field.",
)
MODEL = Rule(
    "model",
    asks="A document makes sense as a whole.",
    why="Its parts are right by themselves and contradict each other.",
    cure="See the message.",
)
RULES = (KIND, DIALECT, SANDBOX, VERSION, MODEL)


def identify(data: Any, dialect: Dialect | None = None) -> tuple[Kind, Dialect] | Fault:
    """The kind and dialect of parsed data, or the fault that keeps it from having one.

    `dialect` judges it as if it were of that one.
    """
    found = detect(data)
    if found is None:
        return KIND.broken(("kind",), f"found {_named(data)}, expected a Margo document")
    kind, spoken = found
    if spoken is Dialect.S:
        text = "found a deployment of the Margo sandbox's toolkit (spec.appPackageRef, apiVersion"
        return SANDBOX.broken(
            ("apiVersion",),
            f"{text} {shown(data.get('apiVersion'))}), expected the specification's",
        )
    spoken = spoken if dialect is None else dialect
    if spoken not in DIALECTS[kind]:
        known = ", ".join(DIALECTS[kind])
        text = f"found {kind} in dialect {spoken} ({spoken.period}), expected one of: {known}"
        return DIALECT.broken((), text)
    return kind, spoken


def _named(data: Any) -> str:
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind is None:
        return "a document without a known form"
    return f"kind {shown(kind)} of apiVersion {shown(data.get('apiVersion'))}"
