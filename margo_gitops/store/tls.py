"""Our side of TLS: whom we trust and who we are, found where git finds them."""

from __future__ import annotations

import os
import ssl

from margo_gitops.errors import Stalled

AUTHORITY = "GIT_SSL_CAINFO"
CERTIFICATE = "GIT_SSL_CERT"
KEY = "GIT_SSL_KEY"


def client_context() -> ssl.SSLContext:
    """The settings of this process's environment.

    Raises `Stalled` for a certificate or key that cannot be used.
    """
    authority, certificate, key = (os.environ.get(name) for name in (AUTHORITY, CERTIFICATE, KEY))
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except OSError as error:
        raise _unusable(AUTHORITY, authority, error) from error
    if certificate:
        try:
            context.load_cert_chain(certificate, key or None, password="")  # never asked for
        except OSError as error:
            raise _unusable(f"{CERTIFICATE} and {KEY}", certificate, error) from error
    return context


def _unusable(names: str, path: str | None, error: OSError) -> Stalled:
    reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
    return Stalled(
        f"{path}, which {names} names, cannot be used: {reason}",
        then="nothing was sent",
        help=f"set {names} to PEM files that this user may read; a key without a passphrase",
    )
