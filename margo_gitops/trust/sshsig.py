"""Detached signatures in OpenSSH's format (PROTOCOL.sshsig), checked in process.

`ssh-keygen -Y sign` makes them and `ssh-keygen -Y verify` takes ours; here one spelling of each is
taken: one armour block as OpenSSH writes it, nothing before or after it, sha512, a namespace.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from margo_gitops.errors import Refused
from margo_gitops.trust.keys import PLAIN, TOUCHED, Fields, PublicKey, key_of, text

LONGEST = 2048
"""Bytes of an armoured signature; one of ssh-ed25519 has some 300."""

_MAGIC = b"SSHSIG"
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"-----END SSH SIGNATURE-----\n"
_LINE = 70
_HASH = b"sha512"
_VERSION = 1
_PRESENT = 1
_COUNTER = 4


class Namespace(StrEnum):
    """What a signature is for; one made for one purpose is none for another."""

    ROOT = "margo-root-v1"
    ENROL = "margo-enrol-v1"
    REQUEST = "margo-request-v1"
    APPROVE = "margo-approve-v1"
    PUBLISH = "margo-publish-v1"
    PLACE = "margo-place-v1"
    REPORT = "margo-report-v1"
    STATUS = "margo-status-v1"
    ALIVE = "margo-alive-v1"
    HOLD = "margo-hold-v1"
    TRIP = "margo-trip-v1"


class Signer(Protocol):
    """Something that holds a private key."""

    @property
    def key(self) -> PublicKey:
        """The public half."""

    def sign(self, message: bytes, namespace: Namespace) -> bytes:
        """A signature in armour; `MargoError` where the key cannot be used."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature taken apart; `made` is its last field, by the kind of its key."""

    key: PublicKey
    namespace: str
    made: bytes

    def verify(self, message: bytes, namespace: Namespace) -> PublicKey:
        """The key that signed exactly this message for this purpose.

        Raises `Refused` (rule `namespace` or `signature`).
        """
        if self.namespace != namespace:
            raise Refused(
                f"a signature made for {self.namespace[:40]!r}, expected {namespace}",
                rule="namespace",
            )
        signature, data = self._parts(signed_data(message, namespace))
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # 13 ms
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        try:
            ed25519.Ed25519PublicKey.from_public_bytes(self.key.point).verify(signature, data)
        except (InvalidSignature, ValueError):
            raise Refused(
                f"a signature of {self.key.fingerprint} that is not over these bytes",
                rule="signature",
            ) from None
        return self.key

    def _parts(self, data: bytes) -> tuple[bytes, bytes]:
        """The bare Ed25519 signature, and what it is over: for a token's key more than the data."""
        fields = Fields(self.made, "signature")
        kind, signature = fields.text(), fields.text()
        if kind != (PLAIN if self.key.application is None else TOUCHED):
            raise Refused("a signature of another kind than its key", rule="signature")
        if self.key.application is not None:
            flags, counter = fields.take(1), fields.take(_COUNTER)
            if not flags[0] & _PRESENT:
                raise Refused("a signature by a token that nobody touched", rule="signature")
            application = hashlib.sha256(self.key.application).digest()
            data = application + flags + counter + hashlib.sha256(data).digest()
        fields.end()
        return signature, data


def verify(armoured: bytes, message: bytes, namespace: Namespace) -> PublicKey:
    """The key that signed this message for this purpose; `Refused` naming what is wrong."""
    return parse(armoured).verify(message, namespace)


def parse(armoured: bytes) -> Signature:
    """Take one armour block apart; `Refused` (rule `armour` or `signature`) for any other bytes."""
    if len(armoured) > LONGEST:
        raise Refused(
            f"a signature of {len(armoured)} bytes, expected at most {LONGEST}", rule="armour"
        )
    body = armoured.removeprefix(_BEGIN).removesuffix(_END)
    try:
        blob = base64.b64decode(body.replace(b"\n", b""), validate=True)
    except ValueError:
        blob = b""
    if armour(blob) != armoured:
        raise Refused(
            "a signature file: expected one armour block as ssh-keygen writes it, and nothing"
            " before or after it",
            rule="armour",
        )
    fields = Fields(blob, "signature")
    if fields.take(len(_MAGIC)) != _MAGIC or fields.number() != _VERSION:
        raise Refused("a signature that is no SSHSIG of version 1", rule="signature")
    key, namespace, reserved, hashed, made = (fields.text() for _ in range(5))
    fields.end()
    if reserved or hashed != _HASH:
        raise Refused("a signature with another hash than sha512", rule="signature")
    return Signature(key_of(key), namespace.decode("ascii", "replace"), made)


def signed_data(message: bytes, namespace: Namespace) -> bytes:
    """What the key signs in place of the message."""
    hashed = hashlib.sha512(message).digest()
    return _MAGIC + b"".join(map(text, (namespace.encode(), b"", _HASH, hashed)))


def assemble(key: PublicKey, namespace: Namespace, made: bytes) -> bytes:
    """The armoured signature around what a key of the plain kind made."""
    parts = (key.blob, namespace.encode(), b"", _HASH, text(PLAIN) + text(made))
    return armour(_MAGIC + _VERSION.to_bytes(4) + b"".join(map(text, parts)))


def armour(blob: bytes) -> bytes:
    """Base64 in lines of 70 characters between OpenSSH's two markers."""
    body = base64.b64encode(blob)
    lines = [body[at : at + _LINE] + b"\n" for at in range(0, len(body), _LINE)]
    return _BEGIN + b"".join(lines) + _END
