"""Options that many verbs share, and what they open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from margo_gitops.model.base import ParameterValue
    from margo_gitops.roles.central import Central
    from margo_gitops.store.git import GitStore
    from margo_gitops.trust.sshsig import Signer

FleetOption = Annotated[
    Path,
    typer.Option("--fleet", envvar="MARGO_FLEET", help="The fleet's clone.", show_default="."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Ask no registry; names stay as they are.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask above 20 sites.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The deployment.")]
HERE = Path()


@contextmanager
def central(fleet: Path) -> Iterator[Central]:
    """The fleet's CO over a person's clone or a bare repository."""
    import time  # noqa: PLC0415

    from margo_gitops.roles.central import BareMain, Central  # noqa: PLC0415
    from margo_gitops.store.clone import Clone  # noqa: PLC0415
    from margo_gitops.store.git import Authorship, GitStore  # noqa: PLC0415

    with GitStore.open(fleet) as store:
        pinned, signing = store.setting("margo.root"), lambda: person_signer(store, None)
        if (fleet / "HEAD").is_file() and not (fleet / ".git").exists():
            author = lambda: Authorship("margo", "margo@margo-gitops.invalid", int(time.time()))  # noqa: E731
            yield Central(store, BareMain(store, author), pinned, signing)
        else:
            yield Central(store, Clone(fleet), pinned, signing)


def person_signer(store: GitStore, key: Path | None) -> Signer:
    """The person's key: the flag, MARGO_KEY, git's margo.key or user.signingKey, ssh's usual one.

    Raises `Stalled` where there is none that can be used.
    """
    import os  # noqa: PLC0415

    from margo_gitops.roles.signing import named_key, person_key  # noqa: PLC0415

    configured = store.setting("margo.key") or store.setting("user.signingKey")
    return person_key(named_key(key, os.environ), configured, os.environ)


KeyOption = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Your key; default MARGO_KEY, git's, ~/.ssh."),
]


ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", help="K=V, repeatable; a list with commas, \\, inside."),
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option("--secret", help="K=NAME: each node reads the value from its own file NAME."),
]


def pairs(texts: list[str], option: str) -> dict[str, ParameterValue]:
    """`K=V` texts as a mapping; `Usage` for anything else, and for a name given twice."""
    from margo_gitops.errors import Usage  # noqa: PLC0415

    found: dict[str, ParameterValue] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Usage(f"{option} {text!r}: expected NAME=VALUE")
        if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
            raise Usage(f"{option} {key!r}: expected UTF-8 text")
        if key in found:
            raise Usage(f"{option} {key}: found it twice, expected each name once")
        found[key] = value
    return found


def parameters(param: list[str] | None, secret: list[str] | None) -> dict[str, ParameterValue]:
    """The values of `--param` and `--secret`; `Usage` where they do not fit together."""
    from pydantic import ValidationError  # noqa: PLC0415

    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.base import FromSite  # noqa: PLC0415

    found = pairs(param or [], "--param")
    for key, name in pairs(secret or [], "--secret").items():
        if key in found:
            raise Usage(f"{key} is given by --param and by --secret, expected one of them")
        try:
            found[key] = FromSite(from_site=str(name))
        except ValidationError:
            raise Usage(
                f"--secret {key}: expected the name of a file on the node, not the secret itself:"
                " small letters, digits, dots and dashes"
            ) from None
    return found
