"""Which forge a clone belongs to, and the token for it.

Only what the clone's own git says decides where a token goes: a file of the repository could be
changed by a proposal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from margo_gitops.errors import Stalled

if TYPE_CHECKING:
    from margo_gitops.forges.base import Forge

Kind = Literal["github", "gitlab", "forgejo"]
KINDS: tuple[Kind, ...] = ("github", "gitlab", "forgejo")
HOSTED: Mapping[str, Kind] = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "codeberg.org": "forgejo",
}
OWN_TOKEN = "MARGO_FORGE_TOKEN"  # noqa: S105
TOKENS: Mapping[Kind, str] = {
    "github": "GITHUB_TOKEN",
    "gitlab": "GITLAB_TOKEN",
    "forgejo": "FORGEJO_TOKEN",
}
_SHORT = re.compile(r"(?:[^/@:]+@)?(\[[^\]/]+\]|[^/:@\[]+):(?!//)(.+)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]")
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Place:
    """A project on a forge. `url` is the forge's own address; `user` whom the token writes as."""

    kind: Kind
    url: str
    project: str
    token: str = field(repr=False)
    user: str | None = None


def place(
    remote: str | None, setting: Callable[[str], str | None], environ: Mapping[str, str]
) -> Place:
    """The forge that a remote's URL and git's own `margo.forge`, `margo.forgeUrl` name.

    `margo.forgeProject` names the project where the remote is a mirror, or has another path.

    Raises `Stalled` where that is no forge, where its kind is not known, where there is no token,
    and where the token would go over a line that others read.
    """
    url, project = setting("margo.forgeUrl"), setting("margo.forgeProject")
    host, web, path = ("", "", "") if url and project else _parts(remote)
    base = (url or web).rstrip("/")
    kind = _kind(setting("margo.forge"), _host_of(base) or host)
    _require_private(base)
    token = environ.get(OWN_TOKEN) or environ.get(TOKENS[kind])
    if not token:
        raise Stalled(
            f"there is no token for the forge at {_host_of(base)}",
            help=f"export {OWN_TOKEN}=…; docs/forges.md names the scopes that it needs",
        )
    if not _TOKEN.fullmatch(token):
        raise Stalled(
            "the token for the forge is none: found spaces, or characters that no header takes",
            help=f"export {OWN_TOKEN}=…, without a line break",
        )
    return Place(kind, base, _project(project or path, kind), token, setting("margo.forgeUser"))


def open_forge(chosen: Place) -> Forge:
    """The forge, not asked anything yet; `Stalled` where its client is not installed."""
    try:
        if chosen.kind == "github":
            from margo_gitops.forges.github import GitHub  # noqa: PLC0415

            return GitHub(chosen)
        if chosen.kind == "gitlab":
            from margo_gitops.forges.gitlab import GitLab  # noqa: PLC0415

            return GitLab(chosen)
        from margo_gitops.forges.forgejo import Forgejo  # noqa: PLC0415

        return Forgejo(chosen)
    except ImportError as error:
        raise Stalled(
            f"the client for {chosen.kind} is not installed here",
            help="pip install 'margo-gitops[forge]'",
        ) from error


def _parts(remote: str | None) -> tuple[str, str, str]:
    """A remote's host, where its web pages would be, and its path."""
    if remote is None:
        raise Stalled("this clone has no remote", help="git remote add origin URL")
    if "://" in remote:
        try:
            parts = urlsplit(remote)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise _no_forge() from None
        shown = f"[{host}]" if ":" in host else host
        if parts.scheme in {"http", "https"} and _HOST.fullmatch(shown):
            web = f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
            return host, web, unquote(parts.path)
        if parts.scheme in {"ssh", "git"} and _HOST.fullmatch(shown):
            return host, f"https://{shown}", unquote(parts.path)
        raise _no_forge()
    short = _SHORT.fullmatch(remote)
    if short is None or not _HOST.fullmatch(short[1]):
        raise _no_forge()
    return short[1].strip("[]"), f"https://{short[1]}", short[2]


def _kind(said: str | None, host: str) -> Kind:
    for kind in KINDS:
        if said == kind:
            return kind
    if said is not None:
        raise Stalled(
            f"git's margo.forge is {said[:40]!r}, expected one of {', '.join(KINDS)}",
            help="git config margo.forge github",
        )
    kind_of_host = HOSTED.get(host.lower())
    if kind_of_host is None:
        raise Stalled(
            f"what kind of forge {host} is cannot be seen from its name",
            help=f"git config margo.forge {'|'.join(KINDS)}",
        )
    return kind_of_host


def _require_private(base: str) -> None:
    """https, or this very machine: over anything else the token would be read on the way."""
    try:
        parts = urlsplit(base)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Stalled(
            "the forge's address holds more than an address",
            help="git config margo.forgeUrl https://HOST",
        )
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        raise Stalled(
            f"the forge at {host or 'no host'} is not asked over https: a token would be read on"
            " the way",
            help="git config margo.forgeUrl https://HOST",
        )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _project(path: str, kind: Kind) -> str:
    """`owner/name`; GitLab has groups in groups."""
    parts = path.strip("/").removesuffix(".git").split("/")
    enough = len(parts) >= 2 if kind == "gitlab" else len(parts) == 2
    if not enough or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise Stalled(
            f"the remote's path names no project: found {'/'.join(parts)[:100]!r}, expected"
            " OWNER/NAME",
            help="git remote -v",
        )
    return "/".join(parts)


def _host_of(base: str) -> str:
    try:
        return urlsplit(base).hostname or ""
    except ValueError:
        return ""


def _no_forge() -> Stalled:
    """The URL is not said: where it is misread, a secret may be anywhere in it."""
    return Stalled(
        "the remote is no forge: found a path, a bundle or a URL that no forge has",
        help="git remote -v; git config margo.forgeUrl https://HOST",
    )
