"""A new signed fleet: its first root, and a clone that knows it."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.errors import Usage
from margo_gitops.model import layout
from margo_gitops.model.fleet import Fleet
from margo_gitops.roles.ceremony import first_root
from margo_gitops.roles.signing import named_key, person_key
from margo_gitops.store.clone import Clone
from margo_gitops.store.gitprogram import answer, must
from margo_gitops.trust.spoken import spoken

_PERSON = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Founded:
    """Who made a fleet, with which key, and by which root it will be known."""

    person: str
    key: str
    root: str

    @property
    def spoken(self) -> str:
        """The root as people say it."""
        return spoken(self.root)


def found(
    folder: Path,
    fleet: Fleet,
    files: Mapping[str, bytes],
    message: str,
    *,
    key: Path | None,
    person: str,
) -> Founded:
    """Make the fleet's repository and pin its root there; `Stalled` where there is no key."""
    named = named_key(key, os.environ)
    signer = person_key(named, answer(Path.cwd(), "config", "user.signingKey"), os.environ)
    root = first_root(fleet.id, person, signer)
    clone = Clone.init(folder, {**files, **root}, message)
    digest = canonical.digest(root[layout.root_path(1)])
    must(clone.path, "config", "margo.root", digest)
    if named is not None:
        must(clone.path, "config", "margo.key", str(named.resolve()))
    return Founded(person, signer.key.fingerprint, digest)


def person_of(named: str | None) -> str:
    """A name for the root: the one given, else made from git's or the system's.

    Raises `Usage` for one that cannot be in a root.
    """
    said = named or answer(Path.cwd(), "config", "user.name") or getpass.getuser()
    name = said if named else re.sub(r"[^a-z0-9]+", "-", said.lower()).strip("-")
    if _PERSON.fullmatch(name):
        return name
    raise Usage(f"{name!r} is no person's name here: expected a-z, 0-9 and -", help="--person NAME")
