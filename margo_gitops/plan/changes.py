"""What a proposal changes at its sites: the difference of each record, grouped by sites alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import unified_diff

from margo_gitops.documents import margo
from margo_gitops.documents.neutral import neutral
from margo_gitops.model import layout
from margo_gitops.model.count import count
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.model.proposal import Group
from margo_gitops.model.record import Record
from margo_gitops.plan.workloads import differences

_CONTEXT = 2
"""Unchanged lines that are shown around a changed one."""


@dataclass(frozen=True, slots=True)
class Side:
    """A record and the bytes of its document; None for a removal."""

    record: Record
    document: bytes | None


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One record that a site would get, and what the site has in its place."""

    before: Side | None
    after: Side

    @property
    def site(self) -> str:
        """The site."""
        return self.after.record.site


@dataclass(frozen=True, slots=True)
class _Alike:
    """A change without what names its site, so that equal ones are equal."""

    action: str
    name: str
    was: str | None
    version: str | None
    nodes: tuple[str | None, str | None]
    documents: tuple[bytes, bytes]
    pins: tuple[tuple[str, ...], tuple[str, ...]]


def grouped(changes: Iterable[RecordChange]) -> tuple[Group, ...]:
    """The changes in groups of sites that get the same, the largest first.

    What differs by site alone, the deployment's id and the site's name as its target, is left out
    of the lines. Secrets are not shown where a parameter's name says that it is one.
    """
    sites: dict[_Alike, list[str]] = {}
    for change in changes:
        sites.setdefault(_alike(change), []).append(change.site)
    found = [
        Group(_title(alike), tuple(sorted(names)), tuple(_lines(alike)))
        for alike, names in sites.items()
    ]
    return tuple(sorted(found, key=lambda group: (-len(group.sites), group.title, group.sites)))


def at(groups: Iterable[Group], site: str) -> tuple[Group, ...]:
    """What one site gets of it."""
    return tuple(replace(group, sites=(site,)) for group in groups if site in group.sites)


def summary(groups: Iterable[Group]) -> str:
    """How alike the sites are, in one line: `797 sites alike, 3 differ`."""
    of: dict[str, list[str]] = {}
    for group in groups:
        for site in group.sites:
            of.setdefault(site, []).append("\n".join((group.title, *group.lines)))
    counts: dict[tuple[str, ...], int] = {}
    for changes in of.values():
        key = tuple(sorted(changes))
        counts[key] = counts.get(key, 0) + 1
    most = max(counts.values(), default=0)
    rest = sum(counts.values()) - most
    if most == sum(counts.values()) == 1:
        return "1 site"
    differ = f", {rest} differ{'s' if rest == 1 else ''}" if rest else ""
    return f"{count(most, 'site')} alike{differ}"


def _alike(change: RecordChange) -> _Alike:
    after = change.after.record
    before = None if change.before is None else change.before.record
    return _Alike(
        action=after.action,
        name=after.name if after.application is not None else "the site's settings",
        was=None if before is None or before.action == "remove" else before.version or "",
        version=after.version and f"{after.application} {after.version}",
        nodes=(_placed(before), _placed(after)),
        documents=(_neutral(change.before), _neutral(change.after)),
        pins=(_pins(before), _pins(after)),
    )


def _neutral(side: Side | None) -> bytes:
    """The document without what only says whose it is."""
    if side is None or side.document is None:
        return b""
    record = side.record
    if record.application is None:
        return side.document.replace(f'"site":"{record.site}"'.encode(), b'"site":"any-site"')
    return neutral(side.document, record.id, record.target)


def _placed(record: Record | None) -> str | None:
    """The node that a record names, if it names one."""
    return None if record is None else layout.node_of(record.target)


def _pins(record: Record | None) -> tuple[str, ...]:
    """Each artifact and image by its digest, as the record names it."""
    if record is None:
        return ()
    return tuple(
        f"{f'image {item.image}' if item.image else 'artifact'} of {item.component}: {item.digest}"
        for item in record.artifacts
    )


def _title(alike: _Alike) -> str:
    if alike.version is None:
        return alike.name
    if alike.action == "remove":
        return f"{alike.name}: removed, {alike.version}"
    on = f" on {alike.nodes[1]}" if alike.nodes[1] else ""
    if alike.was is None:
        return f"{alike.name}: new, {alike.version}{on}"
    if alike.was and not alike.version.endswith(f" {alike.was}"):
        application, _, version = alike.version.rpartition(" ")
        return f"{alike.name}: {application} {alike.was} -> {version}{on}"
    return f"{alike.name}: {alike.version}{on}, changed"


def _lines(alike: _Alike) -> Iterator[str]:
    then, now = alike.documents
    if alike.action == "remove":
        yield "it is stopped, and its workloads are removed"
        return
    if (then, alike.pins[0]) == (now, alike.pins[1]):
        yield "the same documents and digests as now, in a further revision or approved anew"
        return
    yield from _told(alike)
    if alike.was is not None and alike.nodes[0] != alike.nodes[1]:
        yield f"node: {alike.nodes[0] or 'any'} -> {alike.nodes[1] or 'any'}"
    yield from (f"- {pin}" for pin in alike.pins[0] if pin not in alike.pins[1])
    yield from (f"+ {pin}" for pin in alike.pins[1] if pin not in alike.pins[0])
    old, new = (_text(data) for data in alike.documents)
    yield from list(unified_diff(old, new, lineterm="", n=_CONTEXT))[2:]


def _told(alike: _Alike) -> Iterator[str]:
    """What changes in a deployment, in the words that a node says when it acts."""
    if alike.version is None or alike.was is None:
        return
    then, now = (_deployment(data) for data in alike.documents)
    if then is not None and now is not None and then != now:
        yield from differences(then, now)


def _deployment(document: bytes) -> ApplicationDeployment | None:
    return margo.read_deployment(document, "a record's document")[0] if document else None


def _text(document: bytes) -> list[str]:
    """A document in lines; JSON, which is on one line, a field a line."""
    if document.startswith(b"{"):
        value = json.loads(document)
        return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
    return document.decode("utf-8", "replace").splitlines()
