"""`margo render`, `diff`, `push`, `pull`: site branches and the remote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption, central
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from margo_gitops.roles.central import Published, Rendered
    from margo_gitops.store.clone import Clone
    from margo_gitops.store.transport import Transport

ExitCodeOption = Annotated[
    bool, typer.Option("--exit-code", help="Exit 1 where something differs.")
]

_SHOWN = 10
"""Refs of one kind that are told one by one."""


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(render)
    app.command()(diff)
    app.command()(push)
    app.command()(pull)


def render(
    check: Annotated[bool, typer.Option("--check", help="Only say what would change.")] = False,
    exit_code: ExitCodeOption = False,
    push: Annotated[
        bool, typer.Option("--push", help="Push, too; again where others were quicker.")
    ] = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Render main into the site branches; the same main gives everybody the same commits.

    Example: margo render --check --exit-code

    Example: margo render --push
    """
    from margo_gitops.cli.committing import held_back, publish, summary  # noqa: PLC0415

    if push and not check:
        _render_and_push(fleet, as_json=as_json)
        return
    with central(fleet) as co:
        rendered = co.preview(co.main()) if check else publish(co)
        text = _rendered(rendered, held_back(co))
    emit([summary(item) for item in rendered], as_json=as_json, text=text)
    if check and exit_code and rendered:
        raise typer.Exit(1)


def diff(
    site: Annotated[str | None, typer.Argument(help="One site; default all.")] = None,
    exit_code: ExitCodeOption = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show what rendering main would change in each site.

    Example: margo diff north
    """
    with central(fleet) as co:
        main = co.main()
        rendered = co.preview(main, None if site is None else [_known(site, main.sites)])
    value = {item.site: _unified(item) for item in rendered}
    text = [line for lines in value.values() for line in lines] or ["no difference"]
    emit(value, as_json=as_json, text=text)
    if exit_code and rendered:
        raise typer.Exit(1)


def push(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """Push main, then artifacts and site branches; main is confirmed first."""
    clone, remote = _remote(fleet)
    pushed = [update.ref for update in clone.push(remote)]
    text = [f"pushed {ref}" for ref in pushed] or [f"{remote.name} has everything"]
    emit({"remote": remote.name, "pushed": pushed}, as_json=as_json, text=text)


def pull(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """Fetch main, the sites and their status; main only fast-forwards."""
    clone, remote = _remote(fleet)
    pulled = clone.pull(remote)
    value = {"remote": remote.name, "main": clone.head(), "moved": list(pulled.moved)}
    text = _moves(pulled.moved) or [f"nothing new at {remote.name}"]
    emit(value, as_json=as_json, text=[*text, *_apart(pulled.ahead)])
    _look_ahead(fleet)


def _render_and_push(fleet: Path, *, as_json: bool) -> None:
    """What CI does after a merge: nothing is lost, and nothing goes out twice."""
    from margo_gitops.cli.committing import held_back, look_ahead, summary  # noqa: PLC0415
    from margo_gitops.cli.opening import opened  # noqa: PLC0415
    from margo_gitops.cli.progress import progress  # noqa: PLC0415
    from margo_gitops.roles.outgoing import publish  # noqa: PLC0415

    with opened(fleet, asking=False) as found:
        _remote(fleet)
        found.origin.pull()
        with progress("rendering", len(found.co.sites())) as advance:
            rendered = publish(found.co, found.origin, progress=advance)
        found.origin.require_told()
        text = _rendered(rendered, held_back(found.co))
        look_ahead(found.co)
    emit([summary(item) for item in rendered], as_json=as_json, text=text)


def _rendered(rendered: Sequence[Rendered | Published], late: list[str]) -> list[str]:
    """What was rendered, and what is merged and waits."""
    from margo_gitops.cli.committing import lines_of  # noqa: PLC0415

    otherwise = "nothing to render" + ("" if late else ": every site is up to date")
    return [*(lines_of(rendered) or [otherwise]), *late]


def _moves(refs: Sequence[str]) -> list[str]:
    """A line for each of a few refs; more of one kind are counted, and signs of life always are."""
    from margo_gitops.model.layout import ALIVES, APPROVALS, SITES, STATUSES  # noqa: PLC0415

    kinds = {
        SITES: "sites",
        STATUSES: "statuses",
        ALIVES: "signs of life",
        APPROVALS: "signatures",
    }
    lines = [f"{ref} moved" for ref in refs if not ref.startswith(tuple(kinds))]
    for kind, words in kinds.items():
        some = [ref for ref in refs if ref.startswith(kind)]
        if len(some) > _SHOWN or (some and kind in {ALIVES, APPROVALS}):
            lines.append(f"{len(some)} {words} moved")
        else:
            lines += [f"{ref} moved" for ref in some]
    return lines


def _apart(refs: Sequence[str]) -> list[str]:
    """Site branches that are not the remote's, and what brings them together."""
    if not refs:
        return []
    names = ", ".join(ref.removeprefix("refs/heads/") for ref in refs[:5])
    return [f"not at the remote yet: {names}{' …' if len(refs) > 5 else ''}. Next: margo push"]


def _look_ahead(fleet: Path) -> None:
    from margo_gitops.cli.committing import look_ahead  # noqa: PLC0415

    with central(fleet) as co:
        look_ahead(co)


def _remote(fleet: Path) -> tuple[Clone, Transport]:
    from margo_gitops.errors import Stalled  # noqa: PLC0415
    from margo_gitops.store.clone import Clone  # noqa: PLC0415
    from margo_gitops.store.transport import open_transport  # noqa: PLC0415

    clone = Clone(fleet)
    url = clone.remote()
    if url is None:
        raise Stalled("this clone has no remote", help="git remote add origin URL")
    return clone, open_transport(url)


def _known(site: str, sites: Collection[str]) -> str:
    from margo_gitops.errors import Invalid  # noqa: PLC0415

    if site in sites:
        return site
    raise Invalid(f"there is no site {site}", help="margo site list")


def _unified(item: Rendered) -> list[str]:
    from difflib import unified_diff  # noqa: PLC0415

    before = {} if item.before is None else dict(item.before.tree.files)
    lines: list[str] = []
    for path in sorted({*before, *item.tree.files}):
        if not path.startswith(("deployments/", "settings")):
            continue
        old = before.get(path, b"").decode().splitlines()
        new = item.tree.files.get(path, b"").decode().splitlines()
        where = f"site/{item.site}:{path}"
        lines += unified_diff(old, new, f"a/{where}", f"b/{where}", lineterm="")
    return lines
