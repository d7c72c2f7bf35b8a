"""Keys for tests: made from a name, so that every run signs the same bytes; tokens in software."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from margo_gitops.roles.signing import KeyFile, public_of
from margo_gitops.trust import sshsig
from margo_gitops.trust.keys import TOUCHED, PublicKey, key_of, text
from margo_gitops.trust.sshsig import Namespace


def key(name: str) -> KeyFile:
    """The key of a name, in this test suite alone."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return KeyFile(public_of(private), private)


def line(name: str) -> str:
    """Its public half, as documents have it."""
    return str(key(name).key)


def written(name: str, path: Path) -> Path:
    """The key as a private file with its public one beside it."""
    private = key(name).private
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    path.write_bytes(pem)
    path.chmod(0o600)
    Path(f"{path}.pub").write_text(f"{line(name)} {name}\n")
    return path


@dataclass(frozen=True)
class Token:
    """What a FIDO token does (PROTOCOL.u2f), without one; `flags` 1 says that it was touched."""

    name: str
    flags: int = 1

    @property
    def private(self) -> Ed25519PrivateKey:
        return key(self.name).private

    @property
    def key(self) -> PublicKey:
        point = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return key_of(text(TOUCHED) + text(point) + text(b"ssh:"))

    def sign(self, message: bytes, namespace: Namespace) -> bytes:
        rest = bytes([self.flags]) + (7).to_bytes(4)
        data = hashlib.sha256(sshsig.signed_data(message, namespace)).digest()
        made = self.private.sign(hashlib.sha256(b"ssh:").digest() + rest + data)
        signature = text(TOUCHED) + text(made) + rest
        fields = (self.key.blob, namespace.encode(), b"", b"sha512", signature)
        return sshsig.armour(b"SSHSIG" + (1).to_bytes(4) + b"".join(map(text, fields)))
