"""What a fault of TLS or of a proxy means for the technician: whose it is, and what helps."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from margo_gitops.errors import MargoError, Stalled
from margo_gitops.store.bounds import Again
from margo_gitops.store.tls import AUTHORITY, CERTIFICATE, KEY

_VERDICTS = {
    9: ("is not valid yet", "set this host's clock: date, then timedatectl set-ntp true"),
    10: ("has expired", "have it renewed there; or set this host's clock, if `date` is wrong"),
    62: ("is for another host name", "use the name that the certificate is for in the URL"),
    64: ("is for another address", "use the name that the certificate is for in the URL"),
}
"""OpenSSL's verification codes (x509_vfy.h) that say more than "unknown authority"."""

_UNKNOWN = (
    "was issued by an authority that is not known here",
    f"set {AUTHORITY} to the file of the authority that issued it",
)
_WANTED = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_EXPIRED")


def tls_fault(name: str, error: Exception) -> MargoError | None:
    """What TLS says is wrong between us and this server; None if it is not about TLS."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            words, help = _VERDICTS.get(cause.verify_code, _UNKNOWN)
            return Stalled(
                f"the certificate of {name} {words} ({cause.verify_message})",
                then="nothing was sent",
                help=help,
            )
        if isinstance(cause, ssl.SSLError) and any(
            f"ALERT_{word}" in (cause.reason or "") for word in _WANTED
        ):
            return no_certificate(name)
    broken = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
    if broken is not None:
        return Again(f"TLS with {name} failed: {broken.reason or type(broken).__name__}")
    return None


def no_certificate(name: str) -> Stalled:
    """The server wants to know who we are, and does not know us."""
    return Stalled(
        f"{name} wants a client certificate, and took none from here",
        then="what runs goes on running",
        help=f"set {CERTIFICATE} and {KEY} to the PEM files that were issued for this host",
    )


def no_proxy_entry(name: str, proxy: str) -> Stalled:
    """The proxy does not let these credentials through."""
    return Stalled(
        f"the proxy {proxy} on the way to {name} answered 407: it wants other credentials",
        then="what runs goes on running",
        help="set https_proxy (http_proxy for http) to http://user:password@host:port",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was made of."""
    todo: list[BaseException] = [error]
    while todo:
        one = todo.pop()
        yield one
        todo += [part for part in (*one.args, one.__cause__) if isinstance(part, BaseException)]
        original = getattr(one, "original_error", None)
        if isinstance(original, BaseException) and original not in todo:
            todo.append(original)
