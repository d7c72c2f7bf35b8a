"""What an enrolled box believes: the root that its people compared, and the chain from there.

The chain is kept on a ref of the box's own store and moves alone: a refused change still teaches
that a key was revoked. A mark beside the key outlives the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.report import Adopted
from margo_gitops.model.trust import Mark
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.trust.chain import Trust, follow, restore
from margo_gitops.trust.sshsig import Signer


class Marks(Protocol):
    """Where a box keeps how far it came, apart from its repositories."""

    def read(self) -> Mark | None:
        """The last mark; None before the first."""

    def write(self, mark: Mark) -> None:
        """Keep it, durably."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A box that was enrolled: its key, its site, and the first root, compared by voice."""

    key: Signer
    site: str
    pinned: str
    marks: Marks


@dataclass(slots=True)
class Beliefs:
    """The chain of trust of one box, kept at `refs/margo/trust/<id>` of its store."""

    id: str
    store: GitStore
    identity: Identity
    _held: Trust | None = field(default=None, init=False)

    @property
    def ref(self) -> str:
        """Where the chain is kept."""
        return layout.TRUST + self.id

    def held(self) -> Trust | None:
        """The chain as it was followed last; None before the first time."""
        tip = self.store.resolve(self.ref)
        if tip is not None and self._held is None:
            self._held = restore(self.identity.pinned, self.store.files(tip))
        return self._held

    def learn(self, files: Mapping[str, bytes]) -> Trust:
        """Follow the chain in a branch's files and keep it.

        Raises `Refused` (rule `root` or `enrolment`) where a step is not signed by enough persons,
        or where the chain ends before what this box knew already.
        """
        held, mark = self.held(), self.identity.marks.read()
        trust = follow(
            self.identity.pinned,
            self.identity.site,
            files,
            held,
            vouched=None if mark is None else mark.vouched,
        )
        if mark is not None:
            _require_no_less(trust, mark)
        if held is None or trust.files != held.files:
            self._keep(trust)
        return trust

    def mark(self, *, adopted: Adopted | None = None, sequence: int | None = None) -> None:
        """Say beside the key how far this box came; before its branch moves."""
        trust = self.held()
        if trust is None or trust.enrolment is None:
            return
        version = trust.enrolment.version
        vouched = canonical.digest(trust.files[layout.enrolment_path(version)])
        self.identity.marks.write(
            Mark(
                root=trust.root.version,
                enrolment=version,
                vouched=vouched,
                adopted=adopted,
                sequence=sequence,
            )
        )

    def require_mine(self, trust: Trust, node: str | None = None) -> None:
        """`Refused` (rule `enrolment`) where a place's key, the site's or a node's, is not ours."""
        own, enrolment = self.identity.key.key, trust.enrolment
        if enrolment is not None and enrolment.key_of(node) == str(own):
            return
        version = 0 if enrolment is None else enrolment.version
        raise Refused(
            f"enrolment {version} of {self.identity.site} does not name the key of this box,"
            f" {own.fingerprint}: another has its place, or it was never accepted",
            rule="enrolment",
            help="margo trust show, at the fleet's clone",
        )

    def _keep(self, trust: Trust) -> None:
        tip = self.store.resolve(self.ref)
        commit = self.store.write(
            {path: data for path, data in trust.files.items() if path.startswith(layout.CHAIN)},
            parents=[] if tip is None else [tip],
            author=Authorship("margo", "agent@margo-gitops.invalid", 0),
            message=f"{self.id}: root {trust.root.version}\n",
        )
        self.store.move(self.ref, commit, old=tip)
        self._held = trust


def _require_no_less(trust: Trust, mark: Mark) -> None:
    """A box that lost its store is not told an older chain."""
    enrolment = 0 if trust.enrolment is None else trust.enrolment.version
    for rule, found, known in (
        ("root", trust.root.version, mark.root),
        ("enrolment", enrolment, mark.enrolment),
    ):
        if found < known:
            raise Refused(
                f"the chain ends with {rule} {found}, this box knew {rule} {known}", rule=rule
            )
