"""Which parameters hold secrets, by their name: the specification has no type for them."""

from __future__ import annotations

import re
from itertools import pairwise

HIDDEN = "a value that is not shown"
"""What stands in a message where a secret's value would."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_TERM = re.compile(
    r"(?:passwords?|passwd|passphrase|secrets?|tokens?|credentials?"
    r"|apikeys?|privatekeys?|accesskeys?|secretkeys?)$"
)
_PAIRS = {
    (first, second)
    for first in ("api", "private", "access", "secret", "signing", "encryption")
    for second in ("key", "keys")
}
_ABOUT_AFTER = re.compile(
    "names?|refs?|reference|ids?|urls?|uri|endpoint|paths?|files?|dir|folder|mount|length|size|min"
    "|max|count|limits?|ttl|expiry|expires|lifetime|timeout|policy|types?|format|enabled|disabled"
    "|required|optional|rotation|interval|issuer|algorithm|audience|header|store|provider|hint|label"
)
_ABOUT_BEFORE = re.compile(
    "public|use|require|allow|enable|disable|show|hide|has|min|max|num|number|total|count"
)


def looks_secret(name: str) -> bool:
    """True where a parameter's name says password, secret, token, API or private key, credential.

    Read by words, however they are joined: `dbPassword`, `DB_PASSWORD`, `db-password`. A name that
    speaks about a secret holds none: `secretName`, `tokenUrl`, `maxTokens`, `publicKey`.
    """
    words = [word.lower() for word in _WORD.findall(name[:1000])]
    if not words or _ABOUT_AFTER.fullmatch(words[-1]) or _ABOUT_BEFORE.fullmatch(words[0]):
        return False
    return any(_TERM.search(word) for word in words) or any(
        pair in _PAIRS for pair in pairwise(words)
    )
