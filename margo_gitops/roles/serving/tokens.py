"""A token for each node, made by the LO, carried to the node by a person.

It says whose it is before its dot, so that one look finds it: `n1.` and 43 random characters.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from pathlib import Path

from margo_gitops.errors import Missing, Usage
from margo_gitops.model import layout
from margo_gitops.store.disk import disk_faults, replacing, sync_folder

TOKENS = "tokens"
_LONGEST = 4096


def make_token(state: Path, node: str) -> None:
    """Make a node's token if it has none: a file that only this user may read."""
    path = _path(state, node)
    if path.exists():
        return
    with disk_faults(path):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with replacing(path, mode=0o600) as file:
            file.write(f"{node}.{secrets.token_urlsafe(32)}\n".encode())
        sync_folder(path.parent)


def read_token(state: Path, node: str) -> str:
    """A node's token; `Missing` where the LO has not made one yet."""
    try:
        return _path(state, node).read_text().strip()
    except FileNotFoundError as error:
        raise Missing(
            f"{node} has no token in {state / TOKENS}",
            then="margo lo run --serve makes one for each node of its site",
            help="margo lo run --site SITE --remote URL --serve ADDR",
        ) from error


def bearer(state: Path, authorization: str) -> str | None:
    """Whose token an `Authorization` header carries, as bearer or as a basic password."""
    given = _given(authorization)
    node = given.partition(".")[0]
    try:
        held = read_token(state, node)
    except (Missing, Usage, UnicodeDecodeError):
        return None
    return node if held and hmac.compare_digest(held.encode(), given.encode()) else None


def _given(authorization: str) -> str:
    kind, _, value = authorization[:_LONGEST].partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic":
        return ""
    try:
        pair = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    return pair.partition(":")[2]


def _path(state: Path, node: str) -> Path:
    return state / TOKENS / layout.flat(node, "node id")
