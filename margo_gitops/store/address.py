"""Where a git server is: `git://` and `ssh://` URLs, and ssh's short form `user@host:path`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from margo_gitops.errors import Usage

GIT_PORT = 9418
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9._-]+)?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*")
_SHORT = re.compile(r"(?:([^/:]*)@)?(\[[^/\]]*\]|[^/:\[]*):(.+)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """A repository on a server. `path` is as the server gets it; `port` None is the usual one."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    path: str

    @property
    def name(self) -> str:
        """The address in words for people: without the user."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}/{self.path.removeprefix('/')}"


def parse_address(url: str) -> Address | None:
    """The address that a URL or ssh's short form says; None for anything else.

    Raises `Usage` for one that holds a password, or that a program could take for an option.
    """
    scheme, found, _ = url.partition("://")
    if found:
        return _long(url) if scheme in {"git", "ssh"} else None
    short = _SHORT.fullmatch(url)
    if short is None:
        return None
    user, host, path = short.groups()
    if "@" in path.partition("/")[0]:
        raise _bad("a password in it", "no password: ssh uses keys")
    return _checked(Address("ssh", user, host.strip("[]"), None, path))


def _long(url: str) -> Address:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _bad("no host and port that can be read", "host:port") from error
    if parts.password is not None:
        raise _bad("a password in it", "no password: ssh uses keys, and git:// knows no users")
    if parts.scheme == "git" and parts.username is not None:
        raise _bad("a user in it", "git://host/path: git:// knows no users")
    path = unquote(url.partition("://")[2].partition("/")[2])
    path = path if path.startswith("~") and parts.scheme == "ssh" else f"/{path}"
    user = None if parts.username is None else unquote(parts.username)
    return _checked(Address(parts.scheme, user, host, port, path))


def _checked(address: Address) -> Address:
    if not _HOST.fullmatch(address.host):
        raise _bad("no host name", "letters, digits, dots and dashes, not a dash first")
    if address.user is not None and not _USER.fullmatch(address.user):
        raise _bad("no user name", "letters, digits, dots and dashes, not a dash first")
    if address.path in {"", "/"} or address.path.startswith("-") or _CONTROL.search(address.path):
        raise _bad("no path", "the path of a repository, not a dash first")
    return address


def _bad(found: str, expected: str) -> Usage:
    """The URL itself is not said: where it is misread, a secret may be anywhere in it."""
    return Usage(f"this git:// or ssh URL has {found}, expected {expected}")
