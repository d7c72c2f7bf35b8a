"""People at their clones of a signed fleet, a bare repository between them, and its sites."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from margo_gitops.model import layout
from margo_gitops.model.approval import Policy
from margo_gitops.store.git import GitStore
from tests.cli.running import IDENTITY
from tests.proposals.inprocess import margo
from tests.trust.keys import written
from tests.trust.world import SignedFleet

SITES: Mapping[str, tuple[str, ...]] = {"north": ("n1",), "south": ("s1",), "west": ("w1",)}


@dataclass
class Desk:
    """`fleet` runs its sites in this process, over the bare repository that the clones push to."""

    folder: Path
    fleet: SignedFleet
    clones: set[str] = field(default_factory=set)

    @property
    def bare(self) -> Path:
        return self.folder / "fleet.git"

    def clone(self, who: str) -> Path:
        """This person's clone, made when it is first asked for."""
        path = self.folder / who
        if who not in self.clones:
            written(who, self.folder / f"key-{who}")
            done = margo("clone", str(self.bare), who, cwd=self.folder)
            assert done.code == 0, done.err
            for words in (
                ("margo.root", self.fleet.pinned),
                ("margo.key", str(self.folder / f"key-{who}")),
                ("user.name", who.title()),
                ("user.email", f"{who}@example.invalid"),
            ):
                subprocess.run(["git", "config", *words], cwd=path, check=True)
            self.clones.add(who)
        return path

    def run(self, who: str, *words: str, code: int = 0) -> str:
        """`margo` by this person; what it printed."""
        done = margo(*words, cwd=self.clone(who))
        assert done.code == code, f"{words}: {done.code}\n{done.out}{done.err}"
        return done.out + done.err

    def json(self, who: str, *words: str) -> Any:
        done = margo(*words, "--json", cwd=self.clone(who))
        assert done.code == 0, done.out + done.err
        return json.loads(done.out)

    def git(self, who: str, *words: str) -> str:
        """Plain git by this person."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.clone(who),
            env={**os.environ, **IDENTITY},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def approve(self, id: str, persons: Sequence[str] = ("bob", "carol")) -> None:
        for who in persons:
            self.run(who, "pr", "approve", id)

    def refs(self, prefix: str = "refs/heads/") -> dict[str, str]:
        """What the bare repository has."""
        return self.fleet.remote.refs(prefix)

    def source(self, site: str = "north") -> str:
        """The message of the commit that the site was sent last."""
        tip = self.fleet.remote.resolve(layout.site_ref(site))
        assert tip is not None
        return self.fleet.remote.commit(tip).message


@contextmanager
def desk(folder: Path, approvals: int = 2) -> Iterator[Desk]:
    """A fleet whose every change asks for so many approvals; its sites are in step."""
    store = GitStore.create(folder / "fleet.git")
    try:
        fleet = SignedFleet(SITES, remote=store, policy=Policy(approvals=approvals))
        yield Desk(folder, fleet)
    finally:
        store.close()
