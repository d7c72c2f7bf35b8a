"""Canonical JSON: the one byte form of every machine file (RFC 8785, without floats)."""

from __future__ import annotations

import hashlib
import json
import re
from json.encoder import encode_basestring
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from margo_gitops.errors import Refused

_LARGEST = 2**53
_MODEL = TypeVar("_MODEL", bound=BaseModel)

_QUICK = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
_DOUBTFUL = tuple(
    map(re.compile, (r'":(?:[0-9]{1,15}[.eE]|[0-9]{16}|[-NI])', r"\[[-0-9NI]", ",[-0-9NI]"))
)
"""Numbers that may be large, negative or have a fraction: where one is, all is looked at."""


def digest(data: bytes) -> str:
    """`sha256:` and 64 hex digits, over exactly these bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dumps(value: Any) -> bytes:
    """The canonical bytes of objects, lists, strings, integers below 2^53, booleans and null.

    Keys are ordered by their UTF-16 code units, as RFC 8785 asks. Raises `ValueError` for any
    other value: a float has more than one spelling, so none is ever written.
    """
    return _text(value).encode("utf-8")


def dump(document: BaseModel) -> bytes:
    """The canonical bytes of one of our own documents."""
    return quick_dumps(document.model_dump(mode="json", by_alias=True))


def quick_dumps(value: Any) -> bytes:
    """`dumps` of a value whose objects have texts as keys; much quicker where it is plain."""
    text = _QUICK.encode(value)
    # ASCII keys have the same order by code point as by UTF-16 code unit
    if text.isascii() and not any(pattern.search(text) for pattern in _DOUBTFUL):
        return text.encode("ascii")
    return dumps(value)


def load(data: bytes, model: type[_MODEL], where: str) -> _MODEL:
    """Read one of our own machine files, which must be canonical to the byte.

    Raises `Refused` (rule `format`) for what is not JSON, not this kind, or spelled otherwise: two
    spellings of one document would have two digests.
    """
    try:
        document = model.model_validate_json(data)
    except (ValidationError, UnicodeDecodeError) as error:
        problem = str(error).splitlines()
        raise Refused(
            f"{where} is no {model.__name__} document: {' '.join(problem[:3])[:300]}", rule="format"
        ) from error
    if not _is_spelled(document, data):
        raise Refused(
            f"{where}: expected canonical JSON (RFC 8785), found another spelling of it",
            rule="format",
        )
    return document


def _is_spelled(document: BaseModel, data: bytes) -> bool:
    """Whether these are its canonical bytes; one with a number beyond 2^53 has none."""
    try:
        return dump(document) == data
    except ValueError:
        return False


def _text(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        if abs(value) < _LARGEST:
            return str(value)
        raise ValueError(f"{value} is not below 2^53")
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item) for item in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_text(key)}:{_text(value[key])}" for key in keys) + "}"
    raise ValueError(f"a {type(value).__name__} has no canonical form")
