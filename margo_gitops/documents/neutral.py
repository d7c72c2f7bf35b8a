"""A generated deployment without what only says whose it is, so that equal ones are equal."""

from __future__ import annotations

_NOBODY = b"00000000-0000-0000-0000-000000000000"
_NOWHERE = "any-site"


def neutral(document: bytes, id: str, target: str) -> bytes:
    """The document with another id and another site in its target; as it is where it names those.

    Two that are equal then say the same but for these two.
    """
    if _NOBODY in document or _NOWHERE.encode() in document:
        return document
    for written in (f'"{id}"', id):  # YAML quotes one that looks like a number
        document = document.replace(written.encode(), _NOBODY)
    node = target.partition("/")[2]
    return document.replace(f'"{target}"'.encode(), f'"{_NOWHERE}/{node}"'.encode())
