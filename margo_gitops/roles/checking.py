"""One check for everybody: the command, the hook, rendering, a site before it adopts.

A file that was checked before is not read again: verdicts are kept by blob id. The rules across
files then run over what the verdicts remember.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.findings import Finding, refuse_errors
from margo_gitops.documents.fleet import (
    Breach,
    Edited,
    Files,
    Layout,
    Survey,
    Verdict,
    View,
    breaches,
    is_document,
    judge,
    survey,
)
from margo_gitops.documents.fleet.facts import decoded
from margo_gitops.documents.fleet.intents import Fits, decoded_fit, encoded_fit, fit_keys
from margo_gitops.documents.yaml import MAX_BYTES
from margo_gitops.errors import Refused
from margo_gitops.model.layout import MANIFEST
from margo_gitops.store.index import store_tree
from margo_gitops.store.verdicts import Verdicts

if TYPE_CHECKING:
    from margo_gitops.store.git import GitStore

CACHE = Path("margo") / "verdicts.sqlite"
"""Where a clone keeps verdicts, below its git folder."""


@dataclass(frozen=True, slots=True)
class Options:
    """How strict a check is; see `documents.check.check`."""

    strict: bool = False
    dialect: Dialect | None = None

    @property
    def suffix(self) -> str:
        """What tells verdicts of one blob apart."""
        return f"{'!' if self.strict else ''}{self.dialect or ''}"


Told = Callable[[str], None]
Progress = Callable[[int], AbstractContextManager[Told]]
"""Given how many documents are to be read, what is to hear of each of them."""


def silent(_: int) -> AbstractContextManager[Told]:
    """Nobody watches."""
    return nullcontext(lambda _: None)


@dataclass(slots=True)
class Checker:
    """Checks trees, each file once; `progress` shows how many are read, and hears each path."""

    cache: Verdicts = field(default_factory=lambda: Verdicts(None))
    options: Options = Options()
    progress: Progress = silent
    _known: dict[str, Verdict] = field(default_factory=dict)
    _fresh: dict[str, str] = field(default_factory=dict)
    _fits: Fits = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set)

    def check(
        self,
        view: View,
        layout: Layout,
        *,
        before: View | None = None,
        chosen: Callable[[str], bool] | None = None,
        tags: tuple[str, ...] = (),
    ) -> list[Finding]:
        """Every finding, by path and line.

        `before` is the tree that a change began from. With `chosen`, findings are those of the
        chosen files, and those that the change causes in files that it left alone.
        """
        found, broken = self._survey(view, layout)
        held = None if before is None else self._survey(before, layout)[0]
        self._remember_fits(found)
        broken += breaches(found, self._fits, held, tags)
        if chosen is not None:
            old = set() if held is None else set(breaches(held, self._fits))
            broken = [
                item
                for item in broken
                if chosen(item.file) or (held and item not in old and _same(found, held, item.file))
            ]
        self._keep()
        findings = [
            replace(finding, path=path)
            for path, verdict in found.verdicts.items()
            if verdict.findings and (chosen is None or chosen(path))
            for finding in verdict.findings
        ]
        findings += [item.placed(view) for item in broken]
        return sorted(set(findings), key=lambda f: (f.path, f.line, f.column, f.rule, f.message))

    def _survey(self, view: View, layout: Layout) -> tuple[Survey, list[Breach]]:
        ids = {path: view.identity(path) for path in view.paths() if is_document(layout, path)}
        self._remember({id for id in ids.values() if id is not None})
        broken = [
            Breach(path, fault)
            for path, fault in view.odd()
            if path in ids or _counts(layout, path)
        ]
        verdicts: dict[str, Verdict] = {}
        with self.progress(len(set(ids.values()) - self._known.keys())) as told:
            for path, id in ids.items():
                verdict = None if id is None else self._judged(view, path, id, told)
                if verdict is not None:
                    verdicts[path] = verdict
                elif fault := view.trouble(path):
                    broken.append(Breach(path, fault))
        return survey(layout, view, verdicts), list(dict.fromkeys(broken))

    def _remember(self, ids: set[str]) -> None:
        suffix = self.options.suffix
        for key, text in self.cache.get(id + suffix for id in ids - self._known.keys()).items():
            try:
                self._known[key.removesuffix(suffix)] = decoded(text)
            except (ValueError, TypeError, KeyError):
                continue

    def _remember_fits(self, found: Survey) -> None:
        if found.layout is Layout.FLEET:
            for key, text in self.cache.get(fit_keys(found)).items():
                try:
                    self._fits[key] = decoded_fit(text)
                except (ValueError, TypeError, KeyError):
                    continue
            self._kept = set(self._fits)

    def _keep(self) -> None:
        fits = {k: encoded_fit(v) for k, v in self._fits.items() if k not in self._kept}
        self.cache.put({**self._fresh, **fits})
        self._fresh.clear()

    def _judged(self, view: View, path: str, id: str, told: Told) -> Verdict | None:
        if id not in self._known:
            data = view.read(path)
            if data is None:
                return None
            options = self.options
            self._known[id] = judge(data, strict=options.strict, dialect=options.dialect)
            self._fresh[id + options.suffix] = self._known[id].encoded()
            told(path)
        return self._known[id]


def check_main(store: GitStore, commit: str) -> list[Finding]:
    """Every finding in a commit of `main`, with the rules across its files.

    Verdicts are kept beside the store where it is on a disk.
    """
    return Checker(_cache(store)).check(store_tree(store, commit), Layout.FLEET)


def _cache(store: GitStore) -> Verdicts:
    return Verdicts(None if store.path is None else store.path / CACHE)


def require_valid_main(store: GitStore, commit: str) -> None:
    """Raise `InvalidDocument` with every error in a commit of `main`."""
    refuse_errors(check_main(store, commit))


def require_valid_edit(store: GitStore, commit: str, changes: Mapping[str, bytes | None]) -> None:
    """Raise `InvalidDocument` with every error that an edit of `main` has, or causes elsewhere."""
    before = store_tree(store, commit)
    findings = Checker(_cache(store)).check(
        Edited(before, changes), Layout.FLEET, before=before, chosen=changes.__contains__
    )
    refuse_errors(findings)


def check_site(files: Mapping[str, bytes]) -> list[Finding]:
    """Every finding in the deployments of a site's tree, with the rules across its files.

    A manifest above 1 MiB is left to the adoption rule, which compares it with every document.
    """
    read = {p: d for p, d in files.items() if p != MANIFEST or len(d) <= MAX_BYTES}
    return Checker().check(Files(read), Layout.SITE)


def require_valid_site(site: str, commit: str, files: Mapping[str, bytes]) -> None:
    """Raise `Refused` (rule `document`) where a document of a site's tree has an error."""
    errors = [finding for finding in check_site(files) if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Refused(f"site/{site} at {commit[:12]}: {errors[0]}{more}", rule="document")


def _same(found: Survey, held: Survey, path: str) -> bool:
    return found.view.identity(path) == held.view.identity(path)


def _counts(layout: Layout, path: str) -> bool:
    """Whether a link at this path can mean anything to a tree of this layout."""
    return layout is not Layout.NONE and not any(part.startswith(".") for part in path.split("/"))


def changed(after: View, before: View) -> Iterator[str]:
    """Every path whose bytes differ, also where it came or went."""
    for path in sorted({*after.paths(), *before.paths()}):
        if after.identity(path) != before.identity(path):
            yield path
