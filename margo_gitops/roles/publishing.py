"""Publishing rendered sites: their artifacts first, then a batch of commits and refs at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from margo_gitops.artifacts import lock
from margo_gitops.documents import canonical
from margo_gitops.errors import Stalled
from margo_gitops.model import layout
from margo_gitops.model.record import ApplicationLock
from margo_gitops.render import PublishedTree, SiteTree
from margo_gitops.roles.artifacts import store_artifact
from margo_gitops.roles.reading import package, site_status
from margo_gitops.store.batch import Batch
from margo_gitops.store.epochs import CONTINUES, EPOCH
from margo_gitops.store.git import Commit, GitStore
from margo_gitops.trust.sshsig import Namespace, Signer

FORMAT = "margo-gitops/v1"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A site's next tree, not published yet; `tip` is where its branch is now.

    `before` is what it is made from: what the branch holds, or what the site adopted apart from it
    (`healing`).
    """

    site: str
    tree: SiteTree
    before: PublishedTree | None
    commit: None = None
    tip: str | None = None

    @property
    def generation(self) -> int:
        """The generation that this tree is."""
        return self.tree.change.generation

    @property
    def deployments(self) -> tuple[str, ...]:
        """The names of the records that differ from the ones published before."""
        held = set() if self.before is None else set(self.before.tree.change.records)
        return tuple(sorted({e.record.name for e in self.tree.change.records if e not in held}))

    @property
    def news(self) -> tuple[str, ...]:
        """What this tree brings, in words: records by name, trust, a new history."""
        change = self.tree.change
        before = None if self.before is None else self.before.tree.change
        words = list(self.deployments)
        if change.root is not None and (before is None or change.root != before.root):
            words.append(f"root {change.root}")
        if change.enrolment is not None and (
            before is None or change.enrolment != before.enrolment
        ):
            words.append(f"enrolment {change.enrolment}")
        return (*words, *(["a new epoch"] if self.starts_epoch else []))

    @property
    def heals(self) -> str | None:
        """What the site adopted apart from its branch, where this goes on from that."""
        before = self.before
        return None if before is None or before.commit == self.tip else before.commit

    @property
    def parents(self) -> tuple[str, ...]:
        """The commits that the next one follows; none where it begins an epoch."""
        if self.starts_epoch:
            return ()
        return tuple(id for id in (self.tip, self.heals) if id is not None)

    @property
    def starts_epoch(self) -> bool:
        """Whether this tree begins a new history."""
        before = self.before
        return before is not None and self.tree.change.epoch > before.tree.change.epoch


@dataclass(frozen=True, slots=True)
class Published:
    """What was published of a site; its tree is in the commit, ten thousand do not fit here."""

    site: str
    generation: int
    deployments: tuple[str, ...]
    news: tuple[str, ...]
    commit: str


@dataclass(slots=True)
class Publishing:
    """One run of publishing from one commit of `main`; what sites share is looked up once.

    `key` signs each change; None in an open fleet.
    """

    store: GitStore
    source: Commit
    key: Signer | None = None
    _statuses: dict[str, str] = field(init=False)
    _kept: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read where the statuses are, all at once."""
        self._statuses = self.store.refs(layout.STATUSES)

    def publish(self, rendered: Sequence[Rendered]) -> list[Published]:
        """One batch: every object durable, then every ref moved by compare-and-swap.

        Raises `Stalled` where a site cannot read our format, `LostRace` where a branch moved.
        """
        batch = Batch(self.store)
        published = []
        for item in rendered:
            self._require_readable(item.site)
            self._keep_artifacts(item)
            commit = batch.commit(
                layout.site_ref(item.site),
                self._signed(item.tree.files),
                old=item.tip,
                parents=item.parents,
                author=self.source.authorship(),
                message=_message(item, self.source),
            )
            published.append(
                Published(item.site, item.generation, item.deployments, item.news, commit)
            )
        batch.publish()
        return published

    def _signed(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """With the publisher's signature; as they are in an open fleet."""
        if self.key is None:
            return files
        signature = self.key.sign(files[layout.CHANGE], Namespace.PUBLISH)
        return {**files, layout.signature_path(layout.CHANGE): signature}

    def _require_readable(self, site: str) -> None:
        """Never write a format that the site's last status cannot read (DESIGN section 2)."""
        tip = self._statuses.get(layout.status_ref(site))
        said = None if tip is None else site_status(self.store, tip)
        if said is None:
            return
        formats = said.agent.formats
        if FORMAT not in formats:
            raise Stalled(
                f"the agent of {site} reads {', '.join(formats)}, not {FORMAT}",
                help=f"update margo at {site} first",
            )

    def _keep_artifacts(self, rendered: Rendered) -> None:
        """Have what travels in git of each version that a site runs."""
        for record in (entry.record for entry in rendered.tree.change.records):
            if record.application is None or record.version is None or not record.artifacts:
                continue
            key = record.application, record.version
            if key not in self._kept:
                self._kept.add(key)
                self._keep(*key)

    def _keep(self, app: str, version: str) -> None:
        commit = self.source.id
        data = self.store.read(commit, layout.lock_path(app, version))
        locked = canonical.load(data or b"", ApplicationLock, "locks/")
        needed = [c.artifact for c in locked.components if c.artifact and c.path is not None]
        if all(self.store.resolve(layout.artifact_ref(a.digest)) for a in needed):
            return
        for content in lock.contents(locked, package(self.store, commit, app, version)):
            store_artifact(self.store, content)


def _message(rendered: Rendered, source: Commit) -> str:
    """Trailers, so that plain git tells the story; nothing in them but what the source decides."""
    generation = rendered.generation
    trailers = [f"Source: {source.id}"]
    trailers += [line for line in source.message.splitlines() if line.startswith("Proposal: ")]
    trailers += [f"Generation: {generation}"]
    if rendered.heals is not None:
        trailers += [f"Heals: {rendered.heals}"]
    start = rendered.tree.change.continues
    if rendered.starts_epoch and start is not None:
        trailers += [f"{EPOCH}: {rendered.tree.change.epoch}", f"{CONTINUES}: {start.commit}"]
    trailers += [f"Deployment: {name}" for name in rendered.deployments]
    trailers += [f"Reason: {source.message.splitlines()[0] if source.message else 'none'}"]
    return f"{rendered.site}: generation {generation}\n\n" + "\n".join(trailers) + "\n"
