"""A status that this project wrote, known by writing it again.

The bytes decide: what our writer makes of a model, to the byte, can mean nothing but that model.
All else, every other spelling and dialect too, goes to the one parser (DESIGN section 4).
"""

from __future__ import annotations

import json
import re
from typing import Any

from margo_gitops.documents import canonical, codecs
from margo_gitops.documents.dialects import Dialect, Kind
from margo_gitops.model.status import DeploymentStatus

_PRINTABLE = re.compile(rb"[ !#-\[\]-~\"]*")
_LONG_KEY = re.compile(rb'"[^"]{500,}":')
_MAX_BYTES = 64 << 10
_MAX_DEPTH = 32


def read_status(data: bytes) -> DeploymentStatus | None:
    """The status that `margo.read_status` would read; None where that is to be asked.

    Only what is short, printable ASCII and without escapes: there JSON and YAML are one language.
    """
    if not _plain(data):
        return None
    try:
        status: Any = codecs.decode(Kind.STATUS, Dialect.D, json.loads(data), None)
        again = canonical.quick_dumps(codecs.encode(Kind.STATUS, Dialect.D, status))
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    found: DeploymentStatus = status
    in_schema = (found.adopted or 0) >= 1 and "*" not in (found.device_id or "")
    return found if again == data and in_schema else None


def _plain(data: bytes) -> bool:
    return (
        len(data) <= _MAX_BYTES
        and _PRINTABLE.fullmatch(data) is not None
        and data.count(b"{") + data.count(b"[") <= _MAX_DEPTH
        and b'"<<"' not in data
        and _LONG_KEY.search(data) is None
    )
