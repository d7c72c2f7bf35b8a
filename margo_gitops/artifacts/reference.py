"""A name in a registry: host, repository, tag or digest (OCI distribution specification 1.1).

Two spellings: `oci://HOST/REPOSITORY[:TAG][@DIGEST]`, as Margo's documents have it, and the short
one of images, where `nginx` means docker.io/library/nginx:latest.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from margo_gitops.errors import Usage

SCHEME = "oci://"
LONGEST = 512
_DOCKER = "docker.io"
_DOCKER_HOST = "registry-1.docker.io"
_HOST = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,252})|\[[0-9a-fA-F:]{2,45}\])(?::[0-9]{1,5})?"
)
_PATH = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where something lies, and which of it: by `digest` where there is one, else by `tag`."""

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"

    @property
    def api_host(self) -> str:
        """The host that answers for it."""
        return _DOCKER_HOST if self.host == _DOCKER else self.host

    @property
    def is_loopback(self) -> bool:
        """Whether it lies on this host."""
        name = self.host.rpartition(":")[0] or self.host
        try:
            return ipaddress.ip_address(name.strip("[]")).is_loopback
        except ValueError:
            return name == "localhost" or self.host == "localhost"

    def at(self, mirror: str) -> Reference:
        """The same at a mirror, `HOST[:PORT][/PREFIX]`; `Usage` for what is none."""
        host, _, prefix = mirror.removeprefix(SCHEME).rstrip("/").partition("/")
        path = f"{prefix}/{self.repository}" if prefix else self.repository
        if not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
            raise _bad(mirror, "HOST, HOST:PORT or HOST/PREFIX")
        return replace(self, host=host, repository=path)


def parse_reference(text: str) -> Reference:
    """Either spelling; `Usage` for anything else."""
    if len(text) > LONGEST:
        raise _bad(text, f"at most {LONGEST} characters")
    rest, at, digest = text.removeprefix(SCHEME).partition("@")
    path, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        path, tag = rest, ""
    host, repository = _split(path, is_image=not text.startswith(SCHEME))
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(repository):
        raise _bad(text, "HOST/REPOSITORY[:TAG][@sha256:…], the repository in small letters")
    if (tag and not _TAG.fullmatch(tag)) or (at and not _DIGEST.fullmatch(digest)):
        raise _bad(text, "a tag of letters, digits, _ . - or a digest sha256:… of 64 hex digits")
    if not tag and not digest:
        tag = "latest"
    return Reference(host, repository, tag or None, digest or None)


def _split(path: str, *, is_image: bool) -> tuple[str, str]:
    first, slash, rest = path.partition("/")
    is_host = bool(slash) and (not is_image or "." in first or ":" in first or first == "localhost")
    if is_host:
        return first, rest
    if not is_image:
        return first, ""
    return _DOCKER, path if slash else f"library/{path}"


def _bad(text: str, expected: str) -> Usage:
    return Usage(f"{ascii(text)[:120]} is no name in a registry: expected {expected}")
