"""`margo lo run` and `margo en run`: the agents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from margo_gitops.reconcile import Outcome

lo = typer.Typer(no_args_is_help=True)
en = typer.Typer(no_args_is_help=True)

RemoteOption = Annotated[
    str, typer.Option("--remote", envvar="MARGO_REMOTE", help="A path, http(s):// or .bundle.")
]
SiteRemoteOption = Annotated[
    str | None,
    typer.Option("--remote", envvar="MARGO_REMOTE", help="A path, http(s)://, ssh:// or .bundle."),
]
OnceOption = Annotated[bool, typer.Option("--once", help="One pass, then end with its exit code.")]
StateOption = Annotated[
    Path | None, typer.Option("--state", help="Where the agent keeps its state.")
]
SecretsOption = Annotated[
    Path,
    typer.Option(
        "--secrets",
        envvar="MARGO_SECRETS",
        help="Where a node reads the secrets that deployments name: a file each, mode 0600.",
    ),
]
SECRETS = Path("/etc/margo/secrets")


@lo.command("run")
def lo_run(
    site: Annotated[str, typer.Option(help="The site's id.")],
    remote: SiteRemoteOption = None,
    once: OnceOption = False,
    poll: Annotated[str | None, typer.Option(help="Default: the site's settings.")] = None,
    inbox: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Take in the trips that appear here.")
    ] = None,
    outbox: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Leave return trips here.")
    ] = None,
    with_node: Annotated[
        list[str] | None, typer.Option(help="Also run this node here; repeatable.")
    ] = None,
    runtime: Annotated[
        str, typer.Option(help="For --with-node: auto, or wasm,compose,helm.")
    ] = "auto",
    state: StateOption = None,
    secrets: SecretsOption = SECRETS,
    serve: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve other hosts' nodes over http(s).")
    ] = None,
    serve_cert: Annotated[Path | None, typer.Option(help="Its certificate, a PEM file.")] = None,
    serve_key: Annotated[Path | None, typer.Option(help="The key of it, a PEM file.")] = None,
    serve_plain: Annotated[
        bool,
        typer.Option(
            "--serve-plain",
            help="Without encryption: whoever can listen on the network reads the tokens, sees what"
            " the nodes run, and can report as any of them.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the site's Local Orchestrator.

    Example: margo lo run --site north --remote https://git.example/plant.git --with-node n1

    Without a network: margo lo run --site north --inbox /media/stick --outbox /media/stick
    """
    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.roles.agents import state_folder  # noqa: PLC0415
    from margo_gitops.roles.resident import Resident, run_local  # noqa: PLC0415
    from margo_gitops.roles.serving.start import Serving  # noqa: PLC0415
    from margo_gitops.roles.trips.sticks import Sticks  # noqa: PLC0415

    if serve is None and (serve_cert or serve_key or serve_plain):
        raise Usage("--serve-cert, --serve-key and --serve-plain belong to --serve HOST:PORT")
    if remote is None and inbox is None:
        raise Usage("--remote or --inbox: found neither, and nothing could ever come")
    if serve is not None and once:
        raise Usage("--serve and --once: found both, but one pass serves nobody")
    served = None if serve is None else Serving(serve, serve_cert, serve_key, serve_plain)
    where = state or state_folder("lo", flat(site, "site id"))
    nodes = [flat(node, "node id") for node in with_node or []]
    options = Resident(once, poll, tuple(runtime.split(",")), secrets, _teller(as_json))
    sticks = None if inbox is None and outbox is None else Sticks(inbox, outbox)
    raise typer.Exit(
        run_local(site, remote, where.resolve(), nodes, options, serve=served, sticks=sticks)
    )


@en.command("run")
def en_run(
    node: Annotated[str, typer.Option(help="The node's id.")],
    remote: RemoteOption,
    once: OnceOption = False,
    poll: Annotated[str, typer.Option(help="How often to ask the site.")] = "30s",
    runtime: Annotated[str, typer.Option(help="auto, or wasm,compose,helm.")] = "auto",
    state: StateOption = None,
    secrets: SecretsOption = SECRETS,
    as_json: JsonOption = False,
) -> None:
    """Run the Edge Node agent; REMOTE is the site's mirror.

    Example: margo en run --node n1 --remote /var/lib/margo/lo-north/mirror.git
    """
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.roles.agents import state_folder  # noqa: PLC0415
    from margo_gitops.roles.resident import Resident, run_edge  # noqa: PLC0415

    where = state or state_folder("en", flat(node, "node id"))
    options = Resident(once, poll, tuple(runtime.split(",")), secrets, _teller(as_json))
    raise typer.Exit(run_edge(node, remote, where.resolve(), options))


def _teller(as_json: bool) -> Callable[[str, Outcome], None]:
    """Prints what a pass did and what stood in its way; a quiet pass prints nothing."""
    said: dict[str, tuple[str, ...]] = {}

    def tell(who: str, outcome: Outcome) -> None:
        troubles = tuple(str(trouble) for trouble in outcome.troubles)
        news = troubles if said.get(who) != troubles else ()
        said[who] = troubles
        if as_json and (outcome.actions or outcome.commits or news):
            value = {"agent": who, "actions": outcome.actions, "commits": outcome.commits}
            typer.echo(json.dumps({**value, "troubles": news}, ensure_ascii=False))
        elif not as_json:
            for line in (*outcome.actions, *news):
                typer.echo(f"{who}: {line}")

    return tell
