"""Who holds a private key: a file of this process's own, or what `ssh-keygen` reaches.

A machine's key is a plain file. A person's may have a passphrase, be in an ssh-agent or in a token
that wants a touch: OpenSSH's own program knows all of these, and its answer is checked here.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from margo_gitops.errors import Refused, Stalled
from margo_gitops.process import run
from margo_gitops.store.disk import disk_faults, replacing, sync_folder
from margo_gitops.trust import sshsig
from margo_gitops.trust.keys import PublicKey, parse_key
from margo_gitops.trust.sshsig import Namespace, Signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PATIENCE = 120.0
"""Seconds for a person to type a passphrase or to touch a token."""

_PREFERRED = ("id_ed25519", "id_ed25519_sk")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """An unencrypted ssh-ed25519 key in this process's memory."""

    key: PublicKey
    private: Ed25519PrivateKey

    def sign(self, message: bytes, namespace: Namespace) -> bytes:
        """A signature in armour; the same message gives the same bytes (RFC 8032)."""
        made = self.private.sign(sshsig.signed_data(message, namespace))
        return sshsig.assemble(self.key, namespace, made)


@dataclass(frozen=True, slots=True)
class KeyProgram:
    """A key that `ssh-keygen -Y sign` finds by a file: private, or public with an ssh-agent."""

    key: PublicKey
    path: Path

    def sign(self, message: bytes, namespace: Namespace) -> bytes:
        """A signature in armour, checked; `Stalled` with ssh-keygen's words where there is none."""
        words = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self.path)]
        done = run(words, timeout=PATIENCE, input=message.decode())
        if done.code:
            said = done.err.strip().splitlines() or [f"exit code {done.code}"]
            raise Stalled(
                f"{self.key.fingerprint} could not sign: {said[-1]}",
                then="nothing was written",
                help=f"ssh-add {self.path.with_suffix('')}",
            )
        armoured = done.out.encode()
        try:
            by = sshsig.verify(armoured, message, namespace)
        except Refused as error:
            raise Stalled(f"ssh-keygen made {error.problem}", then="nothing was written") from error
        if by != self.key:
            raise Stalled(f"{self.path} signs as {by.fingerprint}, not {self.key.fingerprint}")
        return armoured


def signer(path: Path) -> Signer:
    """The key of a private file, or of a public one that an agent holds the other half of.

    Raises `Stalled` where it is none that can be used, or where others can read it.
    """
    data = _read(path)
    if data.startswith(b"-----BEGIN"):
        _require_own(path)
        if (plain := _plain(data)) is not None:
            return KeyFile(public_of(plain), plain)
        return KeyProgram(_public(Path(f"{path}.pub")), path)
    return KeyProgram(_public(path), path)


def machine_key(path: Path) -> KeyFile:
    """The key of this very box, made at its first use: mode 0600, durable when this returns."""
    if not path.exists():
        _make(path)
    _require_own(path)
    plain = _plain(_read(path))
    if plain is None:
        raise Stalled(f"{path} is no plain ssh-ed25519 key", help=f"ls -l {path}")
    return KeyFile(public_of(plain), plain)


def named_key(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The key that a person names: by the flag, else by MARGO_KEY."""
    said = environ.get("MARGO_KEY")
    return given or (Path(said) if said else None)


def person_key(named: Path | None, configured: str | None, environ: Mapping[str, str]) -> Signer:
    """A person's key: the one named, git's `user.signingKey`, else the usual one of ssh.

    Raises `Stalled` where there is none.
    """
    tried = list(_candidates(named, configured, environ))
    for path in tried:
        if path.exists():
            return signer(path)
    raise Stalled(
        f"there is no key to sign with: there is no {tried[0]}",
        then="nothing was written",
        help="ssh-keygen -t ed25519; or name one with --key",
    )


def public_of(private: Ed25519PrivateKey) -> PublicKey:
    """The public half."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
    )

    line = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return parse_key(line.decode())


def _candidates(
    named: Path | None, configured: str | None, environ: Mapping[str, str]
) -> Iterator[Path]:
    if named is not None:
        yield named
        return
    if configured and not configured.startswith(("key::", "ssh-")):
        yield Path(configured).expanduser()
    home = Path(environ.get("HOME") or Path.home()) / ".ssh"
    for name in _PREFERRED:
        yield home / name
        yield home / f"{name}.pub"


def _make(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    private = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(path, mode=0o600) as file:
            file.write(private)
        sync_folder(path.parent)


def _plain(data: bytes) -> Ed25519PrivateKey | None:
    """The key of a file without a passphrase; None for every other kind."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_ssh_private_key,
    )

    try:
        key = load_ssh_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ed25519.Ed25519PrivateKey) else None


def _public(path: Path) -> PublicKey:
    try:
        return parse_key(_read(path).decode("utf-8", "replace"))
    except Refused as error:
        raise Stalled(f"{path}: {error.problem}", help=f"ssh-keygen -l -f {path}") from error


def _require_own(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Stalled(
            f"{path} can be read by others: its mode is {mode:04o}, expected 0600",
            help=f"chmod 600 {path}",
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()[:65_536]
    except OSError as error:
        raise Stalled(f"the key {path} cannot be read: {error.strerror}") from error
