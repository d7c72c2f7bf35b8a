"""`margo lo token` and `margo lo shell`: how the nodes of other hosts are let in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

NodeOption = Annotated[str, typer.Option("--node", help="The node's id.")]
FolderOption = Annotated[
    Path, typer.Option("--state", help="The LO's --state folder; /var/lib/margo/lo-SITE for root.")
]


def lo_token(node: NodeOption, state: FolderOption) -> None:
    """Print a node's token; carry it to the node as MARGO_GIT_TOKEN, and keep it from others.

    Example: margo lo token --node n1 --state /var/lib/margo/lo-north
    """
    from margo_gitops.roles.serving.tokens import read_token  # noqa: PLC0415

    typer.echo(read_token(state, node))


def lo_shell(node: NodeOption, state: FolderOption) -> None:
    """Serve one node over ssh, as the forced command of its key in authorized_keys.

    Example: restrict,command="margo lo shell --node n1 --state /var/lib/margo/lo-north" KEY
    """
    from margo_gitops.roles.agents import MIRROR  # noqa: PLC0415
    from margo_gitops.roles.serving.shell import run_shell  # noqa: PLC0415

    command = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    raise typer.Exit(run_shell(state.resolve(), state.resolve() / MIRROR, node, command))


def register(app: typer.Typer) -> None:
    """Add the verbs to those of the LO."""
    app.command("token")(lo_token)
    app.command("shell")(lo_shell)
