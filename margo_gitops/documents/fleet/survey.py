"""All that the files of one tree say, by what they are: the ground of every rule across files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from margo_gitops.documents.fleet.facts import Verdict
from margo_gitops.documents.fleet.places import Layout, place_of
from margo_gitops.documents.fleet.view import View
from margo_gitops.model.application import ApplicationDescription
from margo_gitops.model.fleet import Intent, Site

_MODEL = TypeVar("_MODEL", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Survey:
    """The documents of a tree.

    Whether something is there is said by its path, so that a document with a fault of its own does
    not make others dangle. `packages` gives each application version its folder, with the `/`
    at its end.
    """

    layout: Layout
    view: View
    verdicts: Mapping[str, Verdict]
    names: frozenset[str]
    sites: Mapping[str, Site | None]
    nodes: Mapping[str, frozenset[str]]
    packages: Mapping[tuple[str, str], str]
    _selected: dict[tuple[tuple[str, str], ...], frozenset[str]] = field(default_factory=dict)

    def of(self, model: type[_MODEL]) -> Iterator[tuple[str, _MODEL]]:
        """Path and content of each document of a kind that stands at its place."""
        for path, verdict in self.verdicts.items():
            if isinstance(verdict.fact, model):
                place = place_of(path)
                if self.layout is not Layout.FLEET or (place and place.kind == model.__name__):
                    yield path, verdict.fact

    def fact(self, path: str, model: type[_MODEL]) -> _MODEL | None:
        """What one file says, None where it is not there or not of this kind."""
        verdict = self.verdicts.get(path)
        return verdict.fact if verdict and isinstance(verdict.fact, model) else None

    def description(self, id: str, version: str) -> ApplicationDescription | None:
        """One version of the App Store; None where it is not there or has faults of its own."""
        folder = self.packages.get((id, version))
        return None if folder is None else self.fact(f"{folder}margo.yaml", ApplicationDescription)

    def reached(self, intent: Intent) -> frozenset[str]:
        """The sites of the fleet that an intent names or selects."""
        wanted = intent.targets
        chosen = self._matching(wanted.selector) if wanted.selector is not None else frozenset()
        return (chosen | self.sites.keys() & set(wanted.sites)) - set(wanted.without)

    def _matching(self, selector: Mapping[str, str]) -> frozenset[str]:
        key = tuple(sorted(selector.items()))
        if key not in self._selected:
            self._selected[key] = frozenset(
                id for id, site in self.sites.items() if site and site.matches(dict(selector))
            )
        return self._selected[key]


def survey(layout: Layout, view: View, verdicts: Mapping[str, Verdict]) -> Survey:
    """The survey of a tree; `verdicts` are those of its documents, by path."""
    names = frozenset(view.paths())
    sites: dict[str, Site | None] = {}
    nodes: dict[str, set[str]] = {}
    packages: dict[tuple[str, str], str] = {}
    for path in sorted(names):
        place = place_of(path) if layout is Layout.FLEET else None
        if place is None:
            continue
        if place.kind == "Site":
            fact = verdicts[path].fact if path in verdicts else None
            sites[place.ids[0]] = fact if isinstance(fact, Site) else None
        elif place.kind == "Device":
            nodes.setdefault(place.ids[0], set()).add(place.ids[1])
        elif place.kind == "ApplicationDescription":
            packages[place.ids[0], place.ids[1]] = path.removesuffix("margo.yaml")
    found = {site: frozenset(ids) for site, ids in nodes.items()}
    return Survey(layout, view, verdicts, names, sites, found, packages)
