"""`margo status` and `margo why`: desired against reported, and the reasons."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption, central
from margo_gitops.cli.output import emit, table
from margo_gitops.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from margo_gitops.roles.lag import Lag
    from margo_gitops.status.view import DeploymentView, SiteView


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(status)
    app.command()(why)


def status(
    site: Annotated[str | None, typer.Argument(help="One site; default all.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds.")] = False,
    max_age: Annotated[
        str | None, typer.Option(help="Sites not heard for so long do not count as in step.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 unless every site is in step.")
    ] = False,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show what each site runs, as it last said; reads this clone only (margo pull refreshes).

    Example: margo status north --exit-code
    """
    import time  # noqa: PLC0415

    while True:
        seen = _look(fleet, site)
        views = seen.views
        _show(seen, as_json=as_json)
        if not watch:
            break
        time.sleep(2)
    if exit_code and (seen.lag is not None or not all(_good(view, max_age) for view in views)):
        raise typer.Exit(1)


def why(
    workload: Annotated[str, typer.Argument(help="A deployment's name.")],
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Tell why a workload runs where and as it does.

    Example: margo why hello-wasm
    """
    from margo_gitops.errors import Invalid  # noqa: PLC0415
    from margo_gitops.roles.story import story  # noqa: PLC0415

    with central(fleet) as co:
        told = [part for name in co.main().sites for part in story(co, name, workload)]
    if not told:
        raise Invalid(f"no site has a deployment {workload}", help="margo status")
    lines = [f"{key}: {value}" for part in told for key, value in part.items() if value]
    emit(told, as_json=as_json, text=lines)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What there is to show; `approvals` tells who stands for a statement, None in an open fleet.

    `late` is what is merged and waits for approvals, by site; `lag` what of `main` CI has still to
    render.
    """

    views: Sequence[SiteView]
    approvals: Mapping[str, str] | None
    late: Mapping[str, Sequence[str]]
    lag: Lag | None

    def approved(self, item: DeploymentView) -> str | None:
        """Who approved it, in words; None in an open fleet."""
        if self.approvals is None:
            return None
        return self.approvals.get(item.statement or "", "nobody was asked")


def _look(fleet: Path, site: str | None) -> _Seen:
    from margo_gitops.errors import Invalid  # noqa: PLC0415
    from margo_gitops.roles.approvers import approvals, late  # noqa: PLC0415
    from margo_gitops.roles.lag import lag  # noqa: PLC0415

    with central(fleet) as co:
        sites = co.sites()
        if site is not None and site not in sites:
            raise Invalid(f"there is no site {site}", help="margo site list")
        if site is not None:
            views = co.statuses([site])
        else:
            with progress("reading", len(sites)) as advance:
                views = co.statuses(sites, progress=advance)
        trust = co.trust()
        told = None if trust is None else approvals(trust)
        return _Seen(views, told, late(co, site, len(sites)), lag(co.store, co.head()))


def _show(seen: _Seen, *, as_json: bool) -> None:
    if as_json:
        emit([_plain(seen, view) for view in seen.views], as_json=True)
        return
    rows = []
    for view in seen.views:
        step = f"{view.adopted or '-'}/{view.desired or '-'}"
        words = "; ".join((*view.refusals, *seen.late.get(view.site, ())))
        rows.append((view.site, "", "", step, heard(view), words))
        rows += [
            (view.site, item.name, item.node or "-", item.state, item.version, _why(seen, item))
            for item in view.deployments
        ]
    columns = ("site", "deployment", "node", "state", "heard", "why")
    title = "The fleet is open: nothing is signed" if seen.approvals is None else "Signed fleet"
    table(title, columns, rows)
    if seen.lag is not None:
        typer.echo(_behind(seen.lag))


def _behind(lag: Lag) -> str:
    """That sites are not yet what `main` asks, and since when."""
    from margo_gitops.roles.lag import MOST  # noqa: PLC0415

    count = "1 commit" if lag.commits == 1 else f"{lag.commits} commits"
    some = f"{count} or more" if lag.commits == MOST else count
    ahead = f"is {some} ahead of what sites were rendered from"
    what = ahead if lag.ever else f"has {some} that CI rendered nothing of"
    return f"main {what}, the oldest {_age(lag.oldest)} old. Next: the CI job, or margo render"


def _why(seen: _Seen, item: DeploymentView) -> str:
    approved = seen.approved(item)
    return item.why if approved is None else f"{item.why} [{approved}]"


def _plain(seen: _Seen, view: SiteView) -> dict[str, object]:
    told: dict[str, object] = {**asdict(view), "in_step": view.in_step}
    if seen.lag is not None:
        told["unrendered"] = {"commits": seen.lag.commits, "oldest": seen.lag.oldest}
    if seen.approvals is not None:
        told["waiting"] = list(seen.late.get(view.site, ()))
        told["deployments"] = [
            {**asdict(item), "approved": seen.approved(item)} for item in view.deployments
        ]
    return told


def heard(view: SiteView) -> str:
    """When a site last spoke, in words; silence is no fault by itself."""
    return "never heard" if view.heard is None else f"heard {_age(view.heard)} ago"


def _age(moment: int) -> str:
    import time  # noqa: PLC0415

    age = max(0, int(time.time()) - moment)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if age >= size:
            return f"{age // size}{unit}"
    return f"{age}s"


def _good(view: SiteView, max_age: str | None) -> bool:
    import time  # noqa: PLC0415

    from margo_gitops.model.quantity import duration_seconds  # noqa: PLC0415

    if max_age is None or view.heard is None:
        return view.in_step
    return view.in_step and time.time() - view.heard <= duration_seconds(max_age)
