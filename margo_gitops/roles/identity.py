"""A box's identity on its disk: its key, the root that its people compared, and its mark.

It lies beside the agent's repositories and outlives them; whoever takes it takes the box's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from margo_gitops.documents import canonical
from margo_gitops.errors import Stalled
from margo_gitops.model.trust import Invitation, Mark
from margo_gitops.roles.beliefs import Identity
from margo_gitops.store.disk import disk_faults, replacing, sync_folder

if TYPE_CHECKING:
    from margo_gitops.trust.sshsig import Signer

FOLDER = "identity"
KEY = "key"
PINNED = "pinned.json"
MARK = "mark.json"


@dataclass(frozen=True, slots=True)
class MarkFile:
    """A mark in a file that is replaced whole."""

    path: Path

    def read(self) -> Mark | None:
        """The last mark; None before the first."""
        try:
            return canonical.load(self.path.read_bytes(), Mark, str(self.path))
        except FileNotFoundError:
            return None

    def write(self, mark: Mark) -> None:
        """Keep it, durably; nothing is written where it stands there already."""
        if self.read() != mark:
            _put(self.path, canonical.dump(mark))


def enrol(state: Path, invitation: Invitation, *, again: bool = False) -> Identity:
    """Pin an invitation's root and make the box's key; what is there already stays.

    With `again` another root of the same fleet takes the place of the one that was pinned: its
    people lost their keys and began anew. Raises `Stalled` where this state folder belongs to
    another site, node or fleet.
    """
    folder = state / FOLDER
    held = _pinned(folder)
    if (
        again
        and held is not None
        and held.model_copy(update={"root": invitation.root}) == invitation
    ):
        _begin_anew(folder, invitation)
        held = invitation
    if held is not None and held != invitation:
        raise Stalled(
            f"{state} was enrolled for {held.site} with the root {held.root[:23]}…",
            then="nothing was changed",
            help="another --state; or delete that folder to begin anew, and then rekey",
        )
    key = _key(folder)
    if held is None:
        _put(folder / PINNED, canonical.dump(invitation))
    return Identity(key, invitation.site, invitation.root, MarkFile(folder / MARK))


def identity_in(state: Path) -> Identity | None:
    """What this state folder was enrolled with; None where it was not."""
    folder = state / FOLDER
    held = _pinned(folder)
    if held is None:
        return None
    return Identity(_key(folder), held.site, held.root, MarkFile(folder / MARK))


def _key(folder: Path) -> Signer:
    from margo_gitops.roles.signing import machine_key  # noqa: PLC0415

    return machine_key(folder / KEY)


def _begin_anew(folder: Path, invitation: Invitation) -> None:
    """How far the box came in what it adopted stays; how far in the old chain is worth nothing."""
    marks = MarkFile(folder / MARK)
    mark = marks.read()
    if mark is not None:
        marks.write(mark.model_copy(update={"root": 1, "enrolment": 1}))
    _put(folder / PINNED, canonical.dump(invitation))


def _pinned(folder: Path) -> Invitation | None:
    try:
        data = (folder / PINNED).read_bytes()
    except FileNotFoundError:
        return None
    return canonical.load(data, Invitation, str(folder / PINNED))


def _put(path: Path, data: bytes) -> None:
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(path, mode=0o600) as file:
            file.write(data)
        sync_folder(path.parent)
