"""OpenPGP signatures of archives (specification, application description: `keyLocation`)."""

from __future__ import annotations

from collections.abc import Mapping

from margo_gitops.artifacts.download import download
from margo_gitops.errors import Missing, Refused

ENDINGS = (".asc", ".sig")
"""Where a detached signature lies beside its archive; the specification does not say."""

_MOST = 1 << 18


def require_signed(data: bytes, url: str, key: str, package: Mapping[str, bytes]) -> None:
    """The archive at `url` is signed by `key`, a file of the package or a URL.

    Raises `Refused` (rule `signature`) where it is not, and as `download` does.
    """
    inside = package.get(key.removeprefix("./"))
    public = download(key, _MOST) if inside is None else inside
    told: Missing | None = None
    for ending in ENDINGS:
        try:
            signature = download(url + ending, _MOST)
        except Missing as error:
            told = error
            continue
        verify(data, signature, public, url)
        return
    raise Refused(
        f"{url} has no signature beside it ({', '.join(ENDINGS)}), and its description names a key",
        rule="signature",
    ) from told


def verify(data: bytes, signature: bytes, key: bytes, where: str) -> str:
    """The fingerprint of the key that signed `data`; `Refused` (rule `signature`) otherwise."""
    from pysequoia import Cert, Sig  # noqa: PLC0415
    from pysequoia import verify as verified  # noqa: PLC0415

    try:
        certificate = Cert.from_bytes(key)
        result = verified(
            bytes=data, store=lambda _: [certificate], signature=Sig.from_bytes(signature)
        )
        found = [item.certificate for item in result.valid_sigs]
    except Exception as error:  # the library raises no class of its own
        why = str(error).partition("\n")[0][:120]
        raise Refused(
            f"{where} is not signed by the key that its description names: {why}",
            rule="signature",
        ) from error
    if not found:
        raise Refused(f"{where} has no valid signature", rule="signature")
    return str(found[0])
