"""Public keys: ssh-ed25519 and sk-ssh-ed25519, as OpenSSH writes them on one line."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

from margo_gitops.errors import Refused

PLAIN = b"ssh-ed25519"
TOUCHED = b"sk-ssh-ed25519@openssh.com"
"""A key that a token holds; each of its signatures asks for a touch."""

_LENGTH = struct.Struct(">I")
_POINT = 32
_LONGEST_APPLICATION = 200


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key by its wire form (RFC 8709, OpenSSH's PROTOCOL.u2f); `application` of a token's."""

    blob: bytes
    point: bytes
    application: bytes | None = None

    def __str__(self) -> str:
        kind = PLAIN if self.application is None else TOUCHED
        return f"{kind.decode()} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it: `SHA256:` and 43 characters."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    @property
    def id(self) -> str:
        """64 hex digits, fit for a ref and a path: the same hash as the fingerprint."""
        return hashlib.sha256(self.blob).hexdigest()


def parse_key(line: str) -> PublicKey:
    """A key from `<kind> <base64>`, a comment after it ignored; `Refused` for anything else."""
    words = line.split()
    if len(words) < 2 or len(line) > 1000:
        raise Refused("a public key: expected `ssh-ed25519 AAAA…` on one line", rule="key")
    try:
        key = key_of(base64.b64decode(words[1], validate=True))
    except ValueError:
        raise Refused("a public key: found no base64 after its kind", rule="key") from None
    if str(key).split() != words[:2]:
        raise Refused(
            f"a public key: it says {words[0][:40]}, and is spelled otherwise", rule="key"
        )
    return key


def key_of(blob: bytes) -> PublicKey:
    """A key from its wire form; `Refused` (rule `key`) for other kinds and for loose bytes."""
    fields = Fields(blob, "key")
    kind, point = fields.text(), fields.text()
    application = fields.text() if kind == TOUCHED else None
    if kind not in {PLAIN, TOUCHED}:
        found = kind[:40].decode("ascii", "replace")
        raise Refused(f"a key of the kind {found}: expected ssh-ed25519", rule="key")
    if len(point) != _POINT or len(application or b"") > _LONGEST_APPLICATION:
        raise Refused("a key of the wrong length", rule="key")
    fields.end()
    return PublicKey(blob, point, application)


def text(data: bytes) -> bytes:
    """An SSH string (RFC 4251, section 5): four bytes of length, then the bytes."""
    return _LENGTH.pack(len(data)) + data


@dataclass(slots=True)
class Fields:
    """Reads SSH's binary fields in order; `Refused` with `rule` where they do not fit."""

    data: bytes
    rule: str
    at: int = 0

    def take(self, count: int) -> bytes:
        """So many bytes."""
        end = self.at + count
        if end > len(self.data):
            raise Refused(f"a {self.rule} that ends too early", rule=self.rule)
        taken, self.at = self.data[self.at : end], end
        return taken

    def number(self) -> int:
        """A uint32."""
        return int(_LENGTH.unpack(self.take(_LENGTH.size))[0])

    def text(self) -> bytes:
        """An SSH string."""
        return self.take(self.number())

    def end(self) -> None:
        """Nothing may be left."""
        if self.at != len(self.data):
            left = len(self.data) - self.at
            raise Refused(f"a {self.rule} with {left} bytes after its end", rule=self.rule)
