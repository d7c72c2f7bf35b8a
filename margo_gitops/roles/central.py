"""CO, the Central Orchestrator: validates, commits to `main`, renders site branches. No state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from margo_gitops.artifacts import lock
from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, LostRace, Stalled
from margo_gitops.model import layout
from margo_gitops.model.matching import Candidate, Need, obstacles
from margo_gitops.model.record import ApplicationLock, Change
from margo_gitops.model.report import SiteStatus
from margo_gitops.render import Main, SiteTree, render
from margo_gitops.render.desired import wanted_at
from margo_gitops.render.edits import Edit
from margo_gitops.roles.artifacts import store_artifact
from margo_gitops.roles.checking import require_valid_main
from margo_gitops.roles.reading import package, read_capabilities, read_main
from margo_gitops.status.view import SiteView, site_view
from margo_gitops.store.git import Authorship, Commit, GitStore

FORMAT = "margo-gitops/v1"


class MainBranch(Protocol):
    """Where a verb's change of `main` goes: a person's clone, or a bare repository."""

    def head(self) -> str | None:
        """The commit of `main`."""

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Commit these files (None deletes); returns the new commit."""


@dataclass(frozen=True, slots=True)
class BareMain:
    """`main` of a repository without a work tree, moved by compare-and-swap."""

    store: GitStore
    author: Callable[[], Authorship]

    def head(self) -> str | None:
        """The commit of `main`."""
        return self.store.resolve(layout.MAIN)

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Commit on the present head; `LostRace` where somebody was quicker."""
        old = self.head()
        author = self.author()
        if old is None:
            files = {path: data for path, data in changes.items() if data is not None}
            new = self.store.write(files, parents=[], author=author, message=message)
        else:
            new = self.store.amend(old, changes, author=author, message=message)
        self.store.move(layout.MAIN, new, old=old)
        return new


@dataclass(frozen=True, slots=True)
class Rendered:
    """A site's next tree, and the commit that holds it once it is published."""

    site: str
    tree: SiteTree
    before: SiteTree | None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Central:
    """The role of whoever steers the fleet, over one repository."""

    store: GitStore
    branch: MainBranch

    def main(self) -> Main:
        """`main` as it stands, read at one commit."""
        return read_main(self.store, self.head())

    def head(self) -> str:
        """The commit of `main`; `Stalled` where there is none."""
        head = self.branch.head()
        if head is None:
            raise Stalled("this repository has no main branch", help="margo init DIR --open")
        return head

    def apply(self, edit: Edit) -> str:
        """Commit an edit to `main`."""
        return self.branch.commit(edit.changes, edit.message)

    def preview(self, main: Main, sites: Sequence[str] | None = None) -> list[Rendered]:
        """The next tree of every site that differs from what it is published as: pure reading."""
        found = []
        for site in sorted(main.sites) if sites is None else sites:
            before = self.published(site)
            if before is not None:
                self._require_lineage(site, before, main.commit)
            tree = render(main, site, before)
            if tree is not None:
                found.append(Rendered(site, tree, before))
        return found

    def render(self, *, progress: Callable[[str], None] = lambda _: None) -> list[Rendered]:
        """Publish every site that changed; the same `main` gives everybody the same commits.

        Raises `InvalidDocument` with every error of `main`, and then publishes nothing.
        """
        main = self.main()
        require_valid_main(self.store, main.commit)
        source = self.store.commit(main.commit)
        published = []
        for rendered in self.preview(main):
            self._require_readable(rendered.site)
            self._keep_artifacts(main.commit, rendered)
            published.append(self._publish(rendered, source))
            progress(rendered.site)
        return published

    def published(self, site: str) -> SiteTree | None:
        """What a site branch says now."""
        tip = self.store.resolve(layout.site_ref(site))
        if tip is None:
            return None
        files = self.store.files(tip)
        change = canonical.load(files.get(layout.CHANGE, b""), Change, f"site/{site}:change.json")
        return SiteTree(files, change)

    def status(self, site: str) -> SiteView:
        """A site's published state against what its status branch says."""
        tree = self.published(site)
        tip = self.store.resolve(layout.status_ref(site))
        files = {} if tip is None else self.store.files(tip)
        heard = None if tip is None else self.store.commit(tip).time
        return site_view(site, None if tree is None else tree.change, files, heard)

    def unplaceable(self, main: Main, name: str) -> dict[str, str]:
        """Site to reason, where no known node of it can run the deployment `name`.

        A site of which no node is known yet is left out: nobody can say.
        """
        found = {}
        for site in main.sites:
            known = read_capabilities(self.store, main.commit, site)
            labels = {device.id: device.labels for device in main.devices.get(site, ())}
            for wanted in wanted_at(main, site):
                if wanted.name != name or not known:
                    continue
                deployment = wanted.deployment
                need = Need(deployment.type, deployment.requirements, deployment.eligibility)
                named = layout.node_of(wanted.target)
                against = {
                    node: obstacles(need, Candidate(node, known[node], labels.get(node, {})))
                    for node in sorted(known)
                    if named in {None, node}
                }
                if against and all(against.values()):
                    reasons = sorted({", ".join(why) for why in against.values()})
                    found[site] = "; ".join(reasons)
        return found

    def _require_lineage(self, site: str, before: SiteTree, head: str) -> None:
        source = before.change.source
        if not self.store.is_ancestor(source, head):
            raise Stalled(
                f"main at {head[:12]} does not descend from {source[:12]}, which site/{site} was"
                " rendered from: main was rewritten",
                then="nothing is published",
                help=f"git log {source[:12]}; bring that commit back with git merge",
            )

    def _require_readable(self, site: str) -> None:
        """Never write a format that the site's last status cannot read (DESIGN section 2)."""
        tip = self.store.resolve(layout.status_ref(site))
        data = None if tip is None else self.store.read(tip, layout.SITE_STATUS)
        if data is None:
            return
        formats = canonical.load(data, SiteStatus, layout.SITE_STATUS).agent.formats
        if FORMAT not in formats:
            raise Stalled(
                f"the agent of {site} reads {', '.join(formats)}, not {FORMAT}",
                help=f"update margo at {site} first",
            )

    def _keep_artifacts(self, commit: str, rendered: Rendered) -> None:
        for record in (entry.record for entry in rendered.tree.change.records):
            needed = [artifact.digest for artifact in record.artifacts]
            if not needed or record.application is None or record.version is None:
                continue
            if all(self.store.resolve(layout.artifact_ref(digest)) for digest in needed):
                continue
            data = self.store.read(commit, layout.lock_path(record.application, record.version))
            locked = canonical.load(data or b"", ApplicationLock, "locks/")
            files = package(self.store, commit, record.application, record.version)
            for content in lock.contents(locked, files):
                store_artifact(self.store, content)

    def _publish(self, rendered: Rendered, source: Commit) -> Rendered:
        ref = layout.site_ref(rendered.site)
        tip = self.store.resolve(ref)
        commit = self.store.write(
            rendered.tree.files,
            parents=[] if tip is None else [tip],
            author=source.authorship(),
            message=_message(rendered, source),
        )
        try:
            self.store.move(ref, commit, old=tip)
        except LostRace:
            if self.store.resolve(ref) != commit:
                raise
        return Rendered(rendered.site, rendered.tree, rendered.before, commit)


def _message(rendered: Rendered, source: Commit) -> str:
    """Trailers, so that plain git tells the story; nothing in them but what the source decides."""
    held = set() if rendered.before is None else set(rendered.before.change.records)
    change = rendered.tree.change
    changed = sorted({e.record.name for e in change.records if e not in held})
    trailers = [f"Source: {source.id}"]
    trailers += [line for line in source.message.splitlines() if line.startswith("Proposal: ")]
    trailers += [f"Generation: {change.generation}"]
    trailers += [f"Deployment: {name}" for name in changed]
    trailers += [f"Reason: {source.message.splitlines()[0] if source.message else 'none'}"]
    return f"{rendered.site}: generation {change.generation}\n\n" + "\n".join(trailers) + "\n"


def require_placeable(problems: Mapping[str, str], name: str) -> None:
    """`Invalid` where a deployment can run at none of the nodes of some site."""
    if problems:
        told = "; ".join(f"{site}: {why}" for site, why in sorted(problems.items())[:5])
        raise Invalid(f"{name} is not placeable: {told}", help="margo device list")
